"""A benchmark table, in two halves: what a search may know of an architecture, and what it is judged by.

    table = Table.open("nas-bench-macro.h5")
    table.accuracy[table.index_of((2, 2, 1, 1, 2, 2, 2, 1))]        # one architecture
    table.accuracy[table.indices_of(architectures)]                 # an array of them, (k, slots)

A search is handed a `Table`, and cannot come by test accuracies: they are opened apart, as `HeldOut`. Where a
benchmark publishes test accuracy alone both show the same numbers, `Table.measure` says so, and results carry the mark.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genius_replay.showing import brief
from tables.errors import DamagedTable, InvalidArchitecture, TableError
from tables.source import Measure
from tables.space import Architecture, Group, Slot, Space
from tables.storage import COLUMN_KINDS, REBUILD, TableInfo, load


def of_slots(name: str, slots: tuple[Slot, ...]) -> Space:
    """The space of which nothing is known but its slots."""
    return Space(name, name, (Group("Slots", slots),))


class Table:
    """A read-only table, keyed by architecture.

    Opening reads the accuracies; other columns are read when they are asked for. Arrays are read-only and in
    the order of `Space.index_of`: the first slot is the most significant. In a table with figures of a part of its
    space they have a row for each of that part, still in this order; no array is as long as the space.

    >>> from tables.storage import embedded
    >>> table = Table.open(embedded("nas-bench-201-digits"))
    >>> table
    <Table nas-bench-201-digits: 15,625 architectures, validation, a047014d21f0>
    >>> round(float(table.accuracy[table.index_of((3, 3, 3, 1, 3, 3))]), 2)
    71.23
    """

    def __init__(self, path: Path, info: TableInfo, columns: Mapping[str, NDArray[Any]]) -> None:
        self.info = info
        self.accuracy: NDArray[np.float64] = columns["accuracy"]
        """(n,) percent; what it was measured on is `measure`."""
        self.space = of_slots(info.name, info.slots)
        """The slots as the file lists them; the space it belongs to may know more (groups, notation)."""
        self.cardinalities = self.space.cardinalities
        self.places: NDArray[np.int64] | None = columns.get("place")
        """(n,) `Space.index_of` of every row, ascending; None where every architecture has a row."""
        self._path = path
        self._columns = columns

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, whole: bool = False) -> Table:
        """Open the table at `path`; `whole` reads all of it at once, where the file will not stay.

        Raises as `tables.storage.load` does.
        """
        named = [each.name for each in load(Path(path), [])[0].datasets] if whole else ["accuracy", "place"]
        return cls(Path(path), *load(Path(path), [name for name in named if _may_be_told(name)]))

    def __len__(self) -> int:
        return self.accuracy.size

    def __repr__(self) -> str:
        rows = f"{len(self):,} of {self.space.size:,}" if self.places is not None else f"{len(self):,}"
        return brief(self, f"{self.name}: {rows} architectures, {self.measure.value}, {self.digest[:12]}")

    @property
    def name(self) -> str:
        """The benchmark's name in this project."""
        return self.info.name

    @property
    def measure(self) -> Measure:
        """What `accuracy` was measured on."""
        return self.info.measure

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the table's content, the same on every machine and under every version of HDF5."""
        return self.info.digest

    def index_of(self, architecture: Architecture) -> int:
        """The row of one architecture; raises as `indices_of` does."""
        return int(self.indices_of(architecture))

    def row_of(self, architecture: Architecture) -> int | None:
        """The row of one architecture, None if it has none; raises InvalidArchitecture as `indices_of` does."""
        row = int(self.rows_of(self._places_of(architecture)))
        return None if row < 0 else row

    def indices_of(self, architectures: ArrayLike) -> NDArray[np.int64]:
        """The rows of architectures of shape (..., slots), in shape (...).

        Raises:
            InvalidArchitecture: the last dimension is not the number of slots, or a slot does not offer the choice.
            TableError: one has no row.
        """
        rows = self.rows_of(self._places_of(architectures))
        if np.any(rows < 0):
            lacking = np.asarray(architectures)[rows < 0].reshape(-1, len(self.cardinalities))[0]
            raise TableError(f"{self.name}: {self.no_figure(self.space.to_native(lacking))}")
        return rows

    def rows_of(self, places: ArrayLike) -> NDArray[np.int64]:
        """The rows of the architectures at these places of the space (`Space.index_of`).

        -1 for one that has no row, and for -1.
        """
        places = np.asarray(places)
        if self.places is None:
            return places
        rows = np.minimum(np.searchsorted(self.places, places), len(self) - 1)
        return np.where(self.places[rows] == places, rows, -1)

    def no_figure(self, written: str) -> str:
        """What is to be said of an architecture that has no row, as its space writes it."""
        return f"the table has no figure of {written}; it has those of {len(self):,} others"

    def _places_of(self, architectures: ArrayLike) -> NDArray[np.int64]:
        choices = np.asarray(architectures)
        if choices.ndim == 0 or choices.shape[-1] != len(self.cardinalities) or choices.dtype.kind not in "iu":
            raise InvalidArchitecture(
                f"{self.name}: expected {len(self.cardinalities)} whole numbers an architecture, "
                f"got shape {choices.shape} of {choices.dtype}"
            )
        try:
            by_slot = tuple(np.moveaxis(choices.astype(np.int64, copy=False), -1, 0))
            return np.asarray(np.ravel_multi_index(by_slot, self.cardinalities))
        except ValueError:
            outside = (choices < 0) | (choices >= np.array(self.cardinalities))
            slot = int(np.argwhere(outside)[0, -1])
            raise InvalidArchitecture(
                f"{self.name}: {self.info.slots[slot].name} expects a choice from 0 to {self.cardinalities[slot] - 1}, "
                f"got {choices[outside][0]}"
            ) from None

    def architecture_at(self, index: int) -> Architecture:
        """The inverse of `index_of`; raises as `architectures_at` does."""
        return tuple(int(choice) for choice in self.architectures_at(index))

    def architectures_at(self, indices: ArrayLike) -> NDArray[np.int64]:
        """The inverse of `indices_of`: (..., slots) choices.

        Raises:
            InvalidArchitecture: no such index.
        """
        try:
            rows = np.ravel_multi_index((np.asarray(indices),), (len(self),))
            places = rows if self.places is None else self.places[rows]
            return np.stack(np.unravel_index(places, self.cardinalities), axis=-1)
        except (ValueError, TypeError) as error:
            raise InvalidArchitecture(f"{self.name}: expected indices from 0 to {len(self) - 1} ({error})") from None

    def architectures(self, indices: ArrayLike | None = None) -> list[Architecture]:
        """The architectures at these indices, or all of the table; raises as `architectures_at` does."""
        rows = range(len(self)) if indices is None else indices
        return [*map(tuple, self.architectures_at(rows).tolist())]

    @cached_property
    def runs(self) -> NDArray[np.float64] | None:
        """(n, runs) percent: the single trainings behind `accuracy`, where they are published."""
        return self.column("runs")

    @cached_property
    def params(self) -> NDArray[np.int64] | None:
        """(n,) parameters as published, where they are."""
        return self.column("params")

    @cached_property
    def flops(self) -> NDArray[np.int64] | None:
        """(n,) multiply-accumulates as published under the name flops, where they are."""
        return self.column("flops")

    @property
    def costs(self) -> tuple[str, ...]:
        """The names of the columns that say what an architecture costs: `params`, `flops`, and any of one's own."""
        names = (each.name for each in self.info.datasets)
        return tuple(name for name in names if name in ("params", "flops") or name not in COLUMN_KINDS)

    def column(self, name: str) -> NDArray[Any] | None:
        """(n, …) another of the table's columns that a search may be told; None where the table lacks it.

        Raises:
            DamagedTable: the table was built anew since it was opened, or is damaged.
            TableError: no search may be told this column.
        """
        if not _may_be_told(name):
            raise TableError(f"{self.name}: {name} is what a search is judged by, so it is with the table's `HeldOut`")
        if name in self._columns or all(dataset.name != name for dataset in self.info.datasets):
            return self._columns.get(name)
        info, columns = load(self._path, [name])
        if info != self.info:
            raise DamagedTable(
                f"{self._path} was built anew while it was open as {self.digest[:12]}; open it again, or {REBUILD}"
            )
        return columns.get(name)


def _may_be_told(name: str) -> bool:
    """Whether a search may see this column."""
    return not name.startswith("test") and name != "published_rank"


class HeldOut:
    """The test side of a table, read-only: test accuracies, ranks, and what a search could at best have found.

    Arrays are in the order of `Table`; accuracies in percent, rank 1 is best.

    >>> from tables.storage import embedded
    >>> held_out = HeldOut.open(embedded("nas-bench-201-digits"))
    >>> round(held_out.optimum, 2), held_out.top(2).tolist()
    (72.9, [11718, 11593])
    """

    def __init__(self, info: TableInfo, columns: dict[str, NDArray[Any]]) -> None:
        self.info = info
        self.test: NDArray[np.float64] = columns.get("test", columns["accuracy"])
        """(n,) the accuracy that counts: test, or the only one there is."""
        self.published_rank: NDArray[np.int32] | None = columns.get("published_rank")
        """(n,) as published, ties broken by the authors; None where the benchmark publishes none."""
        self._told: NDArray[np.float64] = columns["accuracy"]

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> HeldOut:
        """Open the table at `path`; raises as `tables.storage.load` does."""
        return cls(*load(Path(path), ["accuracy", "test", "published_rank"]))

    def __len__(self) -> int:
        return self.test.size

    def __repr__(self) -> str:
        return brief(self, f"{self.info.name}: {len(self):,} architectures, best {self.optimum:.2f} %")

    def among(self, allowed: NDArray[np.bool_]) -> HeldOut:
        """The same where nothing else may be found: -inf are the accuracies of others, so that no rank counts them."""
        accuracies = {"accuracy": self._told, "test": self.test}
        return HeldOut(self.info, {name: np.where(allowed, each, -np.inf) for name, each in accuracies.items()})

    @cached_property
    def tie_intervals(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(n,) best and (n,) worst rank of each architecture among all with its test accuracy."""
        return tie_intervals(self.test)

    @property
    def rank(self) -> NDArray[np.int64]:
        """(n,) competition rank by test accuracy: one more than the number of better architectures."""
        return self.tie_intervals[0]

    @property
    def optimum(self) -> float:
        """The highest test accuracy."""
        return float(self.test.max())

    @property
    def test_at_validation_optimum(self) -> float:
        """Test accuracy of what a perfect search returns; the mean over all, should several share that validation."""
        return float(self.test[self._told == self._told.max()].mean())

    def top(self, count: int) -> NDArray[np.int64]:
        """Indices of the `count` best by test accuracy, best first; equal ones by index."""
        return np.argsort(-self.test, kind="stable")[:count]


def tie_intervals(values: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The best and the worst rank of each value, over all ways to order equal values; without a tie they are the same.

    The best one is the competition rank: one more than the number of values above.

    >>> best, worst = tie_intervals(np.array([90.0, 80.0, 90.0]))
    >>> best.tolist(), worst.tolist()
    ([1, 3, 1], [2, 3, 2])
    """
    ascending = np.sort(values)
    best = values.size - np.searchsorted(ascending, values, side="right") + 1
    worst = values.size - np.searchsorted(ascending, values, side="left")
    return best, worst


def expected_best(score: NDArray[np.float64], value: NDArray[np.float64], draws: int) -> float:
    """Exact mean of `value` at the best `score` among `draws` uniform draws with replacement.

    With m of n scores up to s, the best of k draws is at most s with probability (m / n)^k; equal scores are equally
    likely to be the one that counts.

    >>> accuracies = np.array([70.0, 72.0])
    >>> expected_best(accuracies, accuracies, draws=2)  # only one pair of four misses the better one
    71.5

    Raises:
        ValueError: `draws` is not positive.
    """
    if draws < 1:
        raise ValueError(f"expected at least one draw, got {draws}")
    _, group, size = np.unique(score, return_inverse=True, return_counts=True)
    mean_value = np.bincount(group, weights=value) / size
    at_most = np.cumsum(size) / score.size
    return float(np.diff(at_most**draws, prepend=0.0) @ mean_value)
