"""Figure 3: Channel-Bench-Macro, accuracy and rank by iteration on both of its spaces."""

from __future__ import annotations

from reproduce.paper import curves
from reproduce.paper.curves import Panel, draw
from reproduce.report.report import Report

__all__ = ["draw", "report"]

PANELS = (Panel("table9", "Channel-Bench-Macro, ResNet"), Panel("table10", "Channel-Bench-Macro, MobileNet"))


def report(*, embedded_only: bool = False) -> Report:
    """Every point of the figure."""
    title = "Figure 3. Channel-Bench-Macro: accuracy and rank by iteration (arXiv 2304.10970)"
    return curves.report("figure3", title, PANELS, embedded_only=embedded_only)
