"""A report drawn in colour."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from reproduce.report.rendering import legend, marked, plain
from reproduce.report.report import Report, Status

STYLES = {Status.RECOMPUTED: "bold green", Status.REPLAYED: "cyan", Status.MISSING: "dim"}


def draw(report: Report) -> None:
    """Print a report to the terminal; one that is wider than the terminal is printed plain, so that nothing is cut."""
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
        texts = (Text(f"{cell.text} {cell.status.mark}".strip(), STYLES.get(cell.status, "")) for cell in row)
        table.add_row(*texts)
    console.print(table)
    for line in (legend(report), *report.notes, report.origin):
        console.print(line, highlight=False, markup=False)
