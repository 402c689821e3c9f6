"""Runs, with their names resolved: the space, the method, the wording, what measures; and recordings by file.

A recording is a cassette: the model's answers, the figures or trainings of what was evaluated, and a record for each
run (`harness.run`), which says by itself what was selected.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import cache, partial
from importlib import metadata
from itertools import chain
from pathlib import Path
from typing import NamedTuple, TypeAlias, TypeVar

from baselines import catalogue
from baselines.genius import Prompts
from cache import cassette
from cache.cassette import Cassette
from cache.client import Client, Provider, Records, Reply, Request
from cache.key import DIGEST_PREFIX, JSON, canonical, digest, digest_bytes
from cache.record import Record
from harness import run, spaces
from harness.errors import HarnessError
from harness.loop import blaming
from harness.objectives import Measure
from harness.protocol import Complete, Evaluated, Method, Optimizer, Reason, Rejected, Rejection
from harness.run import Run, Setting
from harness.spaces import mobilenetv2_se
from harness.spaces.nas_bench_201 import CELLS_PER_STAGE
from harness.specification import RUN, Ended, Label, Model, Specification
from harness.text import published, strict
from harness.text.reply import heard, spoken, verbatim
from harness.text.strict import Form
from harness.training.jobs import Scale, Training
from reproduce.benchmarks import Opened
from reproduce.errors import UsageError
from reproduce.published.replay import RECORDED
from reproduce.report.report import BLANK, Cell, Column, Report, label, recorded
from tables.source import Measure as Measured
from tables.space import Space

ANSWERS: Mapping[str, Callable[[Space], dict[str, JSON]]] = {
    "free": lambda space: {},  # noqa: ARG005
    "json-object": lambda space: {"response_format": {"type": "json_object", "schema": space.json_schema()}},
    "json-schema": lambda space: {
        "response_format": {"type": "json_schema", "json_schema": {"name": "design", "schema": space.json_schema()}}
    },
    "gbnf": lambda space: {"grammar": space.gbnf()},
}
"""How a model may answer: in prose, or held to the space by what a server takes (`docs/endpoints.md`)."""

STRICT, PUBLISHED = "strict", "published"  # readers: of new recordings, and of those from before there was this one

Window: TypeAlias = "tuple[int, int] | None"

DATA = {
    "mobilenetv2-se": "ImageNet (1000 classes, input 224 x 224)",
    "nas-bench-201-cifar100": "CIFAR-100 (100 classes, input 32 x 32)",
    "nas-bench-201-imagenet16-120": "ImageNet16-120 (120 classes, input 16 x 16)",
    **dict.fromkeys(
        ("nas-bench-macro", "channel-bench-resnet", "channel-bench-mobilenet", "nas-bench-201-cifar10"),
        "CIFAR-10 (10 classes, input 32 x 32)",
    ),
}
"""What a network is measured on, by table or by space, as a statement of the problem says it."""


# -- names ---


def form(answers: str) -> Form:
    """The form that is demanded of an answer, for a way to answer."""
    return strict.LAST_LINE if answers == "free" else strict.JSON_OBJECT


def wording(space: Space, answers: str, window: Window = None, by: str | Training | None = None) -> Prompts:
    """This project's own statement of the problem that is measured.

    Args:
        space: what is searched.
        answers: how the model may answer, one of `ANSWERS`.
        window: bounds of the cost in millions of multiply-accumulates.
        by: the table that measures, whose own statement is taken if there is one, or the training; None is the table
            of the space's own benchmark.

    Raises:
        HarnessError: the space has no statement.
    """
    own, scale, table = form(answers), Scale(), by if isinstance(by, str) else space.name
    words = {"conclusion": own.conclusion, "data": DATA.get(table, table)}
    if isinstance(by, Training):
        scale, side = by.network, by.recipe.input_size
        narrower = "" if scale.width == 1 else f", with all numbers of channels multiplied by {scale.width:g},"
        words["data"] = f"the pictures {by.dataset} (input {side} x {side}){narrower}"
    words["cells"] = str(scale.cells_per_stage or CELLS_PER_STAGE)
    light = "a 2x2 average pool and a 1x1 convolution"
    words["reduction"] = light if scale.light_reduction else "a residual block of stride 2"
    if window is not None:
        words |= {"low": str(window[0]), "high": str(window[1]), "costs": mobilenetv2_se.describe_costs()}
    for name in (table, space.name):
        with suppress(FileNotFoundError):
            return Prompts.load(name.replace("-", "_"), own.demand.format(n=len(space.slots)), **words)
    name = space.name.replace("-", "_")
    raise HarnessError(
        f"{space.name}: expected a wording for a model, baselines/prompts/{name}.md, found none; write one, with the "
        "parts of baselines/prompts/nas_bench_macro.md"
    )


def model(
    name: str,
    space: str,
    answers: str,
    parameters: Mapping[str, JSON],
    window: Window = None,
    by: str | Training | None = None,
) -> Model:
    """A model and all that its requests hold: what `wording` says, and what else is sent.

    Raises:
        HarnessError: there is none of this name.
    """
    searched = spaces.find(space).SPACE
    prompt = wording(searched, answers, window, by).parts
    sent = {**parameters, **ANSWERS[answers](searched)}
    return Model(name=name, parameters=sent, prompt=prompt, answers=answers, reader=STRICT)


def setting(specification: Specification) -> Setting:
    """The values that a specification names.

    Raises:
        HarnessError: there is none of this name, or the method asks no model and the specification has one.
        UnfitMethod: the method is handed a model, and the specification has none.
    """
    space = spaces.find(specification.space).SPACE
    method = catalogue.find(specification.method)
    macs = partial(spaces.counted_macs, specification.space)
    code, oblivious = code_of(method), method.oblivious
    if (asked := specification.model) is None:
        draws, versions = _drawing(method, space, specification), versions_of(method)
        return Setting(space, macs, draws, code=code, versions=versions, oblivious=oblivious)
    if asked.reader not in (STRICT, PUBLISHED):
        raise HarnessError(f"expected the reader {STRICT} or {PUBLISHED}, got {asked.reader[:40]!r}")
    if (make := method.with_model) is None:
        raise HarnessError(f"{method.name} asks no model, and one is named; leave out --model")
    prompts = Prompts.of(asked.prompt, digits=asked.protocol.digits)
    read, hear = (form(asked.answers).read, heard) if asked.reader == STRICT else (published.read, verbatim)
    return Setting(space, macs, partial(make, space, prompts), read, hear, code=code, oblivious=oblivious)


def _drawing(method: Method, space: Space, specification: Specification) -> Callable[[Complete], Optimizer]:
    from harness.streams import Stream  # late: a replay of a model needs no arrays

    def make(_: Complete) -> Optimizer:
        with blaming(method.name):
            return method.factory(space, Stream(specification.seed, specification.number))

    return make


def code_of(method: Method) -> str:
    """The digest of the source of this project's methods; empty for a method that states no version."""
    return "" if method.version is None else _code()


def versions_of(method: Method) -> dict[str, str]:
    """The versions of the packages that decide what a method proposes, by name."""
    return {package: metadata.version(package) for package in method.packages}


@cache
def _code() -> str:
    """The digest of all that decides what a method proposes."""
    harness = Path(spaces.__file__).parents[1]
    sources = [
        *Path(catalogue.__file__).parent.glob("*.py"),
        *(harness / f"{name}.py" for name in ("arrays", "loop", "protocol", "streams")),
    ]
    return digest_bytes(b"".join(path.read_bytes() for path in sorted(sources)))


def measure(opened: Opened) -> Measure:
    """What names a table in a key."""
    info = opened.table.info
    test = "test" if info.measure is Measured.VALIDATION else "accuracy"
    return Measure(table=info.name, source=info.source_sha256, test=test)


def figures(opened: Opened, space: Space) -> Provider:
    """The provider of a table's figures."""

    def look_up(request: Request) -> Reply:
        told, test = opened.figures(space.from_native(str(request["architecture"])))
        return Reply({"accuracy": told, "test": test})

    return look_up


@dataclass(frozen=True)
class Overlay:
    """Records in front of those that are kept elsewhere; what is new goes there (`cache.client.Records`)."""

    front: Records
    kept: Records

    def __len__(self) -> int:
        return len(self.front) + len(self.kept)

    def get(self, key: str, /) -> Record | None:
        """The record of a key, from either."""
        return self.front.get(key) or self.kept.get(key)

    def put(self, record: Record, /) -> bool:
        """Keep a record where new ones go."""
        return self.kept.put(record)

    def claim(self, key: str, /) -> AbstractContextManager[object]:
        """Hold a key where new records go."""
        return self.kept.claim(key)

    def nearest(self, question: bytes, /) -> Record | None:
        """The most similar request of the front, else of the other."""
        return self.front.nearest(question) or self.kept.nearest(question)


# -- recordings ---

SHOWN = 40  # characters of a setting that is told in full


@dataclass(frozen=True)
class Recorded:
    """A run as its record says it: nothing is performed again to read it."""

    specification: Specification
    ended: Ended
    record: Record

    @classmethod
    def of(cls, record: Record) -> Recorded:
        """A run's record; raises BrokenRecording if it is of another form."""
        return cls(Specification.of(record), Ended.of(record), record)


def read(path: Path) -> list[Recorded]:
    """The runs of a recording, as their records say them.

    Raises:
        CacheError: the cassette is damaged.
        BrokenRecording: a run is of another form.
        UsageError: there is none.
    """
    return _in_order(Recorded.of(record) for record in _runs(cassette.read(path), path))


def of_models(path: Path) -> list[Recorded]:
    """The runs of a recording that a language model was asked in; raises as `read` does.

    Raises:
        UsageError: there is none.
    """
    found = [one for one in read(path) if one.specification.model is not None]
    if not found:
        raise UsageError(
            f"{path}: expected runs of a language model, got none; `python -m reproduce search --from FILE` performs "
            "other searches again"
        )
    return found


def again(path: Path) -> list[Run]:
    """Every run of a recording, performed again from it alone.

    Raises:
        CacheError, ReplayMiss: the cassette is damaged, or lacks an answer or a figure.
        BrokenRecording: a run takes another course than it took.
        UsageError: there is none.
    """
    content = cassette.read(path)
    return _in_order(
        run.verify(record, Client(content), setting(Specification.of(record))) for record in _runs(content, path)
    )


def _runs(content: Cassette, path: Path) -> list[Record]:
    found = [*content.of_kind(RUN)]
    if not found:
        count = f"{len(content)} answers" if len(content) != 1 else "1 answer"
        raise UsageError(
            f"{path}: expected a recording of runs, got {count}, no run; `python -m cache list` shows them"
        )
    return found


class Pool(NamedTuple):
    """Independent runs of one setting.

    Attributes:
        label: what they are called.
        apart: what they were set to where others of that label were set otherwise; empty if there are none.
        runs: each once, in whichever recordings it stands.
    """

    label: Label
    apart: str
    runs: list[Recorded]


def pooled(runs: Iterable[Recorded]) -> list[Pool]:
    """Runs by their setting: those that differ in anything but their number, or the model's file, stay apart."""
    groups: dict[bytes, dict[bytes, Recorded]] = {}
    for each in runs:
        course = canonical([each.record.key, each.record.answer])
        groups.setdefault(canonical(_setting(each)), {}).setdefault(course, each)
    found = [[*group.values()] for group in groups.values()]
    settings = [dict(_leaves(_setting(group[0]))) for group in found]
    called = [group[0].specification.label for group in found]
    pools = []
    for name, setting, group in zip(called, settings, found, strict=True):
        others = [one for one, its in zip(settings, called, strict=True) if str(its) == str(name)]
        differs = [place for place in dict.fromkeys(chain(*others)) if len({one.get(place) for one in others}) > 1]
        apart = "; ".join(f"{place} {setting.get(place, 'unset')}" for place in differs)
        pools.append(Pool(name, apart, group))
    return pools


def _setting(one: Recorded) -> dict[str, JSON]:
    return {**one.specification.shared, "file": one.record.provenance.get("sha256")}


def _leaves(value: JSON, name: str = "") -> Iterator[tuple[str, str]]:
    """Every value inside by the name of its place; a long one by the beginning of its digest."""
    if isinstance(value, Mapping):
        for inner in value:
            yield from _leaves(value[inner], f"{name}.{inner}".removeprefix(".").removeprefix("model.parameters."))
    else:
        text = json.dumps(value, ensure_ascii=False)
        yield name, text if len(text) <= SHOWN else digest(value)[: len(DIGEST_PREFIX) + 8]


def committed() -> list[Path]:
    """The recordings that came with the project."""
    return sorted(RECORDED.glob("local-*.jsonl"))


AnyRun = TypeVar("AnyRun", Run, Recorded)


def _in_order(runs: Iterable[AnyRun]) -> list[AnyRun]:
    return sorted(runs, key=lambda run: (run.specification.label, run.specification.number))


# -- what recordings say ---

OPEN, CLOSE = "⟦", "⟧"
UNREAD = frozenset(Reason) - {Reason.ABOVE_WINDOW, Reason.BELOW_WINDOW, Reason.REPEATED, Reason.CONCLUDED}
"""Why no design was found in an answer."""


def text(one: Run) -> str:
    """Every answer of a run, whole, with its outcome; the part that a design was read from is marked.

    Of what was cut off before a design was looked for, the outcome names the reason and how long it is.
    """
    lines = [f"== {one.specification.name} =="]
    answers = {record.key: record.answer for record in one.answers}
    for step in one.trajectory.steps:
        trial = step.trial
        said = one.setting.hear(answers.get(trial.proposal.record or "", {}))
        reply, part = said.whole, spoken(said.whole)
        cut = ((part.span.start, part.before), (len(reply) - part.span.end, part.behind))
        outcome = f"{trial.accuracy:.2f} %" if isinstance(trial, Evaluated) else "no outcome"
        if isinstance(trial, Rejected):
            outcome = f"{trial.rejection.reason.value}: {trial.rejection.detail}"
        outcome += "".join(f"; {length} characters cut off: {why}" for length, why in cut if why)
        reading = said.rejection or one.setting.reader(one.setting.space, said.text)
        if not isinstance(reading, Rejection):
            start, end = (place + said.start for place in reading.span)
            reply = f"{reply[:start]}{OPEN}{reply[start:end]}{CLOSE}{reply[end:]}"
        lines += [f"-- iteration {step.iteration}, turn {step.turn}: {outcome}", reply]
    return "\n".join(lines) + "\n"


def report(found: Sequence[Recorded]) -> Report:
    """A row for every setting that models ran under; reasons that never occurred have no column."""
    groups = pooled(found)
    apart = any(group.apart for group in groups)
    reasons = [reason for reason in Reason if any(reason.value in one.ended.rejected for one in found)]
    columns = (
        Column("model", "Model"),
        Column("table", "Table"),
        Column("answers_mode", "Answers are"),
        Column("temperature", "Temperature"),
        *([Column("set_otherwise", "Set otherwise")] if apart else []),
        Column("runs", "Runs"),
        Column("answers", "Answers"),
        Column("read", "Read"),
        *(Column(reason.name.lower(), reason.value.capitalize()) for reason in reasons),
        Column("evaluated", "Evaluated"),
        Column("retries", "Retries"),
        Column("best", "Best told (%), mean"),
        Column("test", "Its test (%), mean"),
    )
    rows = tuple(_row(group, reasons, apart=apart) for group in groups)
    notes = [
        "An answer that is rejected is told back to the model with the reason, and counts as a proposal.",
        *(_without(group) for group in groups if any(one.ended.selected is None for one in group.runs)),
        *sorted({_written(one) for one in found}),
        *sorted({f"{', '.join(map(str, one.specification.label))}: {SUPERSEDED}" for one in found if superseded(one)}),
    ]
    return Report("recordings", "Recorded models: what became of their answers", columns, rows, tuple(notes))


def _row(group: Pool, reasons: Sequence[Reason], *, apart: bool) -> tuple[Cell, ...]:
    ended = [one.ended for one in group.runs]
    rejected = {reason: sum(one.rejected.get(reason.value, 0) for one in ended) for reason in Reason}
    answers = sum(one.answers for one in ended)
    return (
        *(label(int(part) if isinstance(part, float) and part.is_integer() else part) for part in group.label),
        *([label(group.apart)] if apart else []),
        label(len(ended)),
        recorded(answers),
        recorded(answers - sum(rejected[reason] for reason in UNREAD)),
        *(recorded(rejected[reason]) for reason in reasons),
        recorded(sum(one.evaluated for one in ended)),
        recorded(sum(one.attempts for one in ended) - answers),
        _mean([one.told for one in ended]),
        _mean([one.test for one in ended]),
    )


def _mean(values: Sequence[float | None]) -> Cell:
    known = [value for value in values if value is not None]
    return recorded(sum(known) / len(known), ".2f") if known else BLANK


SUPERSEDED = "superseded, the prompt describes another network than the table measures"


def superseded(one: Recorded) -> bool:
    """Whether the prompt of a run describes another network than its table measures, as those on digits once did."""
    asked = one.specification.model
    described = asked.prompt.get("problem", "") if asked else ""
    return one.specification.target == "nas-bench-201-digits" and "16, 32 and 64 channels" in described


def _without(group: Pool) -> str:
    without = sum(one.ended.selected is None for one in group.runs)
    return f"{', '.join(map(str, group.label))}: in {without} of {len(group.runs)} runs nothing was evaluated"


def _written(one: Recorded) -> str:
    """What is known of where the answers are from."""
    name = one.specification.label.model
    facts = (
        f"{key} {' and '.join(map(str, value)) if isinstance(value, list) else value}"
        for key, value in sorted(one.record.provenance.items())
        if (key, value) != ("model", name)
    )
    return f"{name}: {'; '.join(facts)}"
