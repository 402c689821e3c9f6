"""Table 2: ImageNet, MobileNetV2 search space. The two GENIUS rows come out of the replayed searches."""

from __future__ import annotations

from harness.spaces.mobilenetv2_se import cost
from reproduce.paper import printed
from reproduce.published.imagenet import replay
from reproduce.published.replay import Replay
from reproduce.report.report import Cell, Column, Report, errata_notes, quoted, quoted_millions, recomputed_millions

RUNS = {"GENIUS-329": "329M", "GENIUS-401": "401M"}
"""The run whose winner is the row's architecture."""

COLUMNS = (
    Column("method", "Method"),
    Column("flops", "FLOPs (M)"),
    Column("params", "Params (M)"),
    Column("top1", "Top-1 (%)"),
    Column("top5", "Top-5 (%)"),
    Column("search_cost_gpu_days", "Search cost (GPU days)"),
)


def report(*, embedded_only: bool = False) -> Report:
    """Replay both searches and fill in their rows."""
    replays = {method: replay(run, embedded_only=embedded_only) for method, run in RUNS.items()}
    rows = tuple(_row(replays.get(figures[0]), *figures) for figures in printed()["table2"]["rows"])
    notes = [_note(method, found) for method, found in replays.items()]
    return Report(
        "table2",
        "Table 2. ImageNet, MobileNetV2 search space (arXiv 2304.10970)",
        COLUMNS,
        rows,
        (*notes, *errata_notes(list(replays.values()))),
        tuple(replays.values()),
    )


def _row(
    found: Replay | None,
    method: str,
    flops_m: float,
    params_m: float | None,
    top1: float,
    top5: float | None,
    search_cost: float | str,
) -> tuple[Cell, ...]:
    """A row of the paper; what follows from a replayed winner is computed, in single operations and parameters."""
    flops, params = quoted_millions(flops_m, ".0f"), quoted_millions(params_m, ".1f")
    if found is not None:
        costs = cost(found.winner)
        flops, params = recomputed_millions(costs.macs_thop, ".0f"), recomputed_millions(costs.params, ".1f")
    return (quoted(method), flops, params, quoted(top1, ".1f"), quoted(top5, ".1f"), quoted(search_cost, "g"))


def _note(method: str, found: Replay) -> str:
    best = found.trajectory.best
    return (
        f"{method} is experiment {best.iteration + 1} of run {found.run}, replayed from {found.source} answers: "
        f"{found.tally.hits} of {found.tally.requests} requests found, search accuracy {best.accuracy:.2f} %."
    )
