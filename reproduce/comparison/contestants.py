"""Who searched a table: what everybody selects, and those who searched it elsewhere.

GENIUS in its published trials, recorded models, searches with shared weights, and the relaxation that sees all of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from baselines import darts
from harness.constraints import Bound
from harness.spaces import nas_bench_201 as nas_bench_201_space
from harness.specification import in_words
from reproduce import runs
from reproduce.benchmarks import Opened
from reproduce.comparison import supernets
from reproduce.published.trials import Proposed, published_trials, selections
from reproduce.recording import Pool

GENIUS_BUDGET = 10
ORACLE_STEPS = 5000  # at which the relaxation's most probable architecture has settled
FEW = 6  # trials; of fewer the range is drawn, not quartiles
SHARED = 1 / 3  # of the shorter course: designs in common from which on two trials are not independent


@dataclass(frozen=True, eq=False)
class Contestant:
    """Who searched a table.

    Attributes:
        selected: for each budget the dense index of what every trial selects.
        reached: for each budget how much of it every trial spent, where that is known.
        curve: lower end, mean and upper end of the trials' test accuracies in percent after each unit of the largest
            budget; the ends are quartiles, or of few trials the lowest and the highest.
        group: of each trial; those of one group are not independent of one another.
        packages: by name, the versions that decide what was proposed.
    """

    name: str
    selected: Mapping[int, NDArray[np.int64]]  # (trials,)
    reached: Mapping[int, NDArray[np.int64]] = field(default_factory=dict)  # (trials,)
    curve: NDArray[np.float64] | None = None  # (3, budget)
    group: Sequence[int] = ()  # (trials,)
    packages: Mapping[str, str] = field(default_factory=dict)


def band(test: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, steps) of (trials, steps): see `Contestant.curve`."""
    ends = (0, 1) if len(test) < FEW else (0.25, 0.75)
    low, high = np.quantile(test, ends, axis=0)
    return np.stack([low, test.mean(axis=0), high])


def oracle(opened: Opened) -> Contestant:
    """Where gradient ascent on the exact expected accuracy leads; its cost is the whole table."""
    table = opened.table
    probabilities = darts.relax(np.asarray(table.accuracy), table.cardinalities, steps=ORACLE_STEPS)
    likeliest = table.index_of(tuple(probabilities.argmax(axis=1).tolist()))
    return Contestant("DARTS relaxation (oracle)", {len(table): np.array([likeliest])})


def shared_weights(opened: Opened) -> Iterator[Contestant]:
    """The cells that searches with shared weights settled on, if they are of this space and the table has them all.

    They evaluate nothing on the table, so their budget is 0; the pictures they saw stand in their names.
    """
    space, table = opened.space, opened.table
    if space is not nas_bench_201_space.SPACE or table.places is not None:
        return
    for group in _committed():
        cells = [table.index_of(space.from_native(one.outcome.architecture)) for one in group.searches]
        yield Contestant(f"{group.title}, shared weights", {0: np.array(cells)})


@cache  # several tables are of that space
def _committed() -> list[supernets.Group]:
    return supernets.read([supernets.COMMITTED])


def genius(opened: Opened, remarks: list[str]) -> Iterator[Contestant]:
    """What GENIUS' published trials select: the proposal that looked best to them; adds what is to be said of it.

    They searched the paper's tables; a table of one's own may have the name of one.
    """
    space = opened.space
    for benchmark, table, best in selections():
        if opened.benchmark is None or benchmark != opened.benchmark.name:
            continue
        whole = published_trials()[table].trials if table in published_trials() else None
        courses = whole or [(cell,) for cell in best]
        group, reached, curve = [*range(len(best))], {}, None
        for number, (one, other) in enumerate(combinations(range(len(best)), 2), start=len(best)):
            if why := _in_common(courses[one], courses[other], known=whole is not None):
                group = [number if each in (group[one], group[other]) else each for each in group]
                remarks.append(f"GENIUS, {table}: trials {one + 1} and {other + 1} {why}; they are not independent")
        if whole:
            reached = {GENIUS_BUDGET: np.array([len(trial) for trial in whole])}
            curve = band(np.array([_course(trial, opened) for trial in whole]))
        selected = {GENIUS_BUDGET: np.array([space.index_of(one.architecture) for one in best])}
        yield Contestant(f"GENIUS, {table}", selected, reached, curve, group)


def _in_common(one: Sequence[Proposed], other: Sequence[Proposed], *, known: bool) -> str:
    """What two trials share that independent ones would not; of trials whose course is not known only the best cell."""
    designs, others = ({proposed.architecture for proposed in trial} for trial in (one, other))
    shared, shorter = len(designs & others), min(len(designs), len(others))
    if shared < SHARED * shorter:
        return ""
    return f"share {shared} of {shorter} designs" if known else "end in one cell, and their courses are not published"


def _course(trial: Sequence[Proposed], opened: Opened) -> NDArray[np.float64]:
    """(GENIUS_BUDGET,) the test accuracy of the best by what was told so far; a trial that ended keeps its last."""
    told = np.array([one.accuracy for one in trial] + [0.0] * (GENIUS_BUDGET - len(trial)))
    best = [int(np.argmax(told[: step + 1])) for step in range(GENIUS_BUDGET)]
    return opened.held_out.test[[opened.space.index_of(trial[position].architecture) for position in best]]


def recorded(
    pool: Pool, opened: Opened, budgets: Sequence[int], bounds: Sequence[Bound], source: str
) -> tuple[Contestant, list[str]]:
    """What a recorded model selects on its table, at the iterations of its runs; and what is to be said of it."""
    (model, _, answers, temperature), apart, group = pool
    name = ", ".join(filter(None, (model, answers, f"temperature {in_words(temperature)}", apart))) + source
    found: dict[int, list[tuple[int, int]]] = {}  # by budget what each run selected, and how much of it was spent
    why: Counter[str] = Counter()
    for run in group:
        budget = run.specification.budget.evaluations
        if run.specification.table != runs.measure(opened):
            why["searched another version of this table"] += 1
        elif run.specification.window is not None or {*run.specification.constraints} != {*bounds}:
            why["searched under other bounds of the cost than everybody else here"] += 1
        elif run.specification.start:
            why["began with designs that they were given, and nobody else here does"] += 1
        elif run.ended.selected is None:
            why["evaluated nothing"] += 1
        elif budget is None or budget not in budgets:
            why[f"have a budget of {budget or 'something else than'} evaluations, which is not compared"] += 1
        else:
            index = opened.table.index_of(opened.space.from_native(run.ended.selected))
            found.setdefault(budget, []).append((index, run.ended.evaluated))
    remarks = [f"{name}: {count} of {len(group)} runs {what}, and are left out" for what, count in why.items()]
    selected, reached = ({at: np.array(found[at])[:, n] for at in sorted(found)} for n in (0, 1))
    return Contestant(name, selected, reached), remarks
