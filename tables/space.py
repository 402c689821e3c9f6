"""A search space, declared once: named slots, the choices of each, and how an architecture is written.

Everything else is derived from the declaration: size, validation, sampling, neighbours, the benchmark's own keys, the
readers of what people type (`harness.text.notation`) and of what models write (`harness.text.published`), and the
JSON Schema and
GBNF grammar for constrained decoding.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from operator import index, mul
from typing import Any, TypeAlias

from genius_replay.showing import brief
from tables.errors import InvalidArchitecture

Architecture: TypeAlias = tuple[int, ...]
"""One index into the choices of each slot, in the order of the slots."""


@dataclass(frozen=True)
class Slot:
    """One decision: its name in the field's words ("Layer 2") and the names of its choices."""

    name: str
    choices: tuple[str, ...]


@dataclass(frozen=True)
class Group:
    """Slots that are written as one list, such as a stage of a network."""

    name: str
    slots: tuple[Slot, ...]


@dataclass(frozen=True)
class Notation:
    """How a benchmark writes an architecture in its files: a template with one `{}` a slot.

    A choice is written as its symbol or, with `names`, as its name; what stands between slots must tell them apart.
    """

    template: str
    names: bool = False


@dataclass(frozen=True)
class Space:
    """A finite search space: the product of its slots' choices.

    `first_symbol` is the integer that stands for choice 0 wherever an architecture is written: benchmarks that number
    their operations from 0 leave it alone, those that count widths from 1 set it to 1. `notation` is that of the
    benchmark's own keys; without one an architecture is written as a list of symbols, "[1, 0, 2]". `largest` is the
    architecture of maximum capacity, where a search may start from. Where several architectures are one network,
    `form` gives what they have in common, and `networks` says how many different networks there are.

    >>> widths = tuple(Slot(f"Layer {n}", ("8", "16", "32")) for n in (1, 2))
    >>> space = Space("widths", "Two layers", (Group("Stage", widths),), notation=Notation("{}:{}", names=True))
    >>> space
    <Space widths: 2 slots, 9 architectures>
    >>> space.to_native((2, 0)), space.from_native("8:16"), space.index_of((2, 0))
    ('32:8', (0, 1), 6)
    >>> [*space.neighbours((2, 0))]
    [(0, 0), (1, 0), (2, 1), (2, 2)]
    """

    name: str
    title: str
    groups: tuple[Group, ...]
    first_symbol: int = 0
    notation: Notation | None = None
    largest: Architecture | None = None
    form: Callable[[Architecture], Hashable] | None = None
    networks: int | None = None

    def __repr__(self) -> str:
        networks = f", {self.networks:,} networks" if self.networks else ""
        return brief(self, f"{self.name}: {len(self.slots)} slots, {self.size:,} architectures{networks}")

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """All slots in the order of an architecture's entries."""
        return tuple(slot for group in self.groups for slot in group.slots)

    @cached_property
    def cardinalities(self) -> tuple[int, ...]:
        """The number of choices of each slot."""
        return tuple(len(slot.choices) for slot in self.slots)

    @property
    def size(self) -> int:
        """The number of architectures, not of distinct networks."""
        return math.prod(self.cardinalities)

    def validate(self, architecture: Sequence[int]) -> Architecture:
        """Return the architecture as a tuple.

        Raises:
            InvalidArchitecture: if its length is wrong or an entry is no choice of its slot.
        """
        count = len(architecture) if hasattr(architecture, "__len__") else architecture
        if count != len(self.slots):
            raise InvalidArchitecture(f"{self.name}: expected {len(self.slots)} choices, one a slot, got {count!r}")
        for slot, cardinality, choice in zip(self.slots, self.cardinalities, architecture, strict=True):
            try:
                # A truth value of numpy 1 has an index.
                truth = isinstance(choice, bool) or str(getattr(choice, "dtype", "")) == "bool"
                fits = not truth and 0 <= index(choice) < cardinality
            except TypeError:  # no integer of any library
                fits = False
            if not fits:
                raise InvalidArchitecture(
                    f"{self.name}: {slot.name} expects a choice from 0 to {cardinality - 1}, got {choice!r}"
                )
        return tuple(map(index, architecture))

    def network(self, architecture: Architecture) -> Hashable:
        """What is equal for two architectures exactly if they are one network.

        Raises:
            InvalidArchitecture: if it is no architecture of this space.
        """
        choices = self.validate(architecture)
        return self.form(choices) if self.form else choices

    def split(self, architecture: Architecture) -> tuple[Architecture, ...]:
        """The architecture's choices, one tuple a group."""
        choices = iter(architecture)
        return tuple(tuple(next(choices) for _ in group.slots) for group in self.groups)

    def symbols(self, choices: Sequence[int]) -> tuple[int, ...]:
        """The integers by which these choices are written."""
        return tuple(choice + self.first_symbol for choice in choices)

    def written(self, vocabulary: str = "symbols") -> tuple[tuple[int | str, ...], ...]:
        """How each choice of each slot is written.

        Vocabularies are the choices' `"symbols"`, `"names"` and `"widths"`, and what the benchmark's own `"key"` says.

        >>> Space("widths", "", (Group("", (Slot("Layer 1", ("64 channels", "128 channels")),)),)).written("widths")
        ((64, 128),)

        Raises:
            InvalidArchitecture: a choice has no width, which is a number, or one of channels.
        """
        if vocabulary == "symbols":
            return self._symbols
        if vocabulary == "key":
            return self._native_choices
        if vocabulary == "names":
            return tuple(slot.choices for slot in self.slots)
        try:
            return tuple(tuple(int(name.removesuffix(" channels")) for name in slot.choices) for slot in self.slots)
        except ValueError:
            names = ", ".join(dict.fromkeys(name for slot in self.slots for name in slot.choices))
            raise InvalidArchitecture(
                f"{self.name}: expected choices that are widths, such as '64 channels' or '64', got {names[:99]}"
            ) from None

    def to_native(self, architecture: Sequence[int]) -> str:
        """Write an architecture as the benchmark's own key.

        Raises:
            InvalidArchitecture: if it is no architecture of this space.
        """
        choices = self.validate(architecture)
        return self.template.format(
            *(written[choice] for written, choice in zip(self._native_choices, choices, strict=True))
        )

    def from_native(self, text: str) -> Architecture:
        """Read the benchmark's own key, to the letter; `harness.text.notation` reads other notations.

        Raises:
            InvalidArchitecture: if `to_native` writes no such text.
        """
        match = self._native_pattern.fullmatch(text)
        return self.from_symbols(match.groups() if match else (), text)

    def from_symbols(self, symbols: Sequence[str], text: str) -> Architecture:
        """Read the choices of all slots, each written as in the benchmark's own key; `text` is named if they are not.

        Raises:
            InvalidArchitecture: if they are too few or too many, or a slot has no such choice.
        """
        slots = self._native_choices
        if len(symbols) != len(slots) or not all(each in slot for each, slot in zip(symbols, slots, strict=True)):
            example = self.to_native([0] * len(slots))
            choices = " or ".join(dict.fromkeys(", ".join(slot) for slot in slots))
            raise InvalidArchitecture(
                f"{self.name}: expected a key such as {example} with {choices} in each slot, got {text[:200]!r}"
            )
        return tuple(slot.index(each) for each, slot in zip(symbols, slots, strict=True))

    @cached_property
    def strides(self) -> tuple[int, ...]:
        """What one step in each slot adds to an architecture's index."""
        return tuple(accumulate(self.cardinalities[:0:-1], mul, initial=1))[::-1]

    def index_of(self, architecture: Architecture) -> int:
        """The architecture's place in lexicographic order, from 0; the first slot counts most."""
        return sum(choice * stride for choice, stride in zip(architecture, self.strides, strict=True))

    def architecture_at(self, index: int) -> Architecture:
        """The inverse of `index_of`."""
        slots = zip(self.strides, self.cardinalities, strict=True)
        return tuple(index // stride % cardinality for stride, cardinality in slots)

    def sample(self, rng: random.Random) -> Architecture:
        """Draw one architecture uniformly: in one draw where an index fits into a float, otherwise one a slot."""
        if self.size <= 2**53:
            return self.architecture_at(int(rng.random() * self.size))
        return tuple(int(rng.random() * cardinality) for cardinality in self.cardinalities)

    def neighbours(self, architecture: Architecture) -> Iterator[Architecture]:
        """All architectures that differ in exactly one slot, by slot, then by choice."""
        for position, cardinality in enumerate(self.cardinalities):
            for choice in range(cardinality):
                if choice != architecture[position]:
                    yield (*architecture[:position], choice, *architecture[position + 1 :])

    def json_schema(self) -> dict[str, Any]:
        """A JSON Schema (2020-12) of `{"architecture": [...]}` in written symbols, for constrained decoding."""
        entries = [{"enum": list(symbols)} for symbols in self._symbols]
        size = {"minItems": len(entries), "maxItems": len(entries)}
        members = {"architecture": {"type": "array", "prefixItems": entries, "items": False, **size}}
        return {"type": "object", "properties": members, "required": [*members], "additionalProperties": False}

    def plain_schema(self) -> dict[str, Any]:
        """A JSON Schema of the answers of `json_schema` without what OpenAI's strict mode refuses: `prefixItems`.

        Every entry of the list may be what any slot takes: in a space whose slots differ it allows more.
        """
        schema = self.json_schema()
        entries = schema["properties"]["architecture"]
        del entries["prefixItems"]
        entries["items"] = {"type": "integer", "enum": [*max(self._symbols, key=len)]}
        return schema

    def gbnf(self) -> str:
        """A GBNF grammar (llama.cpp) of the same answers as `json_schema`."""
        slots = ' "," '.join(f"slot{n}" for n in range(len(self.slots)))
        rules = [f'root ::= "{{\\"architecture\\":[" {slots} "]}}"']
        for n, symbols in enumerate(self._symbols):
            rules.append(f"slot{n} ::= " + " | ".join(f'"{symbol}"' for symbol in symbols))
        return "\n".join(rules) + "\n"

    @property
    def template(self) -> str:
        """The benchmark's own key with `{}` in the place of each choice."""
        return self.notation.template if self.notation else "[" + ", ".join("{}" for _ in self.slots) + "]"

    @cached_property
    def _symbols(self) -> tuple[tuple[int, ...], ...]:
        """The integers by which the choices of each slot are written."""
        return tuple(self.symbols(range(cardinality)) for cardinality in self.cardinalities)

    @cached_property
    def _native_choices(self) -> tuple[tuple[str, ...], ...]:
        """How each choice of each slot is written in a key."""
        if self.notation and self.notation.names:
            return tuple(slot.choices for slot in self.slots)
        return tuple(tuple(map(str, symbols)) for symbols in self._symbols)

    @cached_property
    def _native_pattern(self) -> re.Pattern[str]:
        """A pattern of all keys, with one capture group a slot."""
        alternatives = ("(" + "|".join(map(re.escape, written)) + ")" for written in self._native_choices)
        return re.compile(re.escape(self.template).replace(re.escape("{}"), "{}").format(*alternatives))
