"""Table 9: Channel-Bench-Macro, ResNet, accuracy and rank of GENIUS' proposals by iteration."""

from __future__ import annotations

from reproduce.published import trials
from reproduce.report.report import Report


def report(*, embedded_only: bool = False) -> Report:
    """Replay every trial."""
    title = "Table 9. Channel-Bench-Macro, ResNet: accuracy and rank by iteration (arXiv 2304.10970)"
    return trials.report("table9", title, embedded_only=embedded_only)
