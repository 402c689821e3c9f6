"""A folder laid out like ImageNet: its digest, and how its pictures are cut."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from harness.errors import MalformedData, TrainingError
from harness.training.data import image_folder

Image = pytest.importorskip("PIL.Image", reason="pictures are read with Pillow: install the extra `train`")


def fill(root: Path, *, train: int = 3, val: int = 1, classes: tuple[str, ...] = ("n01", "n02")) -> Path:
    """Pictures of one colour a class, wider than high."""
    for part, count in (("train", train), ("val", val)):
        for label, name in enumerate(classes):
            folder = root / part / name
            folder.mkdir(parents=True, exist_ok=True)
            for number in range(count):
                Image.new("RGB", (40, 20), (50 * label, 100, 10 * number)).save(folder / f"{number}.JPEG")
    return root


def test_pictures_and_labels(tmp_path: Path) -> None:
    folder = image_folder.load(fill(tmp_path))
    assert folder.files[:2] == ("train/n01/0.JPEG", "train/n01/1.JPEG")
    assert folder.labels.tolist() == [0, 0, 0, 1, 1, 1, 0, 1]
    assert (folder.classes, folder.own_test, folder.channels) == (2, 2, 3)


def test_the_digest_is_that_of_the_content_not_of_the_place(tmp_path: Path) -> None:
    one, other = (image_folder.load(fill(tmp_path / name)) for name in ("a", "b"))
    assert one.digest == other.digest
    path = tmp_path / "b" / "train" / "n01" / "0.JPEG"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    assert image_folder.load(tmp_path / "b").digest != one.digest
    path.rename(path.with_name("9.JPEG"))
    assert image_folder.load(tmp_path / "b").digest != one.digest


def test_the_digest_reads_no_more_than_so_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_folder, "CONTENTS", 2)
    reads: list[Path] = []
    read_bytes = Path.read_bytes

    def noted(path: Path) -> bytes:
        reads.append(path)
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", noted)
    assert image_folder.load(fill(tmp_path)).digest.startswith("sha256:")
    assert len(reads) == 2


def test_cuts_have_the_side_asked_for(tmp_path: Path) -> None:
    folder = image_folder.load(fill(tmp_path))
    assert folder.centre(0, 16).shape == (16, 16, 3)
    assert folder.crop(0, 16, random.Random(0)).shape == (16, 16, 3)
    assert abs(folder.centre(3, 16).astype(int) - (50, 100, 0)).max() <= 3


def test_the_centre_is_the_middle(tmp_path: Path) -> None:
    pixels = np.zeros((64, 96, 3), np.uint8)
    pixels[4:60, 20:76] = 200  # what 7/8 of the shorter side leaves
    fill(tmp_path)
    Image.fromarray(pixels).save(tmp_path / "train" / "n01" / "0.png")
    folder = image_folder.load(tmp_path)
    centre = folder.centre(folder.files.index("train/n01/0.png"), 28)
    assert (centre[1:-1, 1:-1] == 200).all()  # scaling blurs the edge


def test_a_crop_follows_from_its_seed_and_is_mirrored_half_the_time(tmp_path: Path) -> None:
    pixels = np.tile(np.arange(96, dtype=np.uint8)[None, :, None], (64, 1, 3))  # brighter to the right
    fill(tmp_path)
    Image.fromarray(pixels).save(tmp_path / "train" / "n01" / "0.png")
    folder = image_folder.load(tmp_path)
    number = folder.files.index("train/n01/0.png")
    crops = [folder.crop(number, 8, random.Random(seed)).astype(int) for seed in range(60)]
    assert (folder.crop(number, 8, random.Random(7)) == crops[7]).all()
    mirrored = sum(crop[0, 0, 0] > crop[0, -1, 0] for crop in crops)
    assert 15 <= mirrored <= 45
    assert len({crop.tobytes() for crop in crops}) > 50


def test_every_crop_lies_inside(tmp_path: Path) -> None:
    for seed in range(200):
        width, height = 1 + seed % 50, 1 + seed // 4
        left, top, right, bottom = image_folder._random_box((width, height), random.Random(seed))
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height


def test_another_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"expected a folder with train/<class>/\*.JPEG and val"):
        image_folder.load(tmp_path)
    fill(tmp_path, val=0)
    with pytest.raises(TrainingError, match="got 6 and 0 pictures"):
        image_folder.load(tmp_path)
    (tmp_path / "val" / "n99").mkdir()
    with pytest.raises(MalformedData, match="got also n99"):
        image_folder.load(tmp_path)


def test_a_damaged_picture_is_named(tmp_path: Path) -> None:
    folder = image_folder.load(fill(tmp_path))
    path = tmp_path / "train" / "n01" / "0.JPEG"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(MalformedData, match=r"n01/0.JPEG: expected a whole picture"):
        folder.centre(0, 8)
    path.write_bytes(b"no picture")
    with pytest.raises(MalformedData, match=r"n01/0.JPEG: expected a whole picture"):
        folder.crop(0, 8, random.Random(0))
