"""Tables 2 to 6: the search on ImageNet, replayed, beside what the paper prints of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from cache.errors import ReplayMiss
from harness.protocol import MILLION
from harness.spaces.mobilenetv2_se import cost
from reproduce.errors import MalformedConversation
from reproduce.paper import printed
from reproduce.published.imagenet import replay
from reproduce.published.replay import Replay
from reproduce.report import MISSING, Cell, Column, Report, quoted, recomputed_millions, replayed

RUNS = {"GENIUS-329": "329M", "GENIUS-401": "401M"}
"""The run whose winner is GENIUS' network of this name."""


# -- table 2: the search ---


def table2(name: str) -> Report:
    """Replay both searches and fill in their rows."""
    title = "Table 2. ImageNet, MobileNetV2 search space (arXiv 2304.10970)"
    headings = ("Method", "FLOPs (M)", "Params (M)", "Top-1 (%)", "Top-5 (%)", "Search cost (GPU days)")
    replays = _replays(name)
    notes = [_note(method, found) for method, found in replays.items()]
    return _methods(name, title, headings, replays, (*notes, *_errata(replays.values())))


def _note(method: str, found: Replay) -> str:
    best = found.trajectory.best
    return (
        f"{method} is experiment {best.iteration + 1} of run {found.run}, replayed from {found.source} answers: "
        f"{found.tally.hits} of {found.tally.requests} requests found, search accuracy {best.accuracy:.2f} %."
    )


def _errata(replays: Iterable[Replay]) -> list[str]:
    """One line for each thing a run was told that is not true."""
    return [str(erratum) for found in replays for erratum in found.errata]


# -- tables 3 and 4: one search a row ---


def table3(name: str) -> Report:
    """One search for each number of epochs, at input size 224."""
    title = "Table 3. Epochs of each training during the search, input 224 (arXiv 2304.10970)"
    return _ablation(name, title, Column("epochs", "Epochs"), "epoch_{}_input_224")


def table4(name: str) -> Report:
    """One search for each input size, at 20 epochs; the one at 196 is the run that found GENIUS-329."""
    title = "Table 4. Input size of each training during the search, 20 epochs (arXiv 2304.10970)"
    return _ablation(name, title, Column("input_size", "Input size"), "epoch_20_input_{}")


def _ablation(name: str, title: str, varied: Column, run: str) -> Report:
    """The paper's figures of retraining, and what each replayed search proposed."""
    columns = (
        varied,
        Column("top1", "Top-1, retrained (%)", "higher"),
        Column("search_cost_gpu_days", "Search cost (GPU days)"),
        Column("search_accuracy", "Best search accuracy (%)"),
        Column("experiment", "Experiment"),
        Column("flops", "FLOPs (M)"),
        Column("params", "Params (M)"),
    )
    rows: list[tuple[Cell, ...]] = []
    replays: list[Replay] = []
    failures: list[str] = []
    for value, top1, days in zip(*(printed()[name][column.key] for column in columns[:3]), strict=True):
        found: tuple[Cell, ...] = (MISSING,) * 4
        named = run.format(value)
        try:
            replays.append(replay(named))
            found = _found(replays[-1])
        except (ReplayMiss, MalformedConversation) as error:  # one run must not take the others down
            reason = str(error).partition("\n")[0]
            failures.append(
                f"Run {named} could not be replayed, `python -m reproduce audit {named}` says more: {reason}"
            )
        rows.append((quoted(value), quoted(top1, ".1f"), quoted(days, ".1f"), *found))
    return Report(name, title, columns, tuple(rows), (*_errata(replays), *failures), tuple(replays))


def _found(found: Replay) -> tuple[Cell, ...]:
    best, costs = found.trajectory.best, cost(found.winner)
    return (
        replayed(best.accuracy, ".2f"),
        replayed(best.iteration + 1),
        recomputed_millions(costs.macs_thop, ".1f"),
        recomputed_millions(costs.params, ".2f"),
    )


# -- tables 5 and 6: what GENIUS' networks cost elsewhere ---


def table5(name: str) -> Report:
    """Transfer to CIFAR-10 and CIFAR-100: accuracies quoted, costs of GENIUS' networks computed at input 224."""
    title = "Table 5. Transfer to image classification (arXiv 2304.10970)"
    headings = ("Backbone", "Input", "FLOPs (M)", "Params (M)", "CIFAR-10 (%)", "CIFAR-100 (%)")
    return _methods(name, title, headings, _replays(name))


def table6(name: str) -> Report:
    """RetinaNet on COCO val2017: average precisions quoted, the cost of GENIUS-329 computed at input 224."""
    title = "Table 6. Transfer to object detection, RetinaNet, COCO (arXiv 2304.10970)"
    headings = ("Backbone", "FLOPs (M)", "AP", "AP50", "AP75", "APS", "APM", "APL", "Top-1 (%)")
    return _methods(name, title, headings, _replays(name))


# -- tables of methods ---


def _replays(name: str) -> dict[str, Replay]:
    """The searches that found the networks of GENIUS in a table of the paper."""
    methods = {row[0] for row in printed()[name]["rows"]}
    return {method: replay(run) for method, run in RUNS.items() if method in methods}


def _methods(
    name: str, title: str, headings: Sequence[str], replays: Mapping[str, Replay], notes: tuple[str, ...] = ()
) -> Report:
    """The paper's table; the rows of GENIUS-329 and GENIUS-401 take their costs from the replayed winners."""
    paper = printed()[name]
    keys: Sequence[str] = paper["columns"]
    names = (key.removesuffix("_m") if key in COUNTS else key for key in keys)  # counts are in ones, not in millions
    columns = tuple(
        Column(name, heading, None if key in NOT_RANKED else "higher")
        for key, name, heading in zip(keys, names, headings, strict=True)
    )
    rows = tuple(
        tuple(_cell(key, value, replays.get(row[0])) for key, value in zip(keys, row, strict=True))
        for row in paper["rows"]
    )
    return Report(name, title, columns, rows, notes, tuple(replays.values()))


COUNTS: Mapping[str, tuple[str, str]] = {"flops_m": (".0f", "macs_thop"), "params_m": (".1f", "params")}
"""Columns in millions: how they are printed, and the field of `harness.spaces.costs.Cost` that belongs in them."""
NOT_RANKED = ("method", "backbone", "input", "search_cost_gpu_days", *COUNTS)
"""Columns that are no accuracies; costs were given, or are of different devices."""


def _cell(key: str, value: Any, found: Replay | None) -> Cell:
    """A figure of the paper; what follows from a replayed winner is computed, in single operations and parameters."""
    if key not in COUNTS:
        shortest = isinstance(value, int) or key == "search_cost_gpu_days"
        return quoted(value, "g" if shortest else ".1f")
    form, count = COUNTS[key]
    if found is None:  # in ones, as what is computed
        return replace(quoted(value, form), value=None if value is None else round(value * MILLION))
    return recomputed_millions(getattr(cost(found.winner), count), form)
