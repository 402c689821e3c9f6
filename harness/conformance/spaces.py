"""What every search space and every table has to hold: one function a property, as in `harness.conformance.methods`.

@pytest.mark.parametrize("holds", conformance.OF_SPACES)
def test_my_space(holds):
    assert holds(my_space) is None  # a module with SPACE and cost
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import TypeAlias

from harness.conformance.methods import Property
from harness.spaces import Declared, SpaceModule
from harness.text import notation
from harness.text import published as grammar
from tables.errors import TableError
from tables.space import Architecture, Space
from tables.table import Table

AnySpace: TypeAlias = SpaceModule | Declared
"""A file of a space of this project, or a space of one's own."""

SAMPLES = 50


def _some(space: Space) -> list[Architecture]:
    """The first architecture, all that differ from it in one slot, so that every choice is there, and random ones."""
    first = (0,) * len(space.slots)
    rng = random.Random(0)
    return [first, *space.neighbours(first), *(space.sample(rng) for _ in range(SAMPLES))]


# -- search spaces ---


def has_a_decision_in_every_slot(module: AnySpace) -> str | None:
    """Slots have at least two choices with names of their own; slots and groups can be told apart by name."""
    space = module.SPACE
    for slot in space.slots:
        if not isinstance(slot.choices, tuple) or not all(isinstance(each, str) for each in (slot.name, *slot.choices)):
            return f"expected texts as the name and the choices of {slot.name}, these in a tuple, got {slot.choices!r}"
        if len(slot.choices) < 2 or _repeated(slot.choices):
            return f"expected different choices in {slot.name}, at least two, got {', '.join(slot.choices)}"
    for what, names in (
        ("slots", [slot.name for slot in space.slots]),
        ("groups", [group.name for group in space.groups]),
    ):
        if repeated := _repeated(names):
            return f"expected {what} of different names, got {repeated} twice"
    return None


def reads_back_every_key(module: AnySpace) -> str | None:
    """What `to_native` writes is read as the same architecture, to the letter and as something that a person typed."""
    space = module.SPACE
    for architecture in _some(space):
        key = space.to_native(architecture)
        for read in (space.from_native(key), notation.from_any(space, key)):
            if read != architecture:
                return f"{architecture} is written {key}, which is read as {read}; keep the slots of a key apart"
    return None


def numbers_every_architecture(module: AnySpace) -> str | None:
    """The size is the product of the choices, and an architecture is found again by its index."""
    space = module.SPACE
    if space.size != math.prod(space.cardinalities):
        return f"expected a size of {math.prod(space.cardinalities)}, got {space.size}"
    for architecture in _some(space):
        if (found := space.architecture_at(space.index_of(architecture))) != architecture:
            return f"{architecture} has the index {space.index_of(architecture)}, which is that of {found}"
    return None


def has_neighbours_in_every_direction(module: AnySpace) -> str | None:
    """The neighbours are all architectures that differ in exactly one slot, each of them once."""
    space = module.SPACE
    for architecture in _some(space)[-SAMPLES:]:
        neighbours = list(space.neighbours(architecture))
        for neighbour in neighbours:
            if sum(a != b for a, b in zip(space.validate(neighbour), architecture, strict=True)) != 1:
                return f"{neighbour} is named a neighbour of {architecture}; expected one different slot"
        expected = sum(cardinality - 1 for cardinality in space.cardinalities)
        if not len(set(neighbours)) == len(neighbours) == expected:
            return f"expected {expected} different neighbours of {architecture}, got {len(set(neighbours))}"
    return None


def reads_every_layout(module: AnySpace) -> str | None:
    """The grammar reads an architecture back from every layout in which models write one."""
    space = module.SPACE
    for layout in notation.LAYOUTS:
        for architecture in _some(space)[-SAMPLES // 5 :]:
            reading = grammar.read(space, text := notation.write(space, architecture, layout))
            if not isinstance(reading, grammar.Reading):
                return f"layout {layout!r} is not read ({reading.detail}): {text!r}"
            if reading.architecture != architecture:
                return f"layout {layout!r} is read as {reading.architecture}: {text!r}"
    return None


def costs_every_architecture(module: AnySpace) -> str | None:
    """Multiply-accumulates and parameters, where they are known, are positive whole numbers, and always the same."""
    if module.cost is None:
        return None
    for architecture in _some(module.SPACE):
        cost = module.cost(architecture)
        if any(not isinstance(count, int) or count <= 0 for count in cost):
            return f"expected positive whole numbers as the cost of {architecture}, got {cost}"
        if module.cost(architecture) != cost:
            return f"{architecture} costs {cost} at first and {module.cost(architecture)} later"
    return None


def names_its_largest_architecture(module: AnySpace) -> str | None:
    """`largest`, if it is there, is an architecture of the space, and none that was tried has more parameters."""
    space = module.SPACE
    largest = None if space.largest is None else space.validate(space.largest)
    if largest is None or module.cost is None:
        return None
    most = module.cost(largest).params
    for architecture in _some(space):
        if (params := module.cost(architecture).params) > most:
            return f"expected at most {most} parameters, those of `largest`, got {params} in {architecture}"
    return None


def tells_networks_apart(module: AnySpace) -> str | None:
    """What `network` gives can be counted and is the same whenever it is asked for, and `networks` fits the size."""
    space = module.SPACE
    for architecture in _some(space):
        if len({space.network(architecture), space.network(architecture)}) > 1:
            return f"expected one form of {architecture}, got two"
    if space.networks is not None and not 0 < space.networks <= space.size:
        return f"expected from 1 to {space.size} networks, got {space.networks}"
    return None


OF_SPACES: tuple[Property[AnySpace], ...] = (
    has_a_decision_in_every_slot,
    reads_back_every_key,
    numbers_every_architecture,
    has_neighbours_in_every_direction,
    reads_every_layout,
    costs_every_architecture,
    names_its_largest_architecture,
    tells_networks_apart,
)


def _repeated(names: Sequence[str]) -> str | None:
    return next((name for position, name in enumerate(names) if name in names[:position]), None)


# -- tables ---


def has_a_row_for_every_architecture_it_counts(table: Table) -> str | None:
    """There are as many accuracies as architectures, of the space or of the part of it that the table names."""
    size, places = math.prod(table.cardinalities), table.places
    expected, found = size if places is None else len(places), table.accuracy.shape
    if found != (expected,) or not expected:
        return f"expected accuracies of shape ({expected},), got {found}"
    if places is not None and places.tolist() != sorted({place for place in places.tolist() if 0 <= place < size}):
        return f"expected ascending places from 0 to {size - 1}, got others"
    return None


def finds_every_architecture_by_its_index(table: Table) -> str | None:
    """Indices count through the architectures, the last slot fastest, and lead back to them."""
    architectures = table.architectures_at(range(len(table)))
    if (found := table.indices_of(architectures).tolist()) != list(range(len(table))):
        wrong = next(index for index, other in enumerate(found) if index != other)
        return f"architecture {architectures[wrong].tolist()} stands at {wrong} and is looked up at {found[wrong]}"
    if architectures.tolist() != sorted(architectures.tolist()):
        return "expected architectures in lexicographic order, the first slot most significant"
    return None


def holds_percentages(table: Table) -> str | None:
    """Every accuracy is a number from 0 to 100."""
    for index, accuracy in enumerate(table.accuracy.tolist()):
        if not 0 <= accuracy <= 100:
            return f"expected percentages, got {accuracy} for {table.architecture_at(index)}"
    return None


def cannot_be_written(table: Table) -> str | None:
    """A search cannot change what it is told."""
    return "expected read-only accuracies, got an array that can be written" if table.accuracy.flags.writeable else None


def refuses_other_architectures(table: Table) -> str | None:
    """What is no architecture of the table is an error, never another architecture's accuracy."""
    first, space = table.architecture_at(0), table.space
    others = [(*first, 0), first[1:], (-1, *first[1:]), (table.cardinalities[0], *first[1:])]
    if table.places is not None:  # what it has no figure of lies beside what it has
        near = (
            each for row in table.architectures_at(range(min(SAMPLES, len(table)))) for each in space.neighbours(row)
        )
        others += [each for each in near if table.row_of(each) is None]
    for other in others:
        try:
            index = table.index_of(other)
        except TableError:
            continue
        return f"expected an error for {other}, got the index {index}"
    return None


OF_TABLES: tuple[Property[Table], ...] = (
    has_a_row_for_every_architecture_it_counts,
    finds_every_architecture_by_its_index,
    holds_percentages,
    cannot_be_written,
    refuses_other_architectures,
)
