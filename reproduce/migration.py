"""Recordings of the first version, carried over: what a run was made of is written into its record.

The first version named a prompt file, a table's digest and no reader. A migrated recording holds the wording itself,
the reader `published`, and the table by its source; answers and trainings keep their keys. Each run is performed again
before it is written, and must take the course that its old record pins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from cache import cassette
from cache.cassette import Cassette
from cache.client import Client
from cache.key import digest
from cache.record import Record
from harness import spaces
from harness.errors import BrokenRecording
from harness.loop import Budget
from harness.objectives import FIGURES, Measure
from harness.run import Run, perform
from harness.specification import RUN, Model, Specification
from harness.training.jobs import Training
from reproduce import benchmarks, runs
from reproduce.published.replay import wording
from tables.table import Table

SEARCH = "search"  # the kind of a search by training
AS_JSON = (
    ' Whatever form the problem asks for, write the {n} numbers as JSON, in their order: {{"architecture": [...]}}.'
)
"""Ended the system message where a model was held to the space."""
TABLES: Mapping[str, str] = {
    "nas-bench-macro": "38a950f8c149aa8d73f67b5c8b2c2ae899f91672e9be1bff9a0a1602809ce6c3",
    "channel-bench-resnet": "f6f43f4757a0fa908e0707bf5b9871aa40aa6385b18e7f70635e2f2f274e3198",
    "channel-bench-mobilenet": "ae53716ea76e70df252f6ec5211b0796b39542769c745ad5605cf5307c369f12",
    "nas-bench-201-cifar10": "4739f60f9ae44dac38063eb1849dea24bfbe594bf63de3821e4fa4cbb1516ede",
    "nas-bench-201-cifar100": "7a5d9acf46ab03dcf320114e9334ce3af9f09a31a87a2bd8e8cac5b6db5aff98",
    "nas-bench-201-imagenet16-120": "768fe7cdb44d9e553a809eb88c76c00d0f43a3f08bbd96d1f24effbfb3d9668e",
    "nas-bench-201-digits": "6562ba97282b198ac6b50a5442dd2640622287c48356095935306b3f70d3384d",
}
"""The digests that tables had then."""


def migrate(path: Path, into: Path) -> list[Run]:
    """Write a recording of the first version anew, and return its runs.

    Raises:
        CacheError: the file is damaged, or cannot be written.
        BrokenRecording: it holds no run of the first version, or one that cannot be carried over.
    """
    old = cassette.read(path)
    if any("measure" not in record.request for record in old.of_kind(RUN)):
        raise BrokenRecording(str(path), "a recording of the present form, which needs no migration")
    kept = Cassette(record for record in old.values() if record.kind not in (RUN, FIGURES, SEARCH))
    for record in old.values():
        if record.kind == FIGURES:
            request = {**record.request}
            measure = _measure(str(request.pop("table")), str(request.pop("digest")), path)
            kept.put(Record({**msgspec.to_builtins(measure), **request}, record.answer, kind=FIGURES))
    found = [run for record in old.values() for run in _carried_over(record, kept, path)]
    if not found:
        raise BrokenRecording(str(path), "no run of the first version")
    cassette.write(into, [*kept.values(), *(run.record() for run in found)])
    return found


def _carried_over(record: Record, kept: Cassette, path: Path) -> Iterator[Run]:
    """The runs of an old record; none of a record of another kind."""
    if record.kind not in (RUN, SEARCH):
        return
    specifications = [_recorded(record.request, path)] if record.kind == RUN else _searched(record.request)
    found = [perform(each, Client(kept), runs.setting(each)) for each in specifications]
    course = found[0].ended.course if record.kind == RUN else _course(found)
    if record.answer.get("course") != course:
        raise BrokenRecording(str(path), f"another course of {found[0].specification.name} than it took")
    yield from found


def _recorded(plan: Mapping[str, Any], path: Path) -> Specification:
    """What a run of a model was made of."""
    space, measured = plan["space"], plan["measure"]
    window = tuple(plan["window"]) if plan["window"] else None
    training = msgspec.convert(measured["training"], Training) if "training" in measured else None
    return Specification(
        method="genius",
        space=space,
        budget=Budget(evaluations=plan["iterations"], proposals=plan["proposals"]),
        table=None if training else _measure(measured["table"], measured["digest"], path),
        training=training,
        window=window,
        model=_model(plan, window),
        number=plan["run"],
    )


def _model(plan: Mapping[str, Any], window: tuple[int, int] | None) -> Model:
    """The model of a run, with the wording that there was."""
    space, answers = spaces.find(plan["space"]).SPACE, plan["answers"]
    prompts = wording(space.name, window)
    if answers != "free":
        prompts = replace(prompts, system=prompts.system + AS_JSON.format(n=len(space.slots)))
    parameters = {**plan["parameters"], **runs.ANSWERS[answers](space)}
    return Model(name=plan["model"], parameters=parameters, prompt=prompts.parts, answers=answers)


def _searched(plan: Mapping[str, Any]) -> list[Specification]:
    """What the trials of a search by training were made of."""
    training = msgspec.convert(plan["training"], Training)
    budget = Budget(evaluations=plan["budget"])
    return [
        Specification(
            method=plan["method"], space=training.space, budget=budget, training=training, number=n, seed=plan["seed"]
        )
        for n in range(plan["trials"])
    ]


def _course(found: list[Run]) -> str:
    """What the record of a search pinned."""
    return digest(
        [
            [number, step.iteration, list(step.trial.architecture or ()), step.accuracy]
            for number, run in enumerate(found)
            for step in run.trajectory.steps
        ]
    )


def _measure(name: str, digest: str, path: Path) -> Measure:
    """The table that had this digest.

    Raises:
        BrokenRecording: it is another than the first version had.
    """
    if TABLES.get(name) != digest:
        raise BrokenRecording(str(path), f"figures of a table {name} that the first version did not have")
    file = benchmarks.file_of(benchmarks.find(name))
    source = file.sha256 if file else Table.open(benchmarks.table_path(name)).info.source_sha256
    return Measure(table=name, source=source, test="test" if name.startswith("nas-bench-201") else "accuracy")
