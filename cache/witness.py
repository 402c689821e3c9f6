"""The witness: a file beside a store that says up to where its records have come, so that a loss is noticed.

SQLite drops the end of a log that was damaged, and says nothing. So each row of a store continues a digest over all
lines before it (`Mark`), and the witness says which was the last. It is written after a record is on the disk, and does
not wait for the disk itself: of a store whose power went it may say less than there is, never more.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import NamedTuple

from cache.errors import CacheError
from cache.nearest import SKETCH_BYTES

_WITNESSED = re.compile(r"(\d+) ([0-9a-f]{64})\n")


class Mark(NamedTuple):
    """A row, and the digest that it continues over all lines so far, in hexadecimal digits; none before the first."""

    row: int = 0
    digest: str = ""

    def then(self, line: bytes) -> Mark:
        """The mark of the next row, which holds this line."""
        return Mark(self.row + 1, hashlib.sha256(bytes.fromhex(self.digest) + line).hexdigest())

    @classmethod
    def of(cls, row: int, tag: object) -> Mark:
        """The mark in a row's tag, behind the sketch; rows of the first version have none."""
        return cls(row, tag[SKETCH_BYTES:].hex() if isinstance(tag, bytes) else "")


def seen(path: Path) -> Mark:
    """The last row that the witness at `path` has seen.

    Raises:
        CacheError: it is damaged.
        OSError: it cannot be read.
    """
    try:
        said = path.read_bytes().strip(b"\0")  # which a file may be filled with when the power goes
    except FileNotFoundError:
        return Mark()
    found = _WITNESSED.fullmatch(said.decode("latin-1"))
    if said and found is None:
        raise CacheError(
            f"Expected a row and its digest in {path}, got {said[:80]!r}. Bring the folder back from a copy; or verify "
            "the store, and if nothing else is wrong, delete that file."
        )
    return Mark(int(found[1]), found[2]) if found else Mark()


def see(path: Path, last: Mark) -> None:
    """Let the witness at `path` see the last row, in one write that nothing halves.

    Raises:
        CacheError, OSError: as in `seen`, or it cannot be written.
    """
    if last.row > seen(path).row:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)
        try:
            os.write(descriptor, f"{last.row} {last.digest}\n".encode())
        finally:
            os.close(descriptor)
