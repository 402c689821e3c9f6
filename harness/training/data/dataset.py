"""Data sets in memory, scikit-learn's digits and an HDF5 file; and which pictures train, validate and test. No torch.

The file holds x_train, y_train, and x_test, y_test where it sets test pictures aside.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cache.key import DIGEST_PREFIX
from harness.errors import InvalidJob, MalformedData, TrainingError
from harness.training.recipes import Split

if TYPE_CHECKING:
    from harness.training.data.image_folder import Folder

Indices: TypeAlias = NDArray[np.int64]
Dataset: TypeAlias = "Arrays | Folder"
"""Labelled pictures by number; the last `own_test` are those that the data set itself sets aside for testing."""

TRAIN, TEST = ("x_train", "y_train"), ("x_test", "y_test")


@dataclass(frozen=True, eq=False)
class Arrays:
    """A data set in memory.

    Attributes:
        images: uint8, shape (N, side, side, channels).
        labels: shape (N,).
        classes: how many there are.
        own_test: as in `Dataset`.

    Raises:
        MalformedData: the arrays do not fit together.
    """

    images: NDArray[np.uint8]
    labels: Indices
    classes: int
    own_test: int = 0

    def __post_init__(self) -> None:
        shape = self.images.shape
        square = len(shape) == 4 and shape[1] == shape[2] and shape[3] in (1, 3)
        if not square or self.images.dtype != np.uint8:
            raise MalformedData(
                "expected pictures as uint8 of shape (N, side, side, 1 or 3), got "
                f"{self.images.dtype} of shape {shape}: bring them into that form"
            )
        if self.labels.shape != shape[:1] or not np.issubdtype(self.labels.dtype, np.integer):
            raise MalformedData(
                f"expected {shape[0]} labels, one integer a picture, got {self.labels.dtype} of shape "
                f"{self.labels.shape}: bring them into that form"
            )
        if len(self.labels) and not 0 <= self.labels.min() <= self.labels.max() < self.classes:
            raise MalformedData(
                f"expected labels from 0 to {self.classes - 1}, got {self.labels.min()} to {self.labels.max()}"
            )

    @property
    def channels(self) -> int:
        """1 for grey pictures, 3 for colour."""
        return int(self.images.shape[3])

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the shape, the number of classes and of own test pictures, every pixel and every label."""
        header = [list(self.images.shape), self.classes, self.own_test]
        hashed = hashlib.sha256(json.dumps(header).encode())
        hashed.update(np.ascontiguousarray(self.images).data)
        hashed.update(np.ascontiguousarray(self.labels, dtype="<i8").data)
        return DIGEST_PREFIX + hashed.hexdigest()


def load(path: Path) -> Arrays:
    """The pictures of the file: uint8 of shape (N, side, side, 1 or 3), labels from 0.

    Raises:
        TrainingError: there is no such file.
        MalformedData: it is no HDF5 file, or its arrays are not of this form.
    """
    import h5py  # only where a file is read

    if not path.is_file():
        raise TrainingError(f"{path}: expected an HDF5 file with x_train, y_train, x_test, y_test, found no file")
    try:
        with h5py.File(path) as file:
            content = {name: file[name][()] for name in (*TRAIN, *TEST) if name in file}
    except (OSError, TypeError, AttributeError) as error:
        raise MalformedData(f"{path}: expected an HDF5 file of arrays, got {error}; bring the file again") from error
    if not content.keys() >= {*TRAIN} or len(content.keys() & {*TEST}) == 1:
        raise MalformedData(
            f"{path}: expected {' and '.join(TRAIN)}, and {' and '.join(TEST)} or neither, got "
            f"{', '.join(sorted(content)) or 'nothing'}; add what is missing"
        )
    pictures, labels = zip(*((content[x], content[y]) for x, y in (TRAIN, TEST) if x in content), strict=True)
    try:
        numbers = np.concatenate(labels).astype(np.int64, casting="safe")
        own_test = len(labels[1]) if len(labels) == 2 else 0
        return Arrays(np.concatenate(pictures), numbers, int(numbers.max()) + 1, own_test)
    except (MalformedData, ValueError, TypeError) as error:
        raise MalformedData(f"{path}: {error}") from error


def digits() -> Arrays:
    """The 1,797 8×8 digits that scikit-learn ships in its wheel (UCI, Alpaydin & Kaynak 1998): data that everybody has.

    Grey, pixels from 0 to 16 as published.

    Raises:
        TrainingError: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits  # half a second, and no part of a replay
    except ImportError as error:
        raise TrainingError(
            f"digits are shipped with scikit-learn, which cannot be imported ({error}): "
            "python -m pip install scikit-learn"
        ) from error
    shipped = load_digits()
    return Arrays(shipped.images.astype(np.uint8)[..., np.newaxis], shipped.target.astype(np.int64), classes=10)


# -- what trains, validates, tests ---


class Parts(NamedTuple):
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
