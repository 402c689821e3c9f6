"""Table 12: NAS-Bench-201 on CIFAR-100, validation accuracy of GENIUS' proposals by iteration."""

from __future__ import annotations

from reproduce.paper import nas_bench_201
from reproduce.report.report import Report


def report(*, embedded_only: bool = False) -> Report:
    """The paper's figures, how many cells each could be, and the best of each trial looked up."""
    title = "Table 12. NAS-Bench-201, CIFAR-100: validation accuracy by iteration (arXiv 2304.10970)"
    return nas_bench_201.report("table12", title, "cifar100", embedded_only=embedded_only)
