"""Two branches that recorded: git merges their cassettes with the driver that docs/recordings.md names."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cache import cassette
from cache.record import Record
from tests.cache.records import chat_record
from tests.cache.server import completion

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/recordings.md").read_text("utf-8")
ONE, OURS, THEIRS = chat_record("Both."), chat_record("Ours."), chat_record("Theirs.")
LATER = Record(ONE.request, ONE.answer, observed={"latency_s": 9})

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")


def git(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    names = {f"GIT_{who}_{what}": "me@here" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    own = {"PYTHONPATH": str(ROOT), "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(folder), **names}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, **own, "PATH": path}
    return subprocess.run(["git", *words], cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with the page's two lines, and a cassette on its branch `main`."""
    assert git(tmp_path, "init", "-q", "-b", "main").returncode == 0
    (driver,) = re.findall(r'^git config (merge\.cassette\.driver) "(.*)"$', PAGE, re.MULTILINE)
    (attributes,) = re.findall(r"^\*\.jsonl .*merge=cassette.*$", PAGE, re.MULTILINE)
    git(tmp_path, "config", *driver)
    (tmp_path / ".gitattributes").write_text(attributes + "\n")
    commit(tmp_path, chat_record("Before."))
    return tmp_path


def commit(folder: Path, *records: Record) -> None:
    cassette.grow(folder / "mine.jsonl", records)
    git(folder, "add", "-A")
    assert git(folder, "commit", "-qm", "recorded").returncode == 0


def test_git_merges_what_two_branches_recorded(project: Path) -> None:
    git(project, "checkout", "-qb", "theirs")
    commit(project, THEIRS, LATER)
    git(project, "checkout", "-q", "main")
    commit(project, OURS, ONE)
    done = git(project, "merge", "-q", "theirs", "-m", "both")
    assert done.returncode == 0, done.stdout + done.stderr
    merged = cassette.read(project / "mine.jsonl", exact=True)
    assert {*merged} == {record.key for record in (chat_record("Before."), ONE, OURS, THEIRS)}
    assert git(project, "status", "--porcelain").stdout == ""


def test_two_answers_to_one_request_are_a_conflict_and_ours_stays_whole(project: Path) -> None:
    git(project, "checkout", "-qb", "theirs")
    commit(project, Record(ONE.request, completion("another")))
    git(project, "checkout", "-q", "main")
    commit(project, ONE)
    done = git(project, "merge", "theirs", "-m", "both")
    assert done.returncode == 1
    assert "got two that differ" in done.stdout + done.stderr
    assert cassette.read(project / "mine.jsonl", exact=True)[ONE.key].text == ONE.text
    assert git(project, "status", "--porcelain").stdout.startswith("UU mine.jsonl")
