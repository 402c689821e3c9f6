"""Table 4: input size of each training during the search, at 20 epochs."""

from __future__ import annotations

from reproduce.paper import ablation, printed
from reproduce.report.report import Column, Report


def report(*, embedded_only: bool = False) -> Report:
    """One search for each input size; the one at 196 is the run that found GENIUS-329."""
    paper = printed()["table4"]
    return ablation.report(
        "table4",
        "Table 4. Input size of each training during the search, 20 epochs (arXiv 2304.10970)",
        Column("input_size", "Input size"),
        [f"epoch_20_input_{size}" for size in paper["input_size"]],
        paper["input_size"],
        paper["top1"],
        paper["search_cost_gpu_days"],
        embedded_only=embedded_only,
    )
