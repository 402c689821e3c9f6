"""ImageNet, or any pictures laid out like it: train/<class>/ and val/<class>/, read one picture at a time with Pillow.

The digest covers the name and the size of every file, and the content of 1,024 of them, chosen by the hash of their
names: of all, where there are no more. ImageNet has 1.3 million files, 150 GB: reading them all would take longer than
many a job. What goes unnoticed is a file that is not among the 1,024 and was replaced by one of the same length.
"""

from __future__ import annotations

import hashlib
import math
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from cache.key import DIGEST_PREFIX
from harness.errors import MalformedData, TrainingError
from harness.training.data.dataset import Indices

SUFFIXES = (".jpeg", ".jpg", ".png")
CONTENTS = 1024  # files whose content is in the digest
TRAIN, TEST = "train", "val"
AREA, ASPECT = (0.08, 1.0), (3 / 4, 4 / 3)  # of a random crop: Szegedy et al. 2015, section 6
CENTRE = 224 / 256  # of the shorter side, what testing sees

Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels."""


@dataclass(frozen=True, eq=False)
class Folder:
    """A data set in files.

    Attributes:
        root: the folder with train and val.
        files: relative to `root`, those of train first, each by class and name.
        sizes: of the files, in bytes.
        labels: shape (N,).
        classes: how many there are; a class's number is its place in the sorted names.
        own_test: how many files val has.
    """

    root: Path
    files: tuple[str, ...]
    sizes: tuple[int, ...]
    labels: Indices
    classes: int
    own_test: int

    @property
    def channels(self) -> int:
        """Pictures are read in colour."""
        return 3

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all names and sizes and some contents, as the module says; raises MalformedData."""
        hashed = hashlib.sha256()
        for name, size in zip(self.files, self.sizes, strict=True):
            hashed.update(f"{name}\0{size}\n".encode())
        for name in sorted(self.files, key=lambda name: hashlib.sha256(name.encode()).digest())[:CONTENTS]:
            try:
                hashed.update(hashlib.sha256((self.root / name).read_bytes()).digest())
            except OSError as error:
                raise MalformedData(f"{self.root / name}: expected a picture, got {error.strerror}") from error
        return DIGEST_PREFIX + hashed.hexdigest()

    def crop(self, number: int, side: int, rng: random.Random) -> NDArray[np.uint8]:
        """A random cut of a picture, mirrored or not, for training: shape (side, side, 3).

        Raises:
            MalformedData: the file is no picture.
        """
        picture = self._cut(number, side, lambda size: _random_box(size, rng))
        return picture[:, ::-1] if rng.random() < 0.5 else picture

    def centre(self, number: int, side: int) -> NDArray[np.uint8]:
        """The middle of a picture, for validation and testing: shape (side, side, 3); raises MalformedData."""
        return self._cut(number, side, _middle)

    def _cut(self, number: int, side: int, box: Callable[[tuple[int, int]], Box]) -> NDArray[np.uint8]:
        from PIL import Image

        path = self.root / self.files[number]
        try:
            with Image.open(path) as image:
                inside = box(image.size)
                return np.asarray(image.convert("RGB").resize((side, side), Image.Resampling.BILINEAR, box=inside))
        except OSError as error:
            raise MalformedData(f"{path}: expected a whole picture, got {error}") from error


def load(root: Path) -> Folder:
    """List a folder.

    Raises:
        TrainingError: it has no train or no val, or no pictures in them.
        MalformedData: val has a class that train has not.
    """
    wanted = f"expected a folder with {TRAIN}/<class>/*.JPEG and {TEST}/<class>/*.JPEG"
    try:
        classes = sorted(entry.name for entry in os.scandir(root / TRAIN) if entry.is_dir())
        strange = sorted({entry.name for entry in os.scandir(root / TEST) if entry.is_dir()} - set(classes))
    except OSError as error:
        raise TrainingError(f"{root}: {wanted}, got: {error.filename}: {error.strerror}") from error
    if strange:
        raise MalformedData(
            f"{root}: expected the classes of {TRAIN} in {TEST}, got also {', '.join(strange[:5])}; the official "
            "validation pictures of ImageNet lie in one folder until they are sorted into classes"
        )
    found = [
        (part, label, *file)
        for part in (TRAIN, TEST)
        for label, name in enumerate(classes)
        for file in _pictures(root, f"{part}/{name}")
    ]
    own_test = sum(part == TEST for part, *_ in found)
    if not 0 < own_test < len(found):
        raise TrainingError(f"{root}: {wanted}, got {len(found) - own_test} and {own_test} pictures")
    _, labels, files, sizes = zip(*found, strict=True)
    return Folder(root, files, sizes, np.array(labels, np.int64), len(classes), own_test)


def _pictures(root: Path, folder: str) -> list[tuple[str, int]]:
    """Relative name and size of every picture, sorted; a class may be missing from val."""
    try:
        entries = list(os.scandir(root / folder))
    except FileNotFoundError:
        return []
    return sorted(
        (f"{folder}/{each.name}", each.stat().st_size) for each in entries if each.name.lower().endswith(SUFFIXES)
    )


def _middle(size: tuple[int, int]) -> Box:
    width, height = size
    kept = CENTRE * min(size)
    left, top = (width - kept) / 2, (height - kept) / 2
    return left, top, left + kept, top + kept


def _random_box(size: tuple[int, int], rng: random.Random) -> Box:
    """A cut of random area and aspect ratio, inside the picture; after ten misses, the whole picture."""
    width, height = size
    for _ in range(10):
        area = width * height * rng.uniform(*AREA)
        aspect = math.exp(rng.uniform(*map(math.log, ASPECT)))
        w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < w <= width and 0 < h <= height:
            left, top = rng.randint(0, width - w), rng.randint(0, height - h)
            return left, top, left + w, top + h
    return 0, 0, width, height
