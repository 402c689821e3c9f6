"""ImageNet, or any pictures laid out like it: train/<class>/ and val/<class>/, read one picture at a time with Pillow.

The digest covers the names of the classes in their order, the name, the class and the size of every file, and the
content of 1,024 of them, chosen by the hash of their names: of all, where there are no more. ImageNet has 1.3 million
files, 150 GB: reading them all would take longer than many a job. What goes unnoticed is a file that is not among the
1,024 and was replaced by one of the same length.
"""

from __future__ import annotations

import hashlib
import math
import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cache.key import DIGEST_PREFIX
from harness.errors import MalformedData, TrainingError, Unwell
from harness.training.data.dataset import Indices

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

SUFFIXES = (".jpeg", ".jpg", ".png")
CONTENTS = 1024  # files whose content is in the digest
TRAIN, TEST = "train", "val"
AREA, ASPECT = (0.08, 1.0), (3 / 4, 4 / 3)  # of a random crop: Szegedy et al. 2015, section 6
CENTRE = 224 / 256  # of the shorter side, what testing sees

MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")  # of 8 bits, as Pillow calls them

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
        names: of the classes; a class's number is its place.
        own_test: how many files val has.
        left_out: what lies there and is no picture of a class, in one line; empty if there is nothing.
    """

    root: Path
    files: tuple[str, ...]
    sizes: tuple[int, ...]
    labels: Indices
    names: tuple[str, ...]
    own_test: int
    left_out: str = ""

    @property
    def classes(self) -> int:
        """How many there are."""
        return len(self.names)

    @property
    def channels(self) -> int:
        """Pictures are read in colour."""
        return 3

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all names, labels and sizes and some contents, as the module says; raises Unwell."""
        hashed = hashlib.sha256()
        for name in self.names:
            hashed.update(os.fsencode(name) + b"\n")
        for name, label, size in zip(self.files, self.labels.tolist(), self.sizes, strict=True):
            hashed.update(os.fsencode(name) + f"\0{label}\0{size}\n".encode())
        for name in sorted(self.files, key=lambda name: hashlib.sha256(os.fsencode(name)).digest())[:CONTENTS]:
            try:
                hashed.update(hashlib.sha256((self.root / name).read_bytes()).digest())
            except OSError as error:
                raise Unwell(f"{self.root / name}: expected a picture, got {error.strerror}") from error
        return DIGEST_PREFIX + hashed.hexdigest()

    def crop(self, number: int, side: int, rng: random.Random) -> NDArray[np.uint8]:
        """A random cut of a picture, mirrored or not, for training: shape (side, side, 3).

        Raises:
            MalformedData: the file is no whole picture of 8 or 16 bits a channel.
            Unwell: it cannot be read.
        """
        picture = self._cut(number, side, lambda size: _random_box(size, rng))
        return picture[:, ::-1] if rng.random() < 0.5 else picture

    def centre(self, number: int, side: int) -> NDArray[np.uint8]:
        """The middle of a picture, for validation and testing: shape (side, side, 3); raises as `crop`."""
        return self._cut(number, side, _middle)

    def _cut(self, number: int, side: int, box: Callable[[tuple[int, int]], Box]) -> NDArray[np.uint8]:
        from PIL import Image

        path = self.root / self.files[number]
        try:
            with Image.open(path) as image:
                inside = box(image.size)
                return np.asarray(_in_colour(image).resize((side, side), Image.Resampling.BILINEAR, box=inside))
        except MalformedData as error:
            raise MalformedData(f"{path}: {error}") from error
        except MemoryError:
            raise
        except Exception as error:  # a damaged picture can end in any exception, a too large one in Pillow's own
            if isinstance(error, OSError) and error.errno is not None:
                raise Unwell(f"{path}: expected to read a picture, got {error.strerror}") from error
            raise MalformedData(f"{path}: expected a whole picture, got {error}; mend or remove it") from error


def load(root: Path) -> Folder:
    """List a folder.

    Raises:
        TrainingError: it has no train or no val, or no pictures in them.
        MalformedData: its classes are less than two, hidden, without pictures in train, or in val alone.
        Unwell: it is not there, or cannot be read.
    """
    wanted = f"expected a folder with {TRAIN}/<class>/*.JPEG and {TEST}/<class>/*.JPEG"
    left_out: Counter[str] = Counter()
    try:
        classes, shown = _classes(root / TRAIN, left_out), _classes(root / TEST, left_out)
        if strange := [name for name in shown if name not in classes]:
            raise MalformedData(
                f"{root}: expected the classes of {TRAIN} in {TEST}, got also {', '.join(strange[:5])}; the official "
                "validation pictures of ImageNet lie in one folder until they are sorted into classes"
            )
        found = [
            (part, label, *file)
            for part, names in ((TRAIN, classes), (TEST, shown))
            for label, name in enumerate(classes)
            if name in names
            for file in _pictures(root, f"{part}/{name}", left_out)
        ]
    except OSError as error:
        raise Unwell(f"{root}: {wanted}, got: {error.filename}: {error.strerror}") from error
    own_test = sum(part == TEST for part, *_ in found)
    if not 0 < own_test < len(found):
        raise TrainingError(f"{root}: {wanted}, got {len(found) - own_test} and {own_test} pictures")
    _, labels, files, sizes = zip(*found, strict=True)
    trained = set(labels[: len(files) - own_test])
    if len(classes) < 2 or len(trained) < len(classes):
        empty = [name for label, name in enumerate(classes) if label not in trained]
        raise MalformedData(
            f"{root / TRAIN}: expected two classes or more, each with pictures ({', '.join(SUFFIXES)}), got "
            f"{len(classes)}, without pictures: {', '.join(empty[:5]) or 'none'}; remove folders that are no classes"
        )
    if untested := len(classes) - len(set(labels[len(files) - own_test :])):
        left_out[f"classes in {TEST}, which has no pictures of them"] = untested
    said = "" if not left_out else f"left out: {', '.join(f'{count} {what}' for what, count in left_out.items())}"
    said = said.encode("ascii", "backslashreplace").decode()  # an ending may be of any bytes
    return Folder(root, files, sizes, np.array(labels, np.int64), tuple(classes), own_test, said)


def _classes(folder: Path, left_out: Counter[str]) -> list[str]:
    """The names of the folders in a folder, sorted by their bytes; what else is there is counted."""
    names = []
    for entry in list(os.scandir(folder)):
        if not entry.is_dir():
            left_out["files beside the classes"] += 1
        elif entry.name.startswith("."):
            raise MalformedData(f"{entry.path}: expected a class, got a hidden folder; remove it")
        else:
            names.append(entry.name)
    return sorted(names, key=os.fsencode)


def _pictures(root: Path, folder: str, left_out: Counter[str]) -> list[tuple[str, int]]:
    """Relative name and size of every picture of a class, sorted by their bytes; what else is there is counted."""
    found = []
    for entry in list(os.scandir(root / folder)):
        if entry.name.startswith("."):
            left_out["hidden files"] += 1
        elif entry.is_dir():
            left_out["folders inside classes"] += 1
        elif not entry.is_file():
            left_out["links to nothing"] += 1
        elif not entry.name.lower().endswith(SUFFIXES):
            left_out[f"files that end in {os.path.splitext(entry.name)[1].lower() or 'nothing'}"] += 1  # noqa: PTH122
        else:
            found.append((f"{folder}/{entry.name}", entry.stat().st_size))
    return sorted(found, key=lambda file: os.fsencode(file[0]))


def _in_colour(image: Picture) -> Picture:
    """A picture in RGB, 16 bits a channel brought to 8; raises MalformedData if it has neither 8 nor 16."""
    from PIL import Image

    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG"):  # "I" before Pillow 11
        return Image.fromarray((np.asarray(image).astype(np.int64) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode not in MODES:
        raise MalformedData(f"expected a picture of 8 or 16 bits a channel, got Pillow's mode {image.mode}; convert it")
    return image.convert("RGB")


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
