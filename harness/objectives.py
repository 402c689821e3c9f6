"""What measures an architecture (`harness.loop.Objective`): a table, or a client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from msgspec.structs import force_setattr

from cache.client import Client
from cache.key import JSON
from cache.record import Record
from harness.constraints import Costs
from harness.errors import BrokenRecording, HarnessError, InvalidJob
from harness.protocol import Reason, Rejection
from harness.training.jobs import KIND, Trained, Training
from tables.space import Architecture, Space

if TYPE_CHECKING:
    from tables.table import Table  # a replay needs no arrays

FIGURES = "evaluation"  # the kind of the record of an architecture's figures
COST = "cost"  # of one that says what an architecture costs, of a run under a constraint
UNMEASURED = "unmeasured"  # of one that says why a training came to nothing; in a recording, never in the user's store


class Figures(NamedTuple):
    """Of an architecture, in percent: what a search is told (validation where there is one), and what counts."""

    told: float
    test: float


class Data(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What every part of a specification is: immutable, without unknown fields, defaults left out of its JSON."""

    def __post_init__(self) -> None:
        """Put the default itself where something equal to it is: msgspec leaves out that object, not what equals it."""
        for name, default in zip(reversed(self.__struct_fields__), reversed(self.__struct_defaults__), strict=False):
            if getattr(self, name) == default:
                force_setattr(self, name, default)


class Measure(Data, frozen=True):
    """The table that accuracies are looked up in, named by its source and its columns: those do not move."""

    table: str
    source: str  # sha256 of what the table was built from, in hexadecimal
    told: str = "accuracy"  # the column that a search is told
    test: str = "test"  # the column that counts

    def request(self, space: Space, architecture: Architecture) -> dict[str, JSON]:
        """The request of the record that holds an architecture's figures."""
        return {**msgspec.to_builtins(self), "space": space.name, "architecture": space.to_native(architecture)}


@dataclass(frozen=True)
class TabularObjective:
    """Looks accuracies up in the search side of a table: where a validation accuracy exists, test is out of reach."""

    space: Space
    table: Table

    def __post_init__(self) -> None:
        if self.table.cardinalities != self.space.cardinalities:
            raise HarnessError(
                f"{self.table.name} has slots of {self.table.cardinalities} choices, {self.space.name} of "
                f"{self.space.cardinalities}; name a table of this space"
            )
        for ours, theirs in zip(self.space.slots, self.table.info.slots, strict=True):
            if theirs.choices not in (ours.choices, tuple(map(str, self.space.symbols(range(len(ours.choices)))))):
                raise HarnessError(
                    f"{self.table.name} has the choices {', '.join(theirs.choices)} in {theirs.name}, "
                    f"{self.space.name} has {', '.join(ours.choices)}; name a table of this space, in this order"
                )

    def __call__(self, architecture: Architecture) -> float | Rejection:
        """The accuracy that a search is told, in percent (`Table.measure` says of which data), or that it has none."""
        row = self.table.row_of(architecture)
        if row is None:
            return Rejection(Reason.NO_FIGURE, self.table.no_figure(self.space.to_native(architecture)))
        return float(self.table.accuracy[row])


@dataclass(frozen=True)
class Asked:
    """Asks a client for what measures an architecture: the figures of a table, or a training.

    Attributes:
        client: has the figures, or a provider that makes them.
        space: of the architectures.
        source: what measures.
        wait: whether a training that is not there is asked for; otherwise it counts as not measured yet.
        given_up: why a training came to nothing, by its key.
        costs: what gives a cost, by name; otherwise it was recorded.
        known: the figures that were asked for, or why there are none.
        used: their records, by key.
    """

    client: Client
    space: Space
    source: Measure | Training
    wait: bool = True
    given_up: Mapping[str, str] = field(default_factory=dict)
    costs: Costs = field(default_factory=dict)
    known: dict[Architecture, Figures | Rejection] = field(default_factory=dict)
    used: dict[str, Record] = field(default_factory=dict)

    def __call__(self, architecture: Architecture) -> float | Rejection | None:
        """The accuracy that a search is told, in percent, or why there is none; raises as `figures` does."""
        figures = self.figures(architecture)
        return figures.told if isinstance(figures, Figures) else figures

    def figures(self, architecture: Architecture) -> Figures | Rejection | None:
        """All figures of an architecture, or why there are none; None for a training that is not waited for.

        Raises:
            CacheError: it was not recorded and cannot be made, as in `Client.ask`.
            BrokenRecording: the record is of another form.
            InvalidJob: the recipe holds no pictures back for validation.
        """
        if architecture not in self.known:
            record = self._record(architecture)
            if record is None:
                return None
            self.used[record.key] = record
            self.known[architecture] = _trained(record) if isinstance(self.source, Training) else _looked_up(record)
        return self.known[architecture]

    def cost(self, name: str, architecture: Architecture) -> float | None:
        """A cost of an architecture by name; None where a table lacks the architecture.

        Its record makes a replay independent of what knows the cost, a table or a function. It stands in a recording
        and never in the user's store, since a function of one's own may change.

        Raises:
            CacheError: it was not recorded, and nothing gives it.
            BrokenRecording: the record is of another form.
        """
        native = self.space.to_native(architecture)
        measure = msgspec.to_builtins(self.source) if isinstance(self.source, Measure) else {}
        request = {**measure, "space": self.space.name, "architecture": native, "cost": name}
        if (give := self.costs.get(name)) is not None:
            record = Record(request, {"value": give(architecture)}, kind=COST)
        else:
            record = self.client.ask(COST, request)
        self.used[record.key] = record
        match record.answer:
            case {"value": int() | float() | None as value}:
                return value
        raise BrokenRecording(record.key, "a cost of another form")

    def _record(self, architecture: Architecture) -> Record | None:
        if isinstance(self.source, Measure):
            return self.client.ask(FIGURES, self.source.request(self.space, architecture))
        job = self.source.job(architecture)
        request = job.request()
        if (reason := self.given_up.get(job.key)) is not None:
            return Record(request, {"reason": reason}, kind=UNMEASURED)
        if (given_up := self.client.find(UNMEASURED, request)) is not None:
            return given_up
        return self.client.ask(KIND, request) if self.wait else self.client.find(KIND, request)


def _looked_up(record: Record) -> Figures | Rejection:
    match record.answer:
        case {"accuracy": int() | float() as told, "test": int() | float() as test}:
            return Figures(float(told), float(test))
        case {"reason": str(reason)}:
            return Rejection(Reason.NO_FIGURE, reason)
    raise BrokenRecording(record.key, "figures of another form")


def _trained(record: Record) -> Figures | Rejection:
    if record.kind == UNMEASURED:
        return Rejection(Reason.UNMEASURED, str(record.answer.get("reason")))
    outcome = Trained.from_record(record).outcome
    if not outcome.is_measured or outcome.test is None:
        return Rejection(Reason.UNMEASURED, "a loss of its training was not finite")
    if outcome.validation is None:
        raise InvalidJob(
            f"a search expects a validation accuracy, and the recipe of {record.key} trains on all pictures: give its "
            "split a fraction for validation"
        )
    return Figures(outcome.validation, outcome.test)
