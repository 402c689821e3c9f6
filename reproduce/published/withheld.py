"""Recordings of runs whose wording has no licence, in a form that may be passed on: without what the model was asked.

A request that holds such a wording stands there by its key alone, with the answer to it as it was. Where the wording
has been fetched each request is built anew, and the record is as it was, to the digest; elsewhere the runs can be read,
not replayed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cache.client import Client, Request
from cache.errors import CorruptRecord
from cache.key import JSON, request_key
from cache.record import PAID, RESTORE, Record
from harness.run import Run
from reproduce.published.scripts import is_published

WITHHELD = "withheld"  # the kind of a record that stands for one whose request may not be passed on


class Restoring(Client):
    """A client that finds an answer also where the request to it is withheld."""

    def ask(self, kind: str, request: Request, *, sample: int = 0, where: str = "") -> Record:
        """Return the answer to `request`, raises as `Client.ask` does.

        Raises:
            CorruptRecord: the record that was withheld is not the one that was recorded.
        """
        if kind in PAID and self.find(kind, request, sample=sample) is None:
            hidden: Request = {"key": request_key(request, kind=kind, sample=sample)}
            if self.find(WITHHELD, hidden) is not None:
                kept = self.ask(WITHHELD, hidden)
                match {**kept.answer}:
                    case {"answer": dict(answer), "digest": str(digest)}:
                        whole = Record(request, answer, sample, kind, kept.provenance, kept.observed)
                        return whole.believed(whole.key, digest)
                raise CorruptRecord(f"Expected a withheld record in {kept.key}, got another form. {RESTORE}")
        return super().ask(kind, request, sample=sample, where=where)


def public(runs: Iterable[Run]) -> Iterator[Record]:
    """All that a replay of these runs needs, without the requests that hold a wording by its digest."""
    for run in runs:
        hidden = run.answers if is_published(run.specification.model) else ()
        for record in run.records:
            if record in hidden:
                said: dict[str, JSON] = {"answer": record.answer, "digest": record.digest}
                key: dict[str, JSON] = {"key": record.key}
                yield Record(key, said, kind=WITHHELD, provenance=record.provenance, observed=record.observed)
            else:
                yield record
