"""Pictures from an HDF5 file: x_train, y_train, and x_test, y_test where it sets test pictures aside."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.datasets.dataset import Arrays
from harness.errors import DataNotFound, MalformedData


def load(path: Path) -> Arrays:
    """The pictures of the file: uint8 of shape (N, side, side, 1 or 3), labels from 0.

    Raises:
        DataNotFound: there is no such file.
        MalformedData: it is no HDF5 file, or its arrays are not of this form.
    """
    import h5py  # only where a file is read

    if not path.is_file():
        raise DataNotFound(f"{path}: expected an HDF5 file with x_train, y_train, x_test, y_test, found no file")
    names = ("x_train", "x_test"), ("y_train", "y_test")
    try:
        with h5py.File(path) as file:
            pictures, labels = ([file[name][()] for name in each if name in file] for each in names)
    except (OSError, TypeError, AttributeError) as error:
        raise MalformedData(f"{path}: expected an HDF5 file of arrays, got {error}; bring the file again") from error
    if len(pictures) != len(labels) or not pictures:
        raise MalformedData(f"{path}: expected x_train with y_train, and x_test with y_test or neither; add the others")
    try:
        images, classes = np.concatenate(pictures), np.concatenate(labels)
        own_test = len(pictures[1]) if len(pictures) == 2 else 0
        return Arrays(images, classes.astype(np.int64, casting="safe"), int(classes.max()) + 1, own_test)
    except (MalformedData, ValueError, TypeError) as error:
        raise MalformedData(f"{path}: {error}") from error
