"""A cassette: records as they are committed, one a line, sorted by key, under a manifest that seals them.

The first line is `{"cassette": version, "digest": …, "records": count}`; the digest is the SHA-256 of all bytes after
it. The same records always give the same bytes, whatever the order in which they were recorded or merged. Version 2
says once what records share (`cache.compact`); version 1, a whole record a line, is still read.
"""

from __future__ import annotations

import shlex
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, suppress
from itertools import zip_longest
from pathlib import Path
from typing import Literal

import msgspec

from cache.compact import Packed, Shared, written
from cache.errors import CacheError, CorruptRecord
from cache.key import TOO_DEEP, canonical, digest_bytes
from cache.nearest import nearest_key, sketch
from cache.record import RESTORE, Record
from cache.rewriting import Rules
from genius_replay import files
from genius_replay.showing import brief

MARKERS = (b"<<<<<<< ", b"||||||| ", b"=======", b">>>>>>> ")  # of git, at the beginning of a line
VERSION = 2  # of the file's form; the scheme of the keys has its own


class _Manifest(msgspec.Struct):
    """The first line of a cassette: the version of its form, the digest of what follows, the number of records."""

    cassette: Literal[1, 2]
    digest: str
    records: int


class Cassette(Mapping[str, Record]):
    """Records by key, in memory; a record that was read is verified when it is first taken out.

    >>> record = Record({"model": "m", "messages": []}, answer={"choices": []})
    >>> cassette = Cassette([record])
    >>> len(cassette), cassette[record.key] is record
    (1, True)
    """

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._held: dict[str, Record | Packed] = {}
        self._claim = threading.Lock()
        for record in records:
            self.put(record)

    def __getitem__(self, key: str) -> Record:
        held = self._held[key]
        if isinstance(held, Packed):
            held = self._held[key] = held.record()
        return held

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._held))

    def __len__(self) -> int:
        return len(self._held)

    def __repr__(self) -> str:
        return brief(self, f"of {len(self):,} records")

    @property
    def digest(self) -> str:
        """The digest of all records, one line after the other: the same in whichever form they were written."""
        return digest_bytes(b"".join(record.to_line() for record in self.values()))

    def of_kind(self, kind: str) -> Iterator[Record]:
        """The records of a kind, by key; where the file says the kinds apart, no other record is looked at."""
        return (self[key] for key in self if self._held[key].kind == kind)

    def rules(self) -> set[Rules]:
        """The lists of rules by which requests were rewritten for their keys; raises CorruptRecord."""
        looked = (key for key, held in self._held.items() if not isinstance(held, Packed) or held.is_rewritten)
        return {self[key].rewrites for key in looked} - {()}

    def put(self, record: Record) -> bool:
        """Add `record` unless its key is there already; return whether it was added. The first answer stays."""
        record.to_line()  # refuses what must not be written
        return self._held.setdefault(record.key, record) is record

    def claim(self, key: str) -> AbstractContextManager[object]:  # noqa: ARG002
        """Hold every key, not only `key`, against other threads: what is in memory is no place for long recordings."""
        return self._claim

    def nearest(self, question: bytes) -> Record | None:
        """Return the record whose request is most similar to the canonical `question`; None if there is no record."""
        key = nearest_key(sketch(question), ((key, sketch(record.question)) for key, record in self.items()))
        return None if key is None else self[key]


def read(path: Path, *, exact: bool = False) -> Cassette:
    """Return the cassette at `path`, its manifest verified.

    With `exact` every byte is: each line is what the writer of the file's version makes of the records in it. Whatever
    builds on a file reads it so. For a replay it is enough that every record that is taken out gives its key and its
    digest, which takes a tenth of the time.

    Raises:
        CacheError: the file is missing, truncated, edited, not sorted, or of another version; the message names the
            line and what to do.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CacheError(f"Expected a cassette at {path}, got {error.strerror}. Name another file.") from None
    _refuse_git(path, data)
    head, _, body = data.partition(b"\n")
    try:
        manifest = msgspec.json.decode(head, type=_Manifest)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        raise CacheError(
            f"Expected the manifest of a cassette, version 1 or {VERSION}, in line 1 of {path}, got {head[:60]!r}. "
            "Restore the file, or read it with the release of genius-replay that wrote it."
        ) from None
    lines = body.splitlines(keepends=True)
    whole = digest_bytes(body) == manifest.digest
    cassette, shared = Cassette(), Shared()
    try:
        for number, line in enumerate(lines, 2):  # noqa: B007 — the error below names it
            held = Record.from_line(line) if manifest.cassette == 1 else shared.read(line)
            if held is not None:
                cassette._held[held.key] = held
        if not whole and manifest.cassette > 1:  # the line that does not fit is to be named
            for number, line in enumerate(lines, 2):  # noqa: B007
                shared.verify(line)
    except CorruptRecord as error:
        raise CacheError(f"Line {number} of {path}: {error}") from None
    if not whole:
        raise CacheError(
            f"Expected {manifest.records} records in {path} under the digest of line 1, got {len(cassette)} under "
            f"another: whole lines were lost, added or exchanged. {RESTORE}"
        )
    if len(cassette) != manifest.records or list(cassette._held) != list(cassette):
        raise CacheError(
            f"Expected {manifest.records} records sorted by key in {path}, got {len(cassette)} keys in {len(lines)} "
            "lines. Write it with cache.cassette.write, never by hand."
        )
    if exact:
        _refuse_other_bytes(path, data, manifest.cassette, cassette)
    return cassette


def _refuse_git(path: Path, data: bytes) -> None:
    """Refuse what git made of a cassette, with the way out of it."""
    name = shlex.quote(path.name)
    if data.startswith(b'{"cassette":') and b"\r\n" in data:  # in a line of JSON no such byte stands
        raise CacheError(
            f"Expected line ends \\n in {path}, got \\r\\n. Mend it in its folder with `tr -d '\\r' <{name} >lf.tmp && "
            f"mv lf.tmp {name}`, and add the line `*.jsonl -text` to .gitattributes, so that git leaves them alone."
        )
    marked = [str(number) for number, line in enumerate(data.splitlines(), 1) if line.startswith(MARKERS)]
    if len(marked) > 1:
        raise CacheError(
            f"Expected a cassette at {path}, got both sides of a merge: git's conflict markers stand in the lines "
            f"{', '.join(marked)}. Merge them in its folder with `git show :2:./{name} >ours.tmp && git show "
            f":3:./{name} >theirs.tmp && python -m cache merge both.tmp ours.tmp theirs.tmp && mv both.tmp {name}`."
        )


def _refuse_other_bytes(path: Path, data: bytes, version: int, cassette: Cassette) -> None:
    """Refuse a file that is not, byte for byte, what its version's writer makes of its records."""
    records = [*cassette.values()]
    body = written(records) if version > 1 else b"".join(record.first_line() for record in records)
    head = canonical({"cassette": version, "digest": digest_bytes(body), "records": len(records)})
    pairs = zip_longest(data.splitlines(keepends=True), [head + b"\n", *body.splitlines(keepends=True)])
    for number, (line, right) in enumerate(pairs, 1):
        if number > 1 and line != right:  # the first one holds the digest of all others
            raise CacheError(
                f"Line {number} of {path}: expected what version {version} writes, got {(line or b'nothing')[:60]!r}. "
                f"{RESTORE}"
            )
    if not data.startswith(head + b"\n"):
        raise CacheError(f"Expected the manifest {head!r} in line 1 of {path}, got {data[:200]!r}. {RESTORE}")


def write(path: Path, records: Iterable[Record]) -> str:
    """Write `records` to `path`, whole or not at all, and return the digest of the cassette.

    Raises:
        CacheError: two records have the same key and different answers, or the file cannot be written.
        CacheError, InvalidRequest: see `Record.to_line`.
    """
    cassette = merge(*(Cassette([record]) for record in records))
    try:
        body = written([*cassette.values()])
    except RecursionError:
        raise CacheError(f"Expected records for {path}, got {TOO_DEEP}. Leave that record out.") from None
    head = canonical({"cassette": VERSION, "digest": digest_bytes(body), "records": len(cassette)})
    try:
        files.write(path, head + b"\n" + body)
    except OSError as error:
        raise CacheError(f"Expected to write {path}, got {error.strerror}. Make room, or name another.") from error
    return cassette.digest


def merge(*cassettes: Cassette) -> Cassette:
    """Return all records of `cassettes`, of those that answer alike the one with the smallest digest.

    So two branches that recorded the same answers at other times merge, and to the same bytes in either direction.

    Raises:
        CacheError: two answer differently under one key.
    """
    merged: dict[str, Record] = {}
    for cassette in cassettes:
        for key, record in cassette.items():
            kept = merged.setdefault(key, record)
            refuse_another(kept, record)
            merged[key] = min(kept, record, key=lambda one: one.digest)
    return Cassette(merged.values())


def grow(path: Path, records: Iterable[Record]) -> str:
    """Add records to the cassette at `path`, which need not be there; whatever stands in it stays as it is.

    Those who let the same file grow wait for each other, so that nothing of either is lost.

    Raises:
        CacheError: the file is no cassette, or answers one of the requests differently; it is left as it was.
    """
    target = path.resolve()
    with ExitStack() as held:
        with suppress(OSError):  # a disk that knows no locks; where nothing can be written, `write` says so
            held.enter_context(files.holding(target.with_name(f".{target.name}.lock")))
        kept = read(path, exact=True) if path.is_file() else Cassette()
        for record in records:
            if not kept.put(record):
                refuse_another(kept[record.key], record)
        return write(path, kept.values())


def refuse_another(kept: Record, record: Record) -> None:
    """Raise CacheError if a record answers differently than the one that is kept under its key."""
    if kept is not record and not kept.answers_as(record):
        raise CacheError(
            f"Expected one record for {kept.key}, got two that differ. Keep them in two files, or number the second "
            "answer with sample=1."
        )
