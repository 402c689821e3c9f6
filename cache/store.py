"""The store: records on disk, shared by many processes, never pickled, never expiring.

diskcache keeps the rows and does the writing: one SQLite file in WAL mode, `synchronous=FULL`, so that a record is on
the disk before `put` returns. A row is key, sketch (as diskcache's tag) and the line of `Record.to_line`; whole lines
stay inside SQLite, whose transactions cannot be torn, instead of diskcache's separate files, which can. Reading goes
past diskcache over a connection that cannot write: one prepared statement, and it works on read-only media. These are
the tables of diskcache 5, which is checked.

What SQLite loses without a word, a witness beside it notices (`cache.witness`).

The store is a local index of cassettes: `load` builds it from them and `export` gives them back.
"""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import diskcache

from cache.cassette import Cassette, refuse_another
from cache.errors import CacheError
from cache.key import DIGEST_PREFIX
from cache.nearest import SKETCH_BYTES, nearest_key, sketch
from cache.record import Record
from cache.rewriting import Rules
from cache.witness import Mark, see, seen
from genius_replay import files
from genius_replay.advice import install
from genius_replay.showing import brief

DBNAME = "cache.db"  # diskcache's file in a folder
MODE_RAW = 1  # diskcache's word for a value that stands in its row; 4 is a pickle

# Every setting, whatever an existing file says; these are the ones that could lose, evict or expire a record.
_SETTINGS: dict[str, int | str] = {
    **diskcache.DEFAULT_SETTINGS,
    "eviction_policy": "none",
    "cull_limit": 0,
    "size_limit": 2**62,
    "sqlite_journal_mode": "wal",
    "sqlite_synchronous": 2,  # FULL: a commit has reached the disk when it returns
}
_KNOWN = {*_SETTINGS, "count", "size", "hits", "misses"}
# How the SHA-256 of each statement begins with which diskcache 5 makes a store.
_SCHEMA = {
    "7dc3acae", "e3b0c442", "b1e287d8", "4f0a5302", "4a273a1d", "0d6ef5b9", "2eb9bf04", "404b74ec", "18eb18f5",
    "613ef63f",
}  # fmt: skip
# SQLite's messages may quote a damaged file, which Python cannot always decode.
_FAILURES = (OSError, sqlite3.Error, diskcache.Timeout, UnicodeDecodeError)
_PATIENCE = 60  # seconds that a writer waits for the others
_FOREIGN = "Nothing here writes such a row: build the store again from its cassettes in an empty folder."


def _key(key: object, raw: object) -> str:
    """Return the key of a row; raises CacheError unless it is plain text."""
    if raw != 1 or not isinstance(key, str):
        raise CacheError(f"Expected a text key, got {type(key).__name__}, a pickled or binary key. {_FOREIGN}")
    return key


def _line(mode: object, filename: object, value: object) -> bytes:
    """Return the line of a row; raises CacheError for a pickle, a file, or anything but bytes."""
    if mode != MODE_RAW or filename is not None or not isinstance(value, bytes):
        raise CacheError(f"Expected a line in the row, got diskcache mode {mode} (4 is a pickle). {_FOREIGN}")
    return value


class LinesOnly(diskcache.Disk):  # type: ignore[misc]
    """A diskcache `Disk` that knows text keys and byte values inside SQLite: no pickle, no file, not even to remove."""

    def put(self, key: object) -> tuple[str, bool]:
        """Return a key as its columns key and raw."""
        return _key(key, raw=True), True

    def get(self, key: object, raw: object) -> str:
        """Return a key from its columns."""
        return _key(key, raw)

    def store(self, value: object, read: bool, key: object = None) -> tuple[int, int, None, bytes]:  # noqa: ARG002
        """Return a value as its columns size, mode, filename and value."""
        return 0, MODE_RAW, None, _line(MODE_RAW, None, value)

    def fetch(self, mode: object, filename: object, value: object, read: bool) -> bytes:  # noqa: ARG002
        """Return a value from its columns."""
        return _line(mode, filename, value)

    def remove(self, file_path: object) -> None:
        """Refuse to remove the file that a row names."""
        raise CacheError(f"Expected rows without files, got one that names {file_path!r}. {_FOREIGN}")


class _Rows(diskcache.Cache):  # type: ignore[misc]
    def __init__(self, folder: Path) -> None:
        try:
            super().__init__(str(folder), timeout=_PATIENCE, disk=LinesOnly, **_SETTINGS)
        except BaseException:
            self.close()
            raise


class Store(AbstractContextManager["Store"]):
    """Records in a folder. Threads, forks and processes may read and write at the same time.

    A key that is there stays as it is: whoever comes first has given the answer, and `put` of another one returns
    False. So all processes of a run agree, and an answer that was used once is the answer for good.
    """

    def __init__(self, directory: Path, *, read_only: bool = False) -> None:
        """Open the store in `directory`, which is made if need be, except with `read_only`.

        With `read_only` nothing is written, not even a lock where the folder is on read-only media.

        Raises:
            CacheError: the folder cannot be opened.
        """
        self._path = Path(directory).absolute() / DBNAME
        self._local = threading.local()
        if not diskcache.__version__.startswith("5."):
            raise CacheError(f"Expected diskcache 5, got {diskcache.__version__}. Run `{install('diskcache<6')}`.")
        if read_only and not self._path.exists():
            raise CacheError(f"Expected a store in {self._path.parent}, got none. Name its folder, or load a cassette.")
        self._cache: Any = None
        if not read_only:
            try:
                self._cache = self._open()
            except BaseException:
                self.close()
                raise

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close this thread's connections; they open again when needed."""
        if (connection := self._held()) is not None:
            connection.close()
        self._local.__dict__.clear()
        if self._cache is not None:
            self._cache.close()

    # -- reading ---

    def __repr__(self) -> str:
        return brief(self, f"in {self._path.parent}")

    def __len__(self) -> int:
        return int(self._select("SELECT COUNT(*) FROM Cache")[0][0])

    def get(self, key: str) -> Record | None:
        """Return the verified record of `key`, None if there is none.

        Raises:
            CorruptRecord: the row does not hold the record that was put.
            CacheError: the row holds something else, or the file cannot be read.
        """
        row = self._row(key)
        return None if row is None else Record.from_line(_line(*row), key)

    def keys(self) -> Iterator[str]:
        """Yield all keys in order; raises CacheError at a row that is no record."""
        for key, raw in self._select("SELECT key, raw FROM Cache ORDER BY key, raw"):
            yield _key(key, raw)

    def nearest(self, question: bytes) -> Record | None:
        """Return the record whose request is most similar to the canonical `question`; None if there is no record."""
        tag = f"substr(tag, 1, {SKETCH_BYTES})"
        rows = f"SELECT key, {tag} FROM Cache WHERE raw = 1 AND typeof(key) = 'text' AND typeof(tag) = 'blob'"
        key = nearest_key(sketch(question), self._select(rows))
        return None if key is None else self.get(key)

    def rules(self) -> set[Rules]:
        """The lists of rules by which requests were rewritten for their keys; errors as in `get`."""
        keys = self._select("SELECT key FROM Cache WHERE instr(value, ?)", (b'"rewrites":[[',))
        return {record.rewrites for (key,) in keys if (record := self.get(key)) is not None} - {()}

    def export(self) -> Cassette:
        """Return all records, each verified; errors as in `get`."""
        return Cassette(record for key in self.keys() if (record := self.get(key)))

    def verify(self) -> list[str]:
        """Return what is wrong with the store, one line a problem; nothing is repaired.

        SQLite checks the file, every row is verified, nothing in it is of others, nothing is missing that the witness
        has seen.

        Raises:
            CacheError: the file cannot be read at all.
        """
        problems = [str(message) for (message,) in self._select("PRAGMA integrity_check") if message != "ok"]
        columns, last = "rowid, key, raw, mode, filename, value, tag, expire_time", Mark()
        for rowid, key, raw, mode, filename, value, tag, expires in self._rows(f"SELECT {columns} FROM Cache"):
            mark = Mark.of(rowid, tag)
            try:
                line = _line(mode, filename, value)
                record = Record.from_line(line, _key(key, raw))
                if not isinstance(tag, bytes) or tag[:SKETCH_BYTES] != sketch(record.question) or expires is not None:
                    raise CacheError(f"Expected the sketch of {key} as written, and no time to expire. {_FOREIGN}")
                if mark.digest and mark != last.then(line):
                    raise CacheError(f"Expected the row that was written after row {last.row}, got another. {_FOREIGN}")
            except CacheError as error:
                problems.append(f"row {rowid}: {error}")
            last = mark
        for refuse in (self._refuse_foreign, self._refuse_loss):
            try:
                refuse()
            except CacheError as error:
                problems.append(str(error))
        return problems

    # -- writing ---

    def put(self, record: Record) -> bool:
        """Keep `record` unless its key is there; return whether it was new. It is on the disk before this returns.

        Raises:
            CacheError: the store is read-only, the disk is full, or the file cannot be written; nothing was stored.
            CacheError, InvalidRequest: see `Record.to_line`.
        """
        record.to_line()  # which it keeps; like the sketch, made before others wait
        sketched = sketch(record.question)
        with self._writing() as add:
            return add(record, sketched)

    def load(self, cassette: Cassette) -> int:
        """Keep all records of `cassette` or, after an error, none; return how many were new.

        Raises:
            CacheError: as in `put`, or a record answers differently than the one that is there under its key.
        """
        added = 0
        with self._writing() as add:
            for key, record in cassette.items():
                if add(record, sketch(record.question)):
                    added += 1
                elif (kept := self.get(key)) is not None:
                    refuse_another(kept, record)
        return added

    @contextmanager
    def claim(self, key: str) -> Iterator[Path]:
        """Wait until no thread of any process holds `key`, and hold it; a process that dies lets go.

        The operating system holds the lock, on a file in the folder that goes with it. Beside it is the path where an
        answer may wait (`cache.provider.spool`).

        Raises:
            CacheError: no lock can be made.
        """
        self._writable()
        path = self._path.with_name(f"{DBNAME}.{key.removeprefix(DIGEST_PREFIX)}.lock")
        with ExitStack() as held:
            try:
                held.enter_context(files.holding(path))
            except OSError as error:
                raise self._failure("lock a key in", error) from error
            yield path.with_suffix(".answer")

    @contextmanager
    def _writing(self) -> Iterator[Callable[[Record, bytes], bool]]:
        """Give what adds a record with its sketch, in one transaction.

        All are on the disk afterwards, or none and a CacheError.
        """
        cache = self._writable()
        try:
            with cache.transact():
                last = self._last()  # nobody else writes now

                def add(record: Record, sketched: bytes) -> bool:
                    nonlocal last
                    if self._row(record.key) is not None:  # diskcache would write over one that has a time to expire
                        return False
                    mark = last.then(line := record.to_line())
                    added = bool(cache.add(record.key, line, tag=sketched + bytes.fromhex(mark.digest)))
                    last = mark if added else last
                    return added

                yield add
        except _FAILURES as error:
            cache.close()  # a commit that failed may have left its transaction open
            raise self._failure("write", error) from error
        self._testify()

    # -- the witness ---

    @property
    def _witness(self) -> Path:
        return self._path.with_name(f"{DBNAME}-witness")

    def witnessed(self) -> Mark:
        """Return the last row that the witness has seen; raises CacheError if it is damaged or cannot be read."""
        try:
            return seen(self._witness)
        except OSError as error:
            raise self._failure("read", error) from error

    def _testify(self) -> None:
        with suppress(CacheError, *_FAILURES), self._cache.transact():  # else it has seen less, which is true
            see(self._witness, self._last())

    def _last(self) -> Mark:
        return Mark.of(*next(iter(self._select("SELECT rowid, tag FROM Cache ORDER BY rowid DESC LIMIT 1")), (0, b"")))

    def _refuse_loss(self) -> None:
        """Raise CacheError if what the witness has seen is not there."""
        seen = self.witnessed()
        there = self._path.exists() and self._select("SELECT 1 FROM sqlite_master WHERE name = 'Cache'")
        rows = self._select("SELECT rowid, tag FROM Cache WHERE rowid = ?", (seen.row,)) if there else []
        if seen.row and [Mark.of(*row) for row in rows] != [seen]:
            raise CacheError(
                f"Expected {seen.row} records or more in {self._path.parent}, as {self._witness.name} has seen them, "
                f"got {len(self) if there else 0} or others: some were lost, by damage to {DBNAME}-wal, or with a file "
                "that is older or missing. Bring the folder back from a copy, or keep what is left with `python -m "
                "cache merge NEW.jsonl FOLDER`, and go on in another folder."
            )

    # -- connections ---

    def _open(self) -> _Rows:
        """Return diskcache over the folder, which is made if need be."""
        folder = self._path.parent
        if os.path.expandvars(folder) != str(folder):  # diskcache would go elsewhere
            raise CacheError(f"Expected a folder without variables in its name, got {folder}. Rename it.")
        try:
            if not folder.exists():
                folder.mkdir(parents=True, exist_ok=True)
                files.sync(folder.parent)
            files.try_locks(folder)
            left = [*folder.glob(f"{DBNAME}.*.lock"), *folder.glob(f"{DBNAME}.*.answer")]
            files.sweep({path.with_suffix(".lock") for path in left}, _clear_room)
            if self._path.exists():
                with closing(self._connect("rw")) as connection:  # undoes what one who died had half made, and no more
                    connection.execute("SELECT 1 FROM sqlite_master").fetchall()
                self._refuse_foreign()
            self._refuse_loss()
            return _Rows(folder)
        except _FAILURES as error:
            raise self._failure("open", error) from error

    def _refuse_foreign(self) -> None:
        """Refuse a file of others: diskcache would follow its settings and triggers before there is a `LinesOnly`."""
        made = dict(self._select("SELECT name, sql FROM sqlite_master"))
        for name, statement in made.items():
            if hashlib.sha256(str(statement or "").encode()).hexdigest()[:8] not in _SCHEMA:
                raise CacheError(f"Expected the tables of diskcache 5, got {name!r}, made by {statement!r}. {_FOREIGN}")
        for name, value in self._select("SELECT key, value FROM Settings") if "Settings" in made else ():
            if name not in _KNOWN or not re.fullmatch(r"[\w-]+", str(value)):
                raise CacheError(f"Expected the settings of diskcache, got {name} = {value!r}. {_FOREIGN}")

    def _writable(self) -> Any:
        if self._cache is None:
            raise CacheError(f"Expected a store to write to, got read_only in {self._path.parent}. Open it without.")
        return self._cache

    def _row(self, key: str) -> tuple[object, object, object] | None:
        rows = self._select("SELECT mode, filename, value FROM Cache WHERE key = ? AND raw = 1", (key,))
        return rows[0] if rows else None

    def _select(self, statement: str, values: tuple[str | int | bytes, ...] = ()) -> list[Any]:
        return list(self._rows(statement, values))

    def _rows(self, statement: str, values: tuple[str | int | bytes, ...] = ()) -> Iterator[Any]:
        """Yield rows over this thread's connection for reading; a fork opens its own."""
        try:
            if (connection := self._held()) is None:
                connection = self._connect()
                self._local.reader = os.getpid(), connection
            yield from connection.execute(statement, values)
        except _FAILURES as error:
            raise self._failure("read", error) from error

    def _held(self) -> sqlite3.Connection | None:
        process, connection = getattr(self._local, "reader", (0, None))
        return connection if process == os.getpid() else None

    def _connect(self, mode: str = "ro") -> sqlite3.Connection:
        # SQLite wants a shared-memory file beside the database even to read. Where none can be made it must be told
        # that nothing changes, which is so if the folder cannot be written and no log waits to be merged.
        log = self._path.with_name(DBNAME + "-wal")
        frozen = (
            mode == "ro" and not os.access(self._path.parent, os.W_OK) and not (log.exists() and log.stat().st_size)
        )
        address = self._path.as_uri() + f"?mode={mode}{'&immutable=1' if frozen else ''}"
        return sqlite3.connect(address, timeout=_PATIENCE, isolation_level=None, uri=True)

    def _failure(self, what: str, error: Exception) -> CacheError:
        # diskcache hides SQLite's reason behind a time-out, or behind the roll-back that failed after it.
        reason = error.__context__ if isinstance(error.__context__, sqlite3.Error) else error
        return CacheError(
            f"Expected to {what} the store in {self._path.parent}, got: {reason}. Nothing was stored by this call. "
            "Check that the disk has room and the folder can be written (or open it with read_only=True); if it is on "
            "a network disk, which may not lock files, name a folder on a disk of this machine (of a command: --store);"
            " if the file is damaged, build the store again from its cassettes in an empty folder."
        )


def _clear_room(lock: Path) -> None:
    """Remove the room for an answer that never came, which is all zeros; an answer that waits stays."""
    answer = lock.with_suffix(".answer")
    if answer.exists() and not answer.read_bytes().strip(b"\0"):
        answer.unlink()
