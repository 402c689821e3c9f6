"""Data sets by name, each with a digest: digits, CIFAR-10 and CIFAR-100, arrays in HDF5, ImageNet as a folder."""

from __future__ import annotations

from pathlib import Path

from genius_replay.advice import unknown
from harness.errors import TrainingError
from harness.training.data import cifar, dataset, image_folder
from harness.training.data.dataset import Dataset

NEEDS = {
    "digits": "nothing: scikit-learn ships them",
    "cifar10": f"the archive {cifar.CIFAR10.file}, or the folder that holds it",
    "cifar100": f"the archive {cifar.CIFAR100.file}, or the folder that holds it",
    "arrays": "an HDF5 file with x_train, y_train, x_test, y_test",
    "imagenet": "a folder with train/<class>/*.JPEG and val/<class>/*.JPEG",
}
"""What each data set is read from."""


def find(name: str, path: Path | None = None) -> Dataset:
    """The data set of this name.

    Args:
        name: one of `NEEDS`.
        path: where it lies, as `NEEDS` says; the digits need none.

    Raises:
        TrainingError: no data set has this name, or a path is needed.
        Unwell: there is nothing at the path, or it cannot be read now.
        MalformedData: what is there is not what it should be.
        TrainingError: the archive is not the published one.
    """
    if name not in NEEDS:
        raise TrainingError(unknown("data set", name, NEEDS))
    if name == "digits":
        return dataset.digits()
    if path is None:
        raise TrainingError(f"{name} needs {NEEDS[name]}, and no path was given: name it with --data PATH")
    if name == "arrays":
        return dataset.load(path)
    if name == "imagenet":
        return image_folder.load(path)
    return cifar.load(cifar.CIFAR10 if name == "cifar10" else cifar.CIFAR100, path)


def verified(name: str, digest: str, path: Path | None = None) -> Dataset:
    """The data set of this name and digest.

    Raises:
        TrainingError: what is there is another.
        TrainingError, MalformedData: as in `find`.
    """
    found = find(name, path)
    if found.digest != digest:
        raise TrainingError(
            f"{name}: the job expects data with digest {digest}, got {found.digest}; "
            "name the data it was made for with --data PATH, or make a job for these"
        )
    return found
