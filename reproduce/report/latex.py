r"""A report as LaTeX: a float that a paper's source takes in with \input, or a `longtable` if a page cannot hold it.

Numbers of a column stand below each other by their decimal points: what is missing to the longest is left as white
space, so that no package is needed for it. A float that is wider than its page is scaled to it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest
from textwrap import wrap

from reproduce.report.escaping import as_latex, as_line
from reproduce.report.report import Cell, Report, Status

MARK = r"\replaymark"
_DEFINED = rf"\providecommand{{{MARK}}}[1]{{\rlap{{\textsuperscript{{#1}}}}}}"
_FITTED = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
_TALL = 40  # rows that stand on one page
_COLUMN, _PAGE = 48, 100  # characters that stand in one of two columns, and in small print on a page
_SHORT = 10  # characters up to which a heading is never broken
_LONG, _LONGER = 20, 34  # characters from which on a text is, in a table that is turned, and in others
_NUMBER = re.compile(r"(\d[\d,]*)((?:\.\d+)?)")
_SIGN = re.compile(r"^[-+]$")
_OF_PAPER = re.compile(r"^((?:Table|Figure) \d+)\. (.*)\(arXiv")


def latex(report: Report) -> str:
    """The table with caption, label `tab:NAME` and what its marks mean; the notes follow it, for where there is room.

    Of comparable numbers the best are bold, where a column says which are the better ones.
    """
    columns = [_column(report, n, _LONGER) for n in range(len(report.columns))]
    is_tall = len(report.rows) > _TALL
    if is_turned := is_tall and sum(column[-1] for column in columns) > _PAGE:
        columns = [_column(report, n, _LONG) for n in range(len(report.columns))]
    layout, headings, cells, widths = zip(*columns, strict=True)
    form, head = f"{{{''.join(layout)}}}", (r"\toprule", " & ".join(headings) + r" \\", r"\midrule")
    body = [" & ".join(row) + r" \\" for row in zip(*cells, strict=True)]
    name, title = re.sub(r"[^A-Za-z0-9_]+", "-", report.name), _OF_PAPER.sub(r"\2(\1 of arXiv", report.title)
    caption = rf"\caption{{{as_latex(title)}}}\label{{tab:{name}}}"
    legend = as_latex(_legend(report, has_best=any(r"\textbf" in line for line in body)))
    below = rf"\par\smallskip{{\footnotesize\raggedright {legend}\par}}"
    if is_tall:
        packages, size = "array,booktabs,longtable", r"\tiny" if is_turned else r"\scriptsize"
        repeated = (*head, r"\endfirsthead", *head, r"\endhead", r"\bottomrule", r"\endfoot")
        lines = [rf"\begin{{longtable}}{form}", rf"{caption}\\", *repeated, *body, r"\end{longtable}", below]
        lines = [rf"\begingroup{size}\setlength{{\tabcolsep}}{{0.3em}}", *lines, r"\endgroup"]
        if is_turned:
            packages, lines = f"{packages},pdflscape", [r"\begin{landscape}", *lines, r"\end{landscape}"]
    else:
        packages, place = "array,booktabs,graphicx", "table*" if sum(widths) > _COLUMN else "table"
        table = (_FITTED, rf"\begin{{tabular}}{form}", *head, *body, r"\bottomrule", r"\end{tabular}}")
        lines = [rf"\begin{{{place}}}", r"\centering", caption, *table, below, rf"\end{{{place}}}"]
    if report.notes:
        lines.append(rf"\par\begingroup\footnotesize\raggedright Notes to Table~\ref{{tab:{name}}}.")
        lines += [*(rf"\par {as_latex(note)}" for note in report.notes), r"\par\endgroup"]
    return "\n".join([f"% {as_line(report.origin)}", rf"% \usepackage{{{packages}}}", _DEFINED, *lines]) + "\n"


def _legend(report: Report, *, has_best: bool) -> str:
    used = {cell.status for row in report.rows for cell in row}
    said = [f"{status.letter}: {status.meaning}" for status in Status if status in used and status.letter]
    alike = " and ".join(column.title.lower() for column in report.columns if column.key in report.within)
    best = f"bold: best of a {alike}" if alike else "bold: best"
    return "; ".join([*said, *([best] if has_best else [])])


def _is_number(cell: Cell) -> bool:
    return isinstance(cell.value, int | float) and _NUMBER.search(cell.text) is not None


def _best(report: Report, n: int) -> set[int]:
    """The rows whose number in a column is, as printed, the best of those that they can be compared with."""
    better = report.columns[n].better
    alike = [k for k, column in enumerate(report.columns) if column.key in report.within]
    groups: dict[tuple[str, ...], dict[int, float]] = {}
    for place, row in enumerate(report.rows):
        if better and _is_number(row[n]):
            sign, whole, rest, *_ = _NUMBER.split(row[n].text)
            printed = float(f"{sign}{whole}{rest}".replace(",", ""))
            groups.setdefault(tuple(row[k].text for k in alike), {})[place] = printed
    pick = max if better == "higher" else min
    best = {place for group in groups.values() for place in group if group[place] == pick(group.values())}
    return best - {place for group in groups.values() if len(group) == 1 for place in group}


def _column(report: Report, n: int, longest: int) -> tuple[str, str, list[str], int]:
    """Of a column: how it is aligned, its heading, its cells, and how wide it is in characters.

    A text of more than the `longest` characters goes on in further lines.
    """
    cells, best, title = [row[n] for row in report.rows], _best(report, n), report.columns[n].title
    parts = [_NUMBER.split(cell.text) if _is_number(cell) else [cell.text] for cell in cells]
    numbers = [part for part in parts if len(part) > 1]
    mostly = 2 * len(numbers) > sum(cell.text not in ("", "–") for cell in cells)
    side = "r" if mostly and all(part[3:] == [""] for part in numbers) else "l"
    digits = ([text for k, text in enumerate(part) if k % 3] for part in numbers)
    room = [max(map(len, column)) for column in zip_longest(*digits, fillvalue="")]
    written = [
        _aligned(part, room, bold=place in best, to_right=side == "r")
        + (rf"{MARK}{{{cell.status.letter}}}" if cell.status.letter else "")
        for place, (cell, part) in enumerate(zip(cells, parts, strict=True))
    ]
    width = max((len(cell.text) for cell in cells), default=0)
    layout = side
    if not numbers and width > longest:
        width, layout = longest, rf">{{\raggedright\arraybackslash}}p{{{longest // 2}em}}"
    lines = wrap(title, max(width, _SHORT, *map(len, title.split()))) or [""]
    heading = r"\\".join(map(as_latex, lines))
    heading = rf"\shortstack[{side}]{{{heading}}}" if len(lines) > 1 else heading
    return layout, heading, written, max(width, *map(len, lines)) + 2


def _aligned(part: Sequence[str], room: Sequence[int], *, bold: bool, to_right: bool) -> str:
    """A text with white space for the digits that its numbers lack, of which there is `room` for so many."""
    text = _SIGN.sub(r"$\g<0>$", as_latex(part[0]))
    for k in range(1, len(part), 3):
        whole, rest, then = part[k : k + 3]
        before, behind = room[2 * (k // 3) : 2 * (k // 3) + 2]
        number = rf"\textbf{{{whole}{rest}}}" if bold and k == 1 else whole + rest
        missing = ("" if to_right else "0" * (before - len(whole)), ("." + "0" * behind)[len(rest) : behind])
        left, right = (rf"\phantom{{{space}}}" if space else "" for space in missing)
        text += f"{left}{number}{right}{as_latex(then)}"
    return text
