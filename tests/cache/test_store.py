from __future__ import annotations

import os
import pickle
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import diskcache
import pytest

from cache.cassette import Cassette
from cache.errors import CacheError, CorruptRecord
from cache.store import LinesOnly, Store
from tests.cache.records import chat_record

RECORD = chat_record("one")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "store") as opened:
        yield opened


def change(store: Store, statement: str, *values: object) -> None:
    """Change the SQLite file behind the store's back."""
    connection = sqlite3.connect(store._path, isolation_level=None)
    assert connection.execute(statement, values).rowcount == 1
    connection.close()


def test_what_is_put_comes_back_also_after_opening_again(store: Store, tmp_path: Path) -> None:
    assert store.put(RECORD)
    assert not store.put(RECORD)
    assert store.get(RECORD.key) == RECORD
    for read_only in (False, True):
        with Store(tmp_path / "store", read_only=read_only) as again:
            assert again.get(RECORD.key) == RECORD
            assert (list(again.keys()), len(again), again.verify()) == ([RECORD.key], 1, [])


def test_the_first_answer_stays(store: Store) -> None:
    assert store.put(chat_record("one", answer="a"))
    assert not store.put(chat_record("one", answer="b"))
    found = store.get(RECORD.key)
    assert found is not None
    assert found.text == "a"


def test_a_cassette_goes_in_and_out_unchanged(store: Store) -> None:
    cassette = Cassette(chat_record(str(number)) for number in range(9))
    assert store.load(cassette) == 9
    assert store.load(cassette) == 0
    assert store.export().digest == cassette.digest
    assert list(store.keys()) == list(cassette)


def test_a_cassette_that_contradicts_the_store_is_refused_whole(store: Store) -> None:
    store.put(chat_record("one", answer="a"))
    cassette = Cassette([chat_record(text, answer="b") for text in ("zero", "one", "two", "three")])
    with pytest.raises(CacheError, match=r"Expected one record for sha256:.*, got two that differ"):
        store.load(cassette)
    assert len(store) == 1
    assert store.put(chat_record("two"))


def test_a_large_record_stays_in_one_row(store: Store) -> None:
    record = chat_record("long " * 200_000)
    store.put(record)
    assert store.get(record.key) == record
    assert {entry.name for entry in store._path.parent.iterdir()} <= {"cache.db", "cache.db-shm", "cache.db-wal"}


def test_a_credential_is_not_stored(store: Store) -> None:
    with pytest.raises(CacheError, match="Expected no credential"):
        store.put(chat_record("hf_" + "aB3" * 12))
    assert len(store) == 0


# -- nothing is forgotten ---


def test_nothing_expires_and_nothing_is_evicted(store: Store) -> None:
    """diskcache's defaults evict from 1 GiB on; here eviction, culling and expiry find nothing to remove."""
    store.load(Cassette(chat_record(str(number)) for number in range(30)))
    cache = store._cache
    assert (cache.eviction_policy, cache.cull_limit, cache.size_limit) == ("none", 0, 2**62)
    cache.reset("size_limit", 1)
    store.put(RECORD)
    assert (cache.cull(), cache.expire()) == (0, 0)
    assert len(store) == 31


def test_settings_that_would_forget_are_set_right_on_opening(store: Store, tmp_path: Path) -> None:
    for name, value in [("cull_limit", 10), ("size_limit", 1), ("eviction_policy", "least-recently-used")]:
        store._cache.reset(name, value)
    with Store(tmp_path / "store") as again:
        assert (again._cache.eviction_policy, again._cache.cull_limit) == ("none", 0)
        again.put(RECORD)
        assert len(again) == 1


def test_a_row_that_was_made_to_expire_is_read_and_reported(store: Store) -> None:
    store.put(RECORD)
    change(store, "UPDATE Cache SET expire_time = 1")
    assert store.get(RECORD.key) == RECORD
    assert ["time to expire" in problem for problem in store.verify()] == [True]


def test_a_commit_waits_for_the_disk(store: Store) -> None:
    assert store._cache._sql("PRAGMA synchronous").fetchall() == [(2,)]
    assert store._cache._sql("PRAGMA journal_mode").fetchall() == [("wal",)]


# -- nothing is unpickled ---


class Trap:
    """Unpickling this leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def plant(store: Store, key: object, value: object) -> None:
    """Store with diskcache as it comes, which pickles whatever it does not know."""
    with diskcache.Cache(str(store._path.parent)) as cache:
        cache[key] = value


def test_a_pickled_value_is_refused_and_not_run(store: Store, tmp_path: Path) -> None:
    plant(store, RECORD.key, Trap(tmp_path / "trap"))
    with pytest.raises(CacheError, match=r"got diskcache mode 4 .*pickle"):
        store.get(RECORD.key)
    for read in (store.export, lambda: store._cache[RECORD.key], lambda: store.load(Cassette([RECORD]))):
        with pytest.raises(CacheError, match="mode 4"):
            read()
    assert ["mode 4" in problem for problem in store.verify()] == [True]
    assert not (tmp_path / "trap").exists()


def test_a_pickled_value_in_a_file_is_refused_and_not_run(store: Store, tmp_path: Path) -> None:
    plant(store, RECORD.key, [Trap(tmp_path / "trap"), "x" * 2**16])
    with pytest.raises(CacheError, match="mode 4"):
        store.get(RECORD.key)
    assert any("mode 4" in problem for problem in store.verify())
    assert not (tmp_path / "trap").exists()


def test_a_pickled_key_is_refused_and_not_run(store: Store, tmp_path: Path) -> None:
    store.put(RECORD)
    plant(store, (Trap(tmp_path / "trap"),), RECORD.to_line())
    for read in (lambda: list(store.keys()), store.export, lambda: list(store._cache)):
        with pytest.raises(CacheError, match="pickled or binary key"):
            read()
    assert ["pickled or binary key" in problem for problem in store.verify()] == [True]
    assert store.get(RECORD.key) == RECORD
    assert not (tmp_path / "trap").exists()


@pytest.mark.parametrize("value", ["text", 3, 0.5, None, ("a",), bytearray(b"x")])
def test_the_disk_pickles_nothing(tmp_path: Path, value: object) -> None:
    with diskcache.Cache(str(tmp_path), disk=LinesOnly) as cache:
        with pytest.raises(CacheError, match="Expected a line in the row"):
            cache["key"] = value
        if not isinstance(value, str):
            with pytest.raises(CacheError, match="Expected a text key"):
                cache[value] = b"line"
        assert pickle.dumps(value) not in (tmp_path / "cache.db").read_bytes()


# -- nothing damaged is returned ---


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE Cache SET value = CAST(replace(value, 'one', 'two') AS BLOB)", "request of the record"),
        ("UPDATE Cache SET value = CAST(replace(value, '[1, 2]', '[1, 3]') AS BLOB)", "answer, observations or"),
        ("UPDATE Cache SET value = substr(value, 1, length(value) - 100)", "Expected a line"),
        ("UPDATE Cache SET value = x''", "Expected a line"),
        ("UPDATE Cache SET value = CAST(value AS TEXT)", "Expected a line in the row"),
        ("UPDATE Cache SET value = NULL", "Expected a line in the row"),
        ("UPDATE Cache SET filename = 'a/b'", "Expected a line in the row"),
    ],
)
def test_an_edited_row_is_never_returned(store: Store, statement: str, message: str) -> None:
    store.put(RECORD)
    change(store, statement)
    with pytest.raises(CacheError, match=message):
        store.get(RECORD.key)
    with pytest.raises(CacheError, match=message):
        store.nearest(chat_record("two").question)
    assert any(message in problem for problem in store.verify())


def test_a_row_under_another_key_is_never_returned(store: Store) -> None:
    store.put(RECORD)
    change(store, "UPDATE Cache SET key = 'sha256:0'")
    with pytest.raises(CorruptRecord, match="Expected the record sha256:0, got sha256:"):
        store.get("sha256:0")
    assert store.get(RECORD.key) is None


def test_a_wrong_sketch_misleads_nobody(store: Store) -> None:
    store.put(RECORD)
    change(store, "UPDATE Cache SET tag = x'00'")
    assert store.nearest(RECORD.question) == RECORD
    assert ["sketch of" in problem for problem in store.verify()] == [True]
    change(store, "UPDATE Cache SET tag = NULL")
    assert store.nearest(RECORD.question) is None


@pytest.mark.parametrize("place", [0, 100])
def test_a_file_that_is_no_database_is_an_error(store: Store, tmp_path: Path, place: int) -> None:
    store.load(Cassette(chat_record(str(number)) for number in range(9)))
    store.close()
    data = bytearray((tmp_path / "store" / "cache.db").read_bytes())
    data[place : place + 3000] = b"\xff" * 3000
    (tmp_path / "store" / "cache.db").write_bytes(data)
    with (
        Store(tmp_path / "store", read_only=True) as reader,
        pytest.raises(CacheError, match="build the store again from its cassettes"),
    ):
        reader.get(RECORD.key)
    with pytest.raises(CacheError, match="build the store again from its cassettes"):
        Store(tmp_path / "store")


# -- reading only ---


def test_a_store_that_is_opened_to_read_cannot_be_written_and_is_not_made(store: Store, tmp_path: Path) -> None:
    with Store(tmp_path / "store", read_only=True) as reader, pytest.raises(CacheError, match="got read_only"):
        reader.put(RECORD)
    with pytest.raises(CacheError, match=r"Expected a store in .*missing, got none"):
        Store(tmp_path / "missing", read_only=True)
    assert not (tmp_path / "missing").exists()


def test_a_folder_that_diskcache_would_take_for_another_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELSEWHERE", "elsewhere")
    with pytest.raises(CacheError, match="Expected a folder without variables in its name"):
        Store(tmp_path / "$ELSEWHERE")
    assert list(tmp_path.iterdir()) == []


# -- what diskcache would do before there is a Disk, or after a row was planted ---


def test_settings_of_others_are_refused_before_diskcache_follows_them(store: Store, tmp_path: Path) -> None:
    store.put(RECORD)
    for name, value in [("get", "x"), ("disk_elsewhere", 1), ("sqlite_mmap_size", "0; ATTACH 'x' AS x")]:
        with sqlite3.connect(store._path) as connection:
            connection.execute("INSERT OR REPLACE INTO Settings VALUES (?, ?)", (name, value))
        connection.close()
        with pytest.raises(CacheError, match=f"Expected the settings of diskcache, got {name}"):
            Store(tmp_path / "store")
        with Store(tmp_path / "store", read_only=True) as reader:
            assert reader.get(RECORD.key) == RECORD
        change(store, "DELETE FROM Settings WHERE key = ?", name)
    assert Store(tmp_path / "store").get(RECORD.key) == RECORD


def test_a_file_that_a_row_names_is_not_removed(store: Store, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    store.put(RECORD)
    change(store, "UPDATE Cache SET filename = '../mine'")
    with pytest.raises(CacheError, match=r"got one that names '\.\./mine'"):
        store._cache.delete(RECORD.key)
    assert (tmp_path / "mine").read_text() == "mine"


def test_a_row_that_was_made_to_expire_is_not_written_over(store: Store) -> None:
    store.put(chat_record("one", answer="first"))
    change(store, "UPDATE Cache SET expire_time = 1")
    assert not store.put(chat_record("one", answer="second"))
    found = store.get(RECORD.key)
    assert found is not None
    assert found.text == "first"


def test_another_diskcache_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diskcache, "__version__", "6.0.0")
    with pytest.raises(CacheError, match=r"Expected diskcache 5, got 6\.0\.0"):
        Store(tmp_path)
