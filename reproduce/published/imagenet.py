"""GENIUS' ImageNet runs: from their published conversations if fetched, otherwise from reconstructed cassettes.

What each run proposed and was told is embedded (`paper/imagenet_runs.json`): figures only, no sentences, kept as they
were told, also where they are not true.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import msgspec

from cache import cassette
from cache.cassette import Cassette
from cache.record import Record
from genius_replay.advice import unknown
from harness.loop import Budget
from harness.objectives import Data
from harness.run import SAMPLES
from harness.spaces.mobilenetv2_se import SPACE
from harness.specification import Model, Specification, Turn
from reproduce.data import Published, conversations, read_published
from reproduce.errors import MalformedConversation, UsageError
from reproduce.published.conversation import Conversation, dialogues, parse
from reproduce.published.replay import MODEL, RECORDED, Replay, setting, wording
from reproduce.published.replay import replay as performed
from reproduce.published.wording import prompt_pack

RUNS = Path(__file__).parents[1] / "paper" / "imagenet_runs.json"


class Transcript(Data, frozen=True):
    """The figures of a whole run: a tuple of turns for each iteration, and the FLOPs window in millions.

    `sample` numbers the run among the independent ones (`cache.key`).
    """

    run: str
    file: str
    sha256: str
    sample: int
    window: tuple[int, int]
    iterations: tuple[tuple[Turn, ...], ...]

    @property
    def turns(self) -> Iterator[Turn]:
        """All turns in order."""
        return (turn for iteration in self.iterations for turn in iteration)


class Embedded(Data, frozen=True):
    """The embedded file: where the figures are from, and the runs."""

    source: str
    runs: tuple[Transcript, ...]


@cache
def embedded() -> dict[str, Transcript]:
    """The embedded runs by name."""
    return {run.run: run for run in msgspec.json.decode(RUNS.read_bytes(), type=Embedded).runs}


def published_run(name: str) -> Published:
    """The manifest entry of a run; a run that was published twice goes by the first of its files.

    Raises:
        UsageError: if no published conversation has this name.
    """
    for entry in conversations():
        if entry.run == name:
            return next(first for first in conversations() if first.sha256 == entry.sha256)
    raise UsageError(unknown("run", name, (str(entry.run) for entry in conversations())))


def distinct_conversations() -> tuple[Published, ...]:
    """The published conversations, each file once."""
    return tuple(entry for entry in conversations() if published_run(str(entry.run)) is entry)


def transcripts() -> list[Transcript]:
    """The figures of the distinct conversations."""
    return [embedded()[str(entry.run)] for entry in distinct_conversations()]


def replay(name: str) -> Replay:
    """Search again as the run did.

    >>> run = replay("329M")
    >>> len(run.trajectory.steps), run.winner[:6]
    (26, (1, 0, 0, 0, 1, 0))
    >>> print(run.errata[0])
    run 329M, iteration 1, turn 2: FLOPs in millions told as 317, in truth 312.203072

    Raises:
        ReplayMiss: if a rebuilt request was never recorded.
        MalformedConversation: if what was fetched tells no winner.
    """
    entry = published_run(name)
    if (data := read_published(entry)) is None:
        run = specification(embedded()[str(entry.run)])
        recorded = cassette.read(cassette_path(str(entry.run)))
        return performed(run, setting(run, str(entry.run)), recorded, "reconstructed", recorded.digest)
    told, records = parse(data, entry.path), Cassette(published_records(entry, data))
    run = published(entry, told)
    how = setting(run, str(entry.run), prompt_pack(told))
    found = performed(run, how, records, "published", f"sha256:{entry.sha256}")
    if not found.trajectory.evaluated or found.trajectory.best.trial.architecture is None:
        raise MalformedConversation(f"{entry.path}: expected a best experiment with a design that can be read")
    return found


def published_records(entry: Published, data: bytes) -> Iterator[Record]:
    """The answers of a published conversation as records, each to all that precedes it in its dialogue.

    Provenance has the turn's position in the file, from 0. A request that the file itself repeats is numbered
    `harness.run.SAMPLES` further on each time.

    Raises:
        MalformedConversation: the file is no list of messages.
    """
    source = {"origin": "published conversation", "url": entry.url, "file": entry.path, "sha256": entry.sha256}
    asked: list[list[dict[str, str]]] = []
    for dialogue in dialogues(data):
        for n, message in enumerate(dialogue.messages):
            if message["role"] == "assistant":
                said = dialogue.messages[:n]
                yield Record(
                    request={"model": MODEL, "messages": [*said]},
                    answer={"choices": [{"index": 0, "message": message}]},
                    sample=(entry.sample or 0) + SAMPLES * asked.count(said),
                    provenance={**source, "turn": dialogue.position + n},
                )
                asked.append(said)


def transcript(entry: Published, told: Conversation) -> Transcript:
    """The figures of a published conversation."""
    return Transcript(str(entry.run), entry.path, entry.sha256, entry.sample or 0, told.window, told.told)


def specification(figures: Transcript, prompt: dict[str, str] | None = None) -> Specification:
    """The run as data: its FLOPs window, no design twice, told as it was.

    `prompt` is this project's own wording unless another is given; a published one has no licence and stands by its
    digest.
    """
    return Specification(
        method="genius",
        space=SPACE.name,
        budget=Budget(proposals=len([*figures.turns])),
        window=figures.window,
        model=Model(name=MODEL, prompt=prompt or wording(SPACE.name, figures.window).parts),
        told=figures.iterations,
        number=figures.sample,
    )


def published(entry: Published, told: Conversation) -> Specification:
    """The run of a published conversation, as data."""
    return specification(transcript(entry, told), {"digest": f"sha256:{entry.sha256}"})


def cassette_path(name: str) -> Path:
    """The committed cassette of an embedded run."""
    return RECORDED / f"genius-imagenet-{name}.jsonl"
