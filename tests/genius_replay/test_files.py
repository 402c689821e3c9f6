"""Files that are written whole, whatever stands in their place: links, devices, pipes, folders, drafts of the dead."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from cache import cassette
from genius_replay import files
from reproduce.report.output import emit
from tables import files as tables
from tables import storage
from tests.cache.records import chat_record

ROOT = Path(__file__).parents[2]

Writer = Callable[[Path], object]
WRITERS: dict[str, Writer] = {
    "a file": lambda path: files.write(path, b"content"),
    "a cassette": lambda path: cassette.write(path, [chat_record("one")]),
    "a report": lambda path: emit("content", path),
}


@pytest.fixture(params=WRITERS)
def write(request: pytest.FixtureRequest) -> Writer:
    return WRITERS[request.param]


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_b7_a_link_stays_and_what_it_names_is_written(write: Writer, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "target.jsonl", tmp_path / "link.jsonl"
    link.symlink_to(tmp_path / "between")
    (tmp_path / "between").symlink_to(Path("elsewhere") / "target.jsonl")  # which is not there yet
    for _ in range(2):
        write(link)
        assert link.is_symlink()
        assert target.stat().st_size
    assert names(tmp_path) == ["between", "elsewhere", "link.jsonl"]
    assert names(target.parent) == ["target.jsonl"]


def test_b7_a_device_is_written_through(write: Writer) -> None:
    write(Path("/dev/null"))
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_b7_a_pipe_is_written_through(write: Writer, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write(pipe)
    reader.join()
    assert read[0]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
@pytest.mark.parametrize("to", ["pipe", "file"])
def test_b7_what_is_open_already_is_written_through(name: str, to: str, tmp_path: Path) -> None:
    script = f"from pathlib import Path; from genius_replay import files; files.write(Path({name!r}), b'content')"
    with (tmp_path / "output").open("wb") as output:
        where = subprocess.PIPE if to == "pipe" else output
        done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, stdout=where, check=True, timeout=60)
    assert (done.stdout or (tmp_path / "output").read_bytes()) == b"content"


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664, 0o755])
def test_b7_permissions_are_kept(write: Writer, tmp_path: Path, mode: int) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"before")
    path.chmod(mode)
    write(path)
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_new_file_has_the_permissions_of_any_new_file(write: Writer, tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    write(tmp_path / "a.jsonl")
    assert (tmp_path / "a.jsonl").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.parametrize("place", [".", "folder", "file/below", "missing/below", "round", "n" * 300])
def test_b7_where_no_file_can_be_written_it_is_said(
    write: Writer, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("file").write_text("mine")
    Path("round").symlink_to("round")
    before = names(tmp_path)
    with pytest.raises(Exception, match=r"(?i)directory|not a dir|no such|symbolic links|too long") as raised:
        write(Path(place))
    assert type(raised.value).__name__ in ("CacheError", "ReproduceError") or isinstance(raised.value, OSError)
    assert (names(tmp_path), Path("file").read_text()) == (before, "mine")


def test_b7_a_table_is_written_by_the_same_rules(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.h5").write_bytes(b"before")
    (tmp_path / "elsewhere.h5").chmod(0o640)
    (tmp_path / "mine.h5").symlink_to("elsewhere.h5")
    (tmp_path / "mine.csv").write_text("architecture,accuracy\n0,71\n1,72\n")
    path = tables.build(tmp_path / "mine.csv", tmp_path)
    assert path.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert storage.load(tmp_path / "elsewhere.h5")


def test_what_a_killed_writer_left_goes_with_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jsonl"
    process = os.fork()
    if process == 0:
        monkeypatch.setattr(os, "fsync", lambda _: os.kill(os.getpid(), signal.SIGKILL))
        files.write(path, b"half")
    os.waitpid(process, 0)
    assert names(tmp_path) == [".a.jsonl.part"]
    files.write(path, b"whole")
    assert names(tmp_path) == ["a.jsonl"]
    assert path.read_bytes() == b"whole"


def test_what_is_interrupted_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "a"
    path.write_bytes(b"before")
    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        files.write(path, b"half")
    assert (names(tmp_path), path.read_bytes()) == (["a"], b"before")


def test_of_many_who_write_at_once_each_is_whole(tmp_path: Path) -> None:
    path, contents = tmp_path / "a", [bytes([letter]) * 100_000 for letter in b"abcdefgh"]

    def write(content: bytes) -> None:
        for _ in range(20):
            files.write(path, content)
            assert path.read_bytes() in contents

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names(tmp_path) == ["a"]
    assert path.read_bytes() in contents
