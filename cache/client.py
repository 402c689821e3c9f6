"""The client: every answer a run uses passes here, replayed from records, recorded, or live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from cache.errors import CacheError, ReplayMiss
from cache.key import JSON, request_key
from cache.nearest import difference
from cache.record import CHAT, Record


class Mode(Enum):
    """What a miss does."""

    REPLAY = "replay"  # raises; nothing is ever sent
    RECORD = "record"  # is sent once, and stored before it is returned
    LIVE = "live"  # everything is sent, nothing is looked up or stored


@dataclass(frozen=True)
class Reply:
    """What a transport brings back: the fields of a `Record` beside the request."""

    answer: Mapping[str, JSON]
    observed: Mapping[str, JSON] = field(default_factory=dict)
    provenance: Mapping[str, JSON] = field(default_factory=dict)


class Transport(Protocol):
    """The seam to an endpoint: everything that opens a socket is behind it."""

    def send(self, request: Mapping[str, JSON]) -> Reply:
        """Send the whole body once and return what came back."""


class Records(Protocol):
    """What the client needs of a place that keeps records; `Cassette` and `Store` are such places."""

    def __len__(self) -> int:
        """The number of records."""

    def get(self, key: str, /) -> Record | None:
        """Return the verified record of `key`, or None."""

    def put(self, record: Record, /) -> bool:
        """Keep `record` unless its key is there; return whether it was new. When this returns, it is kept."""

    def nearest(self, question: bytes, /) -> Record | None:
        """Return the record whose request is most similar to the canonical `question`; None if there is no record."""


@dataclass(frozen=True)
class Tally:
    """How many answers a client gave: `requests` in all, `hits` from records, `misses` not."""

    requests: int = 0
    hits: int = 0
    misses: int = 0


class Client:
    """Answers requests from `records`; what happens on a miss is the `mode`.

    A client that records or is live is constructed with a transport; replay takes none, so it cannot send.
    """

    def __init__(self, records: Records, mode: Mode = Mode.REPLAY, transport: Transport | None = None) -> None:
        if (transport is None) != (mode is Mode.REPLAY):
            got = "none" if transport is None else "one"
            raise CacheError(f"Expected {'no' if got == 'one' else 'a'} transport in {mode.value} mode, got {got}.")
        self._records = records
        self._mode = mode
        self._transport = transport
        self._hits = 0
        self._misses = 0

    @property
    def tally(self) -> Tally:
        """Counts since the client was made."""
        return Tally(self._hits + self._misses, self._hits, self._misses)

    def complete(self, request: Mapping[str, JSON], *, sample: int = 0, where: str = "") -> Record:
        """Return the answer to `request`.

        Args:
            request: the whole body: model, messages, every parameter that is set.
            sample: numbers independent answers to the same request, from 0.
            where: the place in the run, for instance `run 329M, iteration 3, turn 2`; only messages show it.

        Raises:
            ReplayMiss: in replay, the answer was never recorded.
            InvalidRequest: the request is not JSON.
            CorruptRecord, StoreError: the answer is there but cannot be believed or read.
        """
        key = request_key(request, kind=CHAT, sample=sample)
        if self._mode is not Mode.LIVE and (record := self._records.get(key)) is not None:
            self._hits += 1
            return record
        self._misses += 1
        if self._transport is None:
            raise self._miss(request, sample, where)
        reply = self._transport.send(request)
        record = Record(request, reply.answer, sample, CHAT, reply.provenance, reply.observed)
        if self._mode is Mode.RECORD and not self._records.put(record):
            # Another process was faster: its answer stays, and everyone who asks gets the same one.
            return self._records.get(key) or record
        return record

    def _miss(self, request: Mapping[str, JSON], sample: int, where: str) -> ReplayMiss:
        asked = Record(request, answer={}, sample=sample)
        nearest = self._records.nearest(asked.question)
        diff = ""
        if nearest is not None:
            diff = difference(asked.request, nearest.request)
            diff = diff or f"only the sample differs: recorded {nearest.sample}, asked {sample}"
        return ReplayMiss(asked.key, where, nearest, diff, len(self._records))
