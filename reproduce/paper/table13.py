"""Table 13: NAS-Bench-201 on ImageNet16-120, validation accuracy of GENIUS' proposals by iteration."""

from __future__ import annotations

from reproduce.paper import nas_bench_201
from reproduce.report.report import Report


def report(*, embedded_only: bool = False) -> Report:
    """The paper's figures, how many cells each could be, and the best of each trial looked up."""
    title = "Table 13. NAS-Bench-201, ImageNet16-120: validation accuracy by iteration (arXiv 2304.10970)"
    return nas_bench_201.report("table13", title, "imagenet16-120", embedded_only=embedded_only)
