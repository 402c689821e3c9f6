"""Table 11: NAS-Bench-201 on CIFAR-10, validation accuracy of GENIUS' proposals by iteration."""

from __future__ import annotations

from reproduce.paper import nas_bench_201
from reproduce.report.report import Report


def report(*, embedded_only: bool = False) -> Report:
    """The paper's figures, how many cells each could be, and the best of each trial looked up."""
    title = "Table 11. NAS-Bench-201, CIFAR-10: validation accuracy by iteration (arXiv 2304.10970)"
    return nas_bench_201.report("table11", title, "cifar10", embedded_only=embedded_only)
