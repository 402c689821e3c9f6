"""Figure 2: NAS-Bench-Macro, accuracy and rank by iteration at temperature 1 and 0."""

from __future__ import annotations

from reproduce.paper import curves
from reproduce.paper.curves import Panel, draw
from reproduce.report.report import Report

__all__ = ["draw", "report"]

PANELS = (Panel("table7", "NAS-Bench-Macro, temperature 1"), Panel("table8", "NAS-Bench-Macro, temperature 0"))


def report(*, embedded_only: bool = False) -> Report:
    """Every point of the figure."""
    title = "Figure 2. NAS-Bench-Macro: accuracy and rank by iteration (arXiv 2304.10970)"
    return curves.report("figure2", title, PANELS, embedded_only=embedded_only)
