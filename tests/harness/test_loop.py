"""The search loop with made-up optimisers: who is told what, when it stops, and what it keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from harness.constraints import MacsWindow, novel
from harness.errors import OptimizerError
from harness.loop import Budget, Problem, Told, Trajectory, run
from harness.protocol import Evaluated, Exhausted, Proposal, Reason, Rejected, Trial, Unmeasured
from harness.text import notation
from tables.errors import InvalidArchitecture
from tables.space import Architecture
from tests.strategies import WIDTHS

CHEAP: Architecture = (0, 0, 0, 0, 0)
GOOD: Architecture = (1, 1, 0, 0, 0)
EQUAL: Architecture = (0, 0, 1, 1, 0)
WORSE: Architecture = (1, 0, 0, 0, 0)
COSTLY: Architecture = (1, 2, 3, 3, 3)
UNMEASURED: Architecture = (0, 1, 1, 0, 0)
ACCURACIES = {GOOD: 72.5, EQUAL: 72.5, WORSE: 70.0}


class Measured:
    """An objective that knows three architectures."""

    def __call__(self, architecture: Architecture) -> float | None:
        return ACCURACIES.get(architecture)


PROBLEM = Problem(WIDTHS, lambda architecture: sum(architecture) * 1_000_000, (MacsWindow(1, 5), novel), Measured())


@dataclass
class Scripted:
    """Proposes what it is given, in order, the last for ever, and remembers what it was told."""

    proposals: Sequence[Proposal]
    told: list[Trial] = field(default_factory=list)

    def ask(self) -> Proposal:
        return self.proposals[min(len(self.told), len(self.proposals) - 1)]

    def tell(self, trial: Trial) -> None:
        self.told.append(trial)


def scripted(*architectures: Architecture) -> Scripted:
    return Scripted([Proposal(architecture) for architecture in architectures])


def numbers(trajectory: Trajectory) -> list[tuple[int, int]]:
    return [(step.iteration, step.turn) for step in trajectory.steps]


def test_an_architecture_is_judged_without_reading() -> None:
    proposal = Proposal(GOOD)
    assert PROBLEM.judge(proposal, ()) == Evaluated(proposal, GOOD, 2_000_000, 72.5)


def test_a_reply_is_read_first() -> None:
    proposal = Proposal(reply="I suggest:\n" + notation.write(WIDTHS, GOOD), record="key")
    assert PROBLEM.judge(proposal, ()) == Evaluated(proposal, GOOD, 2_000_000, 72.5)


def test_a_reply_without_a_design_is_a_rejected_trial() -> None:
    trial = PROBLEM.judge(Proposal(reply="I would rather not say."), ())
    assert isinstance(trial, Rejected)
    assert (trial.architecture, trial.macs) == (None, None)
    assert trial.rejection.reason is Reason.NOTHING_FOUND


def test_a_proposal_of_nothing_breaks_the_protocol() -> None:
    with pytest.raises(OptimizerError, match="needs an architecture or a reply to read one from; got neither"):
        PROBLEM.judge(Proposal(), ())


def test_an_architecture_of_another_space_breaks_the_protocol() -> None:
    with pytest.raises(InvalidArchitecture, match="widths: expected 5 choices"):
        PROBLEM.judge(Proposal((0,)), ())


def test_constraints_reject_in_their_order_and_nothing_rejected_is_evaluated() -> None:
    trial = PROBLEM.judge(Proposal(COSTLY), {COSTLY})
    assert isinstance(trial, Rejected)
    assert (trial.architecture, trial.macs) == (COSTLY, 12_000_000)
    assert trial.rejection.reason is Reason.ABOVE_WINDOW


def test_a_run_counts_iterations_and_the_turns_of_each() -> None:
    optimizer = scripted(COSTLY, CHEAP, GOOD, GOOD, WORSE)
    trajectory = run(optimizer, PROBLEM, Budget(evaluations=2))
    assert numbers(trajectory) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]
    assert [step.accuracy for step in trajectory.evaluated] == [72.5, 70.0]


def test_rejected_proposals_are_told_with_their_reason() -> None:
    optimizer = scripted(COSTLY, CHEAP, GOOD, GOOD, WORSE)
    trajectory = run(optimizer, PROBLEM, Budget(evaluations=2))
    assert [trial.rejection.reason if isinstance(trial, Rejected) else None for trial in optimizer.told] == [
        Reason.ABOVE_WINDOW,
        Reason.BELOW_WINDOW,
        None,
        Reason.REPEATED,
        None,
    ]
    assert [step.trial for step in trajectory.steps] == [step.told for step in trajectory.steps] == optimizer.told


def test_a_run_stops_when_its_evaluations_are_spent() -> None:
    assert len(run(scripted(GOOD, WORSE, EQUAL), PROBLEM, Budget(evaluations=3)).evaluated) == 3
    assert run(scripted(GOOD), PROBLEM, Budget(evaluations=0)).steps == ()


def test_a_run_stops_when_its_proposals_are_spent_rejected_ones_included() -> None:
    trajectory = run(scripted(GOOD, COSTLY), PROBLEM, Budget(evaluations=10, proposals=4))
    assert numbers(trajectory) == [(0, 0), (1, 0), (1, 1), (1, 2)]


def test_what_cannot_be_measured_ends_the_run_untold() -> None:
    optimizer = scripted(GOOD, UNMEASURED, WORSE)
    trajectory = run(optimizer, PROBLEM, Budget(evaluations=10))
    assert numbers(trajectory) == [(0, 0), (1, 0)]
    assert len(optimizer.told) == 1
    assert len(trajectory.evaluated) == 1


def evaluated(trial: Trial, accuracy: float) -> Evaluated:
    return Evaluated(trial.proposal, trial.architecture or (), trial.macs or 0, accuracy)


def told_otherwise(told: dict[tuple[int, int], float | None]) -> Told:
    """Another accuracy at given turns, or None for a run that breaks off there; the truth elsewhere."""

    def otherwise(iteration: int, turn: int, trial: Trial) -> Trial | None:
        if (iteration, turn) not in told:
            return trial
        accuracy = told[iteration, turn]
        return None if accuracy is None else evaluated(trial, accuracy)

    return otherwise


def test_what_was_told_replaces_the_truth_and_the_steps_keep_both() -> None:
    optimizer = scripted(COSTLY, GOOD)
    trajectory = run(optimizer, PROBLEM, Budget(evaluations=2), told_otherwise({(0, 0): 80.0}))
    assert [trial.accuracy for trial in optimizer.told if isinstance(trial, Evaluated)] == [80.0, 72.5]
    assert numbers(trajectory) == [(0, 0), (1, 0)]
    first = trajectory.steps[0]
    assert isinstance(first.trial, Rejected)
    assert first.trial.rejection.reason is Reason.ABOVE_WINDOW
    assert first.told == evaluated(first.trial, 80.0)
    assert trajectory.best is first


def test_where_nothing_was_told_the_run_ends() -> None:
    optimizer = scripted(GOOD, WORSE, EQUAL)
    trajectory = run(optimizer, PROBLEM, Budget(evaluations=3), told_otherwise({(1, 0): None}))
    assert numbers(trajectory) == [(0, 0), (1, 0)]
    assert trajectory.steps[-1].told is None
    assert [trial.architecture for trial in optimizer.told] == [GOOD]
    assert len(trajectory.evaluated) == 1


def test_only_the_end_of_what_was_told_ends_such_a_run() -> None:
    def nothing(iteration: int, _turn: int, trial: Trial) -> Trial | None:
        return Unmeasured(trial.proposal, trial.architecture, trial.macs) if iteration < 2 else None

    optimizer = scripted(GOOD, UNMEASURED, WORSE)
    trajectory = run(optimizer, PROBLEM, Budget(evaluations=10), nothing)
    assert numbers(trajectory) == [(0, 0), (1, 0), (2, 0)]
    assert len(optimizer.told) == 2
    assert trajectory.evaluated == ()


def test_the_best_step_is_the_earliest_of_the_highest_accuracy() -> None:
    trajectory = run(scripted(WORSE, EQUAL, GOOD), PROBLEM, Budget(evaluations=3))
    assert trajectory.best is trajectory.steps[1]


def test_a_run_without_evaluations_has_no_best_step() -> None:
    with pytest.raises(ValueError, match="expected an evaluated proposal"):
        _ = run(scripted(COSTLY), PROBLEM, Budget(evaluations=1, proposals=2)).best


def test_records_are_listed_in_order_of_use() -> None:
    costly = Proposal(reply=notation.write(WIDTHS, COSTLY), record="first")
    good = Proposal(reply=notation.write(WIDTHS, GOOD), record="second")
    trajectory = run(Scripted([costly, good, Proposal(WORSE)]), PROBLEM, Budget(evaluations=2))
    assert trajectory.records == ("first", "second")


class Ill:
    """Fails in one place, as an optimiser of a user may, or proposes what is no architecture."""

    def __init__(self, place: str, proposal: object = Proposal(GOOD)) -> None:
        self.place, self.proposal = place, proposal

    def ask(self) -> Proposal:
        if self.place == "ask":
            raise KeyError("mine")
        return self.proposal  # type: ignore[return-value]

    def tell(self, trial: Trial) -> None:
        if self.place == "tell":
            raise ZeroDivisionError(f"mine, of {trial}")


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (Ill("ask"), r"Ill: .*got KeyError: 'mine' \(.*test_loop.py, line \d+\); `python -m reproduce conformance`"),
        (Ill("tell"), "Ill: .*got ZeroDivisionError: mine, of"),
        (Ill("", GOOD), "expected a Proposal, got"),
        (Ill("", Proposal(5)), "expected an architecture as a tuple"),  # type: ignore[arg-type]
        (Ill("", Proposal(reply=5)), "or a reply as text"),  # type: ignore[arg-type]
    ],
)
def test_what_an_optimiser_does_wrong_is_an_error_that_names_it(optimizer: Ill, message: str) -> None:
    with pytest.raises(OptimizerError, match=message):
        run(optimizer, PROBLEM, Budget(evaluations=3))


def test_an_exhausted_optimiser_ends_its_run() -> None:
    class Grid(Scripted):
        def ask(self) -> Proposal:
            if len(self.told) == len(self.proposals):
                raise Exhausted("all tried")
            return super().ask()

    assert len(run(Grid([Proposal(GOOD), Proposal(WORSE)]), PROBLEM, Budget(evaluations=9)).evaluated) == 2
