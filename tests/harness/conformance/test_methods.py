"""Each property of search methods can fail: an optimiser that breaks it and nothing else, and honest ones that pass."""

from __future__ import annotations

import random
import re
import sys
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.conformance import methods as conformance
from harness.conformance.methods import OF_METHODS, check
from harness.protocol import Evaluated, Method, Proposal, Rejected, Trial
from harness.streams import Stream, Streams
from tables.space import Architecture, Space
from tables.table import HeldOut


class Honest:
    """Random search."""

    def __init__(self, space: Space, stream: Stream) -> None:
        self.space = space
        self.stream = stream
        self.next = space.sample(stream)

    def ask(self) -> Proposal:
        return Proposal(self.next)

    def tell(self, trial: Trial) -> None:  # noqa: ARG002
        self.next = self.space.sample(self.stream)


class HonestWriter(Honest):
    """Proposes in words, as a language model does."""

    def ask(self) -> Proposal:
        return Proposal(reply=f"I propose {list(self.space.symbols(self.next))}")


class CannotBePickled(Honest):
    def __init__(self, space: Space, stream: Stream) -> None:
        super().__init__(space, stream)
        self.lock = threading.Lock()
        self.course: Iterator[Architecture] = iter(lambda: space.sample(stream), None)

    def tell(self, trial: Trial) -> None:  # noqa: ARG002
        with self.lock:
            self.next = next(self.course)


class ProposesOutsideTheSpace(Honest):
    def ask(self) -> Proposal:
        return Proposal((self.space.cardinalities[0], *self.next[1:]))


class ProposesFloats(Honest):
    def ask(self) -> Proposal:
        return Proposal(tuple(np.array(self.next, float)))


class ProposesTuples(Honest):
    def ask(self) -> Proposal:
        architecture: Any = self.next
        return architecture  # type: ignore[no-any-return]


class ProposesNothing(Honest):
    def ask(self) -> Proposal:
        return Proposal()


def caller_s_problem() -> Any:
    """The problem of the loop that calls an optimiser."""
    frame = sys._getframe(1)
    while "problem" not in frame.f_locals:
        assert frame.f_back is not None
        frame = frame.f_back
    return frame.f_locals["problem"]


class EvaluatesOnItsOwn(Honest):
    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        caller_s_problem().objective(self.next)


class NeverRepeats(Honest):
    def __init__(self, space: Space, stream: Stream) -> None:
        super().__init__(space, stream)
        self.seen: set[Architecture] = set()

    def tell(self, trial: Trial) -> None:  # noqa: ARG002
        self.seen.add(self.next)
        while self.next in self.seen:
            self.next = self.space.sample(self.stream)


class RunsOut(Honest):
    left: int = 20

    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        self.left -= 1
        if not self.left:
            raise StopIteration("all 20 proposals are made")


class DrawsElsewhere(Honest):
    def tell(self, trial: Trial) -> None:  # noqa: ARG002
        self.next = self.space.sample(random.Random())


class SharesItsState(Honest):
    shared: ClassVar[list[Architecture]] = []

    def __init__(self, space: Space, stream: Stream) -> None:
        super().__init__(space, stream)
        self.shared.clear()

    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        self.shared.append(self.next)
        self.next = self.shared[len(self.shared) // 2]


class DependsOnHashes(Honest):
    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        words = (f"{self.next} {slot}" for slot in range(len(self.next)))  # so many that two salts never agree on all
        self.next = tuple(hash(word) % count for word, count in zip(words, self.space.cardinalities, strict=True))


class MovesOnWhenAsked(Honest):
    def ask(self) -> Proposal:
        proposal = Proposal(self.next)
        self.next = self.space.sample(self.stream)
        return proposal

    def tell(self, trial: Trial) -> None:
        pass


class InsistsOnWhatWasRejected(Honest):
    def tell(self, trial: Trial) -> None:
        if not isinstance(trial, Rejected):
            super().tell(trial)


class ComparesWithoutLooking(Honest):
    best: float = 0.0

    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        self.best = max(self.best, trial.accuracy)  # type: ignore[union-attr]


class CreditsItself(Honest):
    """Climbs, and takes every outcome for that of its own proposal."""

    def __init__(self, space: Space, stream: Stream) -> None:
        super().__init__(space, stream)
        self.centre, self.best = self.next, 0.0

    def tell(self, trial: Trial) -> None:
        if isinstance(trial, Evaluated) and trial.accuracy > self.best:
            self.centre, self.best = self.next, trial.accuracy
        self.next = self.stream.choice(list(self.space.neighbours(self.centre)))


class LooksAtTheTest(Honest):
    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        table = getattr(caller_s_problem().objective, "table", None)
        if table is not None and table._path.exists():
            test = HeldOut.open(table._path).test
            self.next = max(self.next, self.space.sample(self.stream), key=lambda each: test[table.index_of(each)])


class OtherArrays:
    """Proposes the same architecture for ever."""

    def __init__(self, space: Space, streams: Streams) -> None:
        self.next = streams.indices(space.size)

    def ask(self) -> NDArray[np.int64]:
        return self.next

    def reject(self, rows: NDArray[np.int64]) -> None:
        pass

    def tell(self, proposals: NDArray[np.int64], accuracies: NDArray[np.float64]) -> None:
        pass


class ArraysThatMoveOnWhenAsked(OtherArrays):
    """Those of random search, but they count how often they are asked."""

    def __init__(self, space: Space, streams: Streams) -> None:
        super().__init__(space, streams)
        self.size = space.size
        self.streams = streams

    def ask(self) -> NDArray[np.int64]:
        proposed = self.next
        self.next = self.streams.indices(self.size)
        return proposed


class InsistingArrays:
    """The arrays of `Honest`, but what was rejected is proposed again."""

    def __init__(self, space: Space, streams: Streams) -> None:
        self.size, self.streams = space.size, streams
        self.next = streams.indices(space.size)

    def ask(self) -> NDArray[np.int64]:
        return self.next

    def tell(self, proposals: NDArray[np.int64], accuracies: NDArray[np.float64]) -> None:  # noqa: ARG002
        self.next = self.streams.indices(self.size)

    def reject(self, rows: NDArray[np.int64]) -> None:
        pass


METHODS = (Method("by a function", "", lambda space, stream: CannotBePickled(space, stream)),)
"""A factory that can neither be pickled nor imported by its own name."""

BROKEN = [
    (ProposesOutsideTheSpace, conformance.proposes_only_valid_architectures, "Layer 1 expects a choice from 0 to 1"),
    (ProposesFloats, conformance.proposes_only_valid_architectures, "Layer 1 expects a choice from 0 to 1, got"),
    (ProposesTuples, conformance.proposes_only_valid_architectures, r"return Proposal\(architecture\)"),
    (ProposesNothing, conformance.proposes_only_valid_architectures, "needs an architecture or a reply"),
    (EvaluatesOnItsOwn, conformance.respects_the_budget, "expected 1 evaluations, those of its proposals, got 2"),
    (NeverRepeats, conformance.respects_the_budget, "where nothing new is left, propose an architecture again"),
    (RunsOut, conformance.respects_the_budget, "all 20 proposals are made"),
    (DrawsElsewhere, conformance.repeats_a_trial_in_any_company, "draw all randomness from the stream"),
    (SharesItsState, conformance.repeats_a_trial_in_any_company, "keep all state in the instance"),
    (DependsOnHashes, conformance.repeats_a_trial_in_a_second_process, "keep sets in order"),
    (MovesOnWhenAsked, conformance.does_not_change_when_asked, "asked once for proposal 0 .* change state in tell"),
    (InsistsOnWhatWasRejected, conformance.survives_rejections, "propose another"),
    (ComparesWithoutLooking, conformance.survives_rejections, "no attribute 'accuracy' .*test_methods.py, line"),
    (CreditsItself, conformance.takes_designs_to_start_from, "use the trial's `architecture`"),
    (LooksAtTheTest, conformance.has_no_access_to_test_accuracies, "use the `accuracy` of an `Evaluated` trial only"),
]
BREAKS_MORE = (
    ProposesOutsideTheSpace,
    ProposesFloats,
    ProposesTuples,
    ProposesNothing,
    NeverRepeats,
    RunsOut,
    DrawsElsewhere,
)
"""What these do wrong makes it impossible to run them at all, or differs between any two runs."""


@pytest.mark.parametrize("factory", [Honest, HonestWriter, CannotBePickled])
def test_an_honest_optimiser_passes(factory: type[Honest]) -> None:
    assert [finding for finding in check(OF_METHODS, Method("honest", "", factory)) if not finding.ok] == []


def test_a_writer_without_a_design_ends_and_fails() -> None:
    class SaysNothing(Honest):
        def ask(self) -> Proposal:
            return Proposal(reply="Hm.")

    failed = [finding.property for finding in check(OF_METHODS, Method("silent", "", SaysNothing)) if not finding.ok]
    assert "survives rejections" in failed


def test_nothing_has_to_be_pickled() -> None:
    assert conformance.repeats_a_trial_in_a_second_process(METHODS[0]) is None


@pytest.mark.parametrize(("factory", "holds", "says"), BROKEN, ids=[factory.__name__ for factory, _, _ in BROKEN])
def test_a_broken_optimiser_is_found_out(factory: type[Honest], holds: Any, says: str) -> None:
    method = Method("broken", "", factory)
    (finding,) = check([holds], method)
    assert not finding.ok
    assert finding.property == holds.__name__.replace("_", " ")
    assert re.search(says, finding.reason)
    if factory not in BREAKS_MORE:
        assert [each.property for each in check(OF_METHODS, method) if not each.ok] == [finding.property]


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        (OtherArrays, "trial 0 differs from its one-trial form at evaluation 1"),
        (InsistingArrays, "half of it rejected: trial"),
        (ArraysThatMoveOnWhenAsked, "asked three times for proposal 0 the arrays differ"),
    ],
)
def test_arrays_that_run_something_else_are_found_out(arrays: type[OtherArrays], says: str) -> None:
    reason = conformance.runs_as_arrays_what_it_runs_one_by_one(Method("broken", "", Honest, arrays))
    assert reason is not None
    assert says in reason


def test_every_property_has_an_optimiser_that_breaks_it() -> None:
    assert {holds for _, holds, _ in BROKEN} | {conformance.runs_as_arrays_what_it_runs_one_by_one} == {*OF_METHODS}


def test_what_cannot_be_imported_cannot_run_in_a_second_process() -> None:
    class Hidden(Honest):
        pass

    reason = conformance.repeats_a_trial_in_a_second_process(Method("hidden", "", Hidden))
    assert reason == "hidden cannot be imported by a second process; define it at the top of a module"


def test_a_second_process_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    class Mine(Honest):
        pass

    module = ModuleType("only_in_memory")
    vars(module).update(Mine=Mine)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    reason = conformance.repeats_a_trial_in_a_second_process(Method("mine", "", Mine))
    assert reason == "a second process ended with exit code 1: ModuleNotFoundError: No module named 'only_in_memory'"
