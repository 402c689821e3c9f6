"""What architectures cost: which costs are known of a table and its space, and the bounds that a search keeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from operator import attrgetter
from typing import TypeAlias

from baselines.genius import Prompts
from genius_replay.advice import unknown
from harness import spaces
from harness.constraints import Bound, Costs
from harness.spaces import Cost
from reproduce.benchmarks import SPACES, Opened
from reproduce.errors import UsageError
from tables.space import Architecture, Space

AnyBound: TypeAlias = str | Bound
"""A bound as a value, or as a person writes it: "macs<=60e6", "300e6<=macs<=330e6"."""

BOUNDS = "macs<=60e6 or 300e6<=macs<=330e6, of macs, macs_thop, params, or a column of the table"
"""Some, as help says them."""

OVER = "This design costs $value $cost, $difference above the limit of $bound. Propose one that stays below it."
UNDER = "This design costs $value $cost, $difference below the limit of $bound. Propose one that reaches it."


def known(space: Space, opened: Opened | None = None) -> Costs:
    """The costs that are known of a space, on the data of an opened table or of the space's own benchmark.

    Of a declared space those of `harness.spaces.Cost`; and the columns of a table that are costs, where it has them.

    >>> sorted(known(spaces.find("nas-bench-macro").SPACE))
    ['macs', 'macs_thop', 'params']
    """
    found = dict[str, Callable[[Architecture], "float | None"]]()
    if opened is not None:
        for name in opened.table.costs:
            found[name] = _of_column(opened, name)
    if space in SPACES:
        on = opened.benchmark if opened and opened.benchmark else spaces.find(space.name)
        counted = cache(on.cost)
        found |= {name: _counted(counted, name) for name in Cost._fields}
    return found


def _of_column(opened: Opened, name: str) -> Callable[[Architecture], float | None]:
    def look_up(architecture: Architecture) -> float | None:
        column, row = opened.table.column(name), opened.table.row_of(architecture)
        return None if column is None or row is None else float(column[row])

    return look_up


def _counted(cost: Callable[[Architecture], Cost], name: str) -> Callable[[Architecture], float | None]:
    return lambda architecture: float(attrgetter(name)(cost(architecture)))


def bounds(given: Sequence[AnyBound], costs: Costs) -> tuple[Bound, ...]:
    """The bounds that are given, of costs that are known.

    Raises:
        HarnessError: one is written in another form.
        UsageError: no such cost is known.
    """
    found = tuple(Bound.read(each) if isinstance(each, str) else each for each in given)
    for bound in found:
        if bound.cost not in costs:
            others = "; any further column of numbers in a table's file is a cost, too"
            raise UsageError(unknown("cost", bound.cost, costs or ["none"], others))
    return found


def limited(prompts: Prompts, constraints: Sequence[Bound]) -> Prompts:
    """The wording of a problem with bounds: said behind the problem, wherever that is said, and fed back by default."""
    if not constraints:
        return prompts
    said = "".join(f"\n\nThe cost of a design must be {bound}." for bound in constraints)
    opening = prompts.opening.replace(prompts.problem, prompts.problem + said)
    prompts = replace(prompts, over=prompts.over or OVER, under=prompts.under or UNDER)
    return replace(prompts, problem=prompts.problem + said, opening=opening)
