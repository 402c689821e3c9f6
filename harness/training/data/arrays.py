"""Pictures from an HDF5 file: x_train, y_train, and x_test, y_test where it sets test pictures aside."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.errors import DataNotFound, MalformedData
from harness.training.data.dataset import Arrays

TRAIN, TEST = ("x_train", "y_train"), ("x_test", "y_test")


def load(path: Path) -> Arrays:
    """The pictures of the file: uint8 of shape (N, side, side, 1 or 3), labels from 0.

    Raises:
        DataNotFound: there is no such file.
        MalformedData: it is no HDF5 file, or its arrays are not of this form.
    """
    import h5py  # only where a file is read

    if not path.is_file():
        raise DataNotFound(f"{path}: expected an HDF5 file with x_train, y_train, x_test, y_test, found no file")
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
