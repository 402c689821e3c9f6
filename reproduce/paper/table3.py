"""Table 3: epochs of each training during the search, at input size 224."""

from __future__ import annotations

from reproduce.paper import ablation, printed
from reproduce.report.report import Column, Report


def report(*, embedded_only: bool = False) -> Report:
    """One search for each number of epochs."""
    paper = printed()["table3"]
    return ablation.report(
        "table3",
        "Table 3. Epochs of each training during the search, input 224 (arXiv 2304.10970)",
        Column("epochs", "Epochs"),
        [f"epoch_{epochs}_input_224" for epochs in paper["epochs"]],
        paper["epochs"],
        paper["top1"],
        paper["search_cost_gpu_days"],
        embedded_only=embedded_only,
    )
