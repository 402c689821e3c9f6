"""A place of records, as commands take one: a cassette, or a store's folder."""

from __future__ import annotations

from pathlib import Path

from cache import cassette
from cache.cassette import Cassette
from cache.store import Store


def records_at(place: Path, *, exact: bool = False) -> Cassette:
    """Return all records of a cassette or of a store's folder, each verified."""
    if not place.is_dir():
        return cassette.read(place, exact=exact)
    with Store(place, read_only=True) as store:
        return store.export()
