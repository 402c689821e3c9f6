"""The far side of a benchmark table: test accuracies, ranks and what a search could at best have found.

Opened apart from `tables.table.Table`, so that a search cannot come by it. Where a benchmark publishes test accuracy
alone, both show the same numbers, and `Table.measure` says so.
"""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tables.ranking import tie_intervals
from tables.schema import TableInfo
from tables.storage import digest_of, load


class Verdicts:
    """Read-only. Arrays are in the dense order of `Table`; accuracies in percent, rank 1 is best."""

    def __init__(
        self,
        info: TableInfo,
        test: NDArray[np.float64],
        told: NDArray[np.float64],
        published_rank: NDArray[np.int32] | None,
    ) -> None:
        self.info = info
        self.test = test
        """(n,) the accuracy that counts: test, or the only one there is."""
        self.published_rank = published_rank
        """(n,) as published, ties broken by the authors; None where the benchmark publishes none."""
        self._told = told

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Verdicts:
        """Open the table at `path`.

        Raises:
            TableNotFound, DamagedTable, WrongDigest, SchemaMismatch: see `tables.errors`.
        """
        info, columns = load(Path(path), ["accuracy", "test", "published_rank"])
        told = columns["accuracy"]
        return cls(info, columns.get("test", told), told, columns.get("published_rank"))

    def __len__(self) -> int:
        return self.test.size

    @property
    def name(self) -> str:
        """The benchmark's name in this project."""
        return self.info.name

    @cached_property
    def digest(self) -> str:
        """The digest of the table, equal to `Table.digest`."""
        return digest_of(self.info)

    @cached_property
    def tie_intervals(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(n,) best and (n,) worst rank of each architecture among all with exactly its test accuracy."""
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
