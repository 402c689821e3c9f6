"""A table and everybody who searched it: GENIUS in its published trials, recorded models, and methods that run here.

What a method selects in many trials is one record (kind `contest`), which is kept: its look-ups are not. A record that
was made by other code than today's is computed anew and compared; results of code without a version are not kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from baselines import darts
from cache.client import Client, Records, Reply, Request
from cache.key import JSON
from harness import arrays
from harness.loop import Budget
from harness.protocol import Method, UnfitMethod
from harness.spaces import nas_bench_201 as nas_bench_201_space
from reproduce import benchmarks, runs
from reproduce.benchmarks import BENCHMARKS, Opened
from reproduce.cli import supernets
from reproduce.errors import UsageError
from reproduce.paper import nas_bench_201
from reproduce.published.trials import published_trials
from reproduce.runs import Recorded
from tables.space import Space

CONTEST = "contest"  # the kind of a method's record
GENIUS_BUDGET = 10
ORACLE_STEPS = 5000  # at which the relaxation's most probable architecture has settled
ONE_BY_ONE = 50  # trials of a method that cannot run as arrays, unless it is said otherwise


@dataclass(frozen=True)
class Contestant:
    """A method on a table: for each budget the dense index of what every trial selects."""

    name: str
    selected: dict[int, NDArray[np.int64]]  # (trials,)


@dataclass(frozen=True)
class Contest:
    """A table with everybody who searched it: GENIUS in its published trials, recorded models, methods."""

    name: str
    space: Space
    opened: Opened
    genius: tuple[Contestant, ...] = ()
    recorded: tuple[Contestant, ...] = ()
    methods: tuple[Contestant, ...] = ()
    curves: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()  # who is not here, or only in part, and why


@dataclass(frozen=True)
class Rules:
    """Under which all methods search: budgets, what they count, trials (None: by method), and the seed."""

    budgets: tuple[int, ...]
    count: str = "evaluations"
    trials: int | None = None
    seed: int = 0


def contest(name: str, methods: Sequence[Method], rules: Rules, records: Records) -> Contest:
    """Let every method search a table once with the largest budget, and see what it selects at each."""
    opened, space = open_table(name)
    contestants, curves, remarks = [], {}, []
    for method in methods:
        if method.with_model is not None:  # its trials on the tables are published
            continue
        try:
            answer, remark = _summary(method, space, opened, rules, records)
        except UnfitMethod as error:
            remarks.append(f"left out: {error}")
            continue
        remarks += remark
        selected = {int(budget): np.array(indices) for budget, indices in answer["selected"].items()}
        contestants.append(Contestant(method.name, selected))
        curves[method.name] = np.array(answer["curve"])
    genius = tuple(_genius(name, space, opened)) if GENIUS_BUDGET in rules.budgets else ()
    return Contest(
        opened.table.name, space, opened, genius, methods=tuple(contestants), curves=curves, remarks=tuple(remarks)
    )


def _summary(
    method: Method, space: Space, opened: Opened, rules: Rules, records: Records
) -> tuple[Mapping[str, Any], list[str]]:
    """What the trials of a method select, and what is to be said of it."""
    trials = rules.trials or (1000 if method.arrays is not None else ONE_BY_ONE)
    request: dict[str, JSON] = {
        **msgspec.to_builtins(runs.measure(opened)),
        "method": method.name,
        "version": method.version,
        "space": space.name,
        "budgets": list(rules.budgets),
        "count": rules.count,
        "trials": trials,
        "seed": rules.seed,
    }
    code = runs.code_of(method)
    engine = _Arrays(code, lambda: _selections(method, space, opened, rules, trials))
    anew = Client(None, {CONTEST: engine})
    if not code:
        return anew.ask(CONTEST, request).answer, []
    record = Client(records, {CONTEST: engine}).ask(CONTEST, request)
    if record.observed.get("code") == code:
        return record.answer, []
    again = anew.ask(CONTEST, request)
    same = "the same" if again.answer == record.answer else "something else, which is not used"
    return again.answer, [f"{method.name}: computed anew; the code was another when it was kept, and gave {same}"]


@dataclass(frozen=True)
class _Arrays:
    """The array engine as a provider (`cache.client.Queue`): nobody has to wait for a lock to compute the same."""

    code: str
    compute: Callable[[], dict[str, JSON]]

    def make(self, requests: Sequence[Request], keep: Callable[[Request, Reply], object]) -> None:
        """Compute what each request asks."""
        for request in requests:
            keep(request, Reply(self.compute(), {"code": self.code, "numpy": np.__version__}))


def _selections(method: Method, space: Space, opened: Opened, rules: Rules, trials: int) -> dict[str, JSON]:
    """The dense index of what every trial selects at each budget, and the mean test accuracy after each unit."""
    budget = Budget(**{rules.count: max(rules.budgets)})
    found = arrays.search(method, space, opened.table, budget, range(trials), rules.seed).incumbents
    selected = {str(budget): found[:, budget - 1].tolist() for budget in rules.budgets}
    return {"selected": selected, "curve": opened.verdicts.test[found].mean(axis=0).tolist()}


def open_table(name: str) -> tuple[Opened, Space]:
    """A table with its space: one of `BENCHMARKS`, or a CSV file of architectures and accuracies.

    Raises:
        UsageError: if there is no table and no file of this name.
        TableError: if the file is no complete table.
    """
    if name in BENCHMARKS:
        return benchmarks.open_benchmark(name), benchmarks.find(name).space
    if not Path(name).is_file():
        raise UsageError(f"compare: expected one of {', '.join(BENCHMARKS)} or a CSV file, got {name}")
    opened = benchmarks.open_file(Path(name))
    return opened, opened.table.space


# -- who searched elsewhere ---


def with_oracle(contest: Contest) -> Contest:
    """The contest with where gradient ascent on the exact expected accuracy leads; its cost is the whole table."""
    table = contest.opened.table
    found = darts.relax(np.asarray(table.accuracy), table.cardinalities, steps=ORACLE_STEPS)
    oracle = Contestant("DARTS relaxation (oracle)", {len(table): np.array([table.index_of(found.architecture)])})
    return replace(contest, methods=(*contest.methods, oracle))


def with_supernets(contest: Contest, groups: Sequence[supernets.Group]) -> Contest:
    """The contest with the cells that searches with shared weights settled on, if they are of its space.

    They evaluate nothing on the table, so their budget is 0; the pictures they saw stand in their names.
    """
    if contest.space is not nas_bench_201_space.SPACE:
        return contest
    cells = contest.space.from_native
    found = tuple(
        Contestant(
            f"{group.title}, shared weights",
            {0: np.array([contest.space.index_of(cells(one.outcome.architecture)) for one in group.searches])},
        )
        for group in groups
    )
    return replace(contest, recorded=(*contest.recorded, *found))


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


@dataclass(frozen=True)
class Printed:
    """What the paper prints of GENIUS' trials on a table that is not at hand: test accuracies in percent, ranks."""

    name: str
    table: str
    test: tuple[float, ...]
    rank: tuple[int, ...]


def printed() -> list[Printed]:
    """GENIUS' trials from embedded figures, each by its proposal that was told the highest accuracy."""
    found = []
    for table, trials in published_trials().items():
        best = [max(trial, key=lambda one: one.accuracy) for trial in trials.trials]
        accuracies, ranks = tuple(one.accuracy for one in best), tuple(one.rank for one in best)
        found.append(Printed(trials.space, table, accuracies, ranks))
    for dataset, table in nas_bench_201.DATASETS.items():
        bests = nas_bench_201.best_of_trials(dataset, None)
        accuracies, ranks = tuple(best.test for best in bests), tuple(best.rank for best in bests)
        found.append(Printed(f"nas-bench-201-{dataset}", table, accuracies, ranks))
    return found


def with_recorded(contest: Contest, found: Sequence[Recorded], budgets: Sequence[int], source: str = "") -> Contest:
    """The contest with what recorded models select on its table, at the iterations of their runs.

    `source` stands behind their names.
    """
    table, space = contest.opened.table, contest.space
    contestants, remarks = list(contest.recorded), list(contest.remarks)
    on_this = [run for run in found if run.specification.target == contest.name]
    for (model, _, answers, temperature), group in runs.pooled(on_this).items():
        name = f"{model}, {answers}, temperature {temperature:g}{source}"
        same = [run for run in group if run.specification.table == runs.measure(contest.opened)]
        empty = [run for run in same if run.ended.selected is None]
        remarks += [
            f"{name}: {count} of {len(group)} runs {what}"
            for count, what in (
                (len(group) - len(same), "searched another version of this table and are left out"),
                (len(empty), "evaluated nothing and are left out"),
            )
            if count
        ]
        selected: dict[int, list[int]] = {}
        for run in same:
            budget = run.specification.budget.evaluations
            if budget in budgets and run.ended.selected is not None:
                index = table.index_of(space.from_native(run.ended.selected))
                selected.setdefault(budget or 0, []).append(index)
        if selected:
            indices = {budget: np.array(selected[budget]) for budget in sorted(selected)}
            contestants.append(Contestant(name, indices))
    return replace(contest, recorded=tuple(contestants), remarks=tuple(remarks))
