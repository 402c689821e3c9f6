"""Published runs of GENIUS, performed again from stored answers: no key, no network, every request rebuilt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from baselines.genius import Genius, Prompts
from cache import cassette
from cache.cassette import Cassette
from cache.client import Client, Records, Reply, Request, Tally
from cache.key import JSON
from cache.record import CHAT, Record
from harness import spaces
from harness.loop import Objective, Step, Trajectory, course
from harness.protocol import MILLION, Evaluated, Rejected, Trial, in_millions
from harness.run import Setting, perform
from harness.shown import Shown
from harness.spaces import mobilenetv2_se
from harness.specification import Specification
from harness.text import notation
from tables.space import Architecture, Space

MODEL = "gpt-4"  # what the paper names
ITERATIONS = 10  # of a run of the paper
CONCLUSION = "No further improvement is possible."
RECORDED = Path(cassette.__file__).with_name("recorded")

Source: TypeAlias = Literal["published", "reconstructed"]
"""Real answers of GPT-4, or answers made of the figures that were published of them."""


class Erratum(NamedTuple):
    """A place where the optimiser was told something else than what is true; both in words."""

    run: str
    iteration: int
    turn: int
    what: str
    told: str
    true: str

    def __str__(self) -> str:
        return (
            f"run {self.run}, iteration {self.iteration}, turn {self.turn}: {self.what} told as {self.told}, in truth "
            f"{self.true}"
        )


@dataclass(frozen=True, repr=False)
class Replay(Shown):
    """A replayed run: what happened, where the answers came from, and what was told that is not true."""

    run: str
    space: Space
    source: Source
    evidence: str  # the digest of the file or cassette
    trajectory: Trajectory
    tally: Tally
    answers: tuple[Record, ...] = ()

    def what(self) -> tuple[str, Space]:
        """The run in words, and what was searched."""
        return f"run {self.run}, {self.source}", self.space

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

    def describe(self) -> dict[str, Any]:
        """The run as JSON: its winner with exact costs, its course, the keys of the records used, and its errata."""
        return {
            "run": self.run,
            "source": self.source,
            "evidence": self.evidence,
            "winner": self._winner() if self.trajectory.evaluated else None,
            "course": course(self.trajectory),
            "errata": [erratum._asdict() for erratum in self.errata],
        }

    def _winner(self) -> dict[str, Any]:
        best, costs = self.trajectory.best, spaces.find(self.space.name).cost(self.winner)
        return {
            "experiment": best.iteration + 1,
            "architecture": list(self.winner),
            "search_accuracy": best.accuracy,
            "macs": costs.macs_thop,
            "macs_conv_linear": costs.macs,
            "params": costs.params,
        }

    def _errata(self, step: Step) -> Iterator[Erratum]:
        trial, told = step.trial, step.told
        if told is None:
            return
        place = (self.run, step.iteration, step.turn)
        if trial.macs is not None and told.macs is not None and in_millions(trial.macs) != in_millions(told.macs):
            yield Erratum(*place, "FLOPs in millions", f"{told.macs / MILLION:g}", f"{trial.macs / MILLION:.6f}")
        if not isinstance(told, Rejected) and told.architecture != trial.architecture:
            yield Erratum(*place, "design listed", self._written(told), self._written(trial))
        if isinstance(told, Evaluated) and isinstance(trial, Evaluated):
            told_accuracy, accuracy = f"{told.accuracy:.2f}", f"{trial.accuracy:.2f}"
            if told_accuracy != accuracy:
                yield Erratum(*place, "accuracy", told_accuracy, accuracy)
        if _verdict(told) != _verdict(trial):
            yield Erratum(*place, "verdict", _verdict(told), _verdict(trial))

    def _written(self, trial: Trial) -> str:
        return notation.write(self.space, trial.architecture, "flat") if trial.architecture else "unreadable"


def _verdict(trial: Trial) -> str:
    return trial.rejection.reason.value if isinstance(trial, Rejected) else "accepted"


def wording(space: str, window: tuple[int, int] | None = None) -> Prompts:
    """This project's first statement of a problem, with bounds of the cost in millions if there are any.

    The reconstructed conversations are held in it, and so were recordings of the first version; new ones are held in
    that of `reproduce.runs.wording`.
    """
    words: dict[str, str] = {}
    if window is not None:
        low, high = map(str, window)
        words = {"low": low, "high": high, "costs": mobilenetv2_se.describe_costs()}
    return Prompts.load(f"first/{space.replace('-', '_')}", **words)


def setting(
    specification: Specification, name: str, prompts: Prompts | None = None, objective: Objective | None = None
) -> Setting:
    """What performs a run of GENIUS.

    Args:
        specification: the run.
        name: what reports and messages call it.
        prompts: a wording that the specification names by its digest alone.
        objective: what measures instead of the figures that were told.
    """
    space = spaces.find(specification.space).SPACE
    if prompts is None:
        assert specification.model is not None  # GENIUS is handed one
        prompts = Prompts.of(specification.model.prompt)
    macs = partial(spaces.counted_macs, space.name)
    return Setting(space, macs, partial(Genius, space, prompts), objective=objective, name=name)


def replay(specification: Specification, how: Setting, records: Records, source: Source, evidence: str) -> Replay:
    """Perform a run in strict replay.

    Raises:
        ReplayMiss: if a rebuilt request was never recorded; it names the run, the iteration and the turn.
    """
    run = perform(specification, Client(records), how)
    return Replay(how.name, how.space, source, evidence, run.trajectory, run.tally, run.answers)


def reconstruct(
    specification: Specification, designs: Iterable[Architecture | None], provenance: Mapping[str, JSON]
) -> tuple[Record, ...]:
    """The records of a run in which the model answers with these designs, until it says that nothing is better."""
    how = setting(specification, "")
    answers = chain(
        ("No design." if design is None else notation.write(how.space, design) for design in designs), [CONCLUSION]
    )

    def said(request: Request) -> Reply:  # noqa: ARG001
        choice: JSON = {"index": 0, "message": {"role": "assistant", "content": next(answers)}}
        origin = {"origin": "reconstructed from published figures", **provenance}
        return Reply({"choices": [choice]}, provenance=origin)

    return perform(specification, Client(Cassette(), {CHAT: said}), how).answers
