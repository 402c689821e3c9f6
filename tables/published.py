"""Published JSON files → columns: strict, every architecture exactly once, numbers that can be what they claim to be.

A reader trusts nothing: a table built from a damaged file would go on giving wrong numbers long after the file is gone.
A file is one object {key: {field: value}}; a key is a notation of the space, read to the letter. In a file of one's
own, of the same form, keys are what `tables.own` makes of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NoReturn, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tables import own
from tables.errors import InvalidArchitecture
from tables.own import Key
from tables.source import OWN, Measure, Origin, Source
from tables.space import Space
from tables.storage import Columns

_ByKey: TypeAlias = dict[str, Any]
"""A parsed file: the entry of every key."""

RUNS = 3  # trainings of an architecture in NAS-Bench-Macro and Channel-Bench-Macro


def _runs(by_key: _ByKey, source: Source, runs_field: str, mean_field: str) -> Columns:
    """Three runs, their mean and the costs; accuracy is the published mean."""
    entries = _read(by_key, source, {runs_field, mean_field, "std", "params", "flops"})
    mean, runs = entries.percentages(mean_field), entries.runs(runs_field)
    off = np.flatnonzero(np.abs(mean - runs.mean(axis=1)) > 1e-6)
    if off.size:
        row = int(off[0])
        key = _key_of(row, source)
        _refuse(source, f"{mean_field} of {key} is {mean[row]}, but its runs average to {runs[row].mean()}")
    entries.percentages("std")  # checked, not kept
    costs = {name: entries.counts(name) for name in ("params", "flops")}
    return {"accuracy": mean, "file_order": entries.rows, "runs": runs, **costs}


def _ranked(by_key: _ByKey, source: Source) -> Columns:
    """Validation is what a search is told; test and its published rank, which has no ties, are held out."""
    entries = _read(by_key, source, set(_RANKED))
    test, rank = entries.percentages("test_acc_200"), entries.counts("rank")
    best_first = np.argsort(rank)
    if not np.array_equal(rank[best_first], np.arange(1, rank.size + 1)):
        _refuse(source, f"rank is not every number from 1 to {rank.size} once")
    if np.any(np.diff(test[best_first]) > 0):
        _refuse(source, "rank does not order test_acc_200")
    told = entries.percentages("val_acc_200")
    return {"accuracy": told, "file_order": entries.rows, "test": test, "published_rank": rank}


_RANKED = ("val_acc_200", "test_acc_200", "rank")
FORMATS: Mapping[str, tuple[Sequence[str], Callable[[_ByKey, Source], Columns]]] = {
    "nas-bench-macro": (("test_acc", "mean_acc"), partial(_runs, runs_field="test_acc", mean_field="mean_acc")),
    "channel-bench": (("acc", "mean"), partial(_runs, runs_field="acc", mean_field="mean")),
    "nas-bench-201": (_RANKED, _ranked),
}
"""The fields by which each format is known, and how it is read."""


def columns(data: bytes, source: Source, form: str) -> Columns:
    """What a published file of one of `FORMATS` holds.

    Raises:
        TableError: it is not the whole benchmark, or contradicts itself; names the key or the position.
    """
    return FORMATS[form][1](_parse(data, partial(_refuse, source)), source)


def read(
    data: bytes, name: str, space: Space | None = None, *, spaces: Iterable[Space] = (), place: str = ""
) -> tuple[Source, Columns]:
    """What a JSON file of one's own holds, to be built with `tables.storage.build`.

    Args:
        data: the file, of the form of one of `FORMATS`.
        name: what the table is to be called.
        space: the table's key, in whose notation architectures may also be written; without one it is inferred.
        spaces: that the file may turn out to be of (`tables.own.read`).
        place: what messages call the file; its name, if it is left out.

    Raises:
        TableError: the file is of no such form, or no complete table.
    """
    refuse = own.refuser(place or name)
    by_key = _parse(data, partial(refuse, ""))
    first = next(iter(by_key.values()), None)
    fields = set(first) if isinstance(first, dict) else set()
    form = next((form for form, (known, _) in FORMATS.items() if fields.issuperset(known)), None)
    if form is None:
        forms = " or ".join(", ".join(known) for known, _ in FORMATS.values())
        got = sorted(fields) or data[:50]
        refuse("", f"expected an object of architectures, each an object with {forms}, got {got!r}")
    keys = [Key(f"key {key[:200]!r}", key) for key in by_key]
    space, found = (space, own.read_in(keys, space, refuse)) if space else own.read(keys, name, spaces, refuse)
    entries: _ByKey = {}
    for architecture, (key, entry) in zip(found, by_key.items(), strict=True):
        if entries.setdefault(native := space.to_native(architecture), entry) is not entry:
            refuse(f"key {key[:200]!r}", f"{native!r} is there already, written otherwise")
    measure = Measure.VALIDATION if form == "nas-bench-201" else Measure.TEST_ONLY
    source = Source(name, space, measure, Origin("a JSON file", OWN, path=name, licence="not stated"))
    held = FORMATS[form][1](entries, replace(source, name=place or name))
    told = {column: values for column, values in held.items() if column in ("accuracy", "test")}
    return replace(source, remarks=own.in_percent(told, "", refuse)), held


# -- what every format is checked for ---


@dataclass(frozen=True)
class _Entries:
    """The checked skeleton of a published file: one entry an architecture, each with the same fields."""

    source: Source
    by_key: dict[str, dict[str, Any]]
    rows: NDArray[np.int32]  # dense row of each key, in file order

    def percentages(self, field: str) -> NDArray[np.float64]:
        """(n,) percent, dense order; every one a number in 0..100."""
        return self._dense([self._percentage(each[field], f"{field} of {key}") for key, each in self.by_key.items()])

    def runs(self, field: str) -> NDArray[np.float64]:
        """(n, RUNS) percent, dense order."""
        for key, each in self.by_key.items():
            if not isinstance(each[field], list) or len(each[field]) != RUNS:
                _refuse(self.source, f"{field} of {key} is {each[field]!r}, expected a list of {RUNS} accuracies")
        runs = [
            [self._percentage(run, f"{field} of {key}") for run in each[field]] for key, each in self.by_key.items()
        ]
        return self._dense(runs)

    def counts(self, field: str) -> NDArray[np.int64]:
        """(n,) integers from 1 to 2^63 - 1, dense order."""
        for key, each in self.by_key.items():
            if type(each[field]) is not int or not 0 < each[field] < 2**63:
                _refuse(self.source, f"{field} of {key} is {each[field]!r}, expected a positive integer")
        return self._dense([each[field] for each in self.by_key.values()])

    def _percentage(self, value: object, what: str) -> float:
        """`value` as a percentage; a truth value is no number."""
        if type(value) not in (int, float) or not 0 <= value <= 100:  # type: ignore[operator]
            _refuse(self.source, f"{what} is {value!r}, expected a number from 0 to 100")
        return float(value)  # type: ignore[arg-type]

    def _dense(self, in_file_order: list[Any]) -> NDArray[Any]:
        values = np.array(in_file_order)
        dense = np.empty_like(values)
        dense[self.rows] = values
        return dense


def _read(by_key: _ByKey, source: Source, fields: set[str]) -> _Entries:
    """Check everything but the values: the keys, and the fields of each entry."""
    rows = []
    for key, entry in by_key.items():
        if not isinstance(entry, dict) or set(entry) != fields:
            got = sorted(entry) if isinstance(entry, dict) else type(entry).__name__
            _refuse(source, f"entry {key!r}: expected the fields {sorted(fields)}, got {got}")
        try:
            rows.append(source.space.index_of(source.space.from_native(key)))
        except InvalidArchitecture:
            _refuse(source, f"key {key!r} is not an architecture of this benchmark")
    size = source.space.size
    if len(rows) != size:  # keys are distinct and reading them is one to one, so too few is all that is left
        absent = own.first_absent(sorted(rows))
        _refuse(source, f"key {_key_of(absent, source)!r} is missing ({len(rows)} of {size} keys are there)")
    return _Entries(source, by_key, np.array(rows, dtype=np.int32))


def _parse(data: bytes, refuse: Callable[[str], NoReturn]) -> _ByKey:
    """The JSON object in `data`; duplicate keys, NaN, infinities and truncated text are refused, at any depth."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        fields = dict(pairs)
        if len(fields) < len(pairs):
            names = [name for name, _ in pairs]
            refuse(f"key {next(name for name in names if names.count(name) > 1)!r} is there twice")
        return fields

    def no_constant(text: str) -> NoReturn:
        refuse(f"{text} where a number was expected")

    try:
        parsed = json.loads(data, object_pairs_hook=unique, parse_constant=no_constant)
    except (ValueError, RecursionError) as error:
        refuse(f"not whole JSON ({error})")
    if not isinstance(parsed, dict):
        refuse(f"expected a JSON object of architectures, got {type(parsed).__name__}")
    return parsed


def _key_of(row: int, source: Source) -> str:
    return source.space.to_native(source.space.architecture_at(row))


def _refuse(source: Source, problem: str) -> NoReturn:
    """Raise TableError with the problem and the way out."""
    own.refuser(source.name, source.origin.remedy)("", problem)
