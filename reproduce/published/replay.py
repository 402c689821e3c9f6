"""Runs of GENIUS, searched again from stored answers: no key, no network, every request rebuilt."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from baselines.genius import Genius, Prompts
from cache import cassette
from cache.client import Client, Records, Tally
from cache.importers import SAMPLES
from cache.key import JSON
from cache.record import CHAT, Record
from harness.loop import Budget, Referee, Step, Testimony, Trajectory, run
from harness.protocol import MILLION, Message, Trial, in_millions
from harness.text import layouts
from tables.space import Architecture, Space

MODEL = "gpt-4"  # what the paper names
Watch: TypeAlias = Callable[[int, int], None]
"""Is told the iteration and the turn of every request before it is sent."""
ITERATIONS = 10
BUDGET = Budget(evaluations=ITERATIONS)  # of a run of the paper
RECORDED = Path(cassette.__file__).with_name("recorded")

Source: TypeAlias = Literal["published", "reconstructed", "recorded"]
"""Real answers of GPT-4, answers made of the figures that were published of them, or answers of another model."""


@dataclass(frozen=True)
class Search:
    """All that makes a run: the space, the wording, the rules, what was told, and what a request holds besides.

    `sample` numbers the run among the independent ones (`cache.key`). A published run ends with its last proposal, so
    that is the budget of its repetition. Without a testimony the model is told the truth.
    """

    run: str
    space: Space
    prompts: Prompts
    referee: Referee
    testimony: Testimony | None
    sample: int
    parameters: Mapping[str, JSON] = field(default_factory=dict)
    budget: Budget = BUDGET
    model: str = MODEL

    def request(self, messages: Sequence[Message]) -> dict[str, JSON]:
        """The body of a request."""
        said: list[JSON] = [{"role": message["role"], "content": message["content"]} for message in messages]
        return {"model": self.model, "messages": said, **self.parameters}

    def perform(self, client: Client, watch: Watch = lambda iteration, turn: None) -> Trajectory:  # noqa: ARG005
        """Run GENIUS' loop; what a person fed back in the published run is fed back again.

        A request that the run itself repeats asks for another sample (`cache.importers.chat_history`).

        Raises:
            ReplayMiss: if a rebuilt request was never recorded; it names the run, the iteration and the turn.
        """
        asked: list[Sequence[Message]] = []

        def complete(messages: Sequence[Message]) -> Record:
            watch(genius.iteration, genius.turn)
            where = f"run {self.run}, iteration {genius.iteration}, turn {genius.turn}"
            sample = self.sample + SAMPLES * asked.count(messages)
            asked.append(messages)
            return client.ask(CHAT, self.request(messages), sample=sample, where=where)

        genius = Genius(self.space, self.prompts, complete)
        return run(genius, self.referee, self.budget, self.testimony)

    def replay(self, records: Records, source: Source, evidence: str) -> Replay:
        """Perform the search in strict replay."""
        client = Client(records)
        return Replay(self.run, self.space, source, evidence, self.perform(client), client.tally)


class Erratum(NamedTuple):
    """A place where the optimiser was told something else than what is true; both in words."""

    run: str
    iteration: int
    turn: int
    what: str
    told: str
    true: str


@dataclass(frozen=True)
class Replay:
    """A replayed run: its course, where the answers came from, and what was told that is not true."""

    run: str
    space: Space
    source: Source
    evidence: str  # the digest of the file or cassette
    trajectory: Trajectory
    tally: Tally

    @property
    def winner(self) -> Architecture:
        """The proposed architecture with the highest search accuracy."""
        architecture = self.trajectory.best.trial.architecture
        assert architecture is not None  # what was evaluated had been read
        return architecture

    @property
    def errata(self) -> tuple[Erratum, ...]:
        """Computed from the two outcomes of every step."""
        return tuple(erratum for step in self.trajectory.steps for erratum in self._errata(step))

    def _errata(self, step: Step) -> Iterator[Erratum]:
        trial, told = step.trial, step.told
        if told is None:
            return
        place = (self.run, step.iteration, step.turn)
        if trial.macs is not None and told.macs is not None and in_millions(trial.macs) != in_millions(told.macs):
            yield Erratum(*place, "FLOPs in millions", f"{told.macs / MILLION:g}", f"{trial.macs / MILLION:.6f}")
        if told.rejection is None and told.architecture != trial.architecture:
            yield Erratum(*place, "design listed", self._written(told), self._written(trial))
        if None not in (told.accuracy, trial.accuracy) and f"{told.accuracy:.2f}" != f"{trial.accuracy:.2f}":
            yield Erratum(*place, "accuracy", f"{told.accuracy:.2f}", f"{trial.accuracy:.2f}")
        if _verdict(told) != _verdict(trial):
            yield Erratum(*place, "verdict", _verdict(told), _verdict(trial))

    def _written(self, trial: Trial) -> str:
        return layouts.write(self.space, trial.architecture, "flat") if trial.architecture else "unreadable"


def _verdict(trial: Trial) -> str:
    return trial.rejection.reason.value if trial.rejection else "accepted"


def reconstruct(search: Search, answers: Sequence[str], provenance: Mapping[str, JSON]) -> list[Record]:
    """The records of a run in which the model gives these answers: what a cassette of reconstructed answers holds."""
    made: list[Record] = []

    def complete(messages: Sequence[Message]) -> Record:
        message: dict[str, JSON] = {"role": "assistant", "content": answers[len(made)]}
        answer: dict[str, JSON] = {"choices": [{"index": 0, "message": message}]}
        made.append(Record(search.request(messages), answer, sample=search.sample, provenance=provenance))
        return made[-1]

    run(Genius(search.space, search.prompts, complete), search.referee, search.budget, search.testimony)
    return made
