"""Building: the same bytes every time, and whole or not at all."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import pytest

from tables.errors import TableError
from tables.storage import COLUMN_KINDS
from tests.tables.made_up import CELLS, MACRO, build, published_bytes

KILLED_BUILD = """
import os, signal, sys
from pathlib import Path
from tests.tables.made_up import MACRO, build, published_bytes
os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)
build(published_bytes(MACRO, seed=1), MACRO, Path(sys.argv[1]))
"""


def test_the_same_source_gives_the_same_bytes(tmp_path: Path) -> None:
    first = build(published_bytes(CELLS), CELLS, tmp_path / "a")
    second = build(published_bytes(CELLS), CELLS, tmp_path / "b")
    assert first.name == "nas-bench-201-cifar10.h5"
    assert first.read_bytes() == second.read_bytes()
    assert build(published_bytes(CELLS, seed=1), CELLS, tmp_path / "a").read_bytes() != second.read_bytes()


def test_no_dataset_carries_a_time(tmp_path: Path) -> None:
    with h5py.File(build(published_bytes(MACRO), MACRO, tmp_path), "r") as file:
        assert {h5py.h5g.get_objinfo(file.id, name.encode()).mtime for name in file} == {0}


def test_datasets_explain_themselves_to_other_tools(tmp_path: Path) -> None:
    with h5py.File(build(published_bytes(MACRO), MACRO, tmp_path), "r") as file:
        assert set(file) == {"accuracy", "file_order", "runs", "params", "flops"}
        for name, dataset in file.items():
            told = {attribute: bytes(text).decode() for attribute, text in dataset.attrs.items()}
            assert told == {"unit": COLUMN_KINDS[name].unit, "meaning": COLUMN_KINDS[name].meaning}


def test_a_refused_source_leaves_the_old_table(tmp_path: Path) -> None:
    old = build(published_bytes(MACRO), MACRO, tmp_path).read_bytes()
    with pytest.raises(TableError):
        build(published_bytes(MACRO)[:-5], MACRO, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"nas-bench-macro.h5": old}


def test_a_failing_disk_leaves_the_old_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = build(published_bytes(MACRO), MACRO, tmp_path).read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TableError, match="No space left on device"):
        build(published_bytes(MACRO, seed=1), MACRO, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"nas-bench-macro.h5": old}


def test_a_killed_build_leaves_the_old_table(tmp_path: Path) -> None:
    path = build(published_bytes(MACRO), MACRO, tmp_path)
    old = path.read_bytes()
    killed = subprocess.run([sys.executable, "-c", KILLED_BUILD, str(tmp_path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert path.read_bytes() == old
    assert build(published_bytes(MACRO), MACRO, tmp_path).read_bytes() == old


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(TableError, match="choose another folder"):
        build(published_bytes(MACRO), MACRO, tmp_path / "taken")
