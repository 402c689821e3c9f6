"""The client: the one way to everything that costs something, replayed from records or made once and recorded.

`ask(kind, request, sample)` finds the record; where there is none, the provider of that kind makes its answer, which is
stored before it is returned. A client without providers is strict replay: it cannot make anything. A client without
records is live: it looks nothing up and keeps nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

from cache.cassette import Cassette
from cache.errors import CacheError, ReplayMiss
from cache.key import JSON, keyed, request_key
from cache.nearest import difference, nearest_key, sketch
from cache.provider.spool import Spool
from cache.record import PAID, Record
from cache.rewriting import Rules, rewritten, shown
from genius_replay.showing import brief

Request: TypeAlias = Mapping[str, JSON]
"""The whole body of what is asked."""


@dataclass(frozen=True)
class Reply:
    """What a provider brings back: the fields of a `Record` beside the request."""

    answer: Mapping[str, JSON]
    observed: Mapping[str, JSON] = field(default_factory=dict)
    provenance: Mapping[str, JSON] = field(default_factory=dict)


Provider: TypeAlias = Callable[[Request], Reply]
"""Makes the answer to a request: an endpoint, a function, a table, the array engine."""


@runtime_checkable
class Queue(Protocol):
    """A provider that makes many answers at once and claims its own work, such as the queue of trainings."""

    def make(self, requests: Sequence[Request], keep: Callable[[Request, Reply], object]) -> None:
        """Make the answers to all `requests`, and `keep` each as soon as it is there; raises if one cannot be made."""


class Records(Protocol):
    """What the client needs of a place that keeps records; `Cassette` and `Store` are such places."""

    def __len__(self) -> int:
        """The number of records."""

    def get(self, key: str, /) -> Record | None:
        """Return the verified record of `key`, or None."""

    def put(self, record: Record, /) -> bool:
        """Keep `record` unless its key is there; return whether it was new. When this returns, it is kept."""

    def claim(self, key: str, /) -> AbstractContextManager[object]:
        """Wait until nobody else who shares the records holds `key`, and hold it; whoever dies lets go.

        If a path comes of it, that is where an answer waits that cannot be kept.
        """

    def nearest(self, question: bytes, /) -> Record | None:
        """Return the record whose request is most similar to the canonical `question`; None if there is no record."""


@dataclass(frozen=True)
class Shelf:
    """Several places of records as one: the first that has an answer gives it, and `new` ones go to one place."""

    places: Sequence[Records]
    new: Records

    def __len__(self) -> int:
        return sum(map(len, self.places))

    def get(self, key: str, /) -> Record | None:
        """Return the verified record of `key`, or None."""
        return next((record for place in self.places if (record := place.get(key)) is not None), None)

    def put(self, record: Record, /) -> bool:
        """Keep `record` where new ones go."""
        return self.new.put(record)

    def claim(self, key: str, /) -> AbstractContextManager[object]:
        """Hold `key` where new records go."""
        return self.new.claim(key)

    def nearest(self, question: bytes, /) -> Record | None:
        """Return the most similar one of what is most similar in each place."""
        found = {record.key: record for place in self.places if (record := place.nearest(question)) is not None}
        key = nearest_key(sketch(question), ((key, sketch(record.question)) for key, record in found.items()))
        return None if key is None else found[key]


@dataclass(frozen=True)
class Tally:
    """How many answers a client gave: `requests` in all, `hits` from records, `misses` not."""

    requests: int = 0
    hits: int = 0
    misses: int = 0


class _Nothing(Cassette):
    """Where nothing is found and nothing is kept."""

    def put(self, record: Record) -> bool:
        """Keep nothing, as if it were new."""
        return bool(record.key)

    def claim(self, key: str) -> AbstractContextManager[object]:  # noqa: ARG002
        """Hold nothing against others."""
        return nullcontext()


class Client:
    """Answers requests of every kind from `records`, and has what is not there made by the provider of its kind.

    Threads may share a client, and processes the records: of all who miss one answer at the same time, one has it made.
    `tally` counts since the client was made.

    >>> client = Client(Cassette(), {"sum": lambda request: Reply({"is": sum(request["of"])})})
    >>> [client.ask("sum", {"of": [1, 2]}).answer for _ in range(2)]
    [{'is': 3}, {'is': 3}]
    >>> client.tally
    Tally(requests=2, hits=1, misses=1)
    """

    def __init__(
        self,
        records: Records | None = None,
        providers: Mapping[str, Provider | Queue] | None = None,
        rewrites: Rules = (),
        unkept: Collection[str] = (),
    ) -> None:
        """Make a client.

        Args:
            records: where answers are looked up and kept; None looks up and keeps nothing.
            providers: by kind of record; a kind that is not here can only be replayed.
            rewrites: the rules by which requests are rewritten for their keys.
            unkept: kinds whose answers cost less to make again than to keep, such as what stands in a table.

        Raises:
            CacheError: there are neither records nor providers.
        """
        if records is None and not providers:
            raise CacheError("Expected records to replay from, or a provider to ask, got neither. Pass one.")
        self._records = _Nothing() if records is None else records
        self._providers, self._unkept = dict(providers or {}), frozenset(unkept)
        self._rewrites = rewrites
        self.tally = Tally()
        self._counting = threading.Lock()

    def __repr__(self) -> str:
        how = f"asks for {', '.join(self._providers)}" if self._providers else "only replays"
        return brief(self, f"{how}: {self.tally.requests} asked, {self.tally.hits} found in {self._records!r}")

    def find(self, kind: str, request: Request, *, sample: int = 0) -> Record | None:
        """Return the record of `request` if it is there; nothing is made and nothing is counted."""
        return self._records.get(self.key(kind, request, sample=sample))

    def key(self, kind: str, request: Request, *, sample: int = 0) -> str:
        """Return the key of `request`, as it is rewritten; raises InvalidRequest."""
        return request_key(rewritten(keyed(request), self._rewrites), kind=kind, sample=sample)

    def ask(self, kind: str, request: Request, *, sample: int = 0, where: str = "") -> Record:
        """Return the answer to `request`.

        Args:
            kind: of the record, which names the provider; for a language model one of `cache.record.PAID`.
            request: the whole body: for a language model its name, the messages, every parameter that is set.
            sample: numbers independent answers to the same request, from 0.
            where: the place in the run, for instance `run 329M, iteration 3, turn 2`; only messages show it.

        Raises:
            ReplayMiss: the answer was never recorded, and there is no provider of its kind.
            InvalidRequest: the request is not JSON.
            CorruptRecord, CacheError: the answer is there but cannot be believed or read, or cannot be stored.
            EndpointError, CacheError: see `cache.provider.endpoint.OpenAITransport.send`.
        """
        provider, key = self._providers.get(kind), self.key(kind, request, sample=sample)
        record = self._records.get(key)
        if record is None and provider is not None:
            if not callable(provider):
                return self.ask_all(kind, [request], sample=sample)[0]
            if kind in self._unkept:
                self._count(hits=0)
                return self._record(kind, request, sample, provider(request))
            with self._records.claim(key) as path:
                record = self._records.get(key)
                if record is None:  # nor has whoever held the claim before asked
                    spool = Spool(path if isinstance(path, Path) and kind in PAID else None)  # else asking is free
                    return self._fetched(kind, request, sample, provider, spool)
        self._count(hits=int(record is not None))
        if record is None:
            raise self._miss(kind, request, sample, where)
        return record

    def ask_all(self, kind: str, requests: Sequence[Request], *, sample: int = 0) -> list[Record]:
        """Return the answers to many requests, in their order; those that a queue has to make are made at once.

        Raises:
            CacheError: as `ask` does; what was made before an error is kept.
        """
        provider = self._providers.get(kind)
        if provider is None or callable(provider):
            return [self.ask(kind, request, sample=sample) for request in requests]
        missing = [request for request in requests if self.find(kind, request, sample=sample) is None]
        made: dict[str, Record] = {}

        def keep(request: Request, reply: Reply) -> None:
            record = self._put(self._record(kind, request, sample, reply))
            made[record.key] = record

        if missing:
            provider.make(missing, keep)
        found = []
        for request in requests:
            record = made.get(self.key(kind, request, sample=sample))
            if record is not None:
                self._count(hits=0)
            found.append(record or self.ask(kind, request, sample=sample))
        return found

    def _fetched(self, kind: str, request: Request, sample: int, provider: Provider, spool: Spool) -> Record:
        waiting = spool.found(self.key(kind, request, sample=sample))
        self._count(hits=int(waiting is not None))
        if waiting is None:
            spool.reserve()
            try:
                waiting = self._record(kind, request, sample, provider(request))
                spool.keep(waiting.to_line())
            except BaseException:
                spool.clear()
                raise
        record = self._put(waiting)
        spool.clear()
        return record

    def _put(self, record: Record) -> Record:
        if self._records.put(record):
            return record
        # Somebody put another answer without a claim: it stays, and everyone who asks gets the same one.
        return self._records.get(record.key) or record

    def _count(self, *, hits: int) -> None:
        with self._counting:
            tally = self.tally
            self.tally = Tally(tally.requests + 1, tally.hits + hits, tally.misses + 1 - hits)

    def _miss(self, kind: str, request: Request, sample: int, where: str) -> ReplayMiss:
        asked = self._record(kind, request, sample, Reply({}))
        nearest = self._records.nearest(asked.question)
        diff = "" if nearest is None else difference(asked.asked, nearest.asked)
        if nearest is not None and not diff:
            diff = f"only the sample differs: recorded {nearest.sample}, asked {sample}"
        if nearest is not None and nearest.rewrites != asked.rewrites:
            diff += f"\nrules: recorded with {shown(nearest.rewrites)}, asked with {shown(asked.rewrites)}"
        return ReplayMiss(asked.key, where, nearest, diff, len(self._records))

    def _record(self, kind: str, request: Request, sample: int, reply: Reply) -> Record:
        how = reply.provenance, reply.observed, self._rewrites
        return Record(request, reply.answer, sample, kind, *how)
