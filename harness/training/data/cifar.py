"""CIFAR-10 and CIFAR-100 from the official archives for Python (Krizhevsky 2009), pinned by their published md5.

The archives hold pickles. They are read by an unpickler that knows what a numpy array is made of and nothing else.
"""

from __future__ import annotations

import hashlib
import io
import pickle  # the published files have this form; see `_ArraysOnly`
import tarfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from harness.errors import MalformedData, TrainingError, Unwell
from harness.training.data.dataset import Arrays

SIDE = 32


class Archive(NamedTuple):
    """One published archive; the pictures of `test` are those that the data set sets aside."""

    file: str
    md5: str
    train: tuple[str, ...]
    test: str
    labels: str
    classes: int

    @property
    def url(self) -> str:
        """Where it is published."""
        return f"https://www.cs.toronto.edu/~kriz/{self.file}"


CIFAR10 = Archive(
    file="cifar-10-python.tar.gz",
    md5="c58f30108f718f92721af3b95e74349a",
    train=tuple(f"cifar-10-batches-py/data_batch_{number}" for number in range(1, 6)),
    test="cifar-10-batches-py/test_batch",
    labels="labels",
    classes=10,
)
CIFAR100 = Archive(
    file="cifar-100-python.tar.gz",
    md5="eb9058c3a382ffc7106e4002c42a8d85",
    train=("cifar-100-python/train",),
    test="cifar-100-python/test",
    labels="fine_labels",
    classes=100,
)


_PARTS_OF_ARRAYS = {
    ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


class _ArraysOnly(pickle.Unpickler):
    """Unpickles built-in containers, numbers, text, and numpy arrays; everything else is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _PARTS_OF_ARRAYS:
            return _PARTS_OF_ARRAYS[module, name]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which a picture has no use for")


def load(archive: Archive, path: Path) -> Arrays:
    """All pictures, those of the training batches first.

    Args:
        archive: which of the two.
        path: the archive, or the folder that holds it under its published name.

    Raises:
        Unwell: it is not there.
        TrainingError: it is not the published archive.
        MalformedData: its content is of another form.
    """
    path = path / archive.file if path.is_dir() else path
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Unwell(
            f"{path}: expected the archive {archive.file}, found none ({error.strerror}); download {archive.url}"
        ) from error
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != archive.md5:
        raise TrainingError(f"{path}: expected md5 {archive.md5}, got {found}; download {archive.url} again")
    try:
        with tarfile.open(fileobj=io.BytesIO(content)) as files:
            batches = [_batch(files, name, archive) for name in (*archive.train, archive.test)]
    except MalformedData:
        raise
    except Exception as error:  # a damaged pickle can end in any exception
        raise MalformedData(
            f"{path}: expected the batches of {archive.file}, got {error}; download it again"
        ) from error
    images, labels = (np.concatenate(each) for each in zip(*batches, strict=True))
    return Arrays(images, labels, archive.classes, own_test=len(batches[-1][0]))


def _batch(files: tarfile.TarFile, name: str, archive: Archive) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The pictures (N, 32, 32, 3) and labels of one batch, which keeps channel by channel and row by row."""
    member = files.extractfile(name)
    if member is None:
        raise MalformedData(f"{archive.file}: expected a file {name}, got a folder; download {archive.url} again")
    batch = _ArraysOnly(member, encoding="bytes").load()
    images = batch[b"data"].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    return images, np.array(batch[archive.labels.encode()], np.int64)
