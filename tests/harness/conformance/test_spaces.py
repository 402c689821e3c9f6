"""Each property of spaces and tables can fail: a declaration or a table that breaks it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from harness.conformance import spaces as conformance
from harness.conformance.methods import UNEVEN, check, table_of
from harness.conformance.spaces import OF_SPACES, OF_TABLES
from harness.spaces.costs import Cost
from tables.space import Architecture, Group, Notation, Slot, Space
from tables.table import Table
from tests.strategies import WIDTHS


@dataclass(frozen=True)
class Module:
    """What a module with a search space holds; the more choices, the dearer, unless it says otherwise."""

    SPACE: Space
    params: int | None = None

    def cost(self, architecture: Architecture) -> Cost:
        return Cost(100, 100, 1 + sum(architecture) if self.params is None else self.params)


def slots(*names: str, choices: tuple[str, ...] = ("a", "b")) -> tuple[Slot, ...]:
    return tuple(Slot(name, choices) for name in names)


def flat(*slots: Slot, **fields: Any) -> Space:
    return Space("flat", "Made up", (Group("Stage 1", slots),), **fields)


class WithoutNeighbours(Space):
    def neighbours(self, architecture: Architecture) -> Iterator[Architecture]:
        return iter([(*architecture[:-1], 1 - architecture[-1])])


class WithFarNeighbours(Space):
    def neighbours(self, architecture: Architecture) -> Iterator[Architecture]:
        return iter([tuple(1 - choice for choice in architecture)])


class OtherIndices(Space):
    def index_of(self, architecture: Architecture) -> int:
        return super().index_of(architecture[::-1])


class OtherSize(Space):
    @property
    def size(self) -> int:
        return sum(self.cardinalities)


class CostsGrow:
    """A space that is dearer every time."""

    SPACE = WIDTHS

    def __init__(self) -> None:
        self.calls = 0

    def cost(self, architecture: Architecture) -> Cost:  # noqa: ARG002
        self.calls += 1
        return Cost(self.calls, self.calls, self.calls)


TWO_GROUPS = (Group("Stage 1", slots("Layer 1", "Layer 2")),)
BROKEN_SPACES = [
    (conformance.has_a_decision_in_every_slot, Module(flat(*slots("Layer 1", choices=("a",)))), "at least two, got a"),
    (conformance.has_a_decision_in_every_slot, Module(flat(*slots("Layer 1", choices=("a", "a")))), "got a, a"),
    (
        conformance.has_a_decision_in_every_slot,
        Module(flat(*slots("Layer 1", "Layer 1"))),
        "slots .* got Layer 1 twice",
    ),
    (
        conformance.has_a_decision_in_every_slot,
        Module(Space("two", "Made up", (Group("Stage", slots("1")), Group("Stage", slots("2"))))),
        "groups of different names, got Stage twice",
    ),
    (
        conformance.reads_back_every_key,
        Module(flat(*slots("Layer 1", "Layer 2", choices=("a", "aa")), notation=Notation("{}{}", names=True))),
        "keep the slots of a key apart",
    ),
    (
        conformance.numbers_every_architecture,
        Module(OtherSize(*(getattr(WIDTHS, field.name) for field in fields(WIDTHS)))),
        "expected a size of 384, got 17",
    ),
    (
        conformance.numbers_every_architecture,
        Module(OtherIndices("two", "Made up", TWO_GROUPS)),
        r"\(1, 0\) has the index 1, which is that of \(0, 1\)",
    ),
    (
        conformance.has_neighbours_in_every_direction,
        Module(WithoutNeighbours("two", "Made up", TWO_GROUPS)),
        "expected 2 different neighbours .* got 1",
    ),
    (
        conformance.has_neighbours_in_every_direction,
        Module(WithFarNeighbours("two", "Made up", TWO_GROUPS)),
        "expected one different slot",
    ),
    (
        conformance.reads_every_layout,
        Module(Space("two", "Made up", (Group("Cell", slots("x", "y")), Group("Cell 1", slots("z", "w"))))),
        "layout 'grouped' is",
    ),
    (conformance.costs_every_architecture, Module(WIDTHS, params=0), "expected positive whole numbers"),
    (conformance.costs_every_architecture, CostsGrow(), "costs .* at first and .* later"),
    (
        conformance.names_its_largest_architecture,
        Module(replace(WIDTHS, largest=(0, 0, 0, 0, 0))),
        "expected at most 1 parameters, those of `largest`, got 2",
    ),
    (
        conformance.names_its_largest_architecture,
        Module(replace(WIDTHS, largest=(2, 0, 0, 0, 0))),
        "Layer 1 expects a choice from 0 to 1, got 2",
    ),
    (
        conformance.tells_networks_apart,
        Module(replace(WIDTHS, form=lambda _: object())),
        "expected one form of .* got two",
    ),
    (conformance.tells_networks_apart, Module(replace(WIDTHS, networks=385)), "from 1 to 384 networks, got 385"),
]


@pytest.mark.parametrize(("holds", "module", "says"), BROKEN_SPACES)
def test_a_broken_space_is_found_out(holds: Any, module: Any, says: str) -> None:
    (finding,) = check([holds], module)
    assert not finding.ok
    assert re.search(says, finding.reason)


@pytest.mark.parametrize("module", [Module(WIDTHS), Module(UNEVEN)], ids=lambda module: module.SPACE.name)
def test_a_sound_space_passes(module: Any) -> None:
    assert [finding for finding in check(OF_SPACES, module) if not finding.ok] == []


class Reversed(Table):
    def indices_of(self, architectures: ArrayLike) -> NDArray[np.int64]:
        return len(self) - 1 - super().indices_of(architectures)


class Unordered(Reversed):
    """Consistent with itself, but the last architecture comes first."""

    def architectures_at(self, indices: ArrayLike) -> NDArray[np.int64]:
        return super().architectures_at(len(self) - 1 - np.asarray(indices))


class WrapsAround(Table):
    def indices_of(self, architectures: ArrayLike) -> NDArray[np.int64]:
        choices = np.asarray(architectures)
        fits = choices.shape[-1] == len(self.cardinalities)
        return super().indices_of(choices % self.cardinalities if fits else choices)


def altered(kind: type[Table] = Table, *, index: int | None = None, value: float = 0, rows: int | None = None) -> Table:
    """The made-up table as another kind of table, with one other accuracy, or with fewer rows."""
    table = table_of(UNEVEN)
    accuracy = table.accuracy.copy()
    if index is not None:
        accuracy[index] = value
    accuracy.flags.writeable = False
    return kind(Path("made-up.h5"), table.info, {"accuracy": accuracy[:rows]})


def writable() -> Table:
    table = table_of(UNEVEN)
    return Table(Path("made-up.h5"), table.info, {"accuracy": table.accuracy.copy()})


BROKEN_TABLES = [
    (
        conformance.has_a_row_for_every_architecture_it_counts,
        altered(rows=200),
        r"expected accuracies of shape \(240,\), got",
    ),
    (conformance.finds_every_architecture_by_its_index, altered(Reversed), r"stands at 0 and is looked up at 239"),
    (conformance.finds_every_architecture_by_its_index, altered(Unordered), "lexicographic order"),
    (conformance.holds_percentages, altered(index=3, value=np.nan), r"got nan for \(0, 0, 0, 0, 3\)"),
    (conformance.holds_percentages, altered(index=239, value=100.5), r"got 100.5 for \(1, 2, 3, 1, 4\)"),
    (conformance.cannot_be_written, writable(), "expected read-only accuracies"),
    (
        conformance.refuses_other_architectures,
        altered(WrapsAround),
        r"expected an error for \(-1, 0, 0, 0, 0\), got the index 120",
    ),
]


@pytest.mark.parametrize(("holds", "table", "says"), BROKEN_TABLES)
def test_a_broken_table_is_found_out(holds: Any, table: Table, says: str) -> None:
    (finding,) = check([holds], table)
    assert not finding.ok
    assert re.search(says, finding.reason)


def test_every_property_is_broken_by_something() -> None:
    assert {holds for holds, _, _ in BROKEN_SPACES} == {*OF_SPACES}
    assert {holds for holds, _, _ in BROKEN_TABLES} == {*OF_TABLES}
