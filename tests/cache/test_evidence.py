"""Files of the first version are read as they were, and written anew without a loss."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cache import cassette
from cache.cassette import Cassette
from cache.errors import CacheError
from cache.record import Record
from cache.store import Store

EVIDENCE = Path(__file__).parents[1] / "evidence"
CASSETTE, STORE = EVIDENCE / "cassette-v1.jsonl", EVIDENCE / "store-v1"


def lines() -> list[dict[str, object]]:
    """The records as the file has them, read without this project's code."""
    _, *records = CASSETTE.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in records]


def as_filed(record: Record) -> dict[str, object]:
    question = {"kind": record.kind, "request": record.request, "sample": record.sample, "scheme": 1}
    reply = {"answer": record.answer, "observed": record.observed, "provenance": record.provenance}
    return {"digest": record.digest, "key": record.key, "question": question, "reply": reply}


def test_a_cassette_of_version_1_gives_back_every_record() -> None:
    expected = [{name: value for name, value in line.items() if name != "sketch"} for line in lines()]
    assert [as_filed(record) for record in cassette.read(CASSETTE).values()] == expected
    assert {record.kind for record in cassette.read(CASSETTE).values()} == {
        "chat.completions",
        "evaluation",
        "run",
        "supernet",
        "training",
    }


def test_written_anew_it_holds_the_same_records_in_fewer_bytes(tmp_path: Path) -> None:
    old = cassette.read(CASSETTE)
    digest = cassette.write(tmp_path / "new.jsonl", old.values())
    new = cassette.read(tmp_path / "new.jsonl")
    assert [record.to_line() for record in new.values()] == [record.to_line() for record in old.values()]
    assert new.digest == old.digest == digest
    assert (tmp_path / "new.jsonl").stat().st_size * 2 < CASSETTE.stat().st_size


def test_an_edited_cassette_of_version_1_is_refused(tmp_path: Path) -> None:
    data = CASSETTE.read_bytes()
    (tmp_path / "edited.jsonl").write_bytes(data.replace(b'"latency_s":', b'"latency_t":', 1))
    with pytest.raises(CacheError, match=r"Line \d+ of .*were changed"):
        cassette.read(tmp_path / "edited.jsonl")


@pytest.mark.parametrize("read_only", [False, True])
def test_a_store_of_version_1_gives_back_every_record(read_only: bool, tmp_path: Path) -> None:
    shutil.copytree(STORE, tmp_path / "store")
    kept = cassette.read(CASSETTE)
    with Store(tmp_path / "store", read_only=read_only) as store:
        found = {key: store.get(key) for key in store.keys()}  # noqa: SIM118 — a store is no mapping
        assert len(found) == 6
        assert all(kept[key] == record for key, record in found.items())
        assert store.verify() == []
        if not read_only:
            assert store.load(Cassette(kept.values())) == len(kept) - 6
