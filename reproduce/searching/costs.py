"""What architectures cost: which costs are known of a table and its space, and the bounds that a search keeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from baselines.genius import Prompts
from genius_replay.advice import unknown
from harness import spaces
from harness.constraints import Bound, Costs, Within
from harness.loop import raised
from harness.spaces import Benchmark, Cost
from reproduce.benchmarks import SPACES, Opened
from reproduce.errors import UsageError
from tables.space import Architecture, Space

AnyBound: TypeAlias = str | Bound
"""A bound as a value, or as a person writes it: "macs<=60e6", "300e6<=macs<=330e6"."""

BOUNDS = "macs<=60e6 or 300e6<=macs<=330e6, of macs, macs_thop, params, or a column of the table"
"""Some, as help says them."""

OVER = "This design costs $value $cost, $difference above the limit of $bound. Propose one that stays below it."
UNDER = "This design costs $value $cost, $difference below the limit of $bound. Propose one that reaches it."


def known(space: Space, opened: Opened | None = None, on: Benchmark | None = None) -> Costs:
    """The costs that are known of a space, on the data of a table, opened or not, or of the space's own benchmark.

    Those of `harness.spaces.Cost`, where a space says them; and the columns of a table that are costs, which go before.

    >>> sorted(known(spaces.find("nas-bench-macro").SPACE))
    ['macs', 'macs_thop', 'params']
    """
    count = None
    if by := on or (opened and opened.benchmark) or (opened and opened.declared):
        count = by.cost
    elif space in SPACES:
        count = spaces.find(space.name).cost
    found = dict[str, Callable[[Architecture], "float | None"]]()
    if count is not None:
        counted = cache(count)
        found |= {name: _counted(counted, name) for name in Cost._fields}
    if opened is not None and opened.table.costs:
        architectures = opened.table.architectures()
        for name in opened.table.costs:
            column = opened.table.column(name)
            found[name] = dict(zip(architectures, () if column is None else column.tolist(), strict=True)).get
    return found


def _counted(cost: Callable[[Architecture], Cost], name: str) -> Callable[[Architecture], float | None]:
    def count(architecture: Architecture) -> float | None:
        try:
            return float(getattr(cost(architecture), name))
        except Exception as error:  # whatever a function of one's own raises
            raise UsageError(
                f"expected the cost of {architecture} as a harness.spaces.Cost, got {raised(error)}; "
                "`python -m reproduce conformance --space` tries it"
            ) from error

    return count


def read(given: Sequence[AnyBound]) -> tuple[Bound, ...]:
    """The bounds that are given; raises HarnessError if one is written in another form."""
    return tuple(Bound.read(each) if isinstance(each, str) else each for each in given)


def named(name: str, costs: Costs) -> Callable[[Architecture], float | None]:
    """What gives the cost of this name; raises UsageError if it is not known."""
    if name not in costs:
        others = "; any further column of numbers in a table's file is a cost, too"
        raise UsageError(unknown("cost", name, costs or ["none"], others))
    return costs[name]


def bounds(given: Sequence[AnyBound], costs: Costs) -> tuple[Bound, ...]:
    """The bounds that are given, of costs that are known.

    Raises:
        HarnessError: one is written in another form.
        UsageError: no such cost is known.
    """
    for bound in (found := read(given)):
        named(bound.cost, costs)
    return found


def within(opened: Opened, given: Sequence[AnyBound]) -> list[Within]:
    """Constraints of these bounds on a table; raises as `bounds` does."""
    counted = known(opened.space, opened) if given else {}
    return [Within(bound, counted[bound.cost]) for bound in bounds(given, counted)]


def front(cost: NDArray[np.float64], accuracy: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(n,) whether no other is as accurate at less cost, or more accurate at as much.

    >>> front(np.array([1.0, 2.0, 2.0, 3.0, 1.0]), np.array([50.0, 60.0, 55.0, 60.0, 50.0])).tolist()
    [True, True, False, False, True]
    """
    order = np.lexsort((-accuracy, cost))
    best = np.maximum.accumulate(accuracy[order])
    is_new = np.concatenate([[True], best[1:] > best[:-1]])
    reached = np.maximum.accumulate(np.where(is_new, cost[order], -np.inf))  # at which the best was first reached
    on = np.empty(len(cost), dtype=bool)
    on[order] = (accuracy[order] == best) & (cost[order] == reached)
    return on


def limited(prompts: Prompts, constraints: Sequence[Bound]) -> Prompts:
    """The wording of a problem with bounds: said behind the problem, wherever that is said, and fed back by default."""
    if not constraints:
        return prompts
    said = "".join(f"\n\nThe cost of a design must be {bound}." for bound in constraints)
    opening = prompts.opening.replace(prompts.problem, prompts.problem + said)
    prompts = replace(prompts, over=prompts.over or OVER, under=prompts.under or UNDER)
    return replace(prompts, problem=prompts.problem + said, opening=opening)
