"""Recordings brought together, and into stores: commands that write."""

from __future__ import annotations

from pathlib import Path

from cache import cassette
from cache.cli.looking import records_at
from cache.errors import CacheError
from cache.importing import imported
from cache.store import Store
from genius_replay.console import say, warn


def merge(path: Path | None, places: list[Path]) -> None:
    """Write all records of several places into a cassette, which is new or one of them, or - for standard output."""
    if path and path.exists() and path.resolve() not in (place.resolve() for place in places):
        raise CacheError(f"Expected a new cassette, got {path}, which is there. Name it among the places as well.")
    records = cassette.merge(*(records_at(place, exact=True) for place in places))
    digest = cassette.write(path or Path("/dev/stdout"), records.values())
    (say if path else warn)(f"{path or 'standard output'}: {len(records)} records, {digest}")


def sync(store: Path, cassettes: list[Path]) -> None:
    """Put cassettes into a store, which is made if need be."""
    read = {path: cassette.read(path, exact=True) for path in cassettes}
    with Store(store) as opened:
        for path in cassettes:
            say(f"{path}: {opened.load(read[path])} of {len(read[path])} records were new")


def import_log(log: Path, into: Path, model: str | None) -> None:
    """Make records of a chat log of another program."""
    records = imported(log, model)
    before = len(cassette.read(into)) if into.exists() else 0
    cassette.grow(into, records)
    say(f"{into}: {len(records)} answers imported, new: {len(cassette.read(into)) - before}")
