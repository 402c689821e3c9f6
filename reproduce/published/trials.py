"""What tables 7 to 10 share: GENIUS' trials on a benchmark table, replayed from the published accuracies and ranks.

The paper prints the accuracy and the rank of each iteration; the rank names the architecture. The committed cassettes
hold these architectures as answers to this project's prompts. With the published table at hand every accuracy and rank
is looked up again; without it the loop is told the printed accuracies. A trial that is shorter than ten iterations
ended because GPT-4 answered that no further improvement is possible, and so does its replay.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from baselines.genius import Genius, Prompts
from cache import cassette
from cache.record import Record
from harness.loop import Budget, Objective
from harness.objectives import TabularObjective
from harness.run import Setting
from harness.spaces import counted_macs, find
from harness.specification import Model, Protocol, Specification, Turn
from harness.text import layouts
from reproduce import benchmarks
from reproduce.benchmarks import Standing
from reproduce.published.replay import ITERATIONS, MODEL, RECORDED, Replay, reconstruct
from reproduce.published.replay import replay as performed
from reproduce.report.report import Cell, Column, Report, label, quoted, recomputed
from tables.space import Architecture

PROPOSALS = Path(__file__).parents[1] / "paper" / "proposals.json"
CONCLUSION = "No further improvement is possible."
NAMES = ("table7", "table8", "table9", "table10")


@dataclass(frozen=True)
class Proposed:
    """One iteration as the paper prints it: accuracy in percent and rank, and the architecture at that rank."""

    architecture: Architecture
    accuracy: float
    rank: int


@dataclass(frozen=True)
class Trials:
    """All trials of a table of the paper."""

    name: str
    space: str  # and the name of the benchmark table
    temperature: float
    trials: tuple[tuple[Proposed, ...], ...]


@cache
def proposals() -> dict[str, Any]:
    """`paper/proposals.json` as it is."""
    content: dict[str, Any] = json.loads(PROPOSALS.read_text(encoding="utf-8"))
    return content


@cache
def published_trials() -> dict[str, Trials]:
    """The trials of tables 7 to 10, by the name of the table."""
    content = proposals()
    found = {}
    for name in NAMES:
        space = find(content[name]["space"]).SPACE
        trials = tuple(
            tuple(Proposed(space.from_native(one["architecture"]), one["accuracy"], one["rank"]) for one in trial)
            for trial in content[name]["trials"]
        )
        found[name] = Trials(name, space.name, content[name]["temperature"], trials)
    return found


def specification(trials: Trials, number: int) -> Specification:
    """Trial `number`, from 0; what is told is what the paper prints, and behind its end the truth."""
    told = tuple(
        (Turn(design=one.architecture, verdict="accepted", accuracy=one.accuracy),) for one in trials.trials[number]
    )
    parameters = {"temperature": trials.temperature}
    return Specification(
        method="genius",
        space=trials.space,
        budget=Budget(evaluations=ITERATIONS),
        model=Model(
            name=MODEL, parameters=parameters, prompt=_prompts(trials).parts, protocol=Protocol(repeats="evaluated")
        ),
        told=told,
        number=number,
    )


def setting(trials: Trials, number: int, objective: Objective | None = None) -> Setting:
    """What performs a trial; without an objective figures are those that the paper prints."""
    space = find(trials.space).SPACE
    optimizer = partial(Genius, space, _prompts(trials))
    name = f"{trials.name} trial {number + 1}"
    return Setting(space, partial(counted_macs, trials.space), optimizer, objective=objective, name=name)


def _prompts(trials: Trials) -> Prompts:
    return Prompts.load(trials.space.replace("-", "_"))


def records(trials: Trials) -> list[Record]:
    """The records of all trials of a table, with this project's prompts."""
    space = find(trials.space).SPACE
    provenance = {"origin": "reconstructed from published figures", "table": f"arXiv:2304.10970v4 {trials.name}"}
    return [
        record
        for number, trial in enumerate(trials.trials)
        for record in reconstruct(
            specification(trials, number),
            setting(trials, number),
            [*(layouts.write(space, one.architecture) for one in trial), CONCLUSION],
            provenance,
        )
    ]


def cassette_path(name: str) -> Path:
    """The committed cassette of a table's trials."""
    return RECORDED / f"genius-{name}.jsonl"


def replay(name: str, *, embedded_only: bool = False) -> list[Replay]:
    """Search again as each trial of a table did."""
    trials = published_trials()[name]
    recorded = cassette.read(cassette_path(name))
    tabular = None
    if not embedded_only and benchmarks.at_hand(trials.space):
        tabular = TabularObjective(find(trials.space).SPACE, benchmarks.open_benchmark(trials.space).table)
    return [
        performed(
            specification(trials, number), setting(trials, number, tabular), recorded, "reconstructed", recorded.digest
        )
        for number in range(len(trials.trials))
    ]


def report(name: str, title: str, *, embedded_only: bool = False) -> Report:
    """Accuracy and rank of every iteration of every trial."""
    trials = published_trials()[name]
    replays = replay(name, embedded_only=embedded_only)
    opened = None
    if not embedded_only and benchmarks.at_hand(trials.space):
        opened = benchmarks.open_benchmark(trials.space)
    columns = [Column("iteration", "T")]
    courses, notes = [], []
    for number, (found, printed) in enumerate(zip(replays, trials.trials, strict=True), start=1):
        columns += [Column(f"trial{number}_accuracy", f"Trial {number} (%)"), Column(f"trial{number}_rank", "Rank")]
        pairs = [(one, opened.standing(one.architecture) if opened else None) for one in printed]
        courses.append([cells(*pair) for pair in pairs] + [(quoted(None),) * 2] * (ITERATIONS - len(pairs)))
        notes += [
            f"{found.run}, T={iteration}: the paper prints {one.accuracy:.2f} at rank {one.rank}, where the table has "
            f"{truth.test:.2f}"
            for iteration, (one, truth) in enumerate(pairs)
            if truth is not None and contradicts(one, truth)
        ]
    rows = tuple(
        (label(iteration), *(cell for course in courses for cell in course[iteration]))
        for iteration in range(ITERATIONS)
    )
    notes.append("Each architecture is the one at the printed rank; equals are in the order of numpy 1.23's sort.")
    hits = sum(found.tally.hits for found in replays)
    notes.append(f"The loop ran on {hits} answers that were reconstructed from these architectures.")
    if opened is None:
        brings = benchmarks.find(trials.space).brings
        notes.append(f"Nothing was looked up: `{brings}` brings the table.")
        return Report(name, title, tuple(columns), rows, tuple(notes), tuple(replays))
    notes.append(f"Optimum {opened.verdicts.optimum:.2f}; without a validation accuracy, the search saw test accuracy.")
    digests = {trials.space: opened.table.digest}
    return Report(name, title, tuple(columns), rows, tuple(notes), tuple(replays), digests)


def contradicts(one: Proposed, truth: Standing) -> bool:
    """Whether the printed accuracy and rank cannot belong to one architecture."""
    return f"{one.accuracy:.2f}" != f"{truth.test:.2f}" or not truth.ties[0] <= one.rank <= truth.ties[1]


def cells(one: Proposed, truth: Standing | None) -> tuple[Cell, Cell]:
    """Accuracy: the table's where there is one and it agrees. Rank: the paper's, since it names the architecture."""
    if truth is None or contradicts(one, truth):
        return quoted(one.accuracy, ".2f"), quoted(one.rank)
    return recomputed(truth.test, ".2f"), quoted(one.rank)
