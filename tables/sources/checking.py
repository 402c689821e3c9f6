"""What every reader checks: strict JSON, every architecture exactly once, numbers that can be what they claim to be.

A reader trusts nothing: a table built from a damaged file would go on giving wrong numbers long after the file is gone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from tables.errors import MalformedSource
from tables.schema import Source, cardinalities


def refuse(source: Source, problem: str) -> NoReturn:
    """Raise MalformedSource with the problem and the way out."""
    origin = source.origin
    raise MalformedSource(
        f"{source.name}: {problem}; nothing was built, "
        f"fetch {origin.path} again from {origin.repository} at {origin.revision}"
    )


def parse_object(data: bytes, source: Source) -> dict[str, Any]:
    """The JSON object in `data`; duplicate keys, NaN, infinities and truncated text are refused, at any depth.

    Raises:
        MalformedSource: naming the key or the position.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        fields = dict(pairs)
        if len(fields) < len(pairs):
            names = [name for name, _ in pairs]
            refuse(source, f"key {next(name for name in names if names.count(name) > 1)!r} is there twice")
        return fields

    def no_constant(text: str) -> NoReturn:
        refuse(source, f"{text} where a number was expected")

    try:
        parsed = json.loads(data, object_pairs_hook=unique, parse_constant=no_constant)
    except (ValueError, RecursionError) as error:
        refuse(source, f"not whole JSON ({error})")
    if not isinstance(parsed, dict):
        refuse(source, f"expected a JSON object of architectures, got {type(parsed).__name__}")
    return parsed


def dense_rows(keys: Sequence[str], source: Source) -> NDArray[np.int32]:
    """The dense row of each key, in the order of `keys`.

    Raises:
        MalformedSource: a key of another space, or an architecture without a key.
    """
    architectures = []
    for key in keys:
        architecture = source.codec.decode(key, source.slots)
        if architecture is None or source.codec.encode(architecture, source.slots) != key:
            refuse(source, f"key {key!r} is not an architecture of this benchmark")
        architectures.append(architecture)
    size = math.prod(cardinalities(source.slots))
    if not architectures:
        refuse(source, f"no keys where {size} were expected")
    rows = np.asarray(np.ravel_multi_index(tuple(np.array(architectures).T), cardinalities(source.slots)), np.int32)
    if len(keys) != size:  # keys are distinct and decoding is one to one, so too few is all that is left
        absent = int(np.flatnonzero(np.bincount(rows, minlength=size) == 0)[0])
        refuse(source, f"key {key_of(absent, source)!r} is missing ({len(keys)} of {size} keys are there)")
    return rows


def key_of(row: int, source: Source) -> str:
    """The native key of a dense row, for messages."""
    choices = np.unravel_index(row, cardinalities(source.slots))
    return source.codec.encode(tuple(int(choice) for choice in choices), source.slots)


@dataclass(frozen=True)
class Entries:
    """The checked skeleton of a published JSON object: one entry an architecture, each with the same fields."""

    source: Source
    by_key: dict[str, dict[str, Any]]
    rows: NDArray[np.int32]  # dense row of each key, in file order

    def percentages(self, field: str) -> NDArray[np.float64]:
        """(n,) percent, dense order; every one a number in 0..100."""
        return self._dense(
            [percentage(each[field], f"{field} of {key}", self.source) for key, each in self.by_key.items()]
        )

    def runs(self, field: str, count: int) -> NDArray[np.float64]:
        """(n, count) percent, dense order."""
        for key, each in self.by_key.items():
            if not isinstance(each[field], list) or len(each[field]) != count:
                refuse(self.source, f"{field} of {key} is {each[field]!r}, expected a list of {count} accuracies")
        return self._dense(
            [
                [percentage(run, f"{field} of {key}", self.source) for run in each[field]]
                for key, each in self.by_key.items()
            ]
        )

    def counts(self, field: str) -> NDArray[np.int64]:
        """(n,) integers from 1 to 2^63 - 1, dense order."""
        for key, each in self.by_key.items():
            if type(each[field]) is not int or not 0 < each[field] < 2**63:
                refuse(self.source, f"{field} of {key} is {each[field]!r}, expected a positive integer")
        return self._dense([each[field] for each in self.by_key.values()])

    def _dense(self, in_file_order: list[Any]) -> NDArray[Any]:
        values = np.array(in_file_order)
        dense = np.empty_like(values)
        dense[self.rows] = values
        return dense


def read_entries(data: bytes, source: Source, fields: Sequence[str]) -> Entries:
    """Parse a published file of the form {key: {field: value}} and check everything but the values.

    Raises:
        MalformedSource: see `parse_object` and `dense_rows`; also an entry with other fields than `fields`.
    """
    by_key = parse_object(data, source)
    for key, entry in by_key.items():
        if not isinstance(entry, dict) or set(entry) != set(fields):
            got = sorted(entry) if isinstance(entry, dict) else type(entry).__name__
            refuse(source, f"entry {key!r}: expected the fields {sorted(fields)}, got {got}")
    return Entries(source, by_key, dense_rows(list(by_key), source))


def percentage(value: object, what: str, source: Source) -> float:
    """`value` as a percentage.

    Raises:
        MalformedSource: not a number (a truth value is none), or outside 0..100.
    """
    if type(value) not in (int, float) or not 0 <= value <= 100:  # type: ignore[operator]
        refuse(source, f"{what} is {value!r}, expected a number from 0 to 100")
    return float(value)  # type: ignore[arg-type]
