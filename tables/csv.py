"""A table that exists only as a CSV file: `architecture,accuracy`, and `test` if test accuracies are known apart.

    architecture,accuracy,test
    00,71.25,70.5
    01,73,72.75
    10,70.5,69.5
    11,74.25,73

`tables.own` says how an architecture may be written; with commas in it, it stands in quotes. It may also have a column
a slot in place of `architecture`, titled by the slot's name, in which the names of choices stand:

    layer 1,layer 2,accuracy
    16,64,71.25

Accuracies are percent. An architecture has one line, or as many as every other one, one a seed. Then accuracies are the
means, and the lines are the table's `runs`. An architecture of the space may be left out, and then has no figure; only
where the space is guessed from keys every one has to be there. Columns `params` and `flops` (multiply-accumulates) may
follow, and `seed`, which is not kept; so may any other cost, such as `latency_ms`: a number in every line, of several
lines the mean. Semicolons or tabs may separate columns.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from tables import own
from tables.own import Key, Refuse
from tables.source import OWN, Measure, Origin, Source
from tables.space import Architecture, Space
from tables.storage import COLUMN_KINDS, Columns

ARCHITECTURE = "architecture"
HEADERS = "architecture,accuracy or architecture,accuracy,test"
ACCURACIES = {"accuracy": "runs", "test": "test_runs"}
"""Columns of accuracies, with that of the single trainings behind each in a table."""
COSTS = ("params", "flops")
SEED = "seed"

_OWN = re.compile(r"(?!test)[^\W\d]\w*")  # the name of any other cost; what is called a test's is told to no search
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


class _Row(NamedTuple):
    """One line of the file: its number from 1, the architecture as it is written, and the entries by column."""

    line: int
    written: tuple[str, ...]  # in a column, or in one for each slot
    numbers: dict[str, float]  # accuracies in percent

    @property
    def text(self) -> str:
        """The architecture as a message quotes it."""
        return ", ".join(self.written)


def read(
    data: bytes, name: str, space: Space | None = None, *, spaces: Iterable[Space] = (), place: str = ""
) -> tuple[Source, Columns]:
    """What a CSV file holds, to be built with `tables.storage.build`.

    Args:
        data: the file.
        name: what the table is to be called.
        space: the table's key, in whose notation architectures may also be written; without one it is inferred: the
            symbols of a slot are those that the file has in it, in numerical or else alphabetical order. Its slots are
            then the columns before `accuracy`, unless there is one of architectures.
        spaces: that a file without a space of its own may turn out to be of (`tables.own.read`).
        place: what messages call the file; its name, if it is left out.

    Raises:
        TableError: the file is no complete table; names the line and what to mend.
    """
    refuse = own.refuser(place or name)
    first, titles, rows = _rows(data, space, refuse)
    keys = [Key(f"line {row.line}", row.text) for row in rows]
    guessed = False
    if first != [ARCHITECTURE]:
        space, found = own.read_columns(keys, first, [row.written for row in rows], space, name, refuse)
    elif space is None:
        declared = [*spaces]
        space, found = own.read(keys, name, declared, refuse)
        guessed = space not in declared
    else:
        found = own.read_in(keys, space, refuse)
    lines = _lines_of(found, rows, refuse)
    order = sorted(lines)
    in_order = [lines[architecture] for architecture in order]
    # By title, (n, lines).
    held = {title: np.array([[row.numbers[title] for row in each] for each in in_order]) for title in titles}
    told = {title: held[title] for title in ACCURACIES if title in titles}
    remarks = own.in_percent(told, keys[0].place, refuse)
    columns, partial = own.placed(space, order, refuse, guessed=guessed)
    rows_of = {architecture: row for row, architecture in enumerate(order)}
    columns = {**columns, "file_order": np.array([rows_of[architecture] for architecture in lines])}
    for title, runs in held.items():
        if title in COSTS:
            columns[title] = runs[:, 0]
        elif title != SEED:
            columns[title] = runs.mean(axis=1)
            if title in told and runs.shape[1] > 1:
                columns[ACCURACIES[title]] = runs
    measure = Measure.VALIDATION if "test" in told else Measure.NO_SPLIT
    origin = Origin("a CSV file", OWN, path=name, licence="not stated")
    return Source(name, space, measure, origin, remarks=partial + remarks), columns


def _rows(data: bytes, space: Space | None, refuse: Refuse) -> tuple[list[str], list[str], list[_Row]]:
    """The titles of the columns of architectures and of the others, and all lines of the file."""
    try:
        text = data.decode("utf-8-sig")  # spreadsheets put a byte order mark in front
    except UnicodeDecodeError as error:
        refuse("", f"expected text in UTF-8 ({error}); save the file as UTF-8")
    lines = _lines(text, refuse)
    number, header = next(lines, (1, []))
    all_titles = [own.column(title) for title in header]
    shown = all_titles[: all_titles.index("accuracy")] if "accuracy" in all_titles else []
    slots = [own.column(slot.name) for slot in space.slots] if space else shown
    first = [ARCHITECTURE] if ARCHITECTURE in all_titles[:1] else slots
    titles = [title for title in all_titles if title not in first]
    known = {*ACCURACIES, *COSTS, SEED, *(each for each in titles if _OWN.fullmatch(each) and each not in COLUMN_KINDS)}
    few = space is None and len(first) < 2 and first != [ARCHITECTURE]  # a key under another title
    misfit = {*first} - {*all_titles} or {*titles} - known or {*first} & {*known, ""} or few
    if misfit or "accuracy" not in titles or len({*all_titles}) < len(all_titles):
        columns = f"the columns {', '.join(slots)}" if space else "a column for each slot"
        further = f"{', '.join(COSTS)} and {SEED} may follow, and costs such as latency_ms, each once; "
        further += f"in place of architecture there may be {columns}"
        refuse(f"line {number}", f"expected the header {HEADERS}, got {','.join(header)[:200]!r}; {further}")
    rows = [_row(number, entries, all_titles, first, refuse) for number, entries in lines]
    if not rows:
        refuse(f"line {number}", "expected a line for every architecture, got none")
    return first, titles, rows


def _lines(text: str, refuse: Refuse) -> Iterator[tuple[int, list[str]]]:
    """Number and entries of every line that is not blank; spreadsheets write separators alone."""
    header = next(iter(text.splitlines()), "")
    delimiter = next((each for each in ";\t" if each in header), ",")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
    try:
        yield from ((reader.line_num, entries) for entries in reader if any(map(str.strip, entries)))
    except csv.Error as error:
        refuse(f"line {reader.line_num}", f"not CSV ({error})")


def _row(line: int, entries: Sequence[str], titles: Sequence[str], first: Sequence[str], refuse: Refuse) -> _Row:
    place = f"line {line}"
    if len(entries) != len(titles):
        hint = "; an architecture with commas has to stand in quotes"
        refuse(place, f"expected {len(titles)} entries, got {len(entries)}{hint}")
    entered = dict(zip(titles, map(str.strip, entries), strict=True))
    written = tuple(entered.pop(title) for title in first)
    return _Row(line, written, {title: _number(text, title, place, refuse) for title, text in entered.items()})


def _number(text: str, title: str, place: str, refuse: Refuse) -> float:
    """An accuracy from 0 to 100; a whole number of parameters, operations and seeds; any number of another column."""
    if title not in (*COSTS, SEED):
        number = float(text) if _DECIMAL.fullmatch(text) else math.nan
        if 0 <= number <= 100 or (title not in ACCURACIES and math.isfinite(number)):
            return number
        hint = " (write a decimal point, not a comma)" if re.fullmatch(r"\d+,\d+", text) else ""
        what = "an accuracy from 0 to 100" if title in ACCURACIES else f"{title} as a number"
        refuse(place, f"expected {what}, got {text[:200]!r}{hint}")
    if not re.fullmatch(r"[0-9]{1,18}", text) or (title in COSTS and not int(text)):
        refuse(place, f"expected {title} as a whole number{' above 0' * (title in COSTS)}, got {text[:200]!r}")
    return int(text)


def _lines_of(found: Sequence[Architecture], rows: Sequence[_Row], refuse: Refuse) -> dict[Architecture, list[_Row]]:
    """The lines of each architecture in the order of the file: as many for each."""
    lines: dict[Architecture, list[_Row]] = {}
    for architecture, row in zip(found, rows, strict=True):
        lines.setdefault(architecture, []).append(row)
    counts = Counter(map(len, lines.values()))
    usual = max(counts, key=lambda count: (counts[count], -count))
    for architecture, row in zip(found, rows, strict=True):
        each, place = lines[architecture], f"line {row.line}"
        if len(each) > usual and row is each[usual]:
            several = f", of {usual} lines each" if usual > 1 else "; where all have several, they are read as runs"
            refuse(place, f"{row.text!r} is there already, in line {each[0].line}{several}")
        if len(each) < usual:
            refuse(place, f"expected {usual} lines of {row.text!r} as of others, one a seed, got {len(each)}")
        for title in (SEED, *COSTS):
            values = {other.numbers.get(title) for other in each}
            if title in row.numbers and len(values) != (len(each) if title == SEED else 1):
                same = "a seed of its own in" if title == SEED else f"the same {title} in"
                refuse(place, f"expected {same} every line of {row.text!r}")
    return lines
