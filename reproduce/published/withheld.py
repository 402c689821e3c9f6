"""Recordings of runs whose wording has no licence, in a form that may be passed on: without what the model was asked.

A request that holds such a wording stands there by its key alone, with the answer to it as it was. Where the wording
has been fetched each request is built anew, and the record is as it was, to the digest; elsewhere the runs can be read,
not replayed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cache.cassette import Cassette
from cache.client import Client, Request
from cache.key import request_key
from cache.record import PAID, Record
from harness.run import Run
from reproduce.published.scripts import is_published

WITHHELD = "withheld"  # the kind of a record that stands for one whose request may not be passed on


class Restoring(Client):
    """A client that finds an answer also where the request to it is withheld."""

    def __init__(self, records: Cassette) -> None:
        """Replay from `records`."""
        super().__init__(records)
        self._hides = any(True for _ in records.of_kind(WITHHELD))

    def ask(self, kind: str, request: Request, *, sample: int = 0, where: str = "") -> Record:
        """Return the answer to `request`; raises as `Client.ask` does."""
        if self._hides and kind in PAID and self.find(kind, request, sample=sample) is None:
            hidden: Request = {"key": request_key(request, kind=kind, sample=sample)}
            if self.find(WITHHELD, hidden) is not None:
                kept = super().ask(WITHHELD, hidden)
                return Record(request, kept.answer, sample, kind, kept.provenance, kept.observed)
        return super().ask(kind, request, sample=sample, where=where)


def public(runs: Iterable[Run]) -> Iterator[Record]:
    """All that a replay of these runs needs, without the requests that hold a wording by its digest."""
    for run in runs:
        hidden = {record.key for record in run.answers if is_published(run.specification.model)}
        for one in run.records:
            if one.key in hidden:
                yield Record({"key": one.key}, one.answer, 0, WITHHELD, one.provenance, one.observed)
            else:
                yield one
