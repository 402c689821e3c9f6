"""Recordings of live models: what makes a run, and a cassette that replays it without an endpoint or a table.

A recording is one cassette. Beside the model's answers it holds, in records of their own kinds, the figures of every
architecture that was evaluated (`evaluation`), and for each run that came to its end one record (`run`) whose request
says all that makes the run and whose answer pins its course.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from baselines.genius import Prompts
from cache import cassette
from cache.client import Client, Records
from cache.key import JSON, canonical, digest_bytes, request_key
from cache.record import Record
from harness import spaces
from harness.constraints import Constraint, MacsWindow, Novelty
from harness.loop import Budget, Referee, Trajectory
from harness.protocol import Reason
from harness.spaces import mobilenetv2_se
from reproduce.errors import BrokenRecording
from reproduce.published.replay import ITERATIONS, RECORDED, Replay, Search, Watch
from reproduce.report.report import course
from tables.space import Architecture, Space

EVALUATION, RUN = "evaluation", "run"

ANSWERS: Mapping[str, Callable[[Space], dict[str, JSON]]] = {
    "free": lambda space: {},  # noqa: ARG005
    "json-object": lambda space: {"response_format": {"type": "json_object", "schema": space.json_schema()}},
    "json-schema": lambda space: {
        "response_format": {"type": "json_schema", "json_schema": {"name": "design", "schema": space.json_schema()}}
    },
    "gbnf": lambda space: {"grammar": space.gbnf()},
}
"""How a model may answer: in prose, or held to the space by what a server takes (`docs/endpoints.md`)."""

AS_JSON = (
    ' Whatever form the problem asks for, write the {n} numbers as JSON, in their order: {{"architecture": [...]}}.'
)
"""Ends the system message where a model is held to the space, so that it is not held to something it was not told."""


@dataclass(frozen=True)
class Plan:
    """All that makes one run of a live model; as JSON it is the request of the run's record.

    Attributes:
        measure: what accuracies are of: `{"table": name, "digest": …}` or the recipe of a training.
        parameters: of every request besides the model, the messages and what `answers` adds.
        run: numbers independent runs, from 0; the sample of every request.
        window: bounds on the cost in millions, for the space whose problem states them.
    """

    model: str
    space: str
    measure: Mapping[str, JSON]
    answers: str = "free"
    parameters: Mapping[str, JSON] = field(default_factory=dict)
    run: int = 0
    iterations: int = ITERATIONS
    proposals: int = 2 * ITERATIONS
    window: tuple[int, int] | None = None

    @property
    def name(self) -> str:
        """The run in words."""
        model, target, answers, temperature = self.group
        return f"{model} on {target}, {answers}, temperature {temperature:g}, run {self.run + 1}"

    @property
    def group(self) -> tuple[str, str, str, float]:
        """What independent runs have in common: model, target, way to answer, temperature (nan if unset)."""
        temperature = self.parameters.get("temperature")
        known = float(temperature) if isinstance(temperature, int | float) else float("nan")
        return self.model, self.target, self.answers, known

    @property
    def target(self) -> str:
        """The table, or the space if architectures are trained."""
        return str(self.measure.get("table", self.space))

    @classmethod
    def from_json(cls, request: Mapping[str, Any]) -> Plan:
        """The inverse of `to_json`; raises TypeError or ValueError for something else."""
        window = request.get("window")
        return cls(**{**request, "window": tuple(window) if window else None})

    def to_json(self) -> dict[str, JSON]:
        """The plan as the request of a record."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    def search(self, figures: Figures) -> Search:
        """The run that is planned, with these figures as its objective.

        Raises:
            UnknownSpace: if no space has this name.
        """
        space = spaces.find(self.space).SPACE
        constraints: tuple[Constraint, ...] = (Novelty(),)
        words: dict[str, str] = {}
        if self.window is not None:
            constraints = (MacsWindow(*self.window), Novelty())
            low, high = map(str, self.window)
            words = {"low": low, "high": high, "costs": mobilenetv2_se.describe_costs()}

        prompts = Prompts.load(self.space.replace("-", "_"), **words)
        if self.answers != "free":
            prompts = replace(prompts, system=prompts.system + AS_JSON.format(n=len(space.slots)))
        return Search(
            self.name,
            space,
            prompts,
            Referee(space, partial(spaces.counted_macs, self.space), constraints, figures),
            testimony=None,
            sample=self.run,
            parameters={**self.parameters, **ANSWERS[self.answers](space)},
            budget=Budget(evaluations=self.iterations, proposals=self.proposals),
            model=self.model,
        )


@dataclass(frozen=True)
class Figures:
    """The objective of a recorded run: measured once, told from the record ever after.

    `source` gives what is not recorded yet: the validation accuracy that the search is told and the test accuracy that
    it is not, both in percent.
    """

    plan: Plan
    records: Records
    source: Callable[[Architecture], tuple[float, float]] | None = None

    def evaluate(self, architecture: Architecture) -> float:
        """The accuracy that the model is told; raises BrokenRecording if it is neither recorded nor to be had."""
        return self.recorded(architecture)[0]

    def recorded(self, architecture: Architecture) -> tuple[float, float]:
        """Told and test accuracy in percent; raises BrokenRecording as `evaluate` does."""
        record = self.records.get(self.key(architecture))
        if record is None:
            if self.source is None:
                raise BrokenRecording(self.plan.name, f"no figures of architecture {list(architecture)}")
            accuracy, test = self.source(architecture)
            record = Record(self._request(architecture), {"accuracy": accuracy, "test": test}, kind=EVALUATION)
            self.records.put(record)
        match record.answer:
            case {"accuracy": int() | float() as told, "test": int() | float() as test}:
                return float(told), float(test)
        raise BrokenRecording(self.plan.name, f"figures of another form in {record.key}")

    def key(self, architecture: Architecture) -> str:
        """The key of the record that holds the figures."""
        return request_key(self._request(architecture), kind=EVALUATION, sample=0)

    def _request(self, architecture: Architecture) -> dict[str, JSON]:
        native = spaces.find(self.plan.space).SPACE.to_native(architecture)
        return {**self.plan.measure, "space": self.plan.space, "architecture": native}


@dataclass(frozen=True)
class Validity:
    """What became of a model's answers: how many were read, and why the others were not evaluated."""

    answers: int = 0
    evaluated: int = 0
    rejected: Counter[Reason] = field(default_factory=Counter)
    attempts: int = 0  # requests sent, with those that failed and were sent again
    tokens: int = 0

    @property
    def unread(self) -> int:
        """Answers in which no design was found."""
        return sum(self.rejected[reason] for reason in UNREAD)

    @property
    def retries(self) -> int:
        """Attempts that brought no answer."""
        return self.attempts - self.answers

    def __add__(self, other: Validity) -> Validity:
        return Validity(
            self.answers + other.answers,
            self.evaluated + other.evaluated,
            self.rejected + other.rejected,
            self.attempts + other.attempts,
            self.tokens + other.tokens,
        )


UNREAD = (Reason.NOTHING_FOUND, Reason.WRONG_LENGTH, Reason.UNKNOWN_CHOICE, Reason.AMBIGUOUS, Reason.REFUSED)


@dataclass(frozen=True)
class Recorded:
    """A run of a live model, searched again from its recording."""

    plan: Plan
    replay: Replay
    validity: Validity
    provenance: Mapping[str, JSON]  # of its answers
    figures: Mapping[Architecture, tuple[float, float]]  # told and test accuracy of what was evaluated, percent

    @property
    def selected(self) -> Architecture | None:
        """The best by what the model was told; None if nothing was evaluated."""
        return self.replay.winner if self.figures else None

    @property
    def test(self) -> float | None:
        """Test accuracy of `selected` in percent."""
        return self.figures[self.replay.winner][1] if self.figures else None


def perform(plan: Plan, client: Client, figures: Figures, watch: Watch) -> Iterator[Record]:
    """Let the model search, and yield every record of the run, the one of kind `run` last.

    Raises:
        CacheError: what `Client.complete` raises; what was answered before is kept.
    """
    search = plan.search(figures)
    trajectory = search.perform(client, watch)
    for key in trajectory.records:
        if (record := figures.records.get(key)) is not None:
            yield record
    for step in trajectory.evaluated:
        assert step.trial.architecture is not None  # what was evaluated had been read
        if (record := figures.records.get(figures.key(step.trial.architecture))) is not None:
            yield record
    ended = Record(plan.to_json(), {"course": course_digest(trajectory)}, kind=RUN)
    figures.records.put(ended)
    yield ended


def read(path: Path, targets: Collection[str] | None = None) -> list[Recorded]:
    """Search every run of a recording again; with `targets` only those on these tables.

    Raises:
        CassetteError, ReplayMiss: if the cassette is damaged, or lacks an answer.
        BrokenRecording: if it lacks a figure, or a run takes another course than it took.
    """
    recorded = cassette.read(path)
    ended = [(_plan(record, path), record) for record in recorded.values() if record.kind == RUN]
    runs = [_again(plan, record, recorded) for plan, record in ended if targets is None or plan.target in targets]
    return sorted(runs, key=lambda run: (run.plan.group, run.plan.run))


def grouped(runs: Iterable[Recorded]) -> dict[tuple[str, str, str, float], list[Recorded]]:
    """Runs that differ in nothing but their number (`Plan.group`)."""
    groups: dict[tuple[str, str, str, float], list[Recorded]] = {}
    for run in runs:
        groups.setdefault(run.plan.group, []).append(run)
    return groups


def committed() -> list[Path]:
    """The recordings that came with the project."""
    return sorted(RECORDED.glob("local-*.jsonl"))


def _plan(record: Record, path: Path) -> Plan:
    try:
        return Plan.from_json(record.request)
    except (TypeError, ValueError) as error:
        raise BrokenRecording(str(path), f"a run of another form ({error})") from error


def _again(plan: Plan, ended: Record, recorded: cassette.Cassette) -> Recorded:
    figures = Figures(plan, recorded)
    replay = plan.search(figures).replay(recorded, "recorded", recorded.digest)
    if ended.answer != {"course": course_digest(replay.trajectory)}:
        raise BrokenRecording(plan.name, "another course than it took when it was recorded")
    answers = [recorded[key] for key in replay.trajectory.records]
    evaluated = [step.trial.architecture for step in replay.trajectory.evaluated]
    return Recorded(
        plan,
        replay,
        _validity(replay.trajectory, answers),
        answers[0].provenance if answers else {},
        {architecture: figures.recorded(architecture) for architecture in evaluated if architecture is not None},
    )


def _validity(trajectory: Trajectory, answers: Iterable[Record]) -> Validity:
    rejections = [step.trial.rejection for step in trajectory.steps]
    attempts = tokens = 0
    for record in answers:
        match record.observed:
            case {"attempts": [*tried]}:
                attempts += len(tried)
            case _:
                attempts += 1
        match record.answer:
            case {"usage": {"total_tokens": int(total)}}:
                tokens += total
    return Validity(
        answers=len(trajectory.steps),
        evaluated=len(trajectory.evaluated),
        rejected=Counter(rejection.reason for rejection in rejections if rejection is not None),
        attempts=attempts,
        tokens=tokens,
    )


def course_digest(trajectory: Trajectory) -> str:
    """What a run's record pins of it: a digest of every step with the key of its record."""
    return digest_bytes(canonical(course(trajectory)))
