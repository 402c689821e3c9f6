"""A report drawn in colour."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from reproduce.rendering import legend
from reproduce.report import Report, Status

STYLES = {Status.RECOMPUTED: "bold green", Status.REPLAYED: "cyan", Status.QUOTED: "", Status.MISSING: "dim"}


def draw(report: Report) -> None:
    """Print a report to the terminal."""
    table = Table(title=report.title, title_justify="left", header_style="bold")
    for column in report.columns:
        table.add_column(column.title)
    for row in report.rows:
        table.add_row(*(Text(f"{cell.text} {cell.status.mark}", STYLES[cell.status]) for cell in row))
    console = Console()
    console.print(table)
    for line in (legend(report), *report.notes, report.origin):
        console.print(line, highlight=False, markup=False)
