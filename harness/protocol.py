"""The ask/tell protocol: what an optimiser proposes, and what it is told.

`ask` does not change an optimiser's state, `tell` does; a rejected proposal is a told trial; the accuracy that is told
is the validation accuracy and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypedDict

from tables.space import Architecture

MILLION = 1_000_000


def in_millions(macs: int) -> int:
    """Multiply-accumulates rounded to the million, as GENIUS feeds them back."""
    return round(macs / MILLION)


class Message(TypedDict):
    """One message of a chat, as the OpenAI API spells it."""

    role: str
    content: str


class Completion(Protocol):
    """A model's answer: its text, and the key of the record it came from."""

    @property
    def text(self) -> str:
        """What the model wrote."""

    @property
    def key(self) -> str:
        """The content hash under which request and answer are stored."""


class Complete(Protocol):
    """Sends messages to a language model, or to a recording of one."""

    def __call__(self, messages: Sequence[Message]) -> Completion:
        """Return the answer to the last message."""


@dataclass(frozen=True)
class Proposal:
    """What an optimiser asks to be evaluated: an architecture, or a model's reply that is still to be read.

    `record` is the key of the stored answer that the reply came from.
    """

    architecture: Architecture | None = None
    reply: str | None = None
    record: str | None = None


class Reason(str, Enum):
    """Why a proposal was not evaluated."""

    NOTHING_FOUND = "nothing found"
    WRONG_LENGTH = "wrong length"
    UNKNOWN_CHOICE = "unknown choice"
    AMBIGUOUS = "ambiguous"
    REFUSED = "refused"
    CONCLUDED = "no further improvement"
    ABOVE_WINDOW = "above the MACs window"
    BELOW_WINDOW = "below the MACs window"
    REPEATED = "already tested"


@dataclass(frozen=True)
class Rejection:
    """A proposal that is not evaluated; `detail` says what was expected and what was got.

    `bound` is the bound of a MACs window that was missed, in millions.
    """

    reason: Reason
    detail: str
    bound: int | None = None


@dataclass(frozen=True)
class Trial:
    """A proposal with its outcome: a rejection, or the validation accuracy.

    `macs` is the cost under the counting rule of the search's constraint, in single operations. A trial that was
    neither rejected nor measured has no outcome: its run ended with it.
    """

    proposal: Proposal
    architecture: Architecture | None = None
    macs: int | None = None
    rejection: Rejection | None = None
    accuracy: float | None = None  # percent


class Optimizer(Protocol):
    """Anything that searches: `ask` for a proposal, `tell` its outcome."""

    def ask(self) -> Proposal:
        """Propose, without changing state."""

    def tell(self, trial: Trial) -> None:
        """Learn the outcome of the proposal."""
