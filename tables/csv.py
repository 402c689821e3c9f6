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
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np

from tables import storage
from tables.errors import InvalidArchitecture, TableError
from tables.source import Measure, Origin, Source
from tables.space import Architecture, Group, Notation, Slot, Space
from tables.storage import Columns

HEADERS = (["architecture", "accuracy"], ["architecture", "accuracy", "test"])
_SEPARATOR = re.compile(r"[,;]|\s+")


class _Row(NamedTuple):
    """One line of the file: its number from 1, the architecture as it is written, and accuracies in percent."""

    line: int
    text: str
    accuracies: tuple[float, ...]


def build(path: Path, folder: Path) -> Path:
    """The table of the CSV file at `path`, written into a folder and named after the file; returns where it is.

    Raises:
        TableError: the file cannot be read or is no complete table, or the table cannot be written.
    """
    data = content(path)
    return storage.build(*read(data, path.stem), data, folder)


def content(path: Path) -> bytes:
    """The file at `path`.

    Raises:
        TableError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise TableError(f"{path}: {error.strerror}; name a CSV file that can be read") from error


def read(data: bytes, name: str, space: Space | None = None) -> tuple[Source, Columns]:
    """What a CSV file holds, to be built with `tables.storage.build`.

    Args:
        data: the file.
        name: what the table is to be called, and the file in messages.
        space: the table's key, in whose notation architectures may also be written; without one it is inferred: the
            symbols of a slot are those that the file has in it, in numerical or else alphabetical order.

    Raises:
        TableError: the file is no complete table; names the line and what to mend.
    """
    rows = _rows(data, name)
    space = space or _inferred(rows, name)
    lines: dict[Architecture, int] = {}
    for row in rows:
        try:
            architecture = _architecture(row.text, space)
        except InvalidArchitecture as error:
            _refuse(name, row.line, f"no architecture of this table ({error})")
        if architecture in lines:
            _refuse(name, row.line, f"{row.text!r} is there already, in line {lines[architecture]}")
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
    return _Row(line, entries[0].strip(), tuple(_percentage(entry, line, name) for entry in entries[1:]))


def _symbols(text: str) -> tuple[str, ...]:
    """The symbols of an architecture as it is written."""
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


def _inferred(rows: Sequence[_Row], name: str) -> Space:
    """The space of the symbols that occur; its keys are digits where every symbol is one, else have blanks between."""
    written = [(row.line, _symbols(row.text)) for row in rows]
    first, length = rows[0].line, len(written[0][1])
    for line, symbols in written:
        if len(symbols) != length or not length:
            _refuse(name, line, f"expected {max(length, 1)} symbols as in line {first}, got {len(symbols)}")
    slots = []
    for number, symbols in enumerate(zip(*(symbols for _, symbols in written), strict=True), start=1):
        choices = sorted(set(symbols), key=lambda each: (0, int(each), each) if each.isdecimal() else (1, 0, each))
        if len(choices) == 1:
            _refuse(name, first, f"symbol {number} is {choices[0]!r} in every line, which is no choice; leave it out")
        slots.append(Slot(f"Slot {number}", tuple(choices)))
    digits = all(len(symbol) == 1 and symbol in "0123456789" for slot in slots for symbol in slot.choices)
    template = ("" if digits else " ").join("{}" for _ in slots)
    return Space(name, name, (Group("Slots", tuple(slots)),), notation=Notation(template, names=True))


def _architecture(text: str, space: Space) -> Architecture:
    """The architecture that is written so, as symbols or as the space's own key; raises InvalidArchitecture."""
    try:
        return space.from_symbols(_symbols(text), text)
    except InvalidArchitecture:
        return space.from_native(text)


def _refuse(name: str, line: int, problem: str) -> NoReturn:
    raise TableError(f"{name}, line {line}: {problem}; nothing was built, mend the file")
