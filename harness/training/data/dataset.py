"""Which pictures of a data set train, validate and test. No torch."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from harness.errors import InvalidJob
from harness.training.recipes import Split

if TYPE_CHECKING:
    from harness.training.data.arrays import Arrays
    from harness.training.data.image_folder import Folder

Indices: TypeAlias = NDArray[np.int64]
Dataset: TypeAlias = "Arrays | Folder"
"""Labelled pictures by number; the last `own_test` are those that the data set itself sets aside for testing."""


@dataclass(frozen=True, eq=False)
class Parts:
    """The numbers of the pictures that train, validate and test, each in ascending order; `validation` may be empty."""

    train: Indices
    validation: Indices
    test: Indices


def parts(dataset: Dataset, split: Split) -> Parts:
    """Divide a data set: pictures are drawn in the order of SHA-256("digest/seed/number"), on every machine the same.

    Raises:
        InvalidJob: the split asks for test pictures of a data set that has its own, or the other way round, or leaves
            a part without pictures.
    """
    if (split.test > 0) == (dataset.own_test > 0):
        had = f"{dataset.own_test} test pictures of its own" if dataset.own_test else "no test pictures of its own"
        advice = "set the split's test to 0" if dataset.own_test else "give the split a fraction for test"
        raise InvalidJob(f"the data set has {had}, and the split asks for a fraction of {split.test}: {advice}")
    count = len(dataset.labels) - dataset.own_test
    prefix = hashlib.sha256(f"{dataset.digest}/{split.seed}/".encode())
    drawn: Any = sorted(range(count), key=lambda number: _continued(prefix, number))
    ends = np.rint(np.cumsum((split.train, split.validation, split.test)) * count).astype(int)
    train, validation, test = (np.sort(np.array(part, np.int64)) for part in np.split(drawn, ends)[:3])
    if dataset.own_test:
        test = np.arange(count, len(dataset.labels))
    for name, fraction, part in (("train", 1, train), ("validation", split.validation, validation), ("test", 1, test)):
        if fraction and len(part) == 0:
            raise InvalidJob(f"the split leaves no picture of {count} for {name}: give it a larger fraction")
    return Parts(train, validation, test)


def _continued(prefix: Any, number: int) -> bytes:
    hashed = prefix.copy()
    hashed.update(str(number).encode())
    digest: bytes = hashed.digest()
    return digest
