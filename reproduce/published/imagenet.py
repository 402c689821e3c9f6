"""GENIUS' ImageNet runs: from their published conversations if fetched, otherwise from reconstructed cassettes."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from baselines.genius import Prompts
from cache import cassette
from cache.cassette import Cassette
from cache.client import Records
from cache.importers import chat_history, dialogues
from cache.record import Record
from harness import spaces
from harness.constraints import MacsWindow, Novelty
from harness.loop import Budget, Referee
from harness.spaces import mobilenetv2_se
from reproduce.data import Published, conversations, home, read_published
from reproduce.errors import DataMissing, MalformedConversation, UsageError
from reproduce.published.conversation import Conversation, parse
from reproduce.published.replay import MODEL, RECORDED, Replay, Search
from reproduce.published.transcript import Transcript, embedded
from tables.space import Architecture

if TYPE_CHECKING:
    from cache.store import Store


def published_run(name: str) -> Published:
    """The manifest entry of a run; a run that was published twice goes by the first of its files.

    Raises:
        UsageError: if no published conversation has this name.
    """
    for entry in conversations():
        if entry.run == name:
            return next(first for first in conversations() if first.sha256 == entry.sha256)
    raise UsageError(f"no run is called {name!r}; there are {', '.join(str(entry.run) for entry in conversations())}")


def distinct_conversations() -> tuple[Published, ...]:
    """The published conversations, each file once."""
    return tuple(entry for entry in conversations() if published_run(str(entry.run)) is entry)


def available(name: str, *, embedded_only: bool = False) -> bool:
    """Whether the run can be replayed here."""
    entry = published_run(name)
    return entry.run in embedded() or (not embedded_only and read_published(entry) is not None)


def replay(name: str, *, embedded_only: bool = False) -> Replay:
    """Search again as the run did; with `embedded_only` as if nothing had been fetched.

    Raises:
        DataMissing: if the run is neither fetched nor embedded.
        ReplayMiss: if a rebuilt request was never recorded.
        MalformedConversation: if what was fetched tells no winner.
    """
    entry = published_run(name)
    if not embedded_only and (data := read_published(entry)) is not None:
        told = conversation(entry, data)
        with _published_store(published_records(entry, data)) as store:
            found = search(told.transcript, told.prompts).replay(store, "published", f"sha256:{entry.sha256}")
        if not found.trajectory.evaluated or found.trajectory.best.trial.architecture is None:
            raise MalformedConversation(f"{entry.path}: expected a best experiment with a design that can be read")
        return found
    if entry.run in embedded():
        transcript = embedded()[entry.run]
        recorded = cassette.read(cassette_path(transcript.run))
        return search(transcript, own_prompts(transcript)).replay(recorded, "reconstructed", recorded.digest)
    raise DataMissing(entry.name, purpose=f"run {name}")


def published_records(entry: Published, data: bytes) -> list[Record]:
    """The answers of a published conversation as records."""
    source = {"origin": "published conversation", "url": entry.url, "file": entry.path, "sha256": entry.sha256}
    return list(chat_history(data, model=MODEL, source=source, sample=entry.sample or 0))


def conversation(entry: Published, data: bytes) -> Conversation:
    """A published conversation, taken apart.

    Raises:
        MalformedConversation: if there is no conversation to take apart.
    """
    return parse(dialogues(data), run=str(entry.run), file=entry.path, sha256=entry.sha256, sample=entry.sample or 0)


def own_prompts(transcript: Transcript) -> Prompts:
    """This project's wording of the problem that a run was given."""
    low, high = map(str, transcript.window)
    return Prompts.load("mobilenetv2_se", low=low, high=high, costs=mobilenetv2_se.describe_costs())


def cassette_path(name: str) -> Path:
    """The committed cassette of an embedded run."""
    return RECORDED / f"genius-imagenet-{name}.jsonl"


def search(transcript: Transcript, prompts: Prompts) -> Search:
    """The run's rules: its FLOPs window, no design twice, accuracies as published."""
    low, high = transcript.window
    referee = Referee(mobilenetv2_se.SPACE, macs, (MacsWindow(low, high), Novelty()), transcript)
    return Search(
        transcript.run,
        mobilenetv2_se.SPACE,
        prompts,
        referee,
        transcript.testimony,
        transcript.sample,
        budget=Budget(proposals=len([*transcript.turns])),
    )


def macs(architecture: Architecture) -> int:
    """Multiply-accumulates as GENIUS counted them."""
    return spaces.counted_macs(mobilenetv2_se.SPACE.name, architecture)


def store_path() -> Path:
    """Where the records of fetched conversations lie; it can be deleted, `fetch` builds it again."""
    return home() / "store"


def index_published() -> int:
    """Put the records of all fetched conversations into the store; returns how many that are.

    Raises:
        StoreError: if the store cannot be written; one that is damaged or out of date is built anew.
    """
    fetched = [(entry, data) for entry in distinct_conversations() if (data := read_published(entry)) is not None]
    if not fetched:
        return 0
    from cache.errors import StoreError
    from cache.store import Store  # late: a replay of embedded data needs no diskcache

    cassettes = [Cassette(published_records(entry, data)) for entry, data in fetched]
    try:
        return _load(Store(store_path()), cassettes)
    except StoreError:
        if not _useless(cassettes):
            raise
        shutil.rmtree(store_path(), ignore_errors=True)  # all of it can be had again
        return _load(Store(store_path()), cassettes)


def _load(store: Store, cassettes: Sequence[Cassette]) -> int:
    with store:
        for each in cassettes:
            store.load(each)
        return len(store)


def _useless(cassettes: Sequence[Cassette]) -> bool:
    """Whether the store is damaged, or holds other records than the files give: not merely unwritable."""
    from cache.errors import CacheError
    from cache.store import Store

    records = [record for each in cassettes for record in each.values()]
    try:
        with Store(store_path(), read_only=True) as store:
            held = [(record, store.get(record.key)) for record in records]
            return any(old is not None and old.to_line() != new.to_line() for new, old in held) or bool(store.verify())
    except CacheError:
        return True


def _published_store(records: Sequence[Record]) -> AbstractContextManager[Records]:
    """The store, once it holds the records of a run; the records themselves where it cannot be had."""
    from cache.errors import CacheError, StoreError
    from cache.store import Store

    try:
        with Store(store_path(), read_only=True) as store:
            held = store.get(records[0].key) is not None
    except CacheError:
        held = False
    try:
        if not held:
            index_published()
        return Store(store_path(), read_only=True)
    except StoreError:
        return nullcontext(Cassette(records))
