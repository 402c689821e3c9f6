"""Arrays come from HDF5 as they are, and what is not of this form is refused with the file's name."""

from __future__ import annotations

import errno
from pathlib import Path

import h5py
import numpy as np
import pytest

from harness.errors import MalformedData, TrainingError, Unwell
from harness.training.data import dataset

X, Y = np.arange(4 * 8 * 8 * 3, dtype=np.uint8).reshape(4, 8, 8, 3), np.array([0, 1, 2, 1], np.uint8)


def write(path: Path, **content: object) -> Path:
    with h5py.File(path, "w") as file:
        for name, value in content.items():
            file[name] = value
    return path


def test_train_and_test_pictures(tmp_path: Path) -> None:
    loaded = dataset.load(write(tmp_path / "a.h5", x_train=X, y_train=Y, x_test=X[:1], y_test=Y[:1]))
    assert (loaded.images == np.concatenate((X, X[:1]))).all()
    assert loaded.labels.tolist() == [0, 1, 2, 1, 0]
    assert (loaded.classes, loaded.own_test, loaded.channels) == (3, 1, 3)


def test_train_pictures_alone(tmp_path: Path) -> None:
    loaded = dataset.load(write(tmp_path / "a.h5", x_train=X, y_train=Y))
    assert (len(loaded.labels), loaded.own_test) == (4, 0)


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ([1, 2, 3, 4], []),  # from 1
        ([0, 1, 3, 3], []),  # a gap
        ([0, 0, 0, 0], []),  # one class, which is always right
        ([7, 15_007, 7, 15_007], []),  # ids
        ([-1, 0, 1, 2], []),
        ([0, 1, 1, 0], [2]),  # never trained on
    ],
)
def test_labels_that_are_no_numbers_of_classes_are_refused(train: list[int], test: list[int], tmp_path: Path) -> None:
    """Case e8."""
    own = {"x_test": X[: len(test)], "y_test": np.array(test)} if test else {}
    with pytest.raises(MalformedData, match=r"a.h5: expected labels 0, 1, … of two classes or more.*return_inverse"):
        dataset.load(write(tmp_path / "a.h5", x_train=X, y_train=np.array(train), **own))


def test_a_file_that_somebody_writes_is_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.h5", x_train=X, y_train=Y)

    def busy(*_: object, **__: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "unable to lock file")

    monkeypatch.setattr(h5py, "File", busy)
    with pytest.raises(Unwell, match="got: another program holds it open"):
        dataset.load(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"x_train": X}, "expected x_train and y_train"),
        ({"x_test": X, "y_test": Y}, "expected x_train and y_train"),
        ({"x_train": X, "y_train": Y, "x_test": X}, "and x_test and y_test or neither"),
        ({"x_train": X / 255, "y_train": Y}, "got float64"),
        ({"x_train": X, "y_train": Y / 2}, "Cannot cast"),
        ({"x_train": X, "y_train": Y[:2]}, "expected a label in y_train for each picture"),
        # As many labels as pictures in all, but those of the test part begin among those of the training part.
        ({"x_train": X, "y_train": Y[:3], "x_test": X[:1], "y_test": Y[:2]}, "got shapes .3,. and .4,"),
        ({"x_train": X, "y_train": Y, "x_test": X[:, :4, :4], "y_test": Y}, "must match"),
        ({"x_train": X, "y_train": "text"}, "a.h5"),
        ({"x_train/x": X, "y_train": Y}, "expected an HDF5 file of arrays"),
    ],
)
def test_another_form_is_refused(tmp_path: Path, content: dict[str, object], message: str) -> None:
    with pytest.raises(MalformedData, match=message) as caught:
        dataset.load(write(tmp_path / "a.h5", **content))
    assert "a.h5" in str(caught.value)


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with pytest.raises(TrainingError, match="found no file"):
        dataset.load(path)
    path.write_bytes(b"not HDF5")
    with pytest.raises(MalformedData, match="expected an HDF5 file of arrays"):
        dataset.load(path)
