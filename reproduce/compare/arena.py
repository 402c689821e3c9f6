"""A table and everybody who searched it: GENIUS in its published trials, recorded models, and methods that run here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from baselines import darts
from harness import arrays as engine
from harness import spaces
from harness.loop import Budget
from harness.method import Method, UnfitMethod
from harness.spaces import nas_bench_201 as nas_bench_201_space
from reproduce import benchmarks
from reproduce.benchmarks import BENCHMARKS, Opened
from reproduce.cli import recording, supernets
from reproduce.cli.recording import Recorded
from reproduce.errors import UsageError
from reproduce.paper import nas_bench_201
from reproduce.published.trials import published_trials
from tables.space import Group, Slot, Space

GENIUS_BUDGET = 10
ORACLE_STEPS = 5000  # at which the relaxation's most probable architecture has settled
ONE_BY_ONE = 50  # trials of a method that cannot run as arrays, unless it is said otherwise


@dataclass(frozen=True)
class Contestant:
    """A method on a table: for each budget the dense index of what every trial selects."""

    name: str
    selected: dict[int, NDArray[np.int64]]  # (trials,)


@dataclass(frozen=True)
class Arena:
    """A table with everybody who searched it: GENIUS in its published trials, recorded models, methods."""

    name: str
    space: Space
    opened: Opened
    genius: tuple[Contestant, ...]
    recorded: tuple[Contestant, ...]
    methods: tuple[Contestant, ...]
    curves: dict[str, NDArray[np.float64]]  # mean test accuracy after each unit of the budget, by method
    remarks: tuple[str, ...]  # who is not here, or only in part, and why


def contest(
    name: str, methods: Sequence[Method], budgets: Sequence[int], count: str, trials: int | None, seed: int
) -> Arena:
    """Let every method search a table once with the largest budget, and see what it selects at each."""
    opened, space = open_table(name)
    budget = Budget(**{count: max(budgets)})
    contestants, curves, remarks = [], {}, []
    for method in methods:
        number = trials or (1000 if method.arrays is not None else ONE_BY_ONE)
        try:
            courses = engine.search(method, space, opened.table, budget, range(number), seed)
        except UnfitMethod as error:
            remarks.append(f"left out: {error}")
            continue
        contestants.append(Contestant(method.name, {b: courses.incumbents[:, b - 1].astype(np.int64) for b in budgets}))
        curves[method.name] = opened.verdicts.test[courses.incumbents].mean(axis=0)
    genius = tuple(_genius(name, space, opened)) if GENIUS_BUDGET in budgets else ()
    return Arena(opened.table.name, space, opened, genius, (), tuple(contestants), curves, tuple(remarks))


def open_table(name: str) -> tuple[Opened, Space]:
    """A table with its space: one of `BENCHMARKS`, or a CSV file of architectures and accuracies.

    Raises:
        UsageError: if there is no table and no file of this name.
        TableError: if the file is no complete table.
    """
    if name in BENCHMARKS:
        return benchmarks.open_benchmark(name), spaces.find(benchmarks.find(name).space).SPACE
    if not Path(name).is_file():
        raise UsageError(f"compare: expected one of {', '.join(BENCHMARKS)} or a CSV file, got {name}")
    opened = benchmarks.open_file(Path(name))
    slots = tuple(Slot(slot.name, slot.choices) for slot in opened.table.info.slots)
    return opened, Space(opened.table.name, name, (Group("Slots", slots),))


def with_oracle(arena: Arena) -> Arena:
    """The arena with where gradient ascent on the exact expected accuracy leads; its cost is the whole table."""
    table = arena.opened.table
    found = darts.relax(np.asarray(table.accuracy), table.cardinalities, steps=ORACLE_STEPS)
    oracle = Contestant("DARTS relaxation (oracle)", {len(table): np.array([table.index_of(found.architecture)])})
    return replace(arena, methods=(*arena.methods, oracle))


def with_supernets(arena: Arena, groups: Sequence[supernets.Group]) -> Arena:
    """The arena with the cells that searches with shared weights settled on, if they are of its space.

    They evaluate nothing on the table, so their budget is 0; the pictures they saw stand in their names.
    """
    if arena.space is not nas_bench_201_space.SPACE:
        return arena
    cells = arena.space.from_native
    found = tuple(
        Contestant(
            f"{group.title}, shared weights",
            {0: np.array([arena.space.index_of(cells(one.outcome.architecture)) for one in group.searches])},
        )
        for group in groups
    )
    return replace(arena, recorded=(*arena.recorded, *found))


def _genius(name: str, space: Space, opened: Opened) -> Iterator[Contestant]:
    """What GENIUS' published trials select: the proposal that looked best to them."""
    for table, trials in published_trials().items():
        if trials.space == name:
            proposals = [[space.index_of(one.architecture) for one in trial] for trial in trials.trials]
            selected = [max(trial, key=lambda index: opened.table.accuracy[index]) for trial in proposals]
            yield Contestant(f"GENIUS, {table}", {GENIUS_BUDGET: np.array(selected)})
    for dataset, table in nas_bench_201.DATASETS.items():
        if name == f"nas-bench-201-{dataset}":
            bests = nas_bench_201.best_of_trials(dataset, opened)
            selected = [space.index_of(best.architecture) for best in bests if best.architecture is not None]
            yield Contestant(f"GENIUS, {table}", {GENIUS_BUDGET: np.array(selected)})


def with_recorded(arena: Arena, runs: Sequence[Recorded], budgets: Sequence[int], source: str = "") -> Arena:
    """The arena with what recorded models select on its table, at the iterations of their runs.

    `source` stands behind their names.
    """
    table = arena.opened.table
    contestants, remarks = list(arena.recorded), list(arena.remarks)
    on_this = [run for run in runs if run.plan.target == arena.name]
    for (model, _, answers, temperature), group in recording.grouped(on_this).items():
        name = f"{model}, {answers}, temperature {temperature:g}{source}"
        same = [run for run in group if run.plan.measure.get("digest") == table.digest]
        empty = [run for run in same if run.selected is None]
        remarks += [
            f"{name}: {count} of {len(group)} runs {what}"
            for count, what in (
                (len(group) - len(same), "searched another version of this table and are left out"),
                (len(empty), "evaluated nothing and are left out"),
            )
            if count
        ]
        selected = {
            budget: [run.selected for run in same if run.plan.iterations == budget and run.selected is not None]
            for budget in budgets
        }
        indices = {budget: np.array([*map(table.index_of, found)]) for budget, found in selected.items() if found}
        if indices:
            contestants.append(Contestant(name, indices))
    return replace(arena, recorded=tuple(contestants), remarks=tuple(remarks))
