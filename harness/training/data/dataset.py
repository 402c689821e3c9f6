"""Data sets in memory, scikit-learn's digits and an HDF5 file; and which pictures train, validate and test. No torch.

The file holds x_train, y_train, and x_test, y_test where it sets test pictures aside.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cache.key import DIGEST_PREFIX
from genius_replay.advice import install
from harness.errors import InvalidJob, MalformedData, TrainingError, Unwell
from harness.training.recipes import Recipe, Split

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
    left_out: ClassVar[str] = ""  # of what there is, nothing

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
    """The pictures of the file: uint8 of shape (N, side, side, 1 or 3), labels from 0 without gaps.

    Raises:
        Unwell: there is no such file, or it cannot be read now.
        MalformedData: it is no HDF5 file, or its arrays are not of this form.
    """
    import h5py  # only where a file is read

    if not path.is_file():
        raise Unwell(f"{path}: expected an HDF5 file with x_train, y_train, x_test, y_test, found no file")
    try:
        with h5py.File(path) as file:
            content = {name: file[name][()] for name in (*TRAIN, *TEST) if name in file}
    except (OSError, TypeError, AttributeError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            reason = "another program holds it open" if error.errno == errno.EAGAIN else os.strerror(error.errno)
            raise Unwell(
                f"{path}: expected to read an HDF5 file, got: {reason}; try again when it can be read"
            ) from error
        raise MalformedData(f"{path}: expected an HDF5 file of arrays, got {error}; bring the file again") from error
    if not content.keys() >= {*TRAIN} or len(content.keys() & {*TEST}) == 1:
        raise MalformedData(
            f"{path}: expected {' and '.join(TRAIN)}, and {' and '.join(TEST)} or neither, got "
            f"{', '.join(sorted(content)) or 'nothing'}; add what is missing"
        )
    pictures, labels = zip(*((content[x], content[y]) for x, y in (TRAIN, TEST) if x in content), strict=True)
    for (x, y), shown, named in zip((TRAIN, TEST), pictures, labels, strict=False):
        if np.shape(shown)[:1] != np.shape(named)[:1]:
            raise MalformedData(
                f"{path}: expected a label in {y} for each picture in {x}, got shapes {np.shape(named)} and "
                f"{np.shape(shown)}; write them anew together"
            )
    try:
        numbers = np.concatenate(labels).astype(np.int64, casting="safe")
        own_test = len(labels[1]) if len(labels) == 2 else 0
        classes = _classes(numbers[: len(numbers) - own_test], numbers)
        return Arrays(np.concatenate(pictures), numbers, classes, own_test)
    except (MalformedData, ValueError, TypeError) as error:
        raise MalformedData(f"{path}: {error}") from error


def _classes(trained: Indices, labels: Indices) -> int:
    """How many classes there are; raises MalformedData unless each number from 0 on has pictures to be trained on."""
    found = np.unique(trained)
    if len(found) < 2 or not np.array_equal(found, np.arange(len(found))) or not np.isin(labels, found).all():
        values = np.unique(labels)
        shown = ", ".join(map(str, values[:5])) + (", …" if len(values) > 5 else "")
        raise MalformedData(
            f"expected labels 0, 1, … of two classes or more, without gaps and each in {TRAIN[1]}, got {len(values)} "
            f"labels: {shown}; renumber them, as np.unique(labels, return_inverse=True) does"
        )
    return len(found)


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
            f"digits are shipped with scikit-learn, which cannot be imported ({error}): {install('scikit-learn')}"
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
    count = len(dataset.labels) - dataset.own_test
    sizes(count, dataset.own_test, split)
    prefix = f"{dataset.digest}/{split.seed}"
    drawn: Any = sorted(range(count), key=lambda number: hashlib.sha256(f"{prefix}/{number}".encode()).digest())
    train, validation, test = (np.sort(np.array(part, np.int64)) for part in np.split(drawn, _ends(count, split))[:3])
    if dataset.own_test:
        test = np.arange(count, len(dataset.labels))
    return Parts(train, validation, test)


def sizes(count: int, own_test: int, split: Split) -> tuple[int, int, int]:
    """How many pictures train, validate and test, of `count` and `own_test` set aside; raises as `parts`."""
    if (split.test > 0) == (own_test > 0):
        had = f"{own_test} test pictures of its own" if own_test else "no test pictures of its own"
        advice = "set the split's test to 0" if own_test else "give the split a fraction for test"
        raise InvalidJob(f"the data set has {had}, and the split asks for a fraction of {split.test}: {advice}")
    train, validation, test = (int(each) for each in np.diff(_ends(count, split), prepend=0))
    test = own_test or test
    for name, fraction, size in (("train", 1, train), ("validation", split.validation, validation), ("test", 1, test)):
        if fraction and size == 0:
            raise InvalidJob(f"the split leaves no picture of {count} for {name}: give it a larger fraction")
    return train, validation, test


def check(recipe: Recipe, *, count: int, own_test: int, folder: bool) -> None:
    """Refuse a recipe that does not suit a data set, before anything is trained.

    Args:
        recipe: how it is trained.
        count: pictures that the data set does not set aside.
        own_test: those that it does.
        folder: whether they lie in files.

    Raises:
        InvalidJob: the split, the augmentation or the batch size does not suit it.
    """
    fitting = "resized-crop-flip" if folder else "crop-flip"
    if recipe.augmentation not in ("none", fitting):
        raise InvalidJob(f"this data set expects the augmentation {fitting} or none, got {recipe.augmentation}")
    train, _, _ = sizes(count, own_test, recipe.split)
    if train // steps(train, recipe.batch_size) < 2:  # batch normalisation of one picture has no variance
        raise InvalidJob(
            f"expected batches of two pictures or more, but {train} pictures in batches of at most {recipe.batch_size} "
            "leave one with a single one: take larger batches, or another fraction for training"
        )


def steps(count: int, batch_size: int) -> int:
    """The number of batches that so many pictures are dealt into."""
    return -(-count // batch_size)


def _ends(count: int, split: Split) -> NDArray[np.int64]:
    """Where the parts that train, validate and test end among `count` pictures that are drawn."""
    return np.asarray(np.rint(np.cumsum((split.train, split.validation, split.test)) * count), dtype=np.int64)
