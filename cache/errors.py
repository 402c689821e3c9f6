"""What can go wrong in `cache`.

CacheError
├── InvalidRequest       a value that is not JSON: NaN, a key that is not a string, bytes, an integer beyond 2**53
├── RecordError
│   ├── CorruptRecord    the content of a record does not give its key or its digest
│   └── CredentialFound  a record holds something that looks like an API key; it never reaches the disk
├── CassetteError        a cassette is truncated, edited, of another version, or contradicts another one
├── ImportFailed         a published file is not in the form it is said to be in
├── StoreError           a store cannot be opened, read or written
└── ReplayMiss           a request that was never recorded

Nothing here is ever turned into a miss or an empty answer: an error is an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cache.record import Record


class CacheError(Exception):
    """The root: catch this to catch everything that `cache` raises on purpose."""


class InvalidRequest(CacheError):
    """A value has no canonical JSON form, so it has no key."""


class RecordError(CacheError):
    """A single record cannot be used."""


class CorruptRecord(RecordError):
    """The content of a record does not give its key or its digest."""


class CredentialFound(RecordError):
    """A record holds something that looks like a credential; the message names the place, never the value."""


class CassetteError(CacheError):
    """A cassette cannot be read, or contradicts another one."""


class ImportFailed(CacheError):
    """A published file is not in the form it is said to be in."""


class StoreError(CacheError):
    """A store cannot be opened, read or written."""


class ReplayMiss(CacheError):
    """A request was asked in replay that was never recorded.

    Attributes: `key` of the request; `where` in the run it was asked; `nearest`, the most similar recorded request or
    None; `diff`, a unified diff of the first message (or of the parameters) in which the two differ.
    """

    def __init__(self, key: str, where: str, nearest: Record | None, diff: str, recorded: int) -> None:
        self.key = key
        self.where = where
        self.nearest = nearest
        self.diff = diff
        nearby = (
            f"The nearest of {recorded} recorded requests is {nearest.key}:\n{diff}"
            if nearest is not None
            else "Nothing is recorded here at all."
        )
        super().__init__(
            f"No recorded answer for {where or 'a request'}: expected a record with key {key}, found none.\n{nearby}\n"
            "Replay never calls an endpoint; ask in record mode to add this answer, or open the cassette that holds it."
        )
