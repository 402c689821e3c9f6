"""The ask/tell protocol: what an optimiser proposes, what it is told, and how a search method makes one.

`ask` does not change an optimiser's state, `tell` does; a rejected proposal is a told trial; the accuracy that is told
is the validation accuracy and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias, TypedDict

from genius_replay.showing import brief
from harness.errors import HarnessError
from tables.space import Architecture, Space

if TYPE_CHECKING:  # a replay needs neither arrays nor randomness
    import numpy as np
    from numpy.typing import NDArray

    from harness.streams import Stream, Streams

MILLION = 1_000_000


def in_millions(macs: int) -> int:
    """Multiply-accumulates rounded to the million, as GENIUS feeds them back."""
    return round(macs / MILLION)


class Message(TypedDict):
    """One message of a chat, as the OpenAI API spells it."""

    role: str
    content: str


class Completion(NamedTuple):
    """A model's answer to the last message: what it said to us, and the key under which request and answer are kept."""

    text: str
    key: str


Complete: TypeAlias = Callable[[Sequence[Message]], Completion]
"""Sends messages to a language model, or to a recording of one."""


@dataclass(frozen=True)
class Proposal:
    """What an optimiser asks to be evaluated: an architecture, or a model's reply that is still to be read.

    `record` is the key of the stored answer that the reply came from; of several designs that were demanded in one
    answer, which share that record, `candidate` is the one that is proposed, from 0.
    """

    architecture: Architecture | None = None
    reply: str | None = None
    record: str | None = None
    candidate: int = 0

    def __repr__(self) -> str:
        return brief(self, repr(self.architecture if self.reply is None else self.reply))


class Reason(str, Enum):
    """Why a proposal was not evaluated."""

    NOTHING_FOUND = "nothing found"
    WRONG_LENGTH = "wrong length"
    UNKNOWN_CHOICE = "unknown choice"
    AMBIGUOUS = "ambiguous"
    WRONG_FORM = "wrong form"
    NOTHING_SAID = "nothing said"
    CUT_OFF = "cut off"
    FILTERED = "content filter"
    TOOL_CALL = "tool call"
    ANOTHER_END = "another end"
    FAILED = "endpoint error"
    WITHHELD = "credential withheld"
    UNREADABLE = "unreadable"
    NO_ANSWER = "no answer"
    REFUSED = "refused"
    CONCLUDED = "no further improvement"
    ABOVE_WINDOW = "above the MACs window"
    BELOW_WINDOW = "below the MACs window"
    ABOVE_LIMIT = "above a limit of cost"
    BELOW_LIMIT = "below a limit of cost"
    REPEATED = "already tested"
    UNMEASURED = "not measured"
    NO_FIGURE = "no figure in the table"


class Missed(NamedTuple):
    """The bound of a cost that was missed, as it is told: what is counted, how many there are, the bound, the rest."""

    cost: str
    value: str
    bound: str
    difference: str


@dataclass(frozen=True)
class Rejection:
    """A proposal that is not evaluated; `detail` says what was expected and what was got.

    `bound` is the bound of a MACs window that was missed, in millions; `missed` says it of any other bound.
    """

    reason: Reason
    detail: str
    bound: int | None = None
    missed: Missed | None = None


@dataclass(frozen=True)
class Evaluated:
    """A proposal with its validation accuracy in percent.

    `macs` is the cost under the counting rule of the problem, in single operations.
    """

    proposal: Proposal
    architecture: Architecture
    macs: int
    accuracy: float

    def __repr__(self) -> str:
        return brief(self, f"{self.accuracy:.2f} %, {self.macs:,} MACs, {self.architecture}")


@dataclass(frozen=True)
class Rejected:
    """A proposal that is not evaluated, with the architecture and its cost where one could be read."""

    proposal: Proposal
    rejection: Rejection
    architecture: Architecture | None = None
    macs: int | None = None

    def __repr__(self) -> str:
        return brief(self, f"{self.rejection.reason.value}: {self.rejection.detail}, {self.architecture}")


@dataclass(frozen=True)
class Unmeasured:
    """A proposal that was accepted and of which no accuracy is known, or not yet: its run ends with it for now.

    Only what a published run was told may lack the architecture: of an answer in which nothing could be read.
    """

    proposal: Proposal
    architecture: Architecture | None
    macs: int | None


Trial: TypeAlias = "Evaluated | Rejected | Unmeasured"
"""The outcome of a proposal; `isinstance` tells which."""


class Optimizer(Protocol):
    """Anything that searches: `ask` for a proposal, `tell` its outcome."""

    def ask(self) -> Proposal:
        """Propose, without changing state.

        Raises:
            Exhausted: if nothing is left to propose; the trial ends.
        """

    def tell(self, trial: Trial) -> None:
        """Learn the outcome of the proposal, or of a design that a run was given to start from.

        `trial.architecture` is what was proposed, whoever proposed it.
        """


# -- methods ---


class ArrayOptimizer(Protocol):
    """`Optimizer` for many trials at once on a table; an architecture is its index in the space (`Space.index_of`)."""

    def ask(self) -> NDArray[np.int64]:
        """The proposal of every trial, as (trials,), without changing state."""

    def reject(self, rows: NDArray[np.int64]) -> None:
        """The proposals of these trials were rejected: they propose again, and all others what they did.

        It is called before `tell` until every trial has an accuracy.
        """

    def tell(self, proposals: NDArray[np.int64], accuracies: NDArray[np.float64]) -> None:
        """The accuracy of every proposal in percent; both (trials,)."""


Factory: TypeAlias = Callable[[Space, "Stream"], Optimizer]
"""Makes the optimiser of one trial; all its randomness comes from the stream."""

ModelFactory: TypeAlias = "Callable[[Space, Any, Complete], Optimizer]"
"""Makes the optimiser of one run that asks a language model, from a space, a wording and a way to ask."""

ArrayFactory: TypeAlias = "Callable[[Space, Streams], ArrayOptimizer]"
"""Makes the optimiser of many trials; it must propose exactly what the one-trial optimiser does."""


class Exhausted(HarnessError):
    """Raised by an optimiser that has nothing left to propose, such as a grid that was searched whole."""


class UnfitMethod(HarnessError, ValueError):
    """A method that cannot search a space; the message says what it needs."""


@dataclass(frozen=True)
class Method:
    """A search method under the name by which it is compared: `title` says what it is and where its settings are from.

    Attributes:
        factory: makes the optimiser of one trial.
        arrays: makes that of many trials at once; without it trials run one by one.
        with_model: makes the optimiser of a method that is handed a language model.
        version: raised whenever the method proposes something else than before; None for a method that states none.
        oblivious: whether it proposes the same whatever it is told.
        random_first: how many proposals it draws at random before it learns; it is random search up to there.
        packages: whose versions decide what it proposes.
    """

    name: str
    title: str
    factory: Factory
    arrays: ArrayFactory | None = None
    with_model: ModelFactory | None = None
    version: int | None = None
    oblivious: bool = False
    random_first: int = 0
    packages: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return brief(self, f"{self.name}: {self.title}")

    def caveat(self, budget: int) -> str:
        """What to say of the method at this budget, in evaluations, or at a larger one that is compared too."""
        if not budget <= self.random_first > 1:
            return ""
        first = f"{self.name} draws its first {self.random_first} architectures at random"
        return f"{first}: up to a budget of {self.random_first} it is random search"
