"""The client: every answer a run uses passes here, replayed from records, recorded, or live."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager
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
    RECORD = "record"  # is sent once, whoever else asks for it, and stored before it is returned
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
        """Send the whole body, again where that is worth it, and return what came back."""


class Records(Protocol):
    """What the client needs of a place that keeps records; `Cassette` and `Store` are such places."""

    def __len__(self) -> int:
        """The number of records."""

    def get(self, key: str, /) -> Record | None:
        """Return the verified record of `key`, or None."""

    def put(self, record: Record, /) -> bool:
        """Keep `record` unless its key is there; return whether it was new. When this returns, it is kept."""

    def claim(self, key: str, /) -> AbstractContextManager[object]:
        """Wait until nobody else who shares the records holds `key`, and hold it; whoever dies lets go."""

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

    A client that records or is live is constructed with a transport; replay takes none, so it cannot send. Threads may
    share a client, and processes the records: of all who miss one answer at the same time, one asks for it.
    """

    def __init__(self, records: Records, mode: Mode = Mode.REPLAY, transport: Transport | None = None) -> None:
        if (transport is None) != (mode is Mode.REPLAY):
            got = "none" if transport is None else "one"
            raise CacheError(f"Expected {'no' if got == 'one' else 'a'} transport in {mode.value} mode, got {got}.")
        self._records = records
        self._mode = mode
        self._transport = transport
        self._tally = Tally()
        self._counting = threading.Lock()

    @property
    def tally(self) -> Tally:
        """Counts since the client was made."""
        return self._tally

    def complete(self, request: Mapping[str, JSON], *, sample: int = 0, where: str = "") -> Record:
        """Return the answer to `request`.

        Args:
            request: the whole body: model, messages, every parameter that is set.
            sample: numbers independent answers to the same request, from 0.
            where: the place in the run, for instance `run 329M, iteration 3, turn 2`; only messages show it.

        Raises:
            ReplayMiss: in replay, the answer was never recorded.
            InvalidRequest: the request is not JSON.
            CorruptRecord, StoreError: the answer is there but cannot be believed or read, or cannot be stored.
            EndpointError, LimitReached, CredentialFound: see `cache.endpoint.OpenAITransport.send`.
        """
        key = request_key(request, kind=CHAT, sample=sample)
        if self._mode is Mode.LIVE:
            return self._send(request, sample)
        if (record := self._records.get(key)) is not None:
            return self._hit(record)
        if self._mode is Mode.REPLAY:
            self._count(hits=0)
            raise self._miss(request, sample, where)
        with self._records.claim(key):
            if (record := self._records.get(key)) is not None:  # whoever held the claim before has asked
                return self._hit(record)
            record = self._send(request, sample)
            if self._records.put(record):
                return record
            # Somebody put another answer without a claim: it stays, and everyone who asks gets the same one.
            return self._records.get(key) or record

    def _hit(self, record: Record) -> Record:
        self._count(hits=1)
        return record

    def _send(self, request: Mapping[str, JSON], sample: int) -> Record:
        assert self._transport is not None
        self._count(hits=0)
        reply = self._transport.send(request)
        return Record(request, reply.answer, sample, CHAT, reply.provenance, reply.observed)

    def _count(self, *, hits: int) -> None:
        with self._counting:
            tally = self._tally
            self._tally = Tally(tally.requests + 1, tally.hits + hits, tally.misses + 1 - hits)

    def _miss(self, request: Mapping[str, JSON], sample: int, where: str) -> ReplayMiss:
        asked = Record(request, answer={}, sample=sample)
        nearest = self._records.nearest(asked.question)
        diff = ""
        if nearest is not None:
            diff = difference(asked.request, nearest.request)
            diff = diff or f"only the sample differs: recorded {nearest.sample}, asked {sample}"
        return ReplayMiss(asked.key, where, nearest, diff, len(self._records))
