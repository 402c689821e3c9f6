"""GENIUS' ImageNet runs: from their published conversations if fetched, otherwise from reconstructed cassettes."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from baselines.genius import Genius, Prompts
from cache import cassette
from cache.cassette import Cassette
from cache.record import Record
from harness import spaces
from harness.loop import Budget
from harness.run import Setting
from harness.spaces import mobilenetv2_se
from harness.specification import Model, Specification
from reproduce.data import Published, conversations, read_published
from reproduce.errors import DataMissing, MalformedConversation, UsageError
from reproduce.published.conversation import Conversation, parse
from reproduce.published.history import chat_history, dialogues
from reproduce.published.replay import MODEL, RECORDED, Replay
from reproduce.published.replay import replay as performed
from reproduce.published.transcript import Transcript, embedded
from tables.space import Architecture


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
        records = Cassette(published_records(entry, data))
        published = specification(told.transcript), setting(told.transcript, told.prompts)
        found = performed(*published, records, "published", f"sha256:{entry.sha256}")
        if not found.trajectory.evaluated or found.trajectory.best.trial.architecture is None:
            raise MalformedConversation(f"{entry.path}: expected a best experiment with a design that can be read")
        return found
    if entry.run in embedded():
        transcript = embedded()[entry.run]
        recorded = cassette.read(cassette_path(transcript.run))
        return performed(*reconstructed(transcript), recorded, "reconstructed", recorded.digest)
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


def specification(transcript: Transcript, prompts: Prompts | None = None) -> Specification:
    """The run as data: its FLOPs window, no design twice, told as it was; a wording of others stands by its digest."""
    wording = {"digest": f"sha256:{transcript.sha256}"} if prompts is None else prompts.parts
    return Specification(
        method="genius",
        space=mobilenetv2_se.SPACE.name,
        budget=Budget(proposals=len([*transcript.turns])),
        window=transcript.window,
        model=Model(name=MODEL, prompt=wording),
        told=transcript.iterations,
        number=transcript.sample,
    )


def setting(transcript: Transcript, prompts: Prompts) -> Setting:
    """What performs the run in this wording."""
    space = mobilenetv2_se.SPACE
    return Setting(space, macs, partial(Genius, space, prompts), name=transcript.run)


def reconstructed(transcript: Transcript) -> tuple[Specification, Setting]:
    """The run in this project's own wording of the problem that it was given."""
    low, high = map(str, transcript.window)
    prompts = Prompts.load("mobilenetv2_se", low=low, high=high, costs=mobilenetv2_se.describe_costs())
    return specification(transcript, prompts), setting(transcript, prompts)


def cassette_path(name: str) -> Path:
    """The committed cassette of an embedded run."""
    return RECORDED / f"genius-imagenet-{name}.jsonl"


def macs(architecture: Architecture) -> int:
    """Multiply-accumulates as GENIUS counted them."""
    return spaces.counted_macs(mobilenetv2_se.SPACE.name, architecture)
