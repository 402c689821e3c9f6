r"""A report as LaTeX: a float that a paper's source takes in with \input, or a `longtable` if a page cannot hold it.

Numbers of a column stand below each other by their decimal points: what is missing to the longest is left as white
space, so that no package is needed for it. A float that is wider than its page is scaled to it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from textwrap import wrap

from reproduce.report.escaping import as_latex, as_line
from reproduce.report.report import Cell, Report, Status

MARK = r"\replaymark"
_DEFINED = rf"\providecommand{{{MARK}}}[1]{{\rlap{{\textsuperscript{{#1}}}}}}"
_FITTED = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
_TALL = 40  # rows that stand on one page
_SHORT = 10  # characters up to which a heading is never broken
_LONG, _LONGER = 20, 34  # characters from which on a text is, in a table that is turned, and in others
_WIDE = 48  # characters that stand in one of two columns
_SIZES = ((75, r"\small"), (100, r"\scriptsize"), (160, r"\scriptsize"), (10**9, r"\tiny"))
"""Of a long table, which cannot be scaled: up to so many characters. Behind the second the page is turned."""
_NUMBER = re.compile(r"(\d[\d,]*(?:\.\d+)?)")
_SIGN = re.compile(r"^[-+](?=\d|$)")
_OF_PAPER = re.compile(r"^((?:Table|Figure) \d+)\. (.*)\(arXiv")


def latex(report: Report) -> str:
    """The table with caption, label `tab:NAME` and what its marks mean; the notes follow it, for where there is room.

    Of comparable numbers the best are bold, where a column says which are the better ones.
    """
    columns = [_column(report, n, _LONGER) for n in range(len(report.columns))]
    is_tall = len(report.rows) > _TALL
    if is_turned := is_tall and sum(column[-1] for column in columns) > _SIZES[1][0]:
        columns = [_column(report, n, _LONG) for n in range(len(report.columns))]
    layout, headings, cells, widths = zip(*columns, strict=True)
    head = (r"\toprule", " & ".join(headings) + r" \\", r"\midrule")
    body = [" & ".join(row) + r" \\" for row in zip(*cells, strict=True)]
    form = rf"{{{''.join(layout)}}}"
    title = as_latex(_OF_PAPER.sub(r"\2(\1 of arXiv", report.title))
    name = re.sub(r"[^A-Za-z0-9_:]+", "-", f"tab:{report.name}")
    caption = rf"\caption{{{title}}}\label{{{name}}}"
    said = _legend(report)
    below = [rf"\par\smallskip{{\footnotesize\raggedright {as_latex(said)}.\par}}"] if said else []
    if is_tall:
        packages = "array,booktabs,longtable"
        size = next(size for most, size in _SIZES if sum(widths) <= most)
        repeated = (*head, r"\endfirsthead", *head, r"\endhead", r"\bottomrule", r"\endfoot")
        lines = [rf"\begin{{longtable}}{form}", rf"{caption}\\", *repeated, *body, r"\end{longtable}", *below]
        lines = [rf"\begingroup{size}\setlength{{\tabcolsep}}{{0.3em}}", *lines, r"\endgroup"]
        if is_turned:
            packages, lines = f"{packages},pdflscape", [r"\begin{landscape}", *lines, r"\end{landscape}"]
    else:
        packages, place = "array,booktabs,graphicx", "table*" if sum(widths) > _WIDE else "table"
        table = (_FITTED, rf"\begin{{tabular}}{form}", *head, *body, r"\bottomrule", r"\end{tabular}}")
        lines = [rf"\begin{{{place}}}", r"\centering", caption, *table, *below, rf"\end{{{place}}}"]
    notes = [rf"\par {as_latex(note)}" for note in report.notes]
    if notes:
        notes = [rf"\par\begingroup\footnotesize\raggedright Notes to Table~\ref{{{name}}}.", *notes]
        notes.append(r"\par\endgroup")
    return "\n".join([f"% {as_line(report.origin)}", rf"% \usepackage{{{packages}}}", _DEFINED, *lines, *notes]) + "\n"


def _legend(report: Report) -> str:
    used = {cell.status for row in report.rows for cell in row}
    said = [f"{status.letter}: {status.meaning}" for status in Status if status in used and status.letter]
    if any(_best(report, n) for n in range(len(report.columns))):
        alike = " and ".join(column.title.lower() for column in report.columns if column.key in report.within)
        said.append(f"bold: best of a {alike}" if alike else "bold: best")
    return "; ".join(said)


def _is_number(cell: Cell) -> bool:
    return isinstance(cell.value, int | float) and _NUMBER.search(cell.text) is not None


def _best(report: Report, n: int) -> set[int]:
    """The rows whose number in a column is the best of those that they can be compared with; equals as printed."""
    better = report.columns[n].better
    alike = [k for k, column in enumerate(report.columns) if column.key in report.within]
    groups: dict[tuple[str, ...], list[int]] = {}
    for place, row in enumerate(report.rows):
        if better and _is_number(row[n]):
            groups.setdefault(tuple(row[k].text for k in alike), []).append(place)
    best: set[int] = set()
    for group in groups.values():
        values = {place: float(report.rows[place][n].value or 0) for place in group}
        first = (max if better == "higher" else min)(group, key=values.__getitem__)
        shown = {place: _NUMBER.split(report.rows[place][n].text)[:2] for place in group}
        best |= {place for place in group if shown[place] == shown[first] and len(group) > 1}
    return best


def _column(report: Report, n: int, longest: int) -> tuple[str, str, list[str], int]:
    """Of a column: how it is aligned, its heading, its cells, and how wide it is in characters.

    A text of more than the `longest` characters goes on in further lines.
    """
    cells, best = [row[n] for row in report.rows], _best(report, n)
    parts = [_NUMBER.split(cell.text) if _is_number(cell) else [cell.text] for cell in cells]
    numbers = [part for part in parts if len(part) > 1]
    mostly = 2 * len(numbers) > sum(cell.text not in ("", "–") for cell in cells)
    to_right = mostly and all(len(part) == 3 and not part[2] for part in numbers)
    room = _room(numbers)
    written = []
    for place, (cell, part) in enumerate(zip(cells, parts, strict=True)):
        text = _SIGN.sub(lambda sign: f"${sign[0]}$", as_latex(part[0])) if len(part) > 1 else as_latex(part[0])
        for k, (number, then) in enumerate(zip(part[1::2], part[2::2], strict=True)):
            before, behind = _padding(number, *room[k])
            shown = rf"\textbf{{{number}}}" if k == 0 and place in best else number
            text += f"{'' if to_right else before}{shown}{behind}{as_latex(then)}"
        written.append(text + (rf"{MARK}{{{cell.status.letter}}}" if cell.status.letter else ""))
    title = report.columns[n].title
    width = max((len(cell.text) for cell in cells), default=0)
    lines = wrap(title, max(width, _SHORT, *map(len, title.split()))) or [""]
    side, layout = ("r", "r") if to_right else ("l", "l")
    if not numbers and width > longest:
        width, layout = longest, rf">{{\raggedright\arraybackslash}}p{{{longest // 2}em}}"
    heading = r"\\".join(map(as_latex, lines))
    if len(lines) > 1:
        heading = rf"\shortstack[{side}]{{{heading}}}"
    return layout, heading, written, max(width, *map(len, lines)) + 2


def _room(numbers: Sequence[Sequence[str]]) -> list[tuple[int, int]]:
    """The most characters before and behind the decimal point that the first, second, … numbers of cells have."""
    found: list[tuple[int, int]] = []
    for part in numbers:
        for k, number in enumerate(part[1::2]):
            whole, point, rest = number.partition(".")
            before, behind = found[k] if k < len(found) else (0, 0)
            found[k : k + 1] = [(max(before, len(whole)), max(behind, len(point + rest)))]
    return found


def _padding(number: str, most_before: int, most_behind: int) -> tuple[str, str]:
    """White space as wide as the digits that a number has not."""
    whole, point, rest = number.partition(".")
    behind = ("" if point else "." * (most_behind > 0)) + "0" * (most_behind - 1 - len(rest))
    spaces = ("0" * (most_before - len(whole)), behind)
    before, behind = (rf"\phantom{{{space}}}" if space else "" for space in spaces)
    return before, behind
