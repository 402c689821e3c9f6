"""A table that exists only as a CSV file: `architecture,accuracy`, and `test` if test accuracies are known apart.

    architecture,accuracy,test
    00,71.25,70.5
    01,73,72.75
    10,70.5,69.5
    11,74.25,73

An architecture is written in digits, one a slot ("0210"), or as symbols with commas, semicolons or blanks between them
("[0, 2, 1, 0]" in quotes, "conv skip none"). Accuracies are percentages. A search may ask for any architecture of the
space, so each has to be there exactly once.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple, NoReturn

import numpy as np

from tables.errors import TableError
from tables.source import Measure, Origin, Source
from tables.space import Architecture, Group, Notation, Slot, Space
from tables.storage import Columns

HEADERS = (["architecture", "accuracy"], ["architecture", "accuracy", "test"])
_SEPARATOR = re.compile(r"[,;]|\s+")


class _Row(NamedTuple):
    """One line of the file: its number from 1, the architecture's symbols, and accuracies in percent."""

    line: int
    symbols: tuple[str, ...]
    accuracies: tuple[float, ...]


def read(data: bytes, name: str, slots: tuple[Slot, ...] | None = None) -> tuple[Source, Columns]:
    """What a CSV file holds, to be built with `tables.storage.build`.

    Args:
        data: the file.
        name: what the table is to be called, and the file in messages.
        slots: the slots with their symbols as choices; without them they are inferred: the symbols of a slot are those
            that the file has in it, in numerical or else alphabetical order.

    Raises:
        TableError: the file is no complete table; names the line and what to mend.
    """
    rows = _rows(data, name)
    space = _space(name, slots or _inferred(rows, name))
    lines: dict[Architecture, int] = {}
    for row in rows:
        architecture = _look_up(row.symbols, space)
        if architecture is None:
            expected = "; ".join(f"{slot.name}: {' '.join(slot.choices)}" for slot in space.slots)
            _refuse(name, row.line, f"{' '.join(row.symbols)!r} is no architecture of this table ({expected})")
        if architecture in lines:
            _refuse(name, row.line, f"{' '.join(row.symbols)!r} is there already, in line {lines[architecture]}")
        lines[architecture] = row.line
    if len(lines) != space.size:
        absent = next(each for each in product(*map(range, space.cardinalities)) if each not in lines)
        raise TableError(
            f"{name}: {space.size - len(lines)} of {space.size} architectures are missing, the first is "
            f"{space.to_native(absent)!r}; a search may ask for any of them: add the missing lines"
        )
    file_order = np.array([space.index_of(architecture) for architecture in lines])
    accuracies = np.array([row.accuracies for row in rows])[np.argsort(file_order)]
    measure = Measure.NO_SPLIT if accuracies.shape[1] == 1 else Measure.VALIDATION
    source = Source(name, space, measure, Origin("a CSV file", "none", path=name, licence="not stated"))
    return source, {"file_order": file_order, **dict(zip(("accuracy", "test"), accuracies.T, strict=False))}


def _rows(data: bytes, name: str) -> list[_Row]:
    """All lines of the file."""
    try:
        text = data.decode("utf-8-sig")  # spreadsheets put a byte order mark in front
    except UnicodeDecodeError as error:
        raise TableError(f"{name}: expected text in UTF-8 ({error}); save the file as UTF-8") from None
    lines = _lines(text, name)
    number, header = next(lines, (1, []))
    if [title.strip() for title in header] not in HEADERS:
        expected = " or ".join(",".join(titles) for titles in HEADERS)
        _refuse(name, number, f"expected the header {expected}, got {','.join(header)!r}")
    rows = [_row(name, number, entries, len(header)) for number, entries in lines]
    if not rows:
        _refuse(name, number, "expected a line for every architecture, got none")
    if all(row.accuracies[0] <= 1 for row in rows):
        _refuse(name, rows[0].line, "no accuracy is above 1, but percentages are expected; multiply them by 100")
    return rows


def _lines(text: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """Number and entries of every line that is not empty."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        yield from ((reader.line_num, entries) for entries in reader if entries)
    except csv.Error as error:
        _refuse(name, reader.line_num, f"not CSV ({error})")


def _row(name: str, line: int, entries: Sequence[str], expected: int) -> _Row:
    if len(entries) != expected:
        hint = "; an architecture with commas has to stand in quotes"
        _refuse(name, line, f"expected {expected} entries, got {len(entries)}{hint}")
    return _Row(line, _symbols(entries[0]), tuple(_percentage(entry, line, name) for entry in entries[1:]))


def _symbols(text: str) -> tuple[str, ...]:
    """The symbols of an architecture as it is written."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return tuple(text)
    if text[:1] + text[-1:] in ("[]", "()"):
        text = text[1:-1]
    return tuple(symbol for symbol in _SEPARATOR.split(text) if symbol)


def _percentage(text: str, line: int, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 100:
        _refuse(name, line, f"expected an accuracy from 0 to 100, got {text!r}")
    return value


def _inferred(rows: Sequence[_Row], name: str) -> tuple[Slot, ...]:
    """Slots with the symbols that occur in them."""
    first, length = rows[0].line, len(rows[0].symbols)
    for row in rows:
        if len(row.symbols) != length or not length:
            _refuse(name, row.line, f"expected {max(length, 1)} symbols as in line {first}, got {len(row.symbols)}")
    slots = []
    for number, symbols in enumerate(zip(*(row.symbols for row in rows), strict=True), start=1):
        choices = sorted(set(symbols), key=lambda each: (0, int(each), each) if each.isdecimal() else (1, 0, each))
        if len(choices) == 1:
            _refuse(name, first, f"symbol {number} is {choices[0]!r} in every line, which is no choice; leave it out")
        slots.append(Slot(f"Slot {number}", tuple(choices)))
    return tuple(slots)


def _space(name: str, slots: tuple[Slot, ...]) -> Space:
    """The space of these slots; its keys are digits where every symbol is one, else symbols with blanks between."""
    digits = all(len(symbol) == 1 and symbol in "0123456789" for slot in slots for symbol in slot.choices)
    template = ("" if digits else " ").join("{}" for _ in slots)
    return Space(name, name, (Group("Slots", slots),), notation=Notation(template, names=True))


def _look_up(symbols: Sequence[str], space: Space) -> Architecture | None:
    """The architecture that these symbols mean."""
    slots = space.slots
    if len(symbols) != len(slots) or not all(s in slot.choices for s, slot in zip(symbols, slots, strict=True)):
        return None
    return tuple(slot.choices.index(symbol) for symbol, slot in zip(symbols, slots, strict=True))


def _refuse(name: str, line: int, problem: str) -> NoReturn:
    raise TableError(f"{name}, line {line}: {problem}; nothing was built, mend the file")
