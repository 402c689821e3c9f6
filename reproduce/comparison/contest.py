"""A table and everybody who searched it: GENIUS in its published trials, recorded models, and methods that run here.

What a method selects in many trials is one record (kind `contest`), which is kept: its look-ups are not. A record that
was made by other code than today's, or with another numpy, is computed anew and compared; results of code without a
version are not kept. The versions of packages that decide what a method proposes are part of its key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from cache.client import Client, Records, Reply, Request
from cache.key import JSON, digest_bytes
from genius_replay.showing import brief
from harness import arrays
from harness.constraints import Bound, Within
from harness.loop import Budget
from harness.protocol import Method, UnfitMethod
from reproduce import recording, runs
from reproduce.benchmarks import Opened
from reproduce.comparison import contestants
from reproduce.comparison.contestants import GENIUS_BUDGET, Contestant
from reproduce.errors import UsageError
from reproduce.recording import Recorded
from reproduce.searching import costs
from tables.space import Space

CONTEST = "contest"  # the kind of a method's record
FORM = 2  # of its answer
ONE_BY_ONE = 50  # trials of a method that cannot run as arrays, or not in this space, unless it is said otherwise


@dataclass(frozen=True)
class Contest:
    """A table with everybody who searched it: GENIUS in its published trials, recorded models, methods."""

    opened: Opened
    genius: tuple[Contestant, ...]
    recorded: tuple[Contestant, ...]
    methods: tuple[Contestant, ...]
    remarks: tuple[str, ...]  # who is not here, or only in part, and why

    def __repr__(self) -> str:
        return brief(self, f"on {self.name}: {len(self.genius + self.recorded + self.methods)} contestants")

    @property
    def name(self) -> str:
        """The table's."""
        return self.opened.table.name

    @property
    def rejects(self) -> bool:
        """Whether an architecture of the space may not be evaluated: it is not allowed, or the table lacks it."""
        return self.opened.table.places is not None or not np.isfinite(self.opened.held_out.test).all()


@dataclass(frozen=True)
class Rules:
    """Under which all methods search: budgets, what they count, trials (None: by method), the seed, and bounds."""

    budgets: tuple[int, ...]
    count: str = "evaluations"
    trials: int | None = None
    seed: int = 0
    constraints: tuple[Bound, ...] = ()


def contest(
    opened: Opened,
    methods: Sequence[Method],
    rules: Rules,
    records: Records,
    recordings: Mapping[str, Sequence[Recorded]] | None = None,
    *,
    oracle: bool = False,
) -> Contest:
    """Let every method search a table once with the largest budget, and see what it selects at each.

    Args:
        opened: the table.
        methods: that search it; GENIUS' own trials are published ones, and always there.
        rules: under which they search.
        records: where their results are kept.
        recordings: runs of recorded models, by what stands behind the models' names.
        oracle: also where gradient ascent on the exact expected accuracy leads; its cost is the whole table.

    Raises:
        OptimizerError, InvalidArchitecture: a method fails, or proposes what is no architecture.
    """
    searched: list[Contestant] = []
    remarks = list(opened.table.info.remarks)
    wanted, space, limits = rules.budgets, opened.space, costs.within(opened, rules.constraints)
    most = len(opened.table)
    if limits:
        allowed = ~arrays.refused(opened.table, limits)
        most, space = int(allowed.sum()), _from_the_largest(opened, limits[0], allowed)
        opened = replace(opened, held_out=opened.held_out.among(allowed))
        remarks += _of_limits(opened, space, rules.constraints, most)
    if rules.count == "unique" and max(wanted) > most:
        rules = replace(rules, budgets=tuple(sorted({min(budget, most) for budget in wanted})))
        which = f"{most:,} architectures{' that are allowed' * bool(limits)}"
        remarks.append(f"there are {which}, and no budget of different ones is larger")
    for method in methods:
        if method.with_model is not None:  # its trials on the tables are published
            continue
        try:
            answer, remark = _summary(method, opened, space, limits, rules, records)
        except UnfitMethod as error:
            remarks.append(f"left out: {error}")
            continue
        remarks += [*remark, *_shortfalls(method, answer, rules)]
        searched += _contestant(method, answer, rules)
    if oracle and (limits or opened.table.places is not None):
        remarks.append("left out: the oracle, which needs a figure of every architecture and keeps no limit")
    elif oracle:
        searched.append(contestants.oracle(opened))
    recorded = [] if limits else list(contestants.shared_weights(opened))
    for source, found in (recordings or {}).items():
        for pool in recording.pooled(run for run in found if run.specification.target == opened.table.name):
            contestant, remark = contestants.recorded(pool, opened, rules.budgets, rules.constraints, source)
            recorded += [contestant] if contestant.selected else []
            remarks += remark
    genius = tuple(contestants.genius(opened, remarks)) if GENIUS_BUDGET in wanted and not limits else ()
    return Contest(opened, genius, tuple(recorded), tuple(searched), tuple(remarks))


def _from_the_largest(opened: Opened, limit: Within, allowed: NDArray[np.bool_]) -> Space:
    """The space in which the largest architecture is one that is allowed: that which costs most, the first of several.

    Raises:
        UsageError: none is allowed.
    """
    if not allowed.any():
        values = [limit.cost(each) or 0.0 for each in opened.table.architectures()]
        raise UsageError(
            f"{opened.name}: expected constraints that an architecture meets, and none meets these; "
            f"{limit.bound.cost} goes from {min(values):,.12g} to {max(values):,.12g}"
        )
    largest = opened.space.largest
    if largest is None or ((row := opened.table.row_of(largest)) is not None and allowed[row]):
        return opened.space
    meeting = opened.table.architectures(np.flatnonzero(allowed))
    return replace(opened.space, largest=max(meeting, key=lambda each: limit.cost(each) or 0.0))


def _of_limits(opened: Opened, space: Space, bounds: Sequence[Bound], allowed: int) -> Iterator[str]:
    """What is allowed, and what follows for who is compared."""
    share = allowed / len(opened.table)
    yield f"allowed: {'; '.join(map(str, bounds))}, which {allowed:,} architectures meet, {share:.1%} of all"
    if space.largest is not None and space is not opened.space:
        largest = space.to_native(space.largest)
        yield f"what starts from the largest architecture starts from the largest that is allowed, {largest}"
    yield "GENIUS' published trials and searches with shared weights kept no such limit, and are left out"


def _summary(
    method: Method, opened: Opened, space: Space, limits: Sequence[Within], rules: Rules, records: Records
) -> tuple[Mapping[str, Any], list[str]]:
    """What the trials of a method select, and what is to be said of it."""
    at_once = arrays.together(method, space) is not None
    trials = rules.trials or (1000 if at_once else ONE_BY_ONE)
    request: dict[str, JSON] = {
        "form": FORM,
        "digest": opened.table.digest,  # the same source may be read otherwise
        "packages": dict(runs.versions_of(method)),
        **msgspec.to_builtins(runs.measure(opened)),
        "method": method.name,
        "version": method.version,
        "space": opened.space.name,
        **msgspec.to_builtins(rules),
        "trials": trials,
    }
    if limits:  # what costs are counted by is code: what they allow says it
        request["allowed"] = digest_bytes(np.isfinite(opened.held_out.test).tobytes())
    else:
        del request["constraints"]
    code = runs.code_of(method)
    made_by: dict[str, JSON] = {"code": code, "numpy": np.__version__}
    engine = {CONTEST: _Arrays(made_by, lambda: _selections(method, opened, space, limits, rules, trials))}
    record = Client(records if code else None, engine).ask(CONTEST, request)
    if record.observed == made_by:
        return record.answer, []
    again = Client(None, engine).ask(CONTEST, request)
    same = "the same" if again.answer == record.answer else "something else, which is not used"
    return again.answer, [f"{method.name}: computed anew; code or numpy were others when it was kept, and gave {same}"]


@dataclass(frozen=True)
class _Arrays:
    """The array engine as a provider (`cache.client.Queue`): nobody has to wait for a lock to compute the same."""

    made_by: Mapping[str, JSON]
    compute: Callable[[], dict[str, JSON]]

    def make(self, requests: Sequence[Request], keep: Callable[[Request, Reply], object]) -> None:
        """Compute what each request asks."""
        for request in requests:
            keep(request, Reply(self.compute(), self.made_by))


def _selections(
    method: Method, opened: Opened, space: Space, limits: Sequence[Within], rules: Rules, trials: int
) -> dict[str, JSON]:
    """What every trial reached, the dense index of what it selects at each budget (-1: nothing), and `_band`."""
    budget = Budget(**{rules.count: max(rules.budgets)})
    courses = arrays.search(method, space, opened.table, budget, range(trials), rules.seed, constraints=limits)
    found = courses.incumbents
    selected = {str(budget): found[:, budget - 1].tolist() for budget in rules.budgets}
    some = found[found[:, -1] >= 0]
    curve = contestants.band(opened.held_out.test[some]).tolist() if len(some) else []
    return {"selected": selected, "curve": curve, "reached": courses.reached.tolist()}


def _contestant(method: Method, answer: Mapping[str, Any], rules: Rules) -> Iterator[Contestant]:
    """The method with its trials that evaluated something; nobody if none did."""
    reached = np.array(answer["reached"])
    if some := reached[reached > 0].size:
        selected = {budget: np.array(answer["selected"][str(budget)])[reached > 0] for budget in rules.budgets}
        spent = {budget: np.minimum(reached[reached > 0], budget) for budget in rules.budgets}
        curve = np.array(answer["curve"])[:, : int(np.sort(spent[max(rules.budgets)])[(some - 1) // 2])]
        yield Contestant(method.name, selected, spent, curve, packages=runs.versions_of(method))


def _shortfalls(method: Method, answer: Mapping[str, Any], rules: Rules) -> Iterator[str]:
    """What a method does not do within these budgets, though its name says so."""
    reached, most = np.array(answer["reached"]), max(rules.budgets)
    if nothing := np.count_nonzero(reached == 0):
        yield f"{method.name}: {nothing} of {len(reached)} trials evaluated nothing and are left out"
    if short := np.count_nonzero((reached < most) & (reached > 0)):
        yield (
            f"{method.name}: {short} of {len(reached)} trials end before {most} {rules.count}, half of all at "
            f"{int(np.median(reached))} or less; what they selected by then stands in the rows of larger budgets"
        )
    if caveat := method.caveat(min(rules.budgets)):
        yield caveat
