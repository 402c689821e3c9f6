"""The official archives of CIFAR, on archives of the same form: pinned, and no pickle can do more than hold arrays."""

from __future__ import annotations

import hashlib
import io
import pickle
import tarfile
from pathlib import Path
from struct import pack

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.errors import MalformedData, TrainingError
from harness.training.data import cifar
from harness.training.data.cifar import CIFAR10, CIFAR100, Archive

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 3, 32, 32), dtype=np.uint8)


def python_2(images: NDArray[np.uint8], labels: list[int], name: str) -> bytes:
    """What Python 2 wrote for {"data": images as rows, name: labels}, opcode by opcode."""

    def text(content: bytes) -> bytes:
        return b"T" + pack("<i", len(content)) + content

    dtype = b"cnumpy\ndtype\n" + text(b"u1") + b"K\x00K\x01\x87R" + b"(K\x03" + text(b"|")
    dtype += b"NNN" + b"J\xff\xff\xff\xff" * 2 + b"K\x00tb"
    shape = b"M" + pack("<H", len(images)) + b"M" + pack("<H", 3072) + b"\x86"
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + text(b"b") + b"\x87R"
    array += b"(K\x01" + shape + dtype + b"\x89" + text(images.tobytes()) + b"tb"
    listed = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return b"\x80\x02}" + text(b"data") + array + b"s" + text(name.encode()) + listed + b"s."


def packed(archive: Archive, path: Path, *, last: bytes | None = None) -> Archive:
    """Write an archive of two pictures a batch; returns it with its own md5."""
    names = (*archive.train, archive.test)
    with tarfile.open(path / archive.file, "w:gz") as files:
        for n, name in enumerate(names):
            content = python_2(IMAGES[2 * n : 2 * n + 2], [n, n + 1], archive.labels)
            if last is not None and name == archive.test:
                content = last
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            files.addfile(entry, io.BytesIO(content))
    return archive._replace(md5=hashlib.md5((path / archive.file).read_bytes()).hexdigest())


@pytest.mark.parametrize(("archive", "batches"), [(CIFAR10, 6), (CIFAR100, 2)])
def test_pictures_and_labels(archive: Archive, batches: int, tmp_path: Path) -> None:
    mine = packed(archive, tmp_path)
    loaded = cifar.load(mine, tmp_path)
    assert (loaded.images == IMAGES[: 2 * batches].transpose(0, 2, 3, 1)).all()
    assert loaded.labels.tolist() == [label for n in range(batches) for label in (n, n + 1)]
    assert (loaded.classes, loaded.own_test) == (archive.classes, 2)
    assert cifar.load(mine, tmp_path / archive.file).digest == loaded.digest


def test_another_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        TrainingError, match=r"expected the archive cifar-10-python.tar.gz, found none .* download https"
    ):
        cifar.load(CIFAR10, tmp_path)
    packed(CIFAR10, tmp_path)
    with pytest.raises(TrainingError, match=f"expected md5 {CIFAR10.md5}, got [0-9a-f]+; download"):
        cifar.load(CIFAR10, tmp_path)


class Planted:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("code ran",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps(Planted()), "it asks for builtins.print, which a picture has no use for"),
        (b"not a pickle", "cifar-10"),
        (python_2(IMAGES[:1], [1], "labels")[:2000], "cifar-10"),
        (python_2(IMAGES[:1], [1], "fine_labels"), "labels"),
        (pickle.dumps([], 2), "cifar-10"),
    ],
)
def test_a_pickle_that_holds_anything_else_is_refused(
    content: bytes, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(MalformedData, match=message):
        cifar.load(packed(CIFAR10, tmp_path, last=content), tmp_path)
    assert capsys.readouterr().out == ""
