"""The search loop: ask, read, judge, evaluate, tell, until the budget is spent; the course is kept as data.

GENIUS' Algorithm 1 with its FLOPs feedback (arXiv 2304.10970, sections 3.2 and 4.1) is this loop with a language model
as the optimiser: an iteration T, counted from 0, holds one turn for each rejected proposal and ends with an evaluated
one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from harness.constraints import Constraint
from harness.errors import OptimizerError
from harness.protocol import Optimizer, Proposal, Reason, Rejection, Trial
from harness.text import published as grammar
from tables.space import Architecture, Space


class Objective(Protocol):
    """Measures an architecture."""

    def evaluate(self, architecture: Architecture) -> float | None:
        """Return the validation accuracy in percent, or None where no measurement exists."""


@dataclass(frozen=True)
class Referee:
    """Reads a proposal, holds it against the constraints, and has it evaluated if it passes."""

    space: Space
    macs: Callable[[Architecture], int]
    constraints: Sequence[Constraint]
    objective: Objective

    def judge(self, proposal: Proposal, tested: Collection[Architecture]) -> Trial:
        """Return the true outcome of a proposal.

        Raises:
            OptimizerError: if it holds neither an architecture nor a reply.
            InvalidArchitecture: if its architecture is none of the space.
        """
        if proposal.architecture is not None:
            architecture = self.space.validate(proposal.architecture)
        elif proposal.reply is not None:
            reading = grammar.read(self.space, proposal.reply)
            if isinstance(reading, Rejection):
                return Trial(proposal, rejection=reading)
            architecture = reading.architecture
        else:
            raise OptimizerError("a proposal needs an architecture or a reply to read one from; got neither")
        macs = self.macs(architecture)
        trial = Trial(proposal, architecture, macs)
        for constraint in self.constraints:
            if rejection := constraint.check(architecture, macs, tested):
                return replace(trial, rejection=rejection)
        return replace(trial, accuracy=self.objective.evaluate(architecture))


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


@dataclass(frozen=True)
class Trajectory:
    """The course of one run."""

    steps: tuple[Step, ...]

    @property
    def evaluated(self) -> tuple[Step, ...]:
        """The step that ended each iteration with an accuracy."""
        return tuple(step for step in self.steps if step.told is not None and step.told.accuracy is not None)

    @property
    def best(self) -> Step:
        """The step with the highest accuracy, the earliest if several share it.

        Raises:
            ValueError: if nothing was evaluated.
        """
        if not self.evaluated:
            raise ValueError(f"expected an evaluated proposal, got none among {len(self.steps)}")
        return max(self.evaluated, key=lambda step: step.told.accuracy or 0.0 if step.told else 0.0)

    @property
    def records(self) -> tuple[str, ...]:
        """The key of every record used, in order."""
        return tuple(step.trial.proposal.record for step in self.steps if step.trial.proposal.record is not None)


PATIENCE = 20  # proposals for each evaluation that a budget allows


@dataclass(frozen=True)
class Budget:
    """When a run ends: at the first of these numbers that is reached.

    `unique` counts architectures evaluated for the first time, `evaluations` repeated ones too, `proposals` rejected
    ones as well. Without a number of proposals there may be `PATIENCE` times as many as of the others, so that a search
    whose every proposal is rejected ends.
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

    def left(self, evaluations: int, proposals: int, unique: int) -> bool:
        """Whether a run that has spent this much goes on."""
        limits = ((self.evaluations, evaluations), (self.most_proposals, proposals), (self.unique, unique))
        return all(limit is None or spent < limit for limit, spent in limits)


Testimony = Callable[[int, int, Trial], Trial | None]
"""(iteration, turn, true outcome) → what the optimiser is told, or None where a published run breaks off."""


def run(optimizer: Optimizer, referee: Referee, budget: Budget, testimony: Testimony | None = None) -> Trajectory:
    """Let an optimiser search until its budget is spent, or until it says that it cannot improve.

    Without a testimony the optimiser is told the truth, and what cannot be measured ends the run. With one it is told
    what a published run was told, so that the run can be repeated to the letter even where that was not true.
    """
    steps: list[Step] = []
    tested: set[Architecture] = set()
    iteration = turn = 0
    while budget.left(iteration, len(steps), len(tested)):
        proposal = optimizer.ask()
        trial = referee.judge(proposal, tested)
        told = testimony(iteration, turn, trial) if testimony else trial
        steps.append(Step(iteration, turn, trial, told))
        if told is None or (testimony is None and told.rejection is None and told.accuracy is None):
            break
        optimizer.tell(told)
        if told.rejection is not None and told.rejection.reason is Reason.CONCLUDED:
            break
        if told.rejection is not None:
            turn += 1
            continue
        if trial.architecture is not None:
            tested.add(trial.architecture)
        iteration, turn = iteration + 1, 0
    return Trajectory(tuple(steps))
