"""The lock holds, and whatever moves is named."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from reproduce import lockfile
from reproduce.__main__ import main
from reproduce.data import conversations, manifest, path_of, read_published
from reproduce.published.imagenet import published_run
from reproduce.published.trials import cassette_path
from tests.schemas import valid

TABLE = "nas-bench-macro_cifar10"


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the committed lock."""
    path = tmp_path / "lock.json"
    path.write_bytes(lockfile.LOCK.read_bytes())
    monkeypatch.setattr(lockfile, "LOCK", path)
    return path


def test_what_is_embedded_is_as_locked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--format", "json"]) == 0
    found = valid(capsys.readouterr().out)
    assert (found["verdict"], found["moved"], found["new"]) == ("as locked", [], [])
    assert found["compared"] > 6000
    assert "329M" in found["not_fetched"]


def test_what_is_fetched_is_as_locked(fetched: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--published"]) == 0
    assert re.fullmatch(r"\d+ values are as locked\n", capsys.readouterr().out)


def test_the_fetch_that_check_recommends_is_the_one_that_is_needed(
    mirror: Path, lock: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "--published"]) == 2
    command = re.search(r"`python -m reproduce (fetch .* 329M .*)`", capsys.readouterr().err)
    assert command is not None
    assert main([*command[1].split(), "--mirror", str(mirror)]) == 0
    assert main(["check", "--published"]) < 2
    assert "not checked" not in capsys.readouterr().out


def test_a_damaged_file_is_a_difference_and_keeps_nothing_from_being_checked(
    mirror: Path, home: Path, lock: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, run = (next(entry for entry in manifest() if entry.name == name) for name in (TABLE, "401M"))
    assert main(["fetch", "401M", "329M", "--mirror", str(mirror)]) == 0
    path_of(run).write_bytes(b"damaged")
    assert main(["check"]) == 1
    out = capsys.readouterr().out
    assert "published 401M: run 401M: locked absent, now" in out
    assert "`python -m reproduce fetch 401M`" in out
    path_of(table).parent.mkdir()
    path_of(table).write_bytes(b"damaged too")
    assert main(["list"]) == 0
    said = capsys.readouterr().out
    assert "401M                 damaged, `python -m reproduce fetch 401M` mends it" in said
    assert f"nas-bench-macro                damaged, `python -m reproduce fetch {TABLE}` mends it" in said
    assert "329M                 published conversation, fetched" in said
    assert f"Published files: 1 of {len(manifest())}" in said


def test_a_reason_without_an_update_is_refused(lock: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--reason", "because"]) == 2
    assert "add --update" in capsys.readouterr().err


def test_a_moved_number_is_named(lock: Path, capsys: pytest.CaptureFixture[str]) -> None:
    locked = json.loads(lock.read_text("utf-8"))
    name = "table2 / row 17, GENIUS-329 / flops"
    locked["embedded"][name] = locked["embedded"][name].replace("329412864", "329412865")
    lock.write_text(json.dumps(locked), encoding="utf-8")
    assert main(["check", "--format", "json"]) == 1
    found = valid(capsys.readouterr().out)
    assert (found["verdict"], found["new"]) == ("moved", [])
    moved = {"section": "embedded", "name": name, "locked": "329412865 “329” recomputed"}
    assert found["moved"] == [{**moved, "now": "329412864 “329” recomputed"}]
    assert main(["check"]) == 1
    out = capsys.readouterr().out
    assert f"embedded: {name}: locked 329412865" in out
    assert "not as locked: 1, of " in out
    assert main(["check", "--update"]) == 2
    assert "say why" in capsys.readouterr().err
    assert main(["check", "--update", "--reason", "One more operation."]) == 0
    assert name in capsys.readouterr().out
    assert main(["check"]) == 0
    assert lockfile.read_lock(lock)[1][-1] == "1 values: One more operation."


def test_a_lock_of_the_first_version_is_read() -> None:
    locked, reasons = lockfile.read_lock(Path(__file__).parents[1] / "evidence" / "lock-v1.json")
    assert {"embedded", "recordings", "published 329M", "published tables"} <= locked.keys()
    assert reasons == []


def test_a_value_that_is_gone_and_one_that_is_new() -> None:
    assert list(map(str, lockfile.moved({"s": {"a": "1", "b": "2"}}, {"s": {"b": "2", "c": "3"}}))) == [
        "s: a: locked 1, now absent",
        "s: c: locked absent, now 3",
    ]


def test_an_update_keeps_what_is_not_at_hand(lock: Path) -> None:
    before = json.loads(lock.read_text("utf-8"))
    assert main(["check", "--update"]) == 0
    assert json.loads(lock.read_text("utf-8")) == before


def test_a_lock_that_is_missing_or_torn(lock: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock.write_text("{", encoding="utf-8")
    assert main(["check"]) == 2
    assert "git checkout" in capsys.readouterr().err
    lock.unlink()
    assert main(["check"]) == 2


def test_every_distinct_conversation_at_hand_is_locked(fetched: Path) -> None:
    locked = json.loads(lockfile.LOCK.read_text("utf-8"))
    runs = {published_run(str(e.run)).run for e in conversations() if read_published(e) is not None}
    assert {f"published {run}" for run in runs} <= locked.keys()


@pytest.mark.parametrize("section", ["embedded", "published tables", "published 329M"])
def test_a_section_that_is_gone_from_the_lock(
    section: str, lock: Path, fetched: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    locked = json.loads(lock.read_text("utf-8"))
    del locked[section]
    lock.write_text(json.dumps(locked), encoding="utf-8")
    assert main(["check"]) == 1
    out = capsys.readouterr().out
    assert re.search(f"{section}: all values: locked absent, now \\d+ values", out)
    assert f"{section}: not in the lock, `check --update` adds it" in out


def test_a_damaged_cassette_has_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    content = cassette_path("table7").read_bytes()
    (tmp_path / "genius-table7.jsonl").write_bytes(content[:-50])
    monkeypatch.setattr("reproduce.published.trials.cassette_path", lambda name: tmp_path / f"genius-{name}.jsonl")
    assert main(["check"]) == 1
    assert "genius-table7.jsonl" in capsys.readouterr().out
