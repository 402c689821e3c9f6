"""A report as text: in colour on a terminal, plain for a pipe, as Markdown, CSV, JSON, LaTeX or HTML."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from itertools import groupby, zip_longest
from pathlib import Path
from string import Template
from textwrap import wrap

from genius_replay.showing import html_cell, html_table
from reproduce.report.escaping import as_csv, as_html, as_json, as_line, as_markdown, as_markdown_cell
from reproduce.report.latex import latex
from reproduce.report.report import Report, Status

WIDTH = 80  # characters of a line where no terminal says otherwise
NARROWEST = 40  # whatever a terminal says
SHORT, LONG = 24, 44  # characters up to which a cell is never broken, and from which on it is before a table is
_GAP = "  "
_GLUE = "\N{NO-BREAK SPACE}"  # before a mark
_STYLES = {Status.RECOMPUTED: "bold green", Status.REPLAYED: "cyan", Status.MISSING: "dim"}


def on_terminal(report: Report) -> None:
    """Print a report to the terminal, in its width: what is too long goes on below, and nothing is cut."""
    from rich.console import Console  # late: nothing else needs it
    from rich.text import Text

    console = Console()
    console.width = max(console.width, NARROWEST)
    for line in plain(report, console.width).splitlines():
        text = Text(line)
        for status, style in _STYLES.items():  # a cell is words with one space between, and its mark
            text.highlight_regex(rf"(?:\S+ )*{status.mark}(?=  |$)", style)
        console.print(text)


def plain(report: Report, width: int = WIDTH) -> str:
    """Aligned columns, without colour: what a pipe gets. A note stays one line, to be found and copied whole."""
    named, groups = _naming(report), [column.key.partition("_")[0] for column in report.columns]
    grid = _marked(report, as_line, _GLUE)
    notes = (legend(report), *map(as_line, (*report.notes, report.origin)))
    return "\n".join([*wrap(as_line(report.title), width), "", *aligned(grid, width, named, groups), "", *notes]) + "\n"


def aligned(grid: Sequence[Sequence[str]], width: int = WIDTH, named: int = 1, groups: Sequence[str] = ()) -> list[str]:
    """The lines of a table, no wider than `width` characters as far as its words allow that.

    Where it would be wider, headings are broken between words, then long cells, from the right on. Where that is not
    enough, columns go into further blocks below, each behind the columns that name the rows, or behind numbers where
    these leave no room.

    Args:
        grid: the headings, then the rows.
        width: of a line, in characters.
        named: so many columns, at the left, name the rows.
        groups: a name a column; neighbours of one name stay together.
    """
    columns = [_Room(column) for column in zip(*grid, strict=True)]
    blocks = [columns]
    if _total([column.least for column in columns]) > width:
        if _total([column.usual for column in columns[:named]]) > width / 2:
            columns = [_Room(["#", *map(str, range(1, len(grid)))]), *columns]
            named, groups = 1, ("", *groups)
        blocks = _blocks(columns, named, groups or [*map(str, range(len(columns)))], width)
    lines: list[str] = []
    for block in blocks:
        widths = [max(map(len, column.texts)) for column in block]
        for floors in ([column.whole for column in block], [column.least for column in block]):
            for n in reversed(range(len(block))):
                widths[n] -= max(0, min(_total(widths) - width, widths[n] - floors[n]))
        heading, *rows = zip(*(column.texts for column in block), strict=True)
        lines += ["", *_lines(heading, widths), _GAP.join("-" * room for room in widths)]
        lines += [line for row in rows for line in _lines(row, widths)]
    return lines[1:]


class _Room:
    """A column, and how wide it has to be.

    Attributes:
        whole: for its cells; the heading is broken between words.
        least: for its words; cells up to `SHORT` are not broken.
        usual: for its cells, of which those beyond `LONG` are broken.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts, (heading, *cells) = texts, texts
        word = _longest(heading)
        self.whole = max([word, *map(len, cells)])
        self.least = max([word, *(_longest(cell) if len(cell) > SHORT else len(cell) for cell in cells)])
        self.usual = min(self.whole, max(self.least, LONG))


def _longest(text: str) -> int:
    return max(map(len, text.split(" ")))


def _blocks(columns: Sequence[_Room], named: int, groups: Sequence[str], width: int) -> list[list[_Room]]:
    """As many columns a block as fit, each block behind those that name the rows."""
    names = [*columns[:named]]

    def fits(*block: _Room) -> bool:
        return _total([column.usual for column in (*names, *block)]) <= width

    blocks: list[list[_Room]] = [[]]
    for _, group in groupby(range(named, len(columns)), groups.__getitem__):
        together = [columns[n] for n in group]
        for added in [together] if fits(*together) else [[column] for column in together]:
            if blocks[-1] and not fits(*blocks[-1], *added):
                blocks.append([])
            blocks[-1] += added
    return [[*names, *block] for block in blocks]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _lines(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    """The lines of a row; a word that is longer than its column is not cut."""
    cells = (
        wrap(cell, room, break_long_words=False, break_on_hyphens=False) for cell, room in zip(row, widths, strict=True)
    )
    lines = (_GAP.join(map(str.ljust, line, widths)).rstrip() for line in zip_longest(*cells, fillvalue=""))
    return [line.replace(_GLUE, " ") for line in lines]


def markdown(report: Report) -> str:
    """A GitHub table."""
    grid = _marked(report, as_markdown_cell)
    grid.insert(1, ["---"] * len(report.columns))
    lines = [f"| {' | '.join(row)} |" for row in grid]
    notes = [f"- {as_markdown(note)}" for note in (*report.notes, report.origin)]
    return "\n".join([f"## {as_markdown(report.title)}", "", *lines, "", legend(report), "", *notes]).rstrip() + "\n"


def comma_separated(report: Report) -> str:
    """Unrounded values, as `Report.fields` gives them."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    header, rows = report.fields()
    writer.writerow(header)
    writer.writerows(map(as_csv, row) for row in rows)
    return file.getvalue()


def html(report: Report) -> str:
    """A table with what stands below it, for a notebook or a page of one's own."""
    named = _naming(report)
    rows = (
        [html_cell(cell.text, cell.status.mark, cell.status.meaning, names_row=n < named) for n, cell in enumerate(row)]
        for row in report.rows
    )
    below = (legend(report), *report.notes, report.origin)
    return html_table(report.title, [column.title for column in report.columns], rows, below)


def html_page(report: Report) -> str:
    """A whole page, which runs nothing and loads nothing."""
    page = Template(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
    return page.substitute(title=as_html(report.title), table=html(report))


_RENDERERS: dict[str, Callable[[Report], str]] = {
    "text": plain,
    "md": markdown,
    "csv": comma_separated,
    "json": lambda report: as_json(report.to_json()),
    "latex": latex,
    "html": html_page,
}


def render(report: Report, form: str) -> str:
    """A report in one of `reproduce.report.output.FORMATS`."""
    return _RENDERERS[form](report)


def legend(report: Report) -> str:
    """What the marks in this report mean."""
    used = {cell.status for row in report.rows for cell in row}
    return "  ".join(f"{status.mark} {status.meaning}" for status in Status if status in used and status.mark)


def _naming(report: Report) -> int:
    """How many columns, from the left, name the rows."""
    labelled = [all(row[n].status is Status.LABEL for row in report.rows) for n in range(len(report.columns))]
    return max(1, [*labelled, False].index(False))


def _marked(report: Report, said: Callable[[str], str], glue: str = " ") -> list[list[str]]:
    """The headings and the cells as `said` writes them, with their marks."""
    rows = [[f"{said(cell.text)}{glue}{cell.status.mark}".strip() for cell in row] for row in report.rows]
    return [[said(column.title) for column in report.columns], *rows]
