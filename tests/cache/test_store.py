from __future__ import annotations

import errno
import fcntl
import os
import pickle
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import diskcache
import pytest

from cache.__main__ import main
from cache.cassette import Cassette
from cache.errors import CacheError, CorruptRecord
from cache.record import Record
from cache.store import LinesOnly, Store
from tests.cache.records import chat_record

EVIDENCE = Path(__file__).parents[1] / "evidence"
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
    files = {"cache.db", "cache.db-shm", "cache.db-wal", "cache.db-witness"}
    assert {entry.name for entry in store._path.parent.iterdir()} <= files


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
    assert any("sketch of" in problem for problem in store.verify())
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
    with Store(tmp_path / "store") as again:
        assert again.get(RECORD.key) == RECORD


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


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER forget AFTER INSERT ON Cache BEGIN DELETE FROM Cache WHERE rowid < NEW.rowid; END",
        "CREATE TRIGGER Settings_count_update AFTER UPDATE ON Cache BEGIN DELETE FROM Cache; END",
        "CREATE VIEW Mine AS SELECT 1",
        "CREATE TABLE Mine (x)",
        "CREATE INDEX Mine ON Cache (value)",
        "ALTER TABLE Cache ADD COLUMN more DEFAULT 1",
    ],
)
def test_b5_tables_and_triggers_of_others_are_refused_before_they_act(
    store: Store, tmp_path: Path, statement: str
) -> None:
    store.put(RECORD)
    with sqlite3.connect(store._path) as connection:
        connection.execute(statement)
    connection.close()
    with pytest.raises(CacheError, match="Expected the tables of diskcache 5, got"):
        Store(tmp_path / "store")
    with Store(tmp_path / "store", read_only=True) as reader:
        assert reader.get(RECORD.key) == RECORD
        assert "Expected the tables of diskcache 5, got" in "".join(reader.verify())


@pytest.mark.parametrize("name", ["../mine", "/etc/hostname", "mine", "a/b/mine", ""])
def test_b5_a_planted_file_name_removes_nothing(store: Store, tmp_path: Path, name: str) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "store" / "mine").write_text("mine")
    store.put(RECORD)
    store.put(chat_record("two"))
    store.close()
    change(store, "UPDATE Cache SET filename = ?, mode = 2, expire_time = 1 WHERE key = ?", name, RECORD.key)
    with Store(tmp_path / "store") as again:
        again.put(chat_record("three"))
        assert not again.put(RECORD)
        with again.claim(RECORD.key):
            pass
        assert again.verify()
    assert (tmp_path / "mine").exists()
    assert (tmp_path / "store" / "mine").exists()


# -- nothing is lost in silence ---


def left_by_a_killed_writer(folder: Path, count: int = 9) -> list[Record]:
    """A store whose last records stand in SQLite's log alone."""
    records = [chat_record(f"record {number}") for number in range(count)]
    process = os.fork()
    if process == 0:
        store = Store(folder)
        for record in records:
            store.put(record)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(process, 0)
    assert (folder / "cache.db-wal").stat().st_size > count * 3000
    return records


def damaged(data: bytes, how: str) -> bytes:
    half = len(data) // 2
    return {
        "cut": data[:half],
        "gone": b"",
        "flipped": data[:half] + bytes([data[half] ^ 1]) + data[half + 1 :],
        "zeros": data[:half] + bytes(len(data) - half),
        "no header": bytes(32) + data[32:],
    }[how]


@pytest.mark.parametrize("how", ["cut", "gone", "flipped", "zeros", "no header"])
def test_b6_a_log_that_was_damaged_after_a_kill_is_no_clean_store(
    tmp_path: Path, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "store"
    records = left_by_a_killed_writer(folder)
    assert main(["verify", str(folder)]) == 0
    log = folder / "cache.db-wal"
    left_by_a_killed_writer(other := tmp_path / "other")
    log = other / "cache.db-wal"
    log.write_bytes(damaged(log.read_bytes(), how))
    (other / "cache.db-shm").unlink()  # which does not outlive a machine
    assert main(["verify", str(other)]) == 1
    assert main(["verify", str(other)]) == 1
    printed = capsys.readouterr().out
    assert "Expected 9 records or more" in printed or "no such table" in printed
    with pytest.raises(CacheError, match="Expected 9 records or more"):  # and nobody pays for more
        Store(other)
    assert main(["merge", str(tmp_path / "left.jsonl"), str(other)]) in (0, 2)  # 2: not even a table is left
    with Store(folder) as store:
        assert list(store.keys()) == sorted(record.key for record in records)


def test_b6_an_older_file_in_the_place_of_the_store_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    with Store(folder) as store:
        store.put(RECORD)
    older = (folder / "cache.db").read_bytes()
    with Store(folder) as store:
        store.put(chat_record("two"))
    (folder / "cache.db").write_bytes(older)
    with pytest.raises(CacheError, match="Expected 2 records or more"):
        Store(folder)
    (folder / "cache.db").unlink()
    with pytest.raises(CacheError, match=r"Expected 2 records or more .* got 0"):
        Store(folder)


@pytest.mark.parametrize("row", [1, 5, 9])
@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM Cache WHERE rowid = ?", "UPDATE Cache SET rowid = rowid + 20 WHERE rowid = ?"],
)
def test_b6_a_row_that_is_gone_is_noticed(tmp_path: Path, row: int, statement: str) -> None:
    folder = tmp_path / "store"
    with Store(folder) as store:
        store.load(Cassette(chat_record(str(number)) for number in range(9)))
        assert store.verify() == []
        change(store, statement, row)
        assert store.verify()


@pytest.mark.parametrize("content", [b"", b"\0" * 72])
def test_b6_of_a_witness_that_the_power_took_the_store_says_so(
    store: Store, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    store.put(RECORD)
    store._witness.write_bytes(content)
    assert store.verify() == []
    assert main(["verify", str(store._path.parent)]) == 0
    assert "the witness beside the log has seen 0 of them" in capsys.readouterr().out
    store.put(chat_record("two"))
    assert store.witnessed().row == 2


def test_b6_a_damaged_witness_is_an_error_and_says_what_to_do(store: Store, tmp_path: Path) -> None:
    store.put(RECORD)
    store._witness.write_bytes(b"1 nonsense\n")
    assert ["delete that file" in problem for problem in store.verify()] == [True]
    with pytest.raises(CacheError, match="delete that file"):
        Store(tmp_path / "store")
    store._witness.unlink()
    with Store(tmp_path / "store") as again:
        assert again.verify() == []


def test_b6_a_store_of_the_first_version_goes_on_with_a_witness(tmp_path: Path) -> None:
    shutil.copytree(EVIDENCE / "store-v1", tmp_path / "store")
    with Store(tmp_path / "store") as store:
        count = len(store)
        assert (store.witnessed().row, store.verify()) == (0, [])
        store.put(RECORD)
        store.put(chat_record("two"))
        assert (store.witnessed().row, len(store), store.verify()) == (count + 2, count + 2, [])
        change(store, "DELETE FROM Cache WHERE key = ?", RECORD.key)
        assert store.verify()


def test_what_a_process_left_that_died_while_it_made_the_store_is_undone(tmp_path: Path) -> None:
    process = os.fork()
    if process == 0:
        connection = sqlite3.connect(tmp_path / "cache.db", isolation_level=None)
        for statement in ("PRAGMA cache_size = 1", "CREATE TABLE Settings (key)", "BEGIN", "CREATE TABLE Cache (key)"):
            connection.execute(statement)
        for _ in range(50):
            connection.execute("INSERT INTO Cache VALUES (zeroblob(9000))")
        connection.execute("DROP TABLE Settings")
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(process, 0)
    assert (tmp_path / "cache.db-journal").stat().st_size
    with pytest.raises(CacheError, match="Expected the tables of diskcache 5, got 'Settings'"):  # as it was before
        Store(tmp_path)


# -- locks ---


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EIO])
@pytest.mark.parametrize("function", ["flock", "lockf"])
def test_b4_a_disk_without_locks_is_named_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, number: int
) -> None:
    def fails(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, function, fails)
    with pytest.raises(CacheError, match=r"Expected to open the store in .*network disk.*--store"):
        Store(tmp_path / "store")


@pytest.mark.parametrize("said", ["locking protocol", "disk I/O error", "database is locked"])
def test_b5_where_the_log_cannot_lock_another_folder_is_advised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError(said)

    monkeypatch.setattr(diskcache.Cache, "reset", fails)
    with pytest.raises(CacheError, match=rf"got: {said}\. .*network disk.*--store"):
        Store(tmp_path / "store")


def test_locks_that_nobody_holds_are_swept_and_others_are_not(store: Store, tmp_path: Path) -> None:
    def locks() -> list[str]:
        return sorted(path.name for path in (tmp_path / "store").glob("*.lock"))

    for name, content in (("killed", bytes(2**18)), ("waiting", RECORD.to_line())):
        process = os.fork()
        if process == 0:
            with store.claim(f"sha256:{name}") as answer:
                answer.write_bytes(content)
                os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(process, 0)
    with store.claim("sha256:held"):
        assert locks() == ["cache.db.held.lock", "cache.db.killed.lock", "cache.db.waiting.lock"]
        with Store(tmp_path / "store"):
            assert locks() == ["cache.db.held.lock"]
    assert locks() == []
    assert [path.name for path in (tmp_path / "store").glob("*.answer")] == ["cache.db.waiting.answer"]


def test_another_diskcache_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diskcache, "__version__", "6.0.0")
    with pytest.raises(CacheError, match=r"Expected diskcache 5, got 6\.0\.0"):
        Store(tmp_path)
