"""A cassette: records as they are committed, one a line, sorted by key, under a manifest that seals them.

The first line is `{"cassette": version, "digest": …, "records": count}`; the digest is the SHA-256 of all bytes after
it. The same records always give the same bytes, whatever the order in which they were recorded or merged.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from cache.errors import CassetteError, CorruptRecord
from cache.key import canonical, digest_bytes
from cache.nearest import nearest_key, sketch
from cache.record import Record, line_key, line_sketch

VERSION = 1  # of the file's form; the scheme of the keys has its own


class Cassette(Mapping[str, Record]):
    """Records by key, in memory; a record is verified each time it is taken out."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._lines: dict[str, bytes] = {}
        self._claim = threading.Lock()
        for record in records:
            self.put(record)

    def __getitem__(self, key: str) -> Record:
        return Record.from_line(self._lines[key], key)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._lines))

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def digest(self) -> str:
        """The digest of all records: what the manifest of the written cassette states."""
        return digest_bytes(self._body())

    def put(self, record: Record) -> bool:
        """Add `record` unless its key is there already; return whether it was added. The first answer stays."""
        line = record.to_line()
        return self._lines.setdefault(line_key(line), line) is line

    def claim(self, key: str) -> AbstractContextManager[object]:  # noqa: ARG002
        """Hold every key, not only `key`, against other threads: what is in memory is no place for long recordings."""
        return self._claim

    def nearest(self, question: bytes) -> Record | None:
        """Return the record whose request is most similar to the canonical `question`; None if there is no record."""
        key = nearest_key(sketch(question), ((key, line_sketch(line)) for key, line in self._lines.items()))
        return None if key is None else self[key]

    def _body(self) -> bytes:
        return b"".join(self._lines[key] for key in self)


def read(path: Path) -> Cassette:
    """Return the cassette at `path`, its manifest verified.

    Raises:
        CassetteError: the file is missing, truncated, edited, not sorted, or of another version; the message names the
            line and what to do.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CassetteError(f"Expected a cassette at {path}, got {error.strerror}. Name another file.") from None
    head, _, body = data.partition(b"\n")
    count, digest = _manifest(path, head)
    if digest_bytes(body) != digest:
        raise CassetteError(_damage(path, body, count))
    lines = body.splitlines(keepends=True)
    cassette = Cassette()
    try:
        cassette._lines = {line_key(line): line for line in lines}
    except CorruptRecord as error:
        raise CassetteError(f"{path}: {error}") from None
    if len(lines) != count or len(cassette) != count or list(cassette._lines) != list(cassette):
        raise CassetteError(
            f"Expected {count} records sorted by key in {path}, got {len(lines)} lines with {len(cassette)} keys. "
            "Write it with cache.cassette.write, never by hand."
        )
    return cassette


def write(path: Path, records: Iterable[Record]) -> str:
    """Write `records` to `path`, whole or not at all, and return the digest of the cassette.

    Raises:
        CassetteError: two records have the same key and different content, or the file cannot be written.
        CredentialFound, InvalidRequest: see `Record.to_line`.
    """
    cassette = merge(*(Cassette([record]) for record in records))
    body = cassette._body()
    digest = digest_bytes(body)
    head = canonical({"cassette": VERSION, "digest": digest, "records": len(cassette)})
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with partial.open("wb") as file:
            file.write(head + b"\n" + body)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise CassetteError(f"Expected to write {path}, got {error.strerror}. Make room, or name another.") from error
    return digest


def merge(*cassettes: Cassette) -> Cassette:
    """Return all records of `cassettes`; raises CassetteError if two hold different records under one key."""
    merged = Cassette()
    for cassette in cassettes:
        for key, line in cassette._lines.items():
            if merged._lines.setdefault(key, line) != line:
                raise CassetteError(
                    f"Expected one record for {key}, got two that differ. Keep one of them, or number the second "
                    "answer with sample=1."
                )
    return merged


def _manifest(path: Path, head: bytes) -> tuple[int, str]:
    """Return the number of records and the digest that the first line states."""
    try:
        manifest = json.loads(head)
        version, count, digest = manifest["cassette"], manifest["records"], manifest["digest"]
    except (ValueError, TypeError, KeyError):
        raise CassetteError(
            f"Expected the manifest of a cassette in line 1 of {path}, got {head[:60]!r}. Restore the file."
        ) from None
    if version != VERSION:
        raise CassetteError(
            f"Expected cassette version {VERSION} in line 1 of {path}, got {version!r}. Read it with the release of "
            "genius-replay that wrote it."
        )
    return count, digest


def _damage(path: Path, body: bytes, count: int) -> str:
    """Say what is wrong with a cassette whose digest does not fit: the first bad line, else the number of lines."""
    restore = "Restore the file (`git checkout`), or record again."
    if b"\r\n" in body:
        return f"Expected line ends \\n in {path}, got \\r\\n: mark *.jsonl as -text in .gitattributes. {restore}"
    lines = body.splitlines(keepends=True)
    for number, line in enumerate(lines, start=2):
        try:
            Record.from_line(line)
        except CorruptRecord as error:
            return f"Line {number} of {path}: {error}"
    if len(lines) != count:
        return f"Expected {count} records in {path}, got {len(lines)}: lines were lost or added. {restore}"
    return f"Expected the digest of line 1 in {path}, got another: a whole record was exchanged. {restore}"
