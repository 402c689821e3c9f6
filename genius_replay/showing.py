"""How objects look to a person: one line in a console, a table in a notebook, and as a data frame of pandas."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from genius_replay.advice import needing
from genius_replay.console import printable

if TYPE_CHECKING:
    from pandas import DataFrame

LONGEST = 120  # characters of an object's line
_BREAKS = re.compile(r"[^\S ]+")  # all white space but the space itself


def as_line(text: str) -> str:
    """One line for a terminal, a file of text or a comment: nothing breaks it, and nothing in it is a control.

    >>> as_line("two\\nlines")
    'two lines'
    """
    return printable(_BREAKS.sub(" ", text))


def brief(thing: object, said: str) -> str:
    """The `__repr__` of an object that holds much: its class, and in one line what a person wants to know of it.

    >>> brief(3, "of a kind")
    '<int of a kind>'
    """
    line = f"{type(thing).__name__} {as_line(said)}"
    return f"<{line if len(line) <= LONGEST else line[: LONGEST - 3] + '...'}>"


def as_html(text: str) -> str:
    """A line of HTML in which nothing is a tag, an entity or the end of an attribute.

    >>> as_html('<b title="a">')
    '&lt;b title=&quot;a&quot;&gt;'
    """
    from html import escape  # late: its table of entities takes longer to load than a replay's whole prompt

    return escape(as_line(text))


def html_cell(value: object, mark: str = "", meaning: str = "", *, names_row: bool = False) -> str:
    """A cell of a table; screen readers say what its mark means, and whether it names its row.

    >>> html_cell(329412864), html_cell(71.234), html_cell(None)
    ('<td>329,412,864</td>', '<td>71.23</td>', '<td></td>')
    """
    form = {int: ",", float: ".2f"}.get(type(value), "")
    text = "" if value is None else as_html(format(value, form))
    said = f'&nbsp;<abbr title="{as_html(meaning)}">{as_html(mark)}</abbr>' if mark else ""
    opening, closing = ('<th scope="row">', "</th>") if names_row else ("<td>", "</td>")
    return f"{opening}{text}{said}{closing}"


def html_table(caption: str, columns: Sequence[str], rows: Iterable[Iterable[str]], below: Sequence[str] = ()) -> str:
    """A table of `html_cell`s with lines `below` it; without a script, a style or anything that would be loaded.

    >>> print(html_table("Costs", ["Run", "MACs"], [[html_cell("329M", names_row=True), html_cell(329412864)]]))
    <table>
    <caption>Costs</caption>
    <thead><tr><th scope="col">Run</th><th scope="col">MACs</th></tr></thead>
    <tbody>
    <tr><th scope="row">329M</th><td>329,412,864</td></tr>
    </tbody>
    </table>
    """
    lines = ["<table>", f"<caption>{as_html(caption)}</caption>"]
    heading = "".join(f'<th scope="col">{as_html(column)}</th>' for column in columns)
    lines += [f"<thead><tr>{heading}</tr></thead>", "<tbody>", *(f"<tr>{''.join(row)}</tr>" for row in rows)]
    return "\n".join([*lines, "</tbody>", "</table>", *(f"<p>{as_html(line)}</p>" for line in below)])


def data_frame(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> DataFrame:
    """A data frame: whole numbers as Int64, other numbers as float64, texts as string; what is missing stays missing.

    Raises:
        ImportError: pandas is not installed.
    """
    with needing("pandas", what="a data frame"):
        import pandas

    def kind(values: Sequence[Any]) -> str:
        there = [value for value in values if value is not None]
        for name, types in (("Int64", int), ("float64", (int, float)), ("string", str)):
            if there and all(isinstance(value, types) for value in there):
                return name
        return "object"

    series = {name: [row[n] for row in rows] for n, name in enumerate(columns)}
    return pandas.DataFrame({name: pandas.Series(values, dtype=kind(values)) for name, values in series.items()})
