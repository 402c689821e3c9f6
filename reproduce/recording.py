"""Recordings: the runs in a file, without performing them or by performing them again, and what became of the answers.

A recording is a cassette: the model's answers, the figures or trainings of what was evaluated, and a record for each
run (`harness.run`), which says by itself what was selected.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import isnan
from os import PathLike
from pathlib import Path
from typing import NamedTuple, TypeVar

from baselines import catalogue
from baselines.catalogue import AnyMethod
from cache import cassette
from cache.cassette import Cassette
from cache.key import DIGEST_PREFIX, JSON, canonical, digest
from cache.record import Record
from harness import run
from harness.protocol import Evaluated, Reason, Rejected, Rejection
from harness.run import Run
from harness.specification import RUN, UNSET, Ended, Label, Specification
from harness.text.reply import spoken
from reproduce.arguments import expect_types
from reproduce.errors import UsageError
from reproduce.published.replay import RECORDED
from reproduce.published.scripts import is_published
from reproduce.published.withheld import Restoring, public
from reproduce.report import BLANK, Cell, Column, Report, headed, label, recorded
from reproduce.runs import setting

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


def replay_recording(path: str | PathLike[str], methods: Iterable[AnyMethod] = ()) -> list[Run]:
    """Every run of a recording, performed again from it alone.

    >>> from importlib.resources import files
    >>> len(replay_recording(str(files("cache.recorded") / "local-smollm2-nas-bench-macro.jsonl")))
    10

    Args:
        path: of the recording.
        methods: of one's own that its runs name and that are found under no name, such as those of a notebook; a class
            that was moved from there into a module since is known by its name.

    Raises:
        CacheError, ReplayMiss: the cassette is damaged, or lacks an answer or a figure.
        BrokenRecording: a run takes another course than it took.
        HarnessError: a method is not found.
        UsageError: there is none.
    """
    expect_types(replay_recording, locals())
    path = Path(path)
    content, given = cassette.read(path), [*map(catalogue.method, methods)]
    own = {f"__main__:{each.name.rpartition(':')[2]}": each for each in given} | {each.name: each for each in given}
    return _in_order(
        run.verify(record, Restoring(content), setting(Specification.of(record), own))
        for record in _runs(content, path)
    )


def publish(path: Path, into: Path) -> list[Run]:
    """Write a recording anew, without the words in which GPT-4 was asked, and return its runs.

    Raises:
        UsageError: there is nothing in it that has to be withheld.
        CacheError: the file cannot be written.
        as `replay_recording` does.
    """
    found = replay_recording(path)
    if not any(is_published(one.specification.model) for one in found):
        raise UsageError(f"{path}: expected a run with --prompt published, got none; it can be passed on as it is")
    cassette.write(into, public(found))
    return found


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


def pooled(runs: Iterable[Recorded]) -> Iterator[Pool]:
    """Runs by their setting: those that differ in anything but their number, or the model's file, stay apart."""
    groups: dict[bytes, dict[bytes, Recorded]] = {}
    for each in runs:
        course = canonical([each.record.key, each.record.answer])
        groups.setdefault(canonical(_setting(each)), {}).setdefault(course, each)
    found = [[*group.values()] for group in groups.values()]
    settings = [dict(_leaves(_setting(group[0]))) for group in found]
    called = [group[0].specification.label for group in found]
    for name, own, group in zip(called, settings, found, strict=True):
        others = [one for one, its in zip(settings, called, strict=True) if str(its) == str(name)]
        differs = [place for place in dict.fromkeys(chain(*others)) if len({one.get(place) for one in others}) > 1]
        apart = "; ".join(f"{place} {own.get(place, 'unset')}" for place in differs)
        yield Pool(name, apart, group)


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
UNREAD = frozenset(Reason) - {
    *(Reason.ABOVE_WINDOW, Reason.BELOW_WINDOW, Reason.ABOVE_LIMIT, Reason.BELOW_LIMIT),
    *(Reason.REPEATED, Reason.CONCLUDED, Reason.UNMEASURED, Reason.NO_FIGURE),
}
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
            reading = (reading, *reading.further)[trial.proposal.candidate]
            start, end = (place + said.start for place in reading.span)
            reply = f"{reply[:start]}{OPEN}{reply[start:end]}{CLOSE}{reply[end:]}"
        lines += [f"-- iteration {step.iteration}, turn {step.turn}: {outcome}", reply]
    return "\n".join(lines) + "\n"


def report(found: Sequence[Recorded]) -> Report:
    """A row for every setting that models ran under; reasons that never occurred have no column."""
    groups = [*pooled(found)]
    apart = any(group.apart for group in groups)
    reasons = [reason for reason in Reason if any(reason.value in one.ended.rejected for one in found)]
    columns = (
        *headed("model", "table"),
        Column("answers_mode", "Answers are"),
        Column("temperature", "Temperature"),
        *([Column("set_otherwise", "Set otherwise")] if apart else []),
        *headed("runs", "answers", "read"),
        *(Column(reason.name.lower(), reason.value.capitalize()) for reason in reasons),
        *headed("evaluated", "retries"),
        Column("best", "Best told (%), mean", "higher"),
        Column("test", "Its test (%), mean", "higher"),
    )
    rows = tuple(_row(group, reasons, apart=apart) for group in groups)
    notes = [
        "An answer that is rejected is told back to the model with the reason, and counts as a proposal.",
        *(_without(group) for group in groups if any(one.ended.selected is None for one in group.runs)),
        *(
            [PROSE]
            if any(one.specification.model and one.specification.model.protocol.form == "prose" for one in found)
            else []
        ),
        *([LOCAL] if any(is_published(one.specification.model) for one in found) else []),
        *sorted({_written(one) for one in found}),
        *sorted({f"{', '.join(map(str, one.specification.label))}: {SUPERSEDED}" for one in found if superseded(one)}),
    ]
    title = "Recorded models: what became of their answers"
    return Report("recordings", title, columns, rows, tuple(notes), within=("table",))


def _row(group: Pool, reasons: Sequence[Reason], *, apart: bool) -> tuple[Cell, ...]:
    ended = [one.ended for one in group.runs]
    rejected = {reason: sum(one.rejected.get(reason.value, 0) for one in ended) for reason in Reason}
    answers = sum(one.answers for one in ended)
    return (
        *labelled(group.label),
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


def labelled(called: Label) -> tuple[Cell, ...]:
    """The cells of what runs are called; a temperature as it was written, or none."""

    def plain(part: str | float) -> str | float:
        if isinstance(part, str):
            return part
        return int(part) if part.is_integer() else UNSET if isnan(part) else part

    return tuple(label(plain(part)) for part in called)


def _mean(values: Sequence[float | None]) -> Cell:
    known = [value for value in values if value is not None]
    return recorded(sum(known) / len(known), ".2f") if known else BLANK


PROSE = "Answers in prose are read by a program, in the place of the person who read those of GPT-4."
LOCAL = (
    "Asked in the words in which GPT-4 was, which have no licence: pass on what `recordings FILE --public NEW.jsonl` "
    "writes. They have nothing to say to an answer that cannot be read: the same was asked again."
)
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
