"""An answer on its way into the records: on the disk before anything is done with it that can fail.

Where it cannot be kept, because the disk is full or the store is damaged, what was paid for waits in a file beside the
store, and whoever asks for it next has it from there. That there is room for it is tried before anything is sent.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from cache.errors import CacheError
from cache.record import Record

ROOM_BYTES = 2**18  # that are taken up in advance: of a request and its answer, most have a tenth of it


class Spool:
    """The file in which one answer waits; whoever uses it holds the claim of its key."""

    def __init__(self, path: Path | None) -> None:
        """Name the file; with None nothing waits."""
        self._path = path

    def found(self, key: str) -> Record | None:
        """Return the answer that waits since it could not be kept, None if there is none."""
        with suppress(OSError, CacheError):  # nothing, or what somebody left who died before there was an answer
            return Record.from_line(self._path.read_bytes(), key) if self._path else None
        return None

    def reserve(self) -> None:
        """Take up room; raises CacheError if there is none."""
        if self._path is None:
            return
        try:
            self._write(bytes(ROOM_BYTES), "wb")
        except OSError as error:
            self.clear()
            raise CacheError(
                f"Expected room for an answer in {self._path.parent}, got: {error.strerror}. Make room first."
            ) from None

    def keep(self, line: bytes) -> None:
        """Have the line of a record wait, where there is room."""
        with suppress(OSError):  # then it is kept at once, or nowhere
            self._write(line, "r+b")

    def clear(self) -> None:
        """Have nothing wait any more."""
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink()

    def _write(self, content: bytes, mode: str) -> None:
        if self._path is not None:
            with self._path.open(mode) as file:
                file.write(content)
                file.truncate()
                file.flush()
                os.fsync(file.fileno())
