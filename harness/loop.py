"""The search loop: ask, read, judge, evaluate, tell, until the budget is spent; what happened is kept as data.

GENIUS' Algorithm 1 with its FLOPs feedback (arXiv 2304.10970, sections 3.2 and 4.1) is this loop with a language model
as the optimiser: an iteration T, counted from 0, holds one turn for each rejected proposal and ends with an evaluated
one.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec

from cache.errors import CacheError
from cache.key import JSON
from genius_replay.showing import brief
from harness.constraints import Constraint
from harness.errors import HarnessError, OptimizerError
from harness.protocol import Evaluated, Exhausted, Optimizer, Proposal, Reason, Rejected, Rejection, Trial, Unmeasured
from harness.text import published
from harness.text.published import Reader
from tables.errors import TableError
from tables.space import Architecture, Space

Objective: TypeAlias = Callable[[Architecture], "float | Rejection | None"]
"""Measures an architecture: its validation accuracy in percent, why there will be none, or None where none is yet."""


@dataclass(frozen=True)
class Problem:
    """What is searched: reads a proposal, holds it against the constraints, and has it evaluated if it passes.

    `unread` says, by the key of its record, why nothing may be read in an answer.
    """

    space: Space
    macs: Callable[[Architecture], int]
    constraints: Sequence[Constraint]
    objective: Objective
    reader: Reader = published.read
    unread: Mapping[str, Rejection] = field(default_factory=dict)

    def judge(self, proposal: Proposal, tested: Collection[Architecture]) -> Trial:
        """Return the true outcome of a proposal.

        Raises:
            OptimizerError: if it is no proposal, or holds neither an architecture nor a reply.
            InvalidArchitecture: if its architecture is none of the space.
        """
        if not isinstance(proposal, Proposal):
            raise OptimizerError(f"expected a Proposal, got {proposal!r}; return Proposal(architecture)")
        if not isinstance(proposal.architecture, Collection | None) or not isinstance(proposal.reply, str | None):
            raise OptimizerError(f"expected an architecture as a tuple, or a reply as text, got {proposal!r}")
        if proposal.architecture is not None:
            architecture = self.space.validate(proposal.architecture)
        elif proposal.reply is not None:
            reading = self.unread.get(proposal.record or "") or self.reader(self.space, proposal.reply)
            if isinstance(reading, Rejection):
                return Rejected(proposal, reading)
            architecture = (reading, *reading.further)[proposal.candidate].architecture
        else:
            raise OptimizerError("a proposal needs an architecture or a reply to read one from; got neither")
        macs = self.macs(architecture)
        for constraint in self.constraints:
            if rejection := constraint(architecture, macs, tested):
                return Rejected(proposal, rejection, architecture, macs)
        accuracy = self.objective(architecture)
        if accuracy is None:
            return Unmeasured(proposal, architecture, macs)
        if isinstance(accuracy, Rejection):
            return Rejected(proposal, accuracy, architecture, macs)
        return Evaluated(proposal, architecture, macs, accuracy)


@dataclass(frozen=True)
class Step:
    """One proposal: where it stands, its true outcome, and the outcome the optimiser was told.

    The two outcomes are one object unless a published run is repeated in which something else was said. `told` is None
    where the record of such a run ends.
    """

    iteration: int
    turn: int
    trial: Trial
    told: Trial | None

    def __repr__(self) -> str:
        said = self.rejected or ("no accuracy" if self.accuracy is None else f"{self.accuracy:.2f} %")
        return brief(self, f"{self.iteration}.{self.turn}: {said}, {self.trial.architecture}")

    @property
    def accuracy(self) -> float | None:
        """The accuracy that was told, in percent; None where none was."""
        return self.told.accuracy if isinstance(self.told, Evaluated) else None

    @property
    def rejected(self) -> str | None:
        """The reason that was told for which the proposal was not evaluated; None where none was."""
        return self.told.rejection.reason.value if isinstance(self.told, Rejected) else None


@dataclass(frozen=True)
class Trajectory:
    """What happened in one run."""

    steps: tuple[Step, ...]

    def __repr__(self) -> str:
        return brief(self, self.summary)

    @property
    def summary(self) -> str:
        """How many proposals there were, how many of them were evaluated, and the best accuracy that was told."""
        evaluated = f"{len(self.steps)} proposals, {len(self.evaluated)} evaluated"
        return f"{evaluated}, best {self.best.accuracy:.2f} %" if self.evaluated else evaluated

    @property
    def evaluated(self) -> tuple[Step, ...]:
        """The steps of which an accuracy was told; each ended its iteration."""
        return tuple(step for step in self.steps if step.accuracy is not None)

    @property
    def best(self) -> Step:
        """The step with the highest accuracy that was told, the earliest if several share it.

        Raises:
            ValueError: if nothing was evaluated.
        """
        if not self.evaluated:
            raise ValueError(f"expected an evaluated proposal, got none among {len(self.steps)}")
        return max(self.evaluated, key=lambda step: step.accuracy or 0.0)

    @property
    def records(self) -> tuple[str, ...]:
        """The key of every record used, in order."""
        return tuple(step.trial.proposal.record for step in self.steps if step.trial.proposal.record is not None)


def course(trajectory: Trajectory) -> list[dict[str, JSON]]:
    """Every step of a run: what was proposed, its outcome, and the key of the record that it was read from.

    The record of a run pins the digest of this.
    """
    return [
        {
            "iteration": step.iteration,
            "turn": step.turn,
            "architecture": list(step.trial.architecture) if step.trial.architecture else None,
            "macs": step.trial.macs,
            "rejected": step.rejected,
            "accuracy": step.accuracy,
            "record": step.trial.proposal.record,
        }
        for step in trajectory.steps
    ]


PATIENCE = 20  # proposals for each evaluation that a budget allows


class Budget(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """When a run ends: at the first of these numbers that is reached.

    `unique` counts architectures evaluated for the first time, `evaluations` repeated ones too, `proposals` rejected
    ones as well. Without a number of proposals there may be `PATIENCE` times as many as of the others, so that a search
    whose every proposal is rejected ends.

    >>> Budget(evaluations=3).left(evaluations=2, proposals=5, unique=2)
    True
    >>> Budget(evaluations=3).most_proposals
    60
    """

    evaluations: int | None = None
    proposals: int | None = None
    unique: int | None = None

    def __post_init__(self) -> None:
        if self.evaluations is None and self.proposals is None and self.unique is None:
            raise ValueError("a budget needs a number of evaluations, proposals or unique architectures; got none")

    @property
    def most_proposals(self) -> int:
        """How many proposals there may be at most."""
        if self.proposals is not None:
            return self.proposals
        return PATIENCE * max(self.evaluations or 0, self.unique or 0)

    @property
    def designs(self) -> int:
        """How many designs may be evaluated at most."""
        return self.evaluations or self.unique or self.most_proposals

    def left(self, evaluations: int, proposals: int, unique: int) -> bool:
        """Whether a run that has spent this much goes on."""
        limits = ((self.evaluations, evaluations), (self.most_proposals, proposals), (self.unique, unique))
        return all(limit is None or spent < limit for limit, spent in limits)


Told: TypeAlias = Callable[[int, int, Trial], "Trial | None"]
"""(iteration, turn, true outcome) → what the optimiser is told, or None where a published run breaks off."""

Before: TypeAlias = Callable[[int, int], object]
"""Is told the iteration and the turn of every proposal before it is asked for."""

After: TypeAlias = Callable[[Step], "bool | None"]
"""Is shown every step when its outcome has been told; the run ends there if it says True."""


@contextmanager
def blaming(who: str) -> Iterator[None]:
    """Around code that may be a user's: whatever it raises becomes an error that names it; what is ours passes.

    Raises:
        OptimizerError: in place of an exception of another package.
    """
    try:
        yield
    except (HarnessError, CacheError, TableError):
        raise
    except Exception as error:
        raise OptimizerError(
            f"{who}: expected an optimiser that searches to the end of its budget, got {raised(error)}; "
            "`python -m reproduce conformance` tries it step by step"
        ) from error


def raised(error: Exception) -> str:
    """What an exception of a user's code says, and where it was raised."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({where.filename}, line {where.lineno})"


def run(optimizer: Optimizer, problem: Problem, budget: Budget, told: Told | None = None) -> Trajectory:
    """The whole of a search: every step that `steps_of` gives.

    >>> from baselines import RandomSearch
    >>> from harness import Stream, spaces
    >>> space = spaces.find("nas-bench-macro").SPACE
    >>> problem = Problem(space, macs=sum, constraints=(), objective=lambda design: 90.0 + sum(design))
    >>> run(RandomSearch(space, Stream(0, 0)), problem, Budget(evaluations=5))
    <Trajectory 5 proposals, 5 evaluated, best 103.00 %>

    Raises:
        what `steps_of` raises.
    """
    return Trajectory(tuple(steps_of(optimizer, problem, budget, told)))


def steps_of(
    optimizer: Optimizer,
    problem: Problem,
    budget: Budget,
    told: Told | None = None,
    before: Before = lambda iteration, turn: None,  # noqa: ARG005
    start: Sequence[Architecture] = (),
) -> Iterator[Step]:
    """Let an optimiser search until its budget is spent, or until it says that it cannot improve or is exhausted.

    Without `told` the optimiser is told the truth, and what cannot be measured ends the run. With it the optimiser is
    told what a published run was told, so that the run can be repeated to the letter even where that was not true.

    The designs of `start` are the first proposals: judged, told and counted like the optimiser's own. Each step is
    given when it has happened, and whoever takes no more ends the run.

    Raises:
        OptimizerError, InvalidArchitecture: the optimiser fails, or proposes what is no proposal (`Problem.judge`).
    """
    who = type(optimizer).__name__
    count = 0
    tested: set[Architecture] = set()
    iteration = turn = 0
    while budget.left(iteration, count, len(tested)):
        before(iteration, turn)
        try:
            with blaming(who):
                proposal = Proposal(start[count]) if count < len(start) else optimizer.ask()
        except Exhausted:
            break
        trial = problem.judge(proposal, tested)
        outcome = trial if told is None else told(iteration, turn, trial)
        step, count = Step(iteration, turn, trial, outcome), count + 1
        if outcome is None or (told is None and isinstance(outcome, Unmeasured)):
            yield step
            break
        with blaming(who):
            optimizer.tell(outcome)
        yield step
        if isinstance(outcome, Rejected):
            if outcome.rejection.reason is Reason.CONCLUDED:
                break
            turn += 1
            continue
        if trial.architecture is not None:
            tested.add(trial.architecture)
        iteration, turn = iteration + 1, 0
