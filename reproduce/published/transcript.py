"""What a published ImageNet run proposed and was told: figures only, no sentences.

The figures of the runs at hand are embedded (`paper/imagenet_runs.json`); those of a fetched conversation are read from
it (`reproduce.published.conversation`). Told figures are kept as they were told, also where they are not true.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

from harness.protocol import MILLION, Reason, Rejection, Trial
from harness.spaces.mobilenetv2_se import SPACE
from tables.space import Architecture

RUNS = Path(__file__).parents[1] / "paper" / "imagenet_runs.json"

Verdict: TypeAlias = Literal["accepted", "above", "below", "repeated", "unread"]
"""What a proposal was told; "unread" stands for feedback that could not be understood."""

_REASONS = {
    "above": Reason.ABOVE_WINDOW,
    "below": Reason.BELOW_WINDOW,
    "repeated": Reason.REPEATED,
    "unread": Reason.NOTHING_FOUND,
}


@dataclass(frozen=True)
class Turn:
    """One proposal and what was said of it.

    `design` is None if no design can be read from the answer; `verdict` is None where the published file ends. The
    figures are None where none were told. `listed` is the design under which later prompts list the proposal, if that
    is another one.
    """

    design: Architecture | None
    verdict: Verdict | None
    macs: float | None = None  # millions, as told
    accuracy: float | None = None  # percent, as told
    listed: Architecture | None = None


@dataclass(frozen=True)
class Transcript:
    """A whole run: a tuple of turns for each iteration, and the FLOPs window in millions.

    `sample` numbers the run among the independent ones (`cache.key`).
    """

    run: str
    file: str
    sha256: str
    sample: int
    window: tuple[int, int]
    iterations: tuple[tuple[Turn, ...], ...]

    @property
    def turns(self) -> Iterator[Turn]:
        """All turns in order."""
        return (turn for iteration in self.iterations for turn in iteration)

    def testimony(self, iteration: int, turn: int, trial: Trial) -> Trial | None:
        """What the optimiser was told of this proposal (`harness.loop.Testimony`).

        The last proposal of an iteration ends it whatever was said, since the next one opened a new conversation.
        """
        told = self.iterations[iteration][turn]
        if told.verdict is None:
            return None
        macs = trial.macs if told.macs is None else round(told.macs * MILLION)
        ended = turn + 1 == len(self.iterations[iteration]) and iteration + 1 < len(self.iterations)
        if told.verdict == "accepted" or ended:
            architecture = told.listed or trial.architecture
            return replace(trial, architecture=architecture, macs=macs, rejection=None, accuracy=told.accuracy)
        bound = {"above": self.window[1], "below": self.window[0]}.get(told.verdict)
        rejection = Rejection(_REASONS[told.verdict], "as told in the published run", bound)
        return replace(trial, macs=macs, rejection=rejection, accuracy=None)

    def evaluate(self, architecture: Architecture) -> float | None:
        """The accuracy that was told when this design was accepted (`harness.loop.Objective`)."""
        for turn in self.turns:
            if turn.verdict == "accepted" and turn.design == architecture:
                return turn.accuracy
        return None


@cache
def embedded() -> dict[str, Transcript]:
    """The embedded runs by name."""
    return {run["run"]: _from_json(run) for run in json.loads(RUNS.read_text(encoding="utf-8"))["runs"]}


def to_json(transcript: Transcript) -> dict[str, Any]:
    """The embedded form of a transcript; a design is five words of six digits."""

    def turn(told: Turn) -> dict[str, Any]:
        fields = {
            "design": _digits(told.design),
            "verdict": told.verdict,
            "macs": told.macs,
            "accuracy": told.accuracy,
            "listed": _digits(told.listed),
        }
        return {name: value for name, value in fields.items() if value is not None}

    return {
        "run": transcript.run,
        "file": transcript.file,
        "sha256": transcript.sha256,
        "sample": transcript.sample,
        "window": list(transcript.window),
        "iterations": [[turn(told) for told in turns] for turns in transcript.iterations],
    }


def _from_json(run: dict[str, Any]) -> Transcript:
    def turn(fields: dict[str, Any]) -> Turn:
        return Turn(
            _architecture(fields.get("design")),
            fields.get("verdict"),
            fields.get("macs"),
            fields.get("accuracy"),
            _architecture(fields.get("listed")),
        )

    low, high = run["window"]
    iterations = tuple(tuple(turn(fields) for fields in turns) for turns in run["iterations"])
    return Transcript(run["run"], run["file"], run["sha256"], run["sample"], (low, high), iterations)


def _digits(architecture: Architecture | None) -> str | None:
    if architecture is None:
        return None
    return " ".join("".join(map(str, choices)) for choices in SPACE.split(architecture))


def _architecture(digits: str | None) -> Architecture | None:
    return None if digits is None else SPACE.validate([int(digit) for digit in digits.replace(" ", "")])
