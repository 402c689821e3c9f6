"""The specification of a run, and what its record says became of it: data, with a canonical JSON that is the key.

A field at its default is left out of the key, so that fields can be added without orphaning a run.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from math import isnan, nan
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias, TypeVar

import msgspec

from cache.key import JSON
from cache.record import CHAT, RESPONSES, Record
from genius_replay.showing import brief
from harness.constraints import Bound
from harness.errors import BrokenRecording, HarnessError
from harness.loop import Budget
from harness.objectives import Data, Measure
from harness.training.jobs import Training
from tables.space import Architecture, Group, Notation, Slot, Space

T = TypeVar("T")

RUN = "run"  # the kind of a run's record
UNSET = "none"  # a temperature that is not sent, which reasoning models refuse
KINDS = {"chat": CHAT, "responses": RESPONSES}
"""The kind of the records that an interface of language models makes."""

Verdict: TypeAlias = Literal["accepted", "above", "below", "repeated", "unread"]
"""What a proposal was told; "unread" stands for feedback that could not be understood."""


class Turn(Data, frozen=True):
    """One proposal of a published run and what was said of it, also where that was not true.

    `design` is None if no design can be read from the answer; `verdict` is None where the published file ends. Figures
    are None where none were told. `listed` is the design under which later prompts list the proposal, if that is
    another one.
    """

    design: Architecture | None = None
    verdict: Verdict | None = None
    macs: float | None = None  # millions, as told
    accuracy: float | None = None  # percent, as told
    listed: Architecture | None = None


class Protocol(Data, frozen=True, kw_only=True):
    """How a model is talked to.

    Attributes:
        statement: whether every iteration opens a new conversation that states the problem anew, or one conversation
            grows, in which the model sees its own answers.
        told: all experiments so far, or those of the last answer.
        repeats: whether a design that was evaluated before is refused, or evaluated and counted again.
        digits: decimals of the accuracies that are told.
        rationale: whether the model is asked why its design should be the better one.
        vocabulary: how choices are written, to the model and by it: by their symbols, their names or their widths; or
            the whole design as the benchmark's own key.
        form: what an answer is to be: talk that ends with a line that holds the design, a list and nothing else, or
            prose that the lenient reader reads (`harness.text.published`).
        proposals: designs in an answer, which are evaluated in their order, each a trial.
    """

    statement: Literal["rebuilt", "conversation"] = "rebuilt"
    told: Literal["all", "last"] = "all"
    repeats: Literal["refused", "evaluated"] = "refused"
    digits: Annotated[int, msgspec.Meta(ge=0, le=6)] = 2
    rationale: bool = False
    vocabulary: Literal["symbols", "names", "widths", "key"] = "symbols"
    form: Literal["line", "list", "prose"] = "line"
    proposals: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1


class Model(Data, frozen=True, kw_only=True):
    """A language model and all that its requests hold.

    Attributes:
        name: as the endpoint calls it.
        parameters: of every request, besides the model and the messages.
        prompt: the wording, part by part; of a wording without a licence the `digest` of the file that holds it.
        answers: how the server holds answers to the space ("free": not at all).
        reader: what finds the design in an answer: "strict" in the form that was demanded, "published" in prose.
        protocol: how the model is talked to.
        api: the interface of its endpoint, one of `KINDS`.
    """

    name: str
    parameters: dict[str, Any] = msgspec.field(default_factory=dict)
    prompt: dict[str, str] = msgspec.field(default_factory=dict)
    answers: str = "free"
    reader: str = "published"
    protocol: Protocol = Protocol()
    api: Literal["chat", "responses"] = "chat"

    def __repr__(self) -> str:
        return brief(self, f"{self.name}: answers {self.answers}, {self.parameters}")


class Label(NamedTuple):
    """What runs are called: model or method, target, way to answer, temperature (nan if unset)."""

    model: str
    target: str
    answers: str
    temperature: float


def in_words(temperature: float) -> str:
    """A temperature of a label."""
    return UNSET if isnan(temperature) else f"{temperature:g}"


class Declaration(Data, frozen=True, kw_only=True):
    """How a space of one's own is written, beside its slots (`tables.space.Space`).

    Attributes:
        title: what it is.
        groups: the name of each and how many slots it has, in their order.
        first_symbol: stands for choice 0.
        notation: of keys.
    """

    title: str
    groups: tuple[tuple[str, int], ...]
    first_symbol: int = 0
    notation: Notation | None = None

    @classmethod
    def of(cls, space: Space) -> Declaration:
        """That of a space."""
        groups = tuple((group.name, len(group.slots)) for group in space.groups)
        return cls(title=space.title, groups=groups, first_symbol=space.first_symbol, notation=space.notation)

    def space(self, name: str, slots: Sequence[Slot]) -> Space:
        """The space with these slots, as far as it was declared here.

        Raises:
            HarnessError: they are not those of the groups, or the notation has not a place for each.
        """
        template, rest = self.notation.template if self.notation else "{}" * len(slots), iter(slots)
        places = re.findall("{}|[{}]", template)
        if sum(count for _, count in self.groups) != len(slots) or places != ["{}"] * len(slots):
            raise HarnessError(f"{name[:80]}: expected groups and a notation of {len(slots)} slots, got others")
        groups = tuple(Group(group, tuple(islice(rest, count))) for group, count in self.groups)
        return Space(name, self.title, groups, first_symbol=self.first_symbol, notation=self.notation)


class Specification(Data, frozen=True, kw_only=True):
    """All that makes a run.

    >>> Specification(method="random", space="nas-bench-201", budget=Budget(evaluations=10)).name
    'random on nas-bench-201, seed 0, run 1'

    Attributes:
        method: of the catalogue (`baselines.catalogue`).
        space: what is searched.
        budget: when it ends.
        version: of the method, as its file states it; None for a method that states none.
        table, training: what measures architectures; neither where all figures are those that were `told`.
        window: bounds of the cost, in millions of multiply-accumulates.
        constraints: further bounds, of any cost that is known of the table and its space.
        model: of a method that is handed one.
        told: what a published run was told, turn by turn in each iteration.
        start: the designs that it begins with, before the method proposes; as the space writes them.
        slots: of a space that is none of this project, or only that of a table of one's own.
        declared: how that space is written, where it is declared.
        number: numbers independent runs, from 0; also the sample of every request.
        seed: of a method that draws.
        arm: of an experiment; runs of different arms are never pooled.
    """

    method: str
    space: str
    budget: Budget
    version: int | None = 1
    table: Measure | None = None
    training: Training | None = None
    window: tuple[int, int] | None = None
    constraints: tuple[Bound, ...] = ()
    model: Model | None = None
    told: tuple[tuple[Turn, ...], ...] | None = None
    start: tuple[str, ...] = ()
    slots: tuple[Slot, ...] = ()
    declared: Declaration | None = None
    number: int = 0
    seed: int = 0
    arm: str = ""

    def __repr__(self) -> str:
        return brief(self, self.name)

    def request(self) -> dict[str, JSON]:
        """The specification as the request of the run's record."""
        return dict(msgspec.to_builtins(self))

    @classmethod
    def of(cls, record: Record) -> Specification:
        """The specification in a run's record; raises BrokenRecording if it is of another form."""
        if "measure" in record.request:
            carry = "`python -m reproduce recordings OLD.jsonl --migrate NEW.jsonl`"
            raise BrokenRecording(record.key, f"a run of the first version, which {carry} carries over")
        return _read(cls, record.request, record)

    @property
    def target(self) -> str:
        """The table, or the space if architectures are trained."""
        return self.table.table if self.table else self.space

    @property
    def label(self) -> Label:
        """What the run is called, and with it those of the same setting, and perhaps of others."""
        model = self.model or Model(name=self.method)
        temperature = model.parameters.get("temperature")
        known = float(temperature) if isinstance(temperature, int | float) else nan  # the one nan: labels sort by it
        return Label(model.name, self.target, model.answers, known)

    @property
    def shared(self) -> dict[str, JSON]:
        """All that independent runs of one setting have in common: the request without what counts them."""
        content: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(self, number=0))
        parameters = content.get("model", {}).get("parameters", {})
        if type(seed := parameters.get("seed")) is int:  # one that goes up with the number draws each run anew
            parameters["seed"] = seed - self.number
        return content

    @property
    def name(self) -> str:
        """The run in words."""
        model, target, answers, temperature = self.label
        how = f"{answers}, temperature {in_words(temperature)}" if self.model else f"seed {self.seed}"
        return f"{model} on {target}, {how}, run {self.number + 1}"


class Ended(Data, frozen=True, kw_only=True):
    """What became of a run: the answer of its record.

    Attributes:
        course: the digest of every step with the key of its record.
        selected: the best by what was told, as the space writes it; None if nothing was evaluated.
        told, test: its accuracies in percent.
        evaluated: proposals with an accuracy.
        rejected: how many proposals were rejected, by reason.
        answers: of the model.
        attempts: requests sent for them, with those that failed and were sent again.
        tokens: that they were billed for.
    """

    course: str
    selected: str | None = None
    told: float | None = None
    test: float | None = None
    evaluated: int = 0
    rejected: dict[str, int] = msgspec.field(default_factory=dict)
    answers: int = 0
    attempts: int = 0
    tokens: int = 0

    @classmethod
    def of(cls, record: Record) -> Ended:
        """What a run's record says; raises BrokenRecording if it is of another form."""
        return _read(cls, record.answer, record)


def _read(kind: type[T], content: object, record: Record) -> T:
    try:
        return msgspec.convert(content, kind)
    except (msgspec.ValidationError, ValueError) as error:
        raise BrokenRecording(record.key, f"a run of another form ({error})") from error
