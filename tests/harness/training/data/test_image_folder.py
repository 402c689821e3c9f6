"""A folder laid out like ImageNet: its digest, and how its pictures are cut."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.errors import MalformedData, TrainingError, Unwell
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


def test_the_digest_is_also_that_of_classes_labels_and_their_order(tmp_path: Path) -> None:
    """Case e1: under one key 100 and 50 %."""
    folder = image_folder.load(fill(tmp_path))
    changes = (
        replace(folder, names=(*folder.names, "n03")),
        replace(folder, names=folder.names[::-1]),
        replace(folder, labels=1 - folder.labels),
        replace(folder, names=("a", "n02")),
    )
    assert len({folder.digest, *(each.digest for each in changes)}) == 5


@pytest.mark.parametrize("part", ["train", "val"])
def test_hidden_folders_are_refused(part: str, tmp_path: Path) -> None:
    """Case e1: a notebook's, which would be class 0."""
    (fill(tmp_path) / part / ".ipynb_checkpoints").mkdir()
    with pytest.raises(MalformedData, match=r"\.ipynb_checkpoints: expected a class, got a hidden folder; remove it"):
        image_folder.load(tmp_path)


@pytest.mark.parametrize("classes", [("n01",), ("n01", "n02")])
def test_classes_without_pictures_and_a_single_class_are_refused(classes: tuple[str, ...], tmp_path: Path) -> None:
    """Case e8."""
    fill(tmp_path, classes=classes)
    if len(classes) == 2:
        (tmp_path / "train" / "__MACOSX").mkdir()
    with pytest.raises(MalformedData, match=r"expected two classes or more, each with pictures .*, got"):
        image_folder.load(tmp_path)


def test_a_class_that_is_never_tested_is_said(tmp_path: Path) -> None:
    (fill(tmp_path) / "val" / "n02").rename(tmp_path / "n02")
    folder = image_folder.load(tmp_path)
    assert folder.left_out == "left out: 1 classes in val, which has no pictures of them"


def test_what_is_left_out_is_counted_and_said(tmp_path: Path) -> None:
    """Case e9."""
    whole = image_folder.load(fill(tmp_path))
    one = tmp_path / "train" / "n01"
    (one / "nested").mkdir()
    (one / "link.jpg").symlink_to(tmp_path / "nothing")
    (one / "._0.JPEG").write_bytes(b"what an Apple leaves")
    Image.new("RGB", (8, 8)).save(one / "new.webp")
    Image.new("RGB", (8, 8)).save(one / "newer.webp")
    (tmp_path / "train" / "readme.txt").touch()
    folder = image_folder.load(tmp_path)
    assert (folder.files, folder.digest) == (whole.files, whole.digest)
    said = folder.left_out.removeprefix("left out: ").split(", ")
    assert sorted(said) == [
        "1 files beside the classes",
        "1 folders inside classes",
        "1 hidden files",
        "1 links to nothing",
        "2 files that end in .webp",
    ]


def test_names_of_any_bytes_are_names(tmp_path: Path) -> None:
    """Case e9: Latin-1."""
    fill(tmp_path)
    for part in ("train", "val"):
        (tmp_path / part / "n01").rename(os.fsdecode(os.fsencode(tmp_path / part) + b"/caf\xe9"))
    ending = os.fsdecode(os.fsencode(tmp_path / "train" / "n02") + b"/odd.\xe9")
    Path(ending).touch()
    folder = image_folder.load(tmp_path)
    assert folder.digest.startswith("sha256:")
    assert folder.centre(0, 8).shape == (8, 8, 3)
    assert folder.left_out.isascii()


@pytest.mark.parametrize("mode", ["I;16", "I;16B"])
def test_16_bits_a_channel_are_scaled(mode: str, tmp_path: Path) -> None:
    """Case e2: they were white."""
    values = np.arange(40 * 40, dtype=np.uint16).reshape(40, 40) * 40
    path = fill(tmp_path) / "train" / "n01" / "0.JPEG"
    Image.fromarray(values).save(path, format="PNG" if mode == "I;16" else "TIFF")
    folder = image_folder.load(tmp_path)
    wide = folder.centre(0, 35)
    path.unlink()
    Image.fromarray((values >> 8).astype(np.uint8)).save(path, format="PNG")
    assert (wide == image_folder.load(tmp_path).centre(0, 35)).all()
    assert 100 < wide.mean() < 150


@pytest.mark.parametrize("mode", ["F", "I", "LAB"])
def test_other_pictures_are_refused_by_name(mode: str, tmp_path: Path) -> None:
    """Case e2."""
    path = fill(tmp_path) / "train" / "n01" / "0.JPEG"
    Image.new(mode, (16, 16)).save(path, format="TIFF")
    with pytest.raises(MalformedData, match=rf"0.JPEG: expected .* 8 or 16 bits a channel, got Pillow's mode {mode}"):
        image_folder.load(tmp_path).centre(0, 8)


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Case e3."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(MalformedData, match=r"0.JPEG: expected a whole picture, got Image size .* exceeds limit"):
        image_folder.load(fill(tmp_path)).centre(0, 8)


def test_a_disk_that_is_gone_is_no_damaged_picture(tmp_path: Path) -> None:
    """Case e6."""
    folder = image_folder.load(fill(tmp_path))
    (tmp_path / folder.files[0]).unlink()
    with pytest.raises(Unwell, match="expected to read a picture, got No such file"):
        folder.centre(0, 8)
    with pytest.raises(Unwell, match="No such file"):
        _ = folder.digest
    with pytest.raises(Unwell, match="No such file"):
        image_folder.load(tmp_path / "gone")


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
