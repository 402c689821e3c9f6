"""The ledger: what records have cost, in calls, tokens, seconds and money, and what using them again has saved.

Nothing is written when an answer is replayed. What was saved is counted from the files that name the records they used,
such as trajectories: a record that was asked for here was paid for once, and every further use of it saved a call.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from cache.errors import CacheError
from cache.limits import Price, Usage, usage_of
from cache.record import Record

_KEY = re.compile(rb"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Entry:
    """What records of one model have cost together.

    Attributes:
        records: answers that are kept.
        calls: attempts at them; none for a record that was not asked for here, but published or reconstructed.
        prompt, completion: tokens, as the endpoint counted them.
        seconds: from sending to the answer, over all attempts.
        cost: by a price table; None where it has no price for the model.
        saved_calls, saved_tokens: that were not needed again.
        saved_cost: as `cost`.
    """

    records: int = 0
    calls: int = 0
    prompt: int = 0
    completion: int = 0
    seconds: float = 0.0
    cost: float | None = None
    saved_calls: int = 0
    saved_tokens: int = 0
    saved_cost: float | None = None


COLUMNS = tuple(field.name for field in fields(Entry))


def ledger(records: Iterable[Record], prices: Mapping[str, Price], uses: Mapping[str, int]) -> dict[str, Entry]:
    """Return an entry for every model, by the name in the request; `uses` is how often a key was used."""
    entries: dict[str, Entry] = {}
    for record in records:
        model = str(record.request.get("model"))
        entries[model] = _sum(entries.get(model, Entry()), _entry(record, prices.get(model), uses.get(record.key, 0)))
    return dict(sorted(entries.items()))


def keys_in(paths: Iterable[Path]) -> Counter[str]:
    """Return how often every key is named in files of any form: trajectories, reports, cassettes.

    Raises:
        CacheError: a file cannot be read, or names none.
    """
    found: Counter[str] = Counter()
    for path in paths:
        try:
            keys = _KEY.findall(path.read_bytes())
        except OSError as error:
            raise CacheError(f"Expected a file at {path}, got {error.strerror}. Name another file.") from None
        if not keys:
            raise CacheError(f"Expected keys of records (sha256:…) in {path}, got none. Name another file.")
        found.update(key.decode() for key in keys)
    return found


def _entry(record: Record, price: Price | None, uses: int) -> Entry:
    attempts = record.observed.get("attempts")
    told = [attempt for attempt in attempts if isinstance(attempt, Mapping)] if isinstance(attempts, list) else []
    latencies = [attempt.get("latency_s") for attempt in told]
    usage = usage_of(record.answer) or Usage()
    cost = None if price is None else price.of(usage)
    saved = max(0, uses - bool(told))
    return Entry(
        records=1,
        calls=len(told),
        prompt=usage.prompt,
        completion=usage.completion,
        seconds=float(sum(latency for latency in latencies if isinstance(latency, (int, float)))),
        cost=cost,
        saved_calls=saved,
        saved_tokens=saved * usage.tokens,
        saved_cost=None if cost is None else saved * cost,
    )


def _sum(one: Entry, other: Entry) -> Entry:
    pairs = {name: (getattr(one, name), getattr(other, name)) for name in COLUMNS}
    return Entry(**{name: a if b is None else b if a is None else a + b for name, (a, b) in pairs.items()})
