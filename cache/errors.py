"""What can go wrong in `cache`.

CacheError
├── InvalidRequest       a value that is not JSON: NaN, a key that is not a string, bytes, an integer beyond 2**53
├── RecordError
│   ├── CorruptRecord    the content of a record does not give its key or its digest
│   └── CredentialFound  a record holds something that looks like an API key; it never reaches the disk
├── CassetteError        a cassette is truncated, edited, of another version, or contradicts another one
├── ImportFailed         a published file is not in the form it is said to be in
├── StoreError           a store cannot be opened, read or written
├── ReplayMiss           a request that was never recorded
├── EndpointError        an endpoint gave no answer
│   ├── Unavailable      rate limit, 5xx, time-out, lost connection: worth asking again, and was asked again
│   ├── AnswerBroken     what came back is not one whole answer: also worth asking again
│   └── RequestRefused   the request, the key or the model is wrong: asking again is no use
│       └── ContextTooLong  the conversation does not fit into the model
└── LimitReached         a run has used up its calls, tokens or money

Nothing here is ever turned into a miss or an empty answer: an error is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cache.key import JSON
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


class EndpointError(CacheError):
    """An endpoint gave no answer.

    Attributes: `attempts`, what every attempt met, in the form in which a record keeps it; `status` of HTTP, if there
    was one; `wait_s`, the seconds that the endpoint asked to wait, if it did; `request_id`, the endpoint's name for
    the attempt, if it gave one.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        wait_s: float | None = None,
        request_id: str | None = None,
        attempts: Sequence[JSON] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.wait_s = wait_s
        self.request_id = request_id
        self.attempts = tuple(attempts)


class Unavailable(EndpointError):
    """A rate limit, an error of the server, a time-out or a lost connection: worth asking again."""


class AnswerBroken(EndpointError):
    """What came back is not one whole answer: worth asking again."""


class RequestRefused(EndpointError):
    """The request, the key or the model is wrong: asking again is no use."""


class ContextTooLong(RequestRefused):
    """The conversation does not fit into the model."""


class LimitReached(CacheError):
    """A run has used up its calls, tokens or money; nothing was sent, and everything before is kept."""
