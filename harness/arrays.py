"""Many independent trials of one method on a benchmark table, one by one or all at once as arrays.

Trial t depends on (seed, t) alone: it is the same whether 1 or 10,000 trials run, in whichever chunks or processes. An
optimiser is told what the search side of the table says and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.constraints import Constraint
from harness.errors import OptimizerError
from harness.loop import Budget, Problem, blaming, run
from harness.objectives import TabularObjective
from harness.protocol import ArrayFactory, ArrayOptimizer, Method
from harness.streams import Stream, Streams
from tables.space import Architecture, Space
from tables.table import Table

CHUNK = 1000  # trials at once: bounds the memory of 10,000 trials
DENSE = 2**20  # architectures of a space: each trial may remember for every one whether it was proposed


class Courses(NamedTuple):
    """What every trial did on a table.

    `proposals` is (trials, steps), rows of the table that were evaluated, -1 behind a trial's end; what was rejected is
    left out. `incumbents` is (trials, budget): the row of the most accurate when so many units of the budget were
    spent, the earliest of several; a trial that ended early keeps its last, and one that evaluated nothing has -1.
    `reached` is (trials,): the units that each trial spent, which a trial of a method that repeats itself, is rejected
    or is exhausted may have left short of the budget.
    """

    proposals: NDArray[np.int32]
    incumbents: NDArray[np.int32]
    reached: NDArray[np.int64]


def search(
    method: Method,
    space: Space,
    table: Table,
    budget: Budget,
    trials: range,
    seed: int,
    *,
    constraints: Sequence[Constraint] = (),
    arrays: bool = True,
) -> Courses:
    """Run trials of a method, as arrays if it can and `arrays` allows.

    An architecture that the table lacks is rejected, as is one that a constraint does not allow. In a space of more
    than `DENSE` architectures they run one by one.

    Raises:
        HarnessError: if the table is of another space.
        OptimizerError, InvalidArchitecture: if the method fails, or proposes what is no architecture.
    """
    problem = Problem(space, free, constraints, TabularObjective(space, table))
    many = together(method, space) if arrays else None
    told = _told(table, space.size, constraints) if many else table.accuracy
    found = []
    for start in range(0, len(trials), CHUNK):
        chunk = trials[start : start + CHUNK]
        if many is not None:
            with blaming(method.name):
                places = _as_arrays(many(space, Streams(seed, chunk)), told, budget, len(chunk))
            proposals = table.rows_of(places).astype(np.int32, copy=False)
        else:
            proposals = _one_by_one(method, problem, table, budget, chunk, seed)
        found.append((proposals, *_incumbents(proposals, table.accuracy, budget)))
    courses, incumbents, reached = zip(*found, strict=True)
    return Courses(_stack(courses), np.vstack(incumbents), np.concatenate(reached))


def together(method: Method, space: Space) -> ArrayFactory | None:
    """What makes the method's trials on this space as arrays; None where they run one by one."""
    return method.arrays if space.size <= DENSE else None


def _told(table: Table, size: int, constraints: Sequence[Constraint]) -> NDArray[np.float64]:
    """(architectures of the space,) what a search is told of each in percent, NaN where it is rejected."""
    values = np.where(refused(table, constraints), np.nan, table.accuracy) if constraints else table.accuracy
    if table.places is None:
        return values
    told = np.full(size, np.nan)
    told[table.places] = values
    return told


def refused(table: Table, constraints: Sequence[Constraint]) -> NDArray[np.bool_]:
    """(rows,) whether a constraint rejects the architecture."""
    return np.array([any(constraint(each, 0, ()) for constraint in constraints) for each in table.architectures()])


def _one_by_one(
    method: Method, problem: Problem, table: Table, budget: Budget, trials: range, seed: int
) -> NDArray[np.int32]:
    courses = []
    for trial in trials:
        with blaming(method.name):
            optimizer = method.factory(problem.space, Stream(seed, trial))
        trajectory = run(optimizer, problem, budget)
        evaluated = [step.trial.architecture for step in trajectory.evaluated]
        courses.append([table.index_of(architecture) for architecture in evaluated if architecture is not None])
    return _stack([np.array([course], dtype=np.int32) for course in courses])


def _as_arrays(optimizer: ArrayOptimizer, told: NDArray[np.float64], budget: Budget, trials: int) -> NDArray[np.int32]:
    """(trials, steps) places in the space of what was evaluated, as in `Courses`.

    In a step every trial proposes until it has an accuracy, each at its own pace: all have evaluated as many then, so
    that what a method has learned is as old in all of them.
    """
    most = budget.most_proposals
    steps = np.full((min(most, budget.evaluations or most), trials), -1, dtype=np.int32)  # a step is a row
    made = np.zeros(trials, dtype=np.int64)  # proposals of each trial
    going = np.ones(trials, dtype=bool)
    seen = _Seen(trials, len(told))
    for step in range(len(steps)):
        asking = np.flatnonzero(going)
        while True:
            proposed = optimizer.ask()
            if proposed.shape != (trials,) or proposed.min() < 0:  # too large ones are found when they are looked up
                raise OptimizerError(f"expected an index for each of {trials} trials, got {proposed!r}")
            accuracies = told[proposed]
            made[asking] += 1
            asking = asking[np.isnan(accuracies[asking])]
            going[asking] = made[asking] < most
            asking = asking[going[asking]]
            if not len(asking):
                break
            optimizer.reject(asking)
        steps[step, going] = proposed[going]
        if budget.unique is not None:
            seen.add(np.where(going, proposed, -1))
            going &= seen.count < budget.unique
        going &= made < most
        if not going.any():
            break
        optimizer.tell(proposed, np.nan_to_num(accuracies))  # of a trial that has ended it matters no more
    return np.ascontiguousarray(steps[(steps >= 0).any(axis=1)].T)


class _Seen:
    """Which architectures each trial has proposed, and how many."""

    def __init__(self, trials: int, size: int) -> None:
        self._seen = np.zeros((trials, size), dtype=bool)
        self._rows = np.arange(trials)
        self.count = np.zeros(trials, dtype=np.int64)

    def add(self, proposed: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Add a proposal of every trial, -1 for none; returns which are new."""
        new = ~self._seen[self._rows, proposed] & (proposed >= 0)
        self._seen[self._rows[new], proposed[new]] = True
        self.count += new
        return new


def _incumbents(
    proposals: NDArray[np.int32], accuracies: NDArray[np.float64], budget: Budget
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """(trials, budget) the most accurate proposal at every unit of the budget, and what was reached; see `Courses`."""
    trials, steps = proposals.shape
    made = proposals >= 0
    limit = budget.unique or budget.evaluations or budget.proposals or 0
    if not steps:
        return np.full((trials, limit), -1, dtype=np.int32), np.zeros(trials, dtype=np.int64)
    seen = np.where(made, accuracies[proposals], -np.inf)
    best = np.maximum.accumulate(seen, axis=1)
    improves = np.ones(seen.shape, dtype=bool)
    np.greater(seen[:, 1:], best[:, :-1], out=improves[:, 1:])
    position = np.maximum.accumulate(np.where(improves, np.arange(steps), 0), axis=1)
    best_index = np.take_along_axis(proposals, position, axis=1)
    if budget.unique is None:
        return np.pad(best_index, ((0, 0), (0, limit - steps)), mode="edge"), made.sum(axis=1)
    distinct = _Seen(trials, len(accuracies))
    new = np.array([distinct.add(column) for column in proposals.T.astype(np.int64)]).T
    unit = np.cumsum(new, axis=1)
    found = np.repeat(best_index[:, -1:], limit, axis=1)
    row, step = np.nonzero(new)
    found[row, unit[row, step] - 1] = best_index[row, step]
    return found, distinct.count


def _stack(parts: Sequence[NDArray[np.int32]]) -> NDArray[np.int32]:
    """Courses of different lengths under one another."""
    steps = max(part.shape[1] for part in parts)
    return np.vstack([np.pad(part, ((0, 0), (0, steps - part.shape[1])), constant_values=-1) for part in parts])


def free(architecture: Architecture) -> int:  # noqa: ARG001
    """No cost where none is told: constraints ask for theirs, and of a space of one's own it may not be known."""
    return 0
