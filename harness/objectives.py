"""What measures an architecture: `harness.loop.Objective` on a benchmark table, and by real training.

Nothing here imports torch: a training is a job of the queue, done by a worker process, and one whose result is recorded
is read from its record.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from cache.record import Record
from harness.errors import InvalidJob, SpaceMismatch, TrainingError
from harness.training.jobs import Job, Outcome, Result, from_record
from harness.training.queue import Executor, Queue, State, Status
from tables.space import Architecture, Space
from tables.table import Table


@dataclass(frozen=True)
class TabularObjective:
    """Looks accuracies up in the search side of a table: where a validation accuracy exists, test is out of reach."""

    space: Space
    table: Table

    def __post_init__(self) -> None:
        if self.table.cardinalities != self.space.cardinalities:
            raise SpaceMismatch(
                f"{self.table.name} has slots of {self.table.cardinalities} choices, {self.space.name} of "
                f"{self.space.cardinalities}; name a table of this space"
            )

    def evaluate(self, architecture: Architecture) -> float:
        """The accuracy that a search is told, in percent (`Table.measure` says of which data)."""
        return float(self.table.accuracy[self.table.index_of(architecture)])


class NotTrained(TrainingError):
    """A job without a result, where nothing may be trained."""


class TrainingFailed(TrainingError):
    """Jobs that were given up; the message holds the end of the log of each."""


class Results(Protocol):
    """Records of trained jobs by key; a store and a cassette are such."""

    def get(self, key: str, /) -> Record | None:
        """The verified record of `key`, or None."""

    def put(self, record: Record, /) -> bool:
        """Keep `record` unless its key is there."""


@dataclass(frozen=True)
class Workshop:
    """Where jobs without a result are trained: a queue, and the executor that works it off.

    Attributes:
        queue: takes the jobs; what it holds already is not done again.
        executor: makes the executor, when the first job needs it.
        watch: is told each job with its result as soon as it is there.
    """

    queue: Queue
    executor: Callable[[], Executor]
    watch: Callable[[Job, Result], object] = lambda job, result: None  # noqa: ARG005

    def train(self, jobs: Collection[Job], results: Results) -> None:
        """Train these jobs, as many at once as the executor can, and keep each result when it is there.

        Raises:
            TrainingFailed: some were given up or cancelled; the others are done.
            QueueError: nothing can be trained here.
        """
        by_key = {self.queue.add(job): job for job in jobs}
        given_up: list[str] = []

        def ended(status: Status) -> None:
            record = self.queue.result(status.key)
            if record is None:
                given_up.append(self._failure(status))
                return
            results.put(record)
            self.watch(by_key[status.key], from_record(record)[1])

        self.executor().run(self.queue, by_key, ended)
        if given_up:
            raise TrainingFailed("\n".join(given_up))

    def _failure(self, status: Status) -> str:
        if status.state is State.CANCELLED:
            why = f"the job {status.key} was cancelled"
        else:
            why = self.queue.failure(status.key)
        return f"expected a result, but {why}\nmend what it says, then `python -m reproduce jobs retry {status.key}`"


@dataclass(frozen=True)
class TrainedObjective:
    """Trains architectures; each job once, ever: its record is looked up first.

    Attributes:
        job: how an architecture is trained.
        results: the records of what was trained before, and where new ones go.
        workshop: trains what has no record; None where nothing may be trained, such as in a replay.
    """

    job: Callable[[Architecture], Job]
    results: Results
    workshop: Workshop | None = None
    _read: dict[Architecture, tuple[Record, Outcome]] = field(default_factory=dict, repr=False, compare=False)

    def evaluate(self, architecture: Architecture) -> float:
        """The validation accuracy in percent, all that a search is told.

        Raises:
            NotTrained: there is no result, and no workshop.
            TrainingFailed, QueueError: as in `Workshop.train`.
            InvalidJob: the recipe holds no pictures back for validation.
        """
        return self.figures(architecture)[0]

    def figures(self, architecture: Architecture) -> tuple[float, float]:
        """Validation and test accuracy in percent; raises as `evaluate` does."""
        outcome = self.outcome(architecture)
        if outcome.validation is None:
            raise InvalidJob(
                f"a search expects a validation accuracy, and the recipe of {self.job(architecture).key} trains on all "
                "pictures: give its split a fraction for validation"
            )
        return outcome.validation, outcome.test

    def outcome(self, architecture: Architecture) -> Outcome:
        """All that came out of the training; raises as `evaluate` does, but for InvalidJob."""
        self.train([architecture])
        return self._read[architecture][1]

    def record(self, architecture: Architecture) -> Record:
        """The record of the training; raises as `outcome` does."""
        self.train([architecture])
        return self._read[architecture][0]

    def is_trained(self, architecture: Architecture) -> bool:
        """Whether a result is there."""
        if architecture not in self._read:
            record = self.results.get(self.job(architecture).key)
            if record is None:
                return False
            self._read[architecture] = record, from_record(record)[1].outcome
        return True

    def train(self, architectures: Iterable[Architecture]) -> None:
        """Train at once those that have no result yet; raises as `outcome` does."""
        missing = [each for each in dict.fromkeys(architectures) if not self.is_trained(each)]
        if not missing:
            return
        jobs = [self.job(each) for each in missing]
        if self.workshop is None:
            raise NotTrained(
                f"expected the result of {jobs[0].key}, the training of {jobs[0].architecture} of {jobs[0].space}, "
                f"found none; train it: {len(jobs)} such are missing"
            )
        self.workshop.train(jobs, self.results)
        assert all(map(self.is_trained, missing))  # what has no result now was given up, and has raised
