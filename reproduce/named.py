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
from typing import TypeAlias

from cache import cassette
from cache.cassette import Cassette
from cache.cli.records import texts
from cache.key import DIGEST_PREFIX, short
from cache.provider.limits import Price, ledger
from cache.record import Record
from genius_replay.advice import meant
from harness.loop import Step
from harness.run import Run
from harness.specification import RUN, Specification
from reproduce import recording
from reproduce.errors import UsageError
from reproduce.published.imagenet import replay

_NAME = re.compile(r"(?P<run>.*?)(?::(?P<number>\d+))?(?::(?P<place>\d+\.\d+))?", re.DOTALL)
_DIGITS = re.compile(f"({DIGEST_PREFIX})?[0-9a-f]{{6,64}}")
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


Turn: TypeAlias = "tuple[str, Step, Record | None]"
"""Iteration and turn, what happened there, and the answer that it was read from, if a model was asked."""


def turns(steps: Iterable[Step], answers: Iterable[Record]) -> list[Turn]:
    """The steps of a run with their answers."""
    by_key = {record.key: record for record in answers}
    return [(f"{step.iteration}.{step.turn}", step, by_key.get(step.trial.proposal.record or "")) for step in steps]


@dataclass(frozen=True)
class Opened:
    """A recording, and its runs by name as they were performed again; raises as `replay_recording` does."""

    path: Path

    @cached_property
    def content(self) -> Cassette:
        """All records."""
        return cassette.read(self.path, exact=True)

    @cached_property
    def runs(self) -> dict[str, Run]:
        """The runs by name; none in the recording of another program."""
        found = recording.replay_recording(self.path) if any(self.content.of_kind(RUN)) else []
        return dict(zip(names((run.specification, run.record().key) for run in found), found, strict=True))

    def chosen(self, written: str) -> tuple[dict[str, Run], str]:
        """The runs that a name means, and the place in them, empty if none is named.

        Raises:
            UsageError: it means none.
        """
        said = _NAME.fullmatch(written)
        assert said is not None  # the pattern takes every text
        asked, number = {*said["run"].split("/")} - {""}, said["number"]
        apart = {called: called.rpartition(":") for called in self.runs}
        fit = [each for each, (name, _, n) in apart.items() if asked <= {*name.split("/")} and number in (None, n)]
        if not fit or not (asked or number):
            there = f"`python -m reproduce runs list {self.path}` names them"
            raise UsageError(f"{self.path}: no run is called {written!r}; {there}{meant(written, self.runs)}")
        return {called: self.runs[called] for called in fit}, said["place"] or ""

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
            label = run.specification.label
            group = {"run": called, "model": label.model, "table": label.target, "label": called.rpartition(":")[0]}[by]
            groups.setdefault(group, set()).update(_keys(run))
        for key in self.content.keys() - set().union(*groups.values()):
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
            if _DIGITS.fullmatch(each):
                digits = DIGEST_PREFIX + each.removeprefix(DIGEST_PREFIX)
                keys |= {key for key in self.content if key.startswith(digits)} or {digits}
            else:
                leaving |= self.chosen(each)[0]
        needed = {key: called for called, run in self.runs.items() if called not in leaving for key in _keys(run)}
        for key in keys - (self.content.keys() - needed.keys()):
            why = f"the run {needed[key]} needs it; drop that too" if key in needed else "there is none"
            raise UsageError(f"{self.path}: expected a record that no run needs, got {short(key)}: {why}")
        gone = keys.union(*map(_keys, leaving.values())) - needed.keys()
        return [self.content[key] for key in self.content if key not in gone], [self.content[key] for key in gone]

    def spent(self, prices: Mapping[str, Price]) -> dict[str, dict[str, float]]:
        """What answers cost by model and arm, as `cache.provider.limits.ledger` says it; shared ones are paid once."""
        uses, groups = Counter[str](), dict[str, list[Record]]()
        for run in self.runs.values():
            group = f"{run.specification.label.model} {run.specification.arm}".strip()
            groups.setdefault(group, []).extend(record for record in run.answers if not uses[record.key])
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


def difference(left: Opened, right: Opened) -> list[str]:
    """What differs in two recordings of one plan, a line each; runs are matched by their specification.

    Raises:
        UsageError: neither has a run.
    """
    ours, theirs = ({run.record().key: (name, run) for name, run in side.runs.items()} for side in (left, right))
    if not ours and not theirs:
        raise UsageError(f"{left.path}: expected runs to compare, got none; `python -m cache diff` compares records")
    lines = [f"only left  {name}" for key, (name, _) in ours.items() if key not in theirs]
    lines += [f"only right  {name}" for key, (name, _) in theirs.items() if key not in ours]
    for key in filter(theirs.__contains__, ours):
        name, both = ours[key][0], [side[key][1] for side in (ours, theirs)]
        pairs = [*zip_longest(*(turns(run.trajectory.steps, run.answers) for run in both))]
        rows = [((one or other)[0], _said(one), _said(other)) for one, other in pairs]
        if apart := [f"  {place}  {one}  |  {other}" for place, one, other in rows if one != other]:
            best = "  |  ".join(run.trajectory.summary for run in both)
            lines += [f"{name}: {len(apart)} of {len(rows)} turns differ; {best}", *apart]
    return lines


def _keys(run: Run) -> set[str]:
    """The keys of what a run needs, with its own."""
    return {record.key for record in run.records}


def _said(turn: Turn | None) -> str:
    """What was proposed in a turn, and what became of it; what was answered where no design was read."""
    if turn is None:
        return "–"
    _, step, answer = turn
    outcome = step.rejected or ("no accuracy" if step.accuracy is None else f"{step.accuracy:.2f} %")
    design = step.trial.architecture
    said = " ".join(map(str, design) if design else texts(answer.answer) if answer else ())
    return f"{said}, {outcome}"


def _at(found: Mapping[str, Iterable[Turn]], place: str, written: str) -> dict[str, Record]:
    answered = ((f"{called}:{where}", said) for called, of_run in found.items() for where, _, said in of_run)
    records = {where: said for where, said in answered if said and (not place or where.endswith(f":{place}"))}
    if not records:
        raise UsageError(f"expected an answer of a model at {written}, got none; without the turn all are shown")
    return records
