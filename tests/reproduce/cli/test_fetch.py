"""Fetching keeps only what verifies, a failure does not stop the rest, and every failure says what to do."""

from __future__ import annotations

import argparse
import errno
import hashlib
import os
from pathlib import Path

import pytest

from reproduce.cli import fetch as command
from reproduce.data import HOME_VARIABLE, Fetched, fetch, path_of, read_published
from reproduce.errors import UsageError
from tests.reproduce.made_up import CONTENT, fetch_one, left_in, made_up, write

# -- from a mirror ----------------------------------------------------------------------------------------------------


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    (tmp_path / "mirror").mkdir()
    return tmp_path / "mirror"


def test_a_mirror_is_copied_verified_and_then_left_alone(mirror: Path, home: Path) -> None:
    entry = made_up("a")
    write(mirror / entry.path, CONTENT)
    assert fetch_one(entry, mirror=mirror) == Fetched(entry, "copied")
    assert read_published(entry) == CONTENT
    assert left_in(home) == {"a.json"}
    (mirror / entry.path).unlink()
    assert fetch_one(entry, mirror=mirror) == Fetched(entry, "already here")
    assert fetch_one(entry, mirror=mirror, force=True).outcome == "failed"
    assert read_published(entry) == CONTENT


def test_a_mirror_that_lacks_files_still_serves_the_rest(mirror: Path, home: Path) -> None:
    right, missing, wrong = made_up("right"), made_up("missing", b"missing"), made_up("wrong", b"wrong")
    write(mirror / right.path, CONTENT)
    write(mirror / wrong.path, b"something else")
    results = list(fetch([missing, wrong, right], mirror))
    assert [fetched.outcome for fetched in results] == ["failed", "failed", "copied"]
    for fetched, found in ((results[0], "No such file"), (results[1], hashlib.sha256(b"something else").hexdigest())):
        message = str(fetched.problem)
        assert str(mirror / fetched.entry.path) in message
        assert fetched.entry.sha256 in message
        assert found in message
        assert "leave out --mirror" in message
    assert left_in(home) == {"right.json"}


def test_a_directory_in_place_of_a_mirrored_file_is_reported(mirror: Path) -> None:
    entry = made_up("a")
    (mirror / entry.path).mkdir(parents=True)
    assert "expected a file" in str(fetch_one(entry, mirror=mirror).problem)


def test_a_damaged_file_is_replaced_but_never_by_a_wrong_one(mirror: Path) -> None:
    entry = made_up("a")
    write(path_of(entry), b"damaged")
    write(mirror / entry.path, b"wrong too")
    assert fetch_one(entry, mirror=mirror).outcome == "failed"
    assert path_of(entry).read_bytes() == b"damaged"
    write(mirror / entry.path, CONTENT)
    assert fetch_one(entry, mirror=mirror).outcome == "copied"
    assert read_published(entry) == CONTENT


def test_what_was_fetched_serves_as_a_mirror(mirror: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = made_up("a")
    write(mirror / entry.path, CONTENT)
    fetch_one(entry, mirror=mirror)
    monkeypatch.setenv(HOME_VARIABLE, str(home.parent / "another"))
    assert fetch_one(entry, mirror=home / "published").outcome == "copied"


# -- the disk ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_disk_that_refuses_is_reported_and_keeps_nothing(
    number: int, mirror: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, target: Path) -> None:
        raise OSError(number, os.strerror(number))

    entry = made_up("a")
    write(mirror / entry.path, CONTENT)
    monkeypatch.setattr(Path, "replace", refuse)
    problem = str(fetch_one(entry, mirror=mirror).problem)
    for word in (str(path_of(entry)), os.strerror(number), "make room", "writable", HOME_VARIABLE):
        assert word in problem
    assert left_in(home) == set()


def test_a_home_that_is_a_file_is_reported(mirror: Path, home: Path) -> None:
    entry = made_up("a")
    write(mirror / entry.path, CONTENT)
    home.write_bytes(b"")
    assert "make room" in str(fetch_one(entry, mirror=mirror).problem)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_home_is_reported(mirror: Path, home: Path) -> None:
    entry = made_up("a")
    write(mirror / entry.path, CONTENT)
    home.mkdir(mode=0o500)
    assert "make room" in str(fetch_one(entry, mirror=mirror).problem)


# -- the command ------------------------------------------------------------------------------------------------------


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args(words))


class TestCommand:
    @pytest.fixture(autouse=True)
    def entries(self, monkeypatch: pytest.MonkeyPatch, mirror: Path) -> None:
        entries = (made_up("329M"), made_up("401M", b"401M"))
        monkeypatch.setattr(command, "manifest", lambda: entries)
        monkeypatch.setattr(command, "scripts", tuple)
        write(mirror / entries[0].path, CONTENT)

    def test_a_file_that_is_missing_makes_it_2(self, mirror: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("--mirror", str(mirror)) == 2
        output = capsys.readouterr()
        assert output.out == ""
        copied, failed, summary = output.err.splitlines()
        assert copied.split() == ["copied", "folder/329M.json"]
        assert failed.startswith("failed")
        assert str(mirror / "folder/401M.json") in failed
        assert summary.startswith("1 of 2 files")

    def test_a_mirror_without_scripts_is_no_error_unless_they_are_named(
        self, mirror: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        script = made_up("asks", b"a script")
        monkeypatch.setattr(command, "scripts", lambda: (script,))
        write(mirror / "folder" / "401M.json", b"401M")
        assert run("--mirror", str(mirror)) == 0
        *_, left_out, summary = capsys.readouterr().err.splitlines()
        assert left_out.startswith(
            "left out      folder/asks.json, which only `--prompt published` needs; `fetch asks`"
        )
        assert summary.startswith("2 of 3 files")
        assert run("asks", "--mirror", str(mirror)) == 2
        assert capsys.readouterr().err.startswith("failed")
        write(mirror / script.path, b"a script")
        assert run("--mirror", str(mirror)) == 0
        assert "copied        folder/asks.json" in capsys.readouterr().err

    def test_names_choose_files(self, mirror: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("329M", "--mirror", str(mirror)) == 0
        assert run("329M", "329M", "--mirror", str(mirror)) == 0
        assert run("329M", "--mirror", str(mirror), "--force") == 0
        words = [line.partition("  ")[0] for line in capsys.readouterr().err.splitlines()]
        assert words[::2] == ["copied", "already here", "copied"]

    def test_an_unknown_name_is_wrong_use(self) -> None:
        with pytest.raises(UsageError, match=r"no published file is called .392M.; .*; did you mean 329M\?"):
            run("392M")

    def test_a_mirror_that_does_not_exist_is_wrong_use(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="nowhere: expected a directory"):
            run("--mirror", str(tmp_path / "nowhere"))
