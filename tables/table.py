"""The search side of a benchmark table: what a search may know of an architecture, by tuple and by dense index.

    table = Table.open("nas-bench-macro.h5")
    table.accuracy[table.index_of((2, 2, 1, 1, 2, 2, 2, 1))]        # one architecture
    table.accuracy[table.indices_of(architectures)]                 # an array of them, (k, slots)

Test accuracies are not here but behind `tables.verdicts.Verdicts`, which a search is never given. Where a benchmark
publishes test accuracy alone, `measure` says so, and results from that table have to carry the mark.
"""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tables.errors import UnknownArchitecture, WrongDigest
from tables.schema import Architecture, Measure, TableInfo, cardinalities, rebuild_command
from tables.storage import digest_of, load


class Table:
    """A read-only table, keyed by architecture.

    Opening reads the accuracies; runs and costs are read when they are first asked for. Arrays are read-only and in
    dense order: index i is the architecture whose choices are the digits of i in mixed radix, first slot most
    significant.
    """

    def __init__(self, path: Path, info: TableInfo, accuracy: NDArray[np.float64]) -> None:
        self.info = info
        self.accuracy = accuracy
        """(n,) percent; what it was measured on is `measure`."""
        self.cardinalities = cardinalities(info.slots)
        self._path = path

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Table:
        """Open the table at `path`.

        Raises:
            TableNotFound, DamagedTable, WrongDigest, SchemaMismatch: see `tables.errors`.
        """
        info, columns = load(Path(path), ["accuracy"])
        return cls(Path(path), info, columns["accuracy"])

    def __len__(self) -> int:
        return self.accuracy.size

    def __repr__(self) -> str:
        return f"<Table {self.name}: {len(self)} architectures, {self.measure.value}, {self.digest[:12]}>"

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
        return digest_of(self.info)

    def index_of(self, architecture: Architecture) -> int:
        """The dense index of one architecture.

        Raises:
            UnknownArchitecture: wrong length, or a choice that its slot does not offer.
        """
        return int(self.indices_of(architecture))

    def indices_of(self, architectures: ArrayLike) -> NDArray[np.int64]:
        """The dense indices of architectures of shape (..., slots), in shape (...).

        Raises:
            UnknownArchitecture: the last dimension is not the number of slots, or a slot does not offer the choice.
        """
        choices = np.asarray(architectures)
        if choices.ndim == 0 or choices.shape[-1] != len(self.cardinalities) or choices.dtype.kind not in "iu":
            raise UnknownArchitecture(
                f"{self.name}: expected {len(self.cardinalities)} whole numbers an architecture, "
                f"got shape {choices.shape} of {choices.dtype}"
            )
        try:
            by_slot = tuple(np.moveaxis(choices.astype(np.int64, copy=False), -1, 0))
            return np.asarray(np.ravel_multi_index(by_slot, self.cardinalities))
        except ValueError:
            outside = (choices < 0) | (choices >= np.array(self.cardinalities))
            slot = int(np.argwhere(outside)[0, -1])
            raise UnknownArchitecture(
                f"{self.name}: {self.info.slots[slot].name} expects a choice from 0 to {self.cardinalities[slot] - 1}, "
                f"got {choices[outside][0]}"
            ) from None

    def architecture_at(self, index: int) -> Architecture:
        """The inverse of `index_of`.

        Raises:
            UnknownArchitecture: no such index.
        """
        return tuple(int(choice) for choice in self.architectures_at(index))

    def architectures_at(self, indices: ArrayLike) -> NDArray[np.int64]:
        """The inverse of `indices_of`: (..., slots) choices.

        Raises:
            UnknownArchitecture: no such index.
        """
        try:
            return np.stack(np.unravel_index(np.asarray(indices), self.cardinalities), axis=-1)
        except (ValueError, TypeError) as error:
            raise UnknownArchitecture(f"{self.name}: expected indices from 0 to {len(self) - 1} ({error})") from None

    @cached_property
    def runs(self) -> NDArray[np.float64] | None:
        """(n, runs) percent: the single trainings behind `accuracy`, where they are published."""
        return self._column("runs")

    @cached_property
    def params(self) -> NDArray[np.int64] | None:
        """(n,) parameters as published, where they are."""
        return self._column("params")

    @cached_property
    def flops(self) -> NDArray[np.int64] | None:
        """(n,) multiply-accumulates as published under the name flops, where they are."""
        return self._column("flops")

    def _column(self, name: str) -> NDArray[Any] | None:
        info, columns = load(self._path, [name])
        if info != self.info:
            raise WrongDigest(
                f"{self._path} was built anew while it was open as {self.digest[:12]}; open it again, "
                f"or {rebuild_command(self.name)}"
            )
        return columns.get(name)
