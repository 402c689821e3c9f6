"""What can go wrong in `cache`: a class where somebody catches it by its own type, for the rest the root.

CacheError              wrong use, a file that cannot be read or written, a credential, a ceiling that is reached
├── InvalidRequest      a value that is not JSON: NaN, a key that is not a string, bytes, an integer beyond 2**53
├── CorruptRecord       the content of a record does not give its key or its digest
├── ReplayMiss          a request that was never recorded
└── EndpointError       an endpoint gave no answer

Nothing here is ever turned into a miss or an empty answer: an error is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cache.key import JSON
    from cache.provider.limits import Usage
    from cache.record import Record


class CacheError(Exception):
    """The root: catch this to catch everything that `cache` raises on purpose."""


class InvalidRequest(CacheError):
    """A value has no canonical JSON form, so it has no key."""


class CorruptRecord(CacheError):
    """The content of a record does not give its key or its digest."""


class ReplayMiss(CacheError):
    """A request was asked in replay that was never recorded.

    Attributes: `key` of the request; `where` in the run it was asked; `nearest`, the most similar recorded request or
    None; `diff`, a unified diff of the first message (or of the parameters) in which the two differ.
    """

    def __init__(self, key: str, where: str, nearest: Record | None, diff: str, recorded: int) -> None:
        self.key, self.where, self.nearest, self.diff = key, where, nearest, diff
        nearby = "Nothing is recorded here at all."
        if nearest is not None:
            nearby = f"The nearest of {recorded} recorded requests is {nearest.key}:\n{diff}"
        super().__init__(
            f"No recorded answer for {where or 'a request'}: expected a record with key {key}, found none.\n{nearby}\n"
            "Replay never calls an endpoint; ask in record mode to add this answer, or open the cassette that holds it."
        )


@dataclass(eq=False)
class EndpointError(CacheError):
    """An endpoint gave no answer.

    Attributes:
        message: what was expected, what came, and what to do.
        passes: whether it is worth asking again (a rate limit, an error of the server, a time-out, an answer that broke
            off), not so where the request, the key or the model is wrong.
        status: of HTTP, if there was one.
        wait_s: the seconds that the endpoint asked to wait, if it did.
        request_id: the endpoint's name for the attempt, if it gave one.
        attempts: what every attempt met, in the form in which a record keeps it.
        usage: the tokens that were billed all the same, if the endpoint said so.
    """

    message: str
    passes: bool = True
    status: int | None = None
    wait_s: float | None = None
    request_id: str | None = None
    attempts: Sequence[JSON] = ()
    usage: Usage | None = None

    def __str__(self) -> str:
        return self.message
