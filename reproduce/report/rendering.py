"""A report as text: in colour on a terminal, plain for a pipe, as Markdown, CSV, JSON or LaTeX."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence

from reproduce.report.report import Report, Status

_STYLES = {Status.RECOMPUTED: "bold green", Status.REPLAYED: "cyan", Status.MISSING: "dim"}
_LATEX = {
    "\\": r"\textbackslash{}",
    **{character: "\\" + character for character in "&%#_{}$"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "|": r"\textbar{}",
    "–": "--",
    "±": r"$\pm$",
    "×": r"$\times$",
    "→": r"$\to$",
}


def on_terminal(report: Report) -> None:
    """Print a report to the terminal; one that is wider than the terminal is printed plain, so that nothing is cut."""
    from rich.console import Console  # late: nothing else needs it
    from rich.table import Table
    from rich.text import Text

    console = Console()
    columns = zip(*marked(report), strict=True)  # a heading may be broken between words
    widths = [max(map(len, (*heading.split(), *cells))) for heading, *cells in columns]
    if sum(widths) + 3 * len(widths) + 1 > console.width:
        console.out(plain(report), end="", highlight=False)
        return
    table = Table(title=report.title, title_justify="left", header_style="bold")
    for column in report.columns:
        table.add_column(column.title)
    for row in report.rows:
        texts = (Text(f"{cell.text} {cell.status.mark}".strip(), _STYLES.get(cell.status, "")) for cell in row)
        table.add_row(*texts)
    console.print(table)
    for line in (legend(report), *report.notes, report.origin):
        console.print(line, highlight=False, markup=False)


def plain(report: Report) -> str:
    """Aligned columns, without colour: what a pipe gets."""
    grid = marked(report)
    grid.insert(1, ["-" * max(map(len, column)) for column in zip(*grid, strict=True)])
    return "\n".join([report.title, "", *aligned(grid), "", legend(report), *report.notes, report.origin]) + "\n"


def aligned(grid: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table, its columns padded to the width of their longest cell."""
    widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in grid]


def markdown(report: Report) -> str:
    """A GitHub table."""
    grid = marked(report)
    grid.insert(1, ["---"] * len(report.columns))
    lines = ["| " + " | ".join(text.replace("|", "\\|") for text in row) + " |" for row in grid]
    notes = [f"- {note}" for note in (*report.notes, report.origin)]
    return "\n".join([f"## {report.title}", "", *lines, "", legend(report), "", *notes]).rstrip() + "\n"


def comma_separated(report: Report) -> str:
    """Unrounded values; each column is followed by its status and, where there are such, by spreads and intervals."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    columns = [(column, [row[n] for row in report.rows]) for n, column in enumerate(report.columns)]
    extras = [list(dict.fromkeys(extra for cell in cells for extra in cell.extras)) for _, cells in columns]
    header = []
    for (column, _), names in zip(columns, extras, strict=True):
        header += [column.key, f"{column.key}_status", *(f"{column.key}_{name}" for name in names)]
    writer.writerow(header)
    for row in report.rows:
        fields: list[object] = []
        for cell, names in zip(row, extras, strict=True):
            fields += [cell.value, cell.status.value, *(cell.extras.get(name) for name in names)]
        writer.writerow(fields)
    return file.getvalue()


def as_json(report: Report) -> str:
    """Everything the report holds."""
    return json.dumps(report.to_json(), ensure_ascii=False, indent=1) + "\n"


def latex(report: Report) -> str:
    """A `tabular` for booktabs; statuses are superscripts, explained in a comment."""
    lines = [f"% {line}" for line in (report.title, *report.notes, report.origin)]
    recorded = ", d recorded" if Status.RECORDED in _statuses(report) else ""
    lines.append(f"% superscripts: c recomputed, r replayed{recorded}, q quoted, m not at hand; needs booktabs")
    lines += [rf"\begin{{tabular}}{{{'l' * len(report.columns)}}}", r"\toprule"]
    lines.append(" & ".join(_escape(column.title) for column in report.columns) + r" \\")
    lines.append(r"\midrule")
    for row in report.rows:
        lines.append(" & ".join(_escape(cell.text) + _superscript(cell.status) for cell in row) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


_RENDERERS: dict[str, Callable[[Report], str]] = {
    "text": plain,
    "md": markdown,
    "csv": comma_separated,
    "json": as_json,
    "latex": latex,
}


def render(report: Report, form: str) -> str:
    """A report in one of `reproduce.report.output.FORMATS`."""
    return _RENDERERS[form](report)


def legend(report: Report) -> str:
    """What the marks in this report mean."""
    return "  ".join(f"{status.mark} {status.meaning}" for status in _statuses(report) if status.mark)


def _statuses(report: Report) -> list[Status]:
    used = {cell.status for row in report.rows for cell in row}
    return [status for status in Status if status in used]


def _superscript(status: Status) -> str:
    return f"$^{{{status.letter}}}$" if status.letter else ""


def marked(report: Report) -> list[list[str]]:
    """The headings and the cells as they are printed, with their marks."""
    rows = [[f"{cell.text} {cell.status.mark}".strip() for cell in row] for row in report.rows]
    return [[column.title for column in report.columns], *rows]


def _escape(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)
