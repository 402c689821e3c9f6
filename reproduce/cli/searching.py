"""Searches by training: what makes one, its course, and the cassette that replays it without torch.

A trial's course follows from its results alone. So each round repeats the trials as far as results are known, then
trains at once what they ask for next; a search that was interrupted, or moved to another machine, goes on from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from baselines import catalogue
from cache import cassette
from cache.cassette import Cassette
from cache.key import JSON, digest
from cache.record import Record
from harness import spaces
from harness.errors import OptimizerError
from harness.loop import Budget, Objective, Referee, Step, Trajectory, run
from harness.method import Method
from harness.objectives import NotTrained, TrainedObjective
from harness.streams import Stream
from reproduce.cli.training import Training
from reproduce.errors import BrokenRecording, UsageError
from reproduce.published import imagenet
from tables.space import Architecture

KIND = "search"  # of the record that says which search a cassette holds
GENIUS = "genius"  # the method of a published run
BUDGET = 10  # evaluations, as GENIUS had
OBLIVIOUS = ("random", "random-distinct")
"""Methods that propose the same whatever they are told: all their jobs are known from the beginning."""


@dataclass(frozen=True)
class Plan:
    """All that makes a search by training; as JSON it is the request of the search's record.

    Attributes:
        method: as in `baselines.catalogue.find`, or `GENIUS`.
        training: of every architecture.
        run: the published run whose conversation is replayed, of `GENIUS`.
        budget: evaluations of a trial; a published run has its own.
        trials: independent ones, numbered from 0.
        seed: of the method.
    """

    method: str
    training: Training
    run: str | None = None
    budget: int = BUDGET
    trials: int = 1
    seed: int = 0

    @classmethod
    def from_json(cls, request: Mapping[str, Any]) -> Plan:
        """The inverse of `asdict`; raises TypeError, KeyError or HarnessError for something else."""
        return cls(**{**request, "training": Training.from_json(request["training"])})


@dataclass(frozen=True)
class Candidate:
    """An architecture that a search evaluates, and where; `told` is what a published run was told of it, in percent."""

    trial: int
    iteration: int
    architecture: Architecture
    told: float | None = None


# -- searching ---


@dataclass(frozen=True)
class _SoFar:
    """What is known of an objective; None, which ends a search for now, for what is still to be trained."""

    objective: TrainedObjective

    def evaluate(self, architecture: Architecture) -> float | None:
        return self.objective.evaluate(architecture) if self.objective.is_trained(architecture) else None


@dataclass(frozen=True)
class _Always:
    """Tells every search the same."""

    accuracy: float | None

    def evaluate(self, architecture: Architecture) -> float | None:  # noqa: ARG002
        return self.accuracy


def candidates(plan: Plan, objective: TrainedObjective) -> list[Candidate]:
    """Search to the end, and return all that was evaluated; what has no result yet is trained, as it becomes known.

    Raises:
        UnfitMethod, OptimizerError: the method cannot search the space, or a trial takes another course each time.
        NotTrained, TrainingFailed, QueueError, InvalidJob: as in `TrainedObjective.evaluate`.
    """
    found = foreseen(plan)
    objective.train(candidate.architecture for candidate in found)
    if plan.run is not None:
        return found
    courses: dict[int, list[Candidate]] = {}
    going_on = list(range(plan.trials))
    while going_on:
        searched = {trial: _search(plan, trial, _SoFar(objective)) for trial in going_on}
        for trial, so_far in searched.items():
            course, before = evaluations(trial, so_far), courses.get(trial, [])
            if course[: len(before)] != before:
                raise OptimizerError(
                    f"{plan.method}: expected trial {trial + 1} to propose what it proposed before, got something "
                    "else; all randomness must come from the stream (`python -m reproduce conformance`)"
                )
            courses[trial] = course
        going_on = [trial for trial in going_on if _waits(searched[trial])]
        objective.train(courses[trial][-1].architecture for trial in going_on)
    return [candidate for trial in range(plan.trials) for candidate in courses[trial]]


def foreseen(plan: Plan) -> list[Candidate]:
    """What is known to be evaluated before anything is trained: everything, or the first of each trial."""
    if plan.run is not None:
        return _designs(imagenet.replay(plan.run).trajectory)
    told = _Always(0.0 if plan.method in OBLIVIOUS else None)
    return [each for trial in range(plan.trials) for each in evaluations(trial, _search(plan, trial, told))]


def _search(plan: Plan, trial: int, objective: Objective) -> Trajectory:
    return trajectory(find_method(plan.method), plan.training.space, objective, plan.budget, plan.seed, trial)


def find_method(name: str) -> Method:
    """The method of this name; raises UsageError if there is none."""
    try:
        return catalogue.find(name)
    except catalogue.UnknownMethod as error:
        raise UsageError(f"search: {error}") from error


def trajectory(method: Method, space: str, objective: Objective, budget: int, seed: int, trial: int) -> Trajectory:
    """One trial of a method; it ends early where the objective knows no accuracy."""
    declared = spaces.find(space).SPACE
    referee = Referee(declared, partial(spaces.counted_macs, space), (), objective)
    return run(method.factory(declared, Stream(seed, trial)), referee, Budget(evaluations=budget))


def evaluations(trial: int, course: Trajectory) -> list[Candidate]:
    """What was accepted; the last may have no accuracy yet."""
    accepted = (step for step in course.steps if step.trial.rejection is None)
    return [Candidate(trial, step.iteration, step.trial.architecture) for step in accepted if step.trial.architecture]


def _waits(course: Trajectory) -> bool:
    """Whether the last step is one that has no accuracy yet."""
    last = course.steps[-1].trial
    return last.rejection is None and last.accuracy is None


def _designs(course: Trajectory) -> list[Candidate]:
    """The designs that a published run accepted, with what it was told; the last one's accuracy was never published."""
    return [
        Candidate(0, step.iteration, step.trial.architecture, step.told.accuracy if step.told else None)
        for step in course.steps
        if _was_accepted(step) and step.trial.architecture is not None
    ]


def _was_accepted(step: Step) -> bool:
    return (step.told or step.trial).rejection is None


# -- recordings ---


def records(plan: Plan, found: Sequence[Candidate], objective: TrainedObjective) -> list[Record]:
    """All that a replay needs: the trainings, and what was searched, with a digest of the course."""
    trained = [objective.record(architecture) for architecture in {each.architecture for each in found}]
    return [*trained, Record(asdict(plan), {"course": _digest(found, objective)}, kind=KIND)]


def _digest(found: Sequence[Candidate], objective: TrainedObjective) -> str:
    course: list[JSON] = [
        [each.trial, each.iteration, list(each.architecture), objective.evaluate(each.architecture)] for each in found
    ]
    return digest(course)


@dataclass(frozen=True)
class Recorded:
    """A search that was replayed from a cassette."""

    plan: Plan
    found: list[Candidate]
    objective: TrainedObjective
    cassette: Cassette


def replay(path: Path) -> Recorded:
    """Search again as a cassette says, with nothing but its trainings.

    Raises:
        CassetteError: the cassette is damaged.
        BrokenRecording: it lacks something, or the search takes another course than it took.
    """
    recorded = cassette.read(path)
    searches = [record for record in recorded.values() if record.kind == KIND]
    if len(searches) != 1:
        raise BrokenRecording(str(path), f"{len(searches)} searches where there is to be one")
    try:
        plan = Plan.from_json(searches[0].request)
    except (TypeError, KeyError, ValueError) as error:
        raise BrokenRecording(str(path), f"a search of another form ({error})") from error
    objective = TrainedObjective(plan.training.job, recorded)
    try:
        found = candidates(plan, objective)
    except NotTrained as error:
        raise BrokenRecording(str(path), f"less than the search needs: {error}") from error
    if searches[0].answer != {"course": _digest(found, objective)}:
        raise BrokenRecording(str(path), "another course than the search took")
    return Recorded(plan, found, objective, recorded)
