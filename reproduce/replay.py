"""GENIUS' ImageNet runs, searched again from stored answers: no key, no network, every request rebuilt.

A run is replayed from its published conversation if that has been fetched, otherwise from a cassette of this project's
own prompts that was reconstructed from the run's published figures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from baselines.genius import Genius, Prompts
from cache import cassette
from cache.cassette import Cassette
from cache.client import Client, Records, Tally
from cache.importers import chat_history
from cache.key import JSON
from cache.record import Record
from harness import grammar
from harness.constraints import MacsWindow, Novelty
from harness.loop import Budget, Referee, Step, Trajectory, run
from harness.protocol import MILLION, Message, Trial, in_millions
from harness.space import Architecture
from harness.spaces import mobilenetv2_se
from reproduce.conversation import Conversation, parse
from reproduce.data import Published, conversations, home, read_published
from reproduce.errors import DataMissing, UsageError
from reproduce.transcript import Transcript, embedded

MODEL = "gpt-4"  # what the paper names; the sampling parameters are not published
ITERATIONS = 10
RECORDED = Path(cassette.__file__).with_name("recorded")

Source: TypeAlias = Literal["published", "reconstructed"]


class Erratum(NamedTuple):
    """A place where the optimiser was told something else than what is true; both in words."""

    run: str
    iteration: int
    turn: int
    what: str
    told: str
    true: str


@dataclass(frozen=True)
class Replay:
    """A replayed run: its course, where the answers came from, and what was told that is not true."""

    run: str
    source: Source
    evidence: str  # the file or cassette with its digest
    trajectory: Trajectory
    tally: Tally

    @property
    def winner(self) -> Architecture:
        """The proposed architecture with the highest search accuracy."""
        architecture = self.trajectory.best.trial.architecture
        assert architecture is not None  # what was evaluated had been read
        return architecture

    @property
    def errata(self) -> tuple[Erratum, ...]:
        """Computed from the two outcomes of every step."""
        return tuple(erratum for step in self.trajectory.steps for erratum in _errata(self.run, step))


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
    """
    entry = published_run(name)
    source: Source
    if not embedded_only and (data := read_published(entry)) is not None:
        told = conversation(entry, published_records(entry, data))
        transcript, prompts = told.transcript, told.prompts
        records: Records = _published_store()
        source, evidence = "published", f"sha256:{entry.sha256}"
    elif entry.run in embedded():
        transcript = embedded()[entry.run]
        prompts = own_prompts(transcript)
        recorded = cassette.read(cassette_path(transcript.run))
        records, source, evidence = recorded, "reconstructed", recorded.digest
    else:
        raise DataMissing(entry.name, purpose=f"run {name}")
    client = Client(records)
    return Replay(transcript.run, source, evidence, search(transcript, prompts, client), client.tally)


def published_records(entry: Published, data: bytes) -> list[Record]:
    """The answers of a published conversation as records."""
    source = {"origin": "published conversation", "url": entry.url, "file": entry.path, "sha256": entry.sha256}
    return list(chat_history(data, model=MODEL, source=source, sample=entry.sample or 0))


def conversation(entry: Published, records: Sequence[Record]) -> Conversation:
    """A published conversation, taken apart."""
    return parse(records, run=str(entry.run), file=entry.path, sha256=entry.sha256, sample=entry.sample or 0)


def own_prompts(transcript: Transcript) -> Prompts:
    """This project's wording of the problem that a run was given."""
    low, high = map(str, transcript.window)
    return Prompts.load("mobilenetv2_se", low=low, high=high, costs=mobilenetv2_se.describe_costs())


def cassette_path(name: str) -> Path:
    """The committed cassette of an embedded run."""
    return RECORDED / f"genius-imagenet-{name}.jsonl"


def search(transcript: Transcript, prompts: Prompts, client: Client) -> Trajectory:
    """Run GENIUS' loop; what a person fed back in the published run is fed back again.

    Raises:
        ReplayMiss: if a rebuilt request was never recorded; it names the run, the iteration and the turn.
    """

    def complete(messages: Sequence[Message]) -> Record:
        where = f"run {transcript.run}, iteration {genius.iteration}, turn {genius.turn}"
        return client.complete(request(messages), sample=transcript.sample, where=where)

    genius = Genius(mobilenetv2_se.SPACE, prompts, complete)
    return run(genius, referee(transcript), Budget(evaluations=ITERATIONS), transcript.testimony)


def request(messages: Sequence[Message]) -> dict[str, JSON]:
    """The body of a request."""
    return {"model": MODEL, "messages": [{"role": m["role"], "content": m["content"]} for m in messages]}


def referee(transcript: Transcript) -> Referee:
    """The rules of the ImageNet search: the run's FLOPs window, no design twice, accuracies as published."""
    low, high = transcript.window
    return Referee(mobilenetv2_se.SPACE, macs, (MacsWindow(low, high), Novelty()), transcript)


def macs(architecture: Architecture) -> int:
    """Multiply-accumulates as GENIUS counted them."""
    return mobilenetv2_se.cost(architecture).macs_thop


def store_path() -> Path:
    """Where the records of fetched conversations lie; it can be deleted, `fetch` builds it again."""
    return home() / "store"


def index_published() -> int:
    """Put the records of all fetched conversations into the store; returns how many that are."""
    fetched = [(entry, data) for entry in distinct_conversations() if (data := read_published(entry)) is not None]
    if not fetched:
        return 0
    from cache.store import Store  # late: a replay of embedded data needs no diskcache

    with Store(store_path()) as store:
        for entry, data in fetched:
            store.load(Cassette(published_records(entry, data)))
        return len(store)


def _published_store() -> Records:
    from cache.store import Store

    if not store_path().exists():
        index_published()
    return Store(store_path(), read_only=True)


def _errata(run: str, step: Step) -> Iterator[Erratum]:
    trial, told = step.trial, step.told
    if told is None:
        return
    place = (run, step.iteration, step.turn)
    if trial.macs is not None and told.macs is not None and in_millions(trial.macs) != in_millions(told.macs):
        yield Erratum(*place, "FLOPs in millions", f"{told.macs / MILLION:g}", f"{trial.macs / MILLION:.6f}")
    if told.rejection is None and told.architecture != trial.architecture:
        yield Erratum(*place, "design listed", _written(told.architecture), _written(trial.architecture))
    told_verdict, verdict = _verdict(told), _verdict(trial)
    if told_verdict != verdict:
        yield Erratum(*place, "verdict", told_verdict, verdict)


def _verdict(trial: Trial) -> str:
    return trial.rejection.reason.value if trial.rejection else "accepted"


def _written(architecture: Architecture | None) -> str:
    return "unreadable" if architecture is None else grammar.write(mobilenetv2_se.SPACE, architecture, "flat")
