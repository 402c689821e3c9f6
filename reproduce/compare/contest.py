"""A table and everybody who searched it: GENIUS in its published trials, recorded models, and methods that run here.

What a method selects in many trials is one record (kind `contest`), which is kept: its look-ups are not. A record that
was made by other code than today's is computed anew and compared; results of code without a version are not kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from reproduce.compare import supernets
from reproduce.errors import UsageError
from reproduce.published.trials import selections
from reproduce.runs import Pool, Recorded
from tables.files import EXPECTED
from tables.space import Space

CONTEST = "contest"  # the kind of a method's record
GENIUS_BUDGET = 10
ORACLE_STEPS = 5000  # at which the relaxation's most probable architecture has settled
ONE_BY_ONE = 50  # trials of a method that cannot run as arrays, unless it is said otherwise


@dataclass(frozen=True)
class Contestant:
    """Who searched a table: for each budget the dense index of what every trial selects.

    `curve` is the mean test accuracy after each unit of the largest budget, of methods that ran here.
    """

    name: str
    selected: Mapping[int, NDArray[np.int64]]  # (trials,)
    curve: NDArray[np.float64] | None = None  # (budget,)


@dataclass(frozen=True)
class Contest:
    """A table with everybody who searched it: GENIUS in its published trials, recorded models, methods."""

    opened: Opened
    genius: tuple[Contestant, ...]
    recorded: tuple[Contestant, ...]
    methods: tuple[Contestant, ...]
    remarks: tuple[str, ...]  # who is not here, or only in part, and why

    @property
    def name(self) -> str:
        """The table's."""
        return self.opened.table.name


@dataclass(frozen=True)
class Rules:
    """Under which all methods search: budgets, what they count, trials (None: by method), and the seed."""

    budgets: tuple[int, ...]
    count: str = "evaluations"
    trials: int | None = None
    seed: int = 0


def contest(
    name: str,
    methods: Sequence[Method],
    rules: Rules,
    records: Records,
    recordings: Mapping[str, Sequence[Recorded]] | None = None,
    *,
    oracle: bool = False,
) -> Contest:
    """Let every method search a table once with the largest budget, and see what it selects at each.

    Args:
        name: of the table (`open_table`).
        methods: that search it; GENIUS' own trials are published ones, and always there.
        rules: under which they search.
        records: where their results are kept.
        recordings: runs of recorded models, by what stands behind the models' names.
        oracle: also where gradient ascent on the exact expected accuracy leads; its cost is the whole table.

    Raises:
        UsageError, TableError: what `open_table` raises.
    """
    opened, space = open_table(name)
    contestants, remarks = [], list(opened.table.info.remarks)
    for method in methods:
        if method.with_model is not None:  # its trials on the tables are published
            continue
        try:
            answer, remark = _summary(method, space, opened, rules, records)
        except UnfitMethod as error:
            remarks.append(f"left out: {error}")
            continue
        remarks += remark
        selected = {budget: np.array(answer["selected"][str(budget)]) for budget in rules.budgets}
        contestants.append(Contestant(method.name, selected, np.array(answer["curve"])))
    if oracle:
        contestants.append(_oracle(opened))
    recorded = list(_supernets(space))
    for source, found in (recordings or {}).items():
        for pool in runs.pooled(run for run in found if run.specification.target == opened.table.name):
            contestant, remark = _recorded(pool, space, opened, rules.budgets, source)
            recorded += [contestant] if contestant.selected else []
            remarks += remark
    genius = tuple(_genius(name, space)) if GENIUS_BUDGET in rules.budgets else ()
    return Contest(opened, genius, tuple(recorded), tuple(contestants), tuple(remarks))


def _summary(
    method: Method, space: Space, opened: Opened, rules: Rules, records: Records
) -> tuple[Mapping[str, Any], list[str]]:
    """What the trials of a method select, and what is to be said of it."""
    trials = rules.trials or (1000 if method.arrays is not None else ONE_BY_ONE)
    request: dict[str, JSON] = {
        **msgspec.to_builtins(runs.measure(opened)),
        "digest": opened.table.digest,
        "method": method.name,
        "version": method.version,
        "space": space.name,
        "budgets": list(rules.budgets),
        "count": rules.count,
        "trials": trials,
        "seed": rules.seed,
    }
    code = runs.code_of(method)
    engine = {CONTEST: _Arrays(code, lambda: _selections(method, space, opened, rules, trials))}
    record = Client(records if code else None, engine).ask(CONTEST, request)
    if record.observed.get("code") == code:
        return record.answer, []
    again = Client(None, engine).ask(CONTEST, request)
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
    return {"selected": selected, "curve": opened.held_out.test[found].mean(axis=0).tolist()}


def open_table(name: str) -> tuple[Opened, Space]:
    """A table with its space: one of `BENCHMARKS`, or a file (`tables.files`).

    Raises:
        UsageError: if there is no table and no file of this name.
        TableError: if the file is no complete table.
    """
    if name in BENCHMARKS:
        return benchmarks.open_benchmark(name), benchmarks.find(name).space
    if not Path(name).is_file():
        raise UsageError(f"compare: expected one of {', '.join(BENCHMARKS)} or {EXPECTED}, got {name}")
    opened = benchmarks.open_file(Path(name))
    return opened, benchmarks.space_of(opened.table)


# -- who searched elsewhere ---


def _oracle(opened: Opened) -> Contestant:
    table = opened.table
    probabilities = darts.relax(np.asarray(table.accuracy), table.cardinalities, steps=ORACLE_STEPS)
    likeliest = table.index_of(tuple(probabilities.argmax(axis=1).tolist()))
    return Contestant("DARTS relaxation (oracle)", {len(table): np.array([likeliest])})


def _supernets(space: Space) -> Iterator[Contestant]:
    """The cells that searches with shared weights settled on, if they are of this space.

    They evaluate nothing on the table, so their budget is 0; the pictures they saw stand in their names.
    """
    if space is not nas_bench_201_space.SPACE:
        return
    for group in supernets.read([supernets.COMMITTED]):
        cells = [space.index_of(space.from_native(one.outcome.architecture)) for one in group.searches]
        yield Contestant(f"{group.title}, shared weights", {0: np.array(cells)})


def _genius(name: str, space: Space) -> Iterator[Contestant]:
    """What GENIUS' published trials select: the proposal that looked best to them."""
    for benchmark, table, best in selections():
        if benchmark == name:
            selected = [space.index_of(one.architecture) for one in best]
            yield Contestant(f"GENIUS, {table}", {GENIUS_BUDGET: np.array(selected)})


def _recorded(
    pool: Pool, space: Space, opened: Opened, budgets: Sequence[int], source: str
) -> tuple[Contestant, list[str]]:
    """What a recorded model selects on its table, at the iterations of its runs; and what is to be said of it."""
    (model, _, answers, temperature), apart, group = pool
    name = ", ".join(filter(None, (model, answers, f"temperature {temperature:g}", apart))) + source
    same = [run for run in group if run.specification.table == runs.measure(opened)]
    selected: dict[int, list[int]] = {}
    empty = 0
    for run in same:
        budget = run.specification.budget.evaluations or 0
        if run.ended.selected is None:
            empty += 1
        elif budget in budgets:
            index = opened.table.index_of(space.from_native(run.ended.selected))
            selected.setdefault(budget, []).append(index)
    why = {
        "searched another version of this table and are left out": len(group) - len(same),
        "evaluated nothing and are left out": empty,
    }
    remarks = [f"{name}: {count} of {len(group)} runs {what}" for what, count in why.items() if count]
    return Contestant(name, {budget: np.array(selected[budget]) for budget in sorted(selected)}), remarks
