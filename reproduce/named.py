"""Runs of recordings by name: listed, shown turn by turn, split, left out, held side by side, and what they cost.

What a run needs is known by performing it again, from its recording alone; so these are commands of `reproduce`, while
those of `python -m cache` know records of any program and no runs. Nothing here changes a recording: what is written is
a new file.

A run is called `MODEL/TABLE/…:NUMBER`, as `names` says it, and in part where no other has these parts:
`nas-bench-macro/smollm2:2` is its second run there, `smollm2:2:3.1` the answer at iteration 3, turn 1.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from math import isnan
from pathlib import Path
from typing import NamedTuple

from cache import cassette
from cache.cassette import Cassette
from cache.key import DIGEST_PREFIX, short
from cache.provider.limits import Price, ledger, usage_of
from cache.record import Record
from genius_replay.advice import unknown
from harness.loop import Step
from harness.run import Run
from harness.specification import RUN, Specification
from reproduce import recording
from reproduce.errors import UsageError
from reproduce.published.imagenet import replay

_NAME = re.compile(r"(?P<run>.*?)(?::(?P<number>\d+))?(?::(?P<iteration>\d+)\.(?P<turn>\d+))?", re.DOTALL)
BY = ("run", "model", "table", "label")
"""What a recording is split by; a label is the name of a run without its number."""


def name(specification: Specification, *more: str) -> str:
    """What a run is called; `more` tells it from others that would be called the same."""
    model, target, answers, temperature = specification.label
    how = [answers, *([] if isnan(temperature) else [f"t{temperature:g}"])] if specification.model else []
    parts = [model, target, *how, *([specification.arm] if specification.arm else []), *more]
    return f"{'/'.join(parts)}:{specification.number + 1}"


def names(runs: Iterable[tuple[Specification, str]]) -> list[str]:
    """The names of runs, each with its key: those of the same name get the first digits of their keys too."""
    runs = list(runs)
    often = Counter(name(one) for one, _ in runs)
    return [name(one, *([short(key)] if often[name(one)] > 1 else [])) for one, key in runs]


class Turn(NamedTuple):
    """A step of a run with the answer that it was read from, which a method that asks no model has not."""

    step: Step
    answer: Record | None

    @property
    def place(self) -> str:
        """Iteration and turn."""
        return f"{self.step.iteration}.{self.step.turn}"


def turns(steps: Iterable[Step], answers: Iterable[Record]) -> list[Turn]:
    """The steps of a run with their answers."""
    by_key = {record.key: record for record in answers}
    return [Turn(step, by_key.get(step.trial.proposal.record or "")) for step in steps]


@dataclass(frozen=True)
class Opened:
    """A recording, and its runs by name as they were performed again."""

    path: Path
    content: Cassette

    @classmethod
    def at(cls, path: Path) -> Opened:
        """Open one; raises CacheError if it is damaged."""
        return cls(path, cassette.read(path, exact=True))

    @cached_property
    def runs(self) -> dict[str, Run]:
        """The runs by name, none in the recording of another program; raises as `replay_recording` does."""
        found = recording.replay_recording(self.path) if any(self.content.of_kind(RUN)) else []
        return dict(zip(names((run.specification, run.record().key) for run in found), found, strict=True))

    def of(self, run: Run) -> set[str]:
        """The keys of what a run needs, with its own."""
        return {record.key for record in run.records}

    def chosen(self, written: str) -> tuple[dict[str, Run], str]:
        """The runs that a name means, and the place in them, empty if none is named.

        Raises:
            UsageError: it means none.
        """
        said = _NAME.fullmatch(written)
        assert said is not None  # the pattern takes every text
        asked = {*said["run"].split("/")} - {""}
        found = {
            called: run
            for called, run in self.runs.items()
            if asked <= {*called.rpartition(":")[0].split("/")} and said["number"] in (None, called.rpartition(":")[2])
        }
        if not found or not asked | {said["number"] or ""} - {""}:
            raise UsageError(unknown("run", written, self.runs))
        return found, f"{said['iteration']}.{said['turn']}" if said["turn"] else ""

    def show(self, written: str) -> dict[str, Record]:
        """The answers that a name means, by where they were given.

        Raises:
            UsageError: it means none.
        """
        found, place = self.chosen(written)
        return _at({called: turns(run.trajectory.steps, run.answers) for called, run in found.items()}, place, written)

    def split(self, by: str) -> dict[str, list[Record]]:
        """The records by run, model, table or label; each group has all that its runs need.

        What no run needs goes by its model, else into the group `rest`.
        """
        groups: dict[str, set[str]] = {}
        for called, run in self.runs.items():
            label = called.rpartition(":")[0]
            group = dict(zip(BY, (called, *run.specification.label[:2], label), strict=True))[by]
            groups.setdefault(group, set()).update(self.of(run))
        needed = set().union(*groups.values())
        for key in self.content.keys() - needed:
            groups.setdefault(str(self.content[key].request.get("model", "rest")), set()).add(key)
        return {group: [self.content[key] for key in keys] for group, keys in groups.items()}

    def without(self, written: Sequence[str]) -> tuple[list[Record], list[Record]]:
        """What is left without some runs and records, and what is not: of what runs shared, nothing is left out.

        Args:
            written: names of runs, or beginnings of keys.

        Raises:
            UsageError: a name means nothing, or a run that stays needs a record.
        """
        leaving, keys = dict[str, Run](), set[str]()
        for each in written:
            digits = DIGEST_PREFIX + each.removeprefix(DIGEST_PREFIX)
            if re.fullmatch(DIGEST_PREFIX + "[0-9a-f]{6,64}", digits):
                keys |= {key for key in self.content if key.startswith(digits)} or {digits}
            else:
                leaving |= self.chosen(each)[0]
        needed = {key: called for called, run in self.runs.items() if called not in leaving for key in self.of(run)}
        for key in keys:
            if key in needed or key not in self.content:
                why = f"the run {needed[key]} needs it; drop that too" if key in needed else "there is none"
                raise UsageError(f"{self.path}: expected a record that no run needs, got {short(key)}: {why}")
        gone = keys.union(*map(self.of, leaving.values())) - needed.keys()
        return [self.content[key] for key in self.content if key not in gone], [self.content[key] for key in gone]

    def spent(self, prices: Mapping[str, Price]) -> dict[str, dict[str, float]]:
        """What answers cost by model and arm, as `cache.provider.limits.ledger` says it; shared ones are paid once."""
        uses, groups = Counter[str](), dict[str, list[Record]]()
        for run in self.runs.values():
            label = run.specification.label
            new = [record for record in run.answers if not uses[record.key]]
            groups.setdefault(f"{label.model} {run.specification.arm}".strip(), []).extend(new)
            uses.update(record.key for record in run.answers)
        return {name: one for name, new in groups.items() for one in ledger(new, prices, uses).values()}


def published(written: str) -> dict[str, Record]:
    """The answers of a published run, such as `329M` or, of one turn, `329M:3.1`, by where they were given.

    Raises:
        UsageError: there is no such run or turn.
    """
    called, _, place = written.partition(":")
    found = replay(called)
    return _at({called: turns(found.trajectory.steps, found.answers)}, place, written)


def tokens(records: Iterable[Record]) -> int:
    """What the answers among records were billed for."""
    return sum(usage.tokens for record in records if (usage := usage_of(record.answer)))


def difference(left: Opened, right: Opened) -> list[str]:
    """What differs in two recordings of one plan, a line each; runs are matched by their specification.

    Raises:
        UsageError: neither has a run.
    """
    if not (left.runs or right.runs):
        raise UsageError(f"{left.path}: expected runs to compare, got none; `python -m cache diff` compares records")
    pairs = [{run.record().key: (called, run) for called, run in side.runs.items()} for side in (left, right)]
    lines = []
    for key in sorted(pairs[0].keys() | pairs[1].keys(), key=lambda key: (pairs[0].get(key) or pairs[1][key])[0]):
        if not (key in pairs[0] and key in pairs[1]):
            side = "left" if key in pairs[0] else "right"
            lines.append(f"only {side}  {(pairs[0].get(key) or pairs[1][key])[0]}")
            continue
        sides = [turns(run.trajectory.steps, run.answers) for _, run in (pairs[0][key], pairs[1][key])]
        rows = [(one or other, _said(one), _said(other)) for one, other in zip_longest(*sides)]
        apart = [f"  {turn.place}  {one}  |  {other}" for turn, one, other in rows if turn and one != other]
        if apart:
            best = "  |  ".join(pair[key][1].trajectory.summary for pair in pairs)
            lines += [f"{pairs[0][key][0]}: {len(apart)} of {len(rows)} turns differ; {best}", *apart]
    return lines


def _said(turn: Turn | None) -> str:
    """What was proposed in a turn, and what became of it; what was answered where no design was read."""
    if turn is None:
        return "–"
    step = turn.step
    outcome = step.rejected or ("no accuracy" if step.accuracy is None else f"{step.accuracy:.2f} %")
    design = step.trial.architecture
    if design is None:
        return f"{outcome}: {turn.answer.text if turn.answer else ''}"
    return f"{' '.join(map(str, design))}, {outcome}"


def _at(found: Mapping[str, Iterable[Turn]], place: str, written: str) -> dict[str, Record]:
    answered = ((called, turn) for called, of_run in found.items() for turn in of_run if place in ("", turn.place))
    records = {f"{called}:{turn.place}": turn.answer for called, turn in answered if turn.answer is not None}
    if not records:
        raise UsageError(f"expected an answer of a model at {written}, got none; without the turn all are shown")
    return records
