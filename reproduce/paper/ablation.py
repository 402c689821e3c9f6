"""What tables 3 and 4 share: one search a row, quoted results of retraining beside the replayed search."""

from __future__ import annotations

from collections.abc import Sequence

from cache.errors import ReplayMiss
from harness.spaces.mobilenetv2_se import cost
from reproduce.errors import MalformedConversation
from reproduce.published.imagenet import available, published_run, replay
from reproduce.published.replay import Replay
from reproduce.report.report import MISSING, Cell, Column, Report, errata_notes, quoted, recomputed_millions, replayed


def report(
    name: str,
    title: str,
    varied: Column,
    runs: Sequence[str],
    values: Sequence[int],
    top1: Sequence[float],
    cost_days: Sequence[float],
    *,
    embedded_only: bool,
) -> Report:
    """One row a run: the paper's figures, and what the replayed search proposed."""
    columns = (
        varied,
        Column("top1", "Top-1, retrained (%)"),
        Column("search_cost_gpu_days", "Search cost (GPU days)"),
        Column("search_accuracy", "Best search accuracy (%)"),
        Column("experiment", "Experiment"),
        Column("flops", "FLOPs (M)"),
        Column("params", "Params (M)"),
    )
    replays: dict[str, Replay] = {}
    failures: list[str] = []
    missing: list[str] = []
    for run in runs:
        if not available(run, embedded_only=embedded_only):
            missing.append(published_run(run).name)
            continue
        try:
            replays[run] = replay(run, embedded_only=embedded_only)
        except (ReplayMiss, MalformedConversation) as error:  # one run must not take the others down
            reason = str(error).partition("\n")[0]
            failures.append(f"Run {run} could not be replayed, `python -m reproduce audit {run}` says more: {reason}")
    rows = tuple(
        (quoted(value), quoted(accuracy, ".1f"), quoted(days, ".1f"), *_found(replays.get(run)))
        for run, value, accuracy, days in zip(runs, values, top1, cost_days, strict=True)
    )
    notes = [*errata_notes(list(replays.values())), *failures]
    if missing:
        names = " ".join(missing)
        notes.append(f"The search of {names} is not at hand; `python -m reproduce fetch {names}` brings it.")
    return Report(name, title, columns, rows, tuple(notes), tuple(replays.values()))


def _found(found: Replay | None) -> tuple[Cell, ...]:
    if found is None:
        return (MISSING,) * 4
    best, costs = found.trajectory.best, cost(found.winner)
    return (
        replayed(best.accuracy, ".2f"),
        replayed(best.iteration + 1),
        recomputed_millions(costs.macs_thop, ".1f"),
        recomputed_millions(costs.params, ".2f"),
    )
