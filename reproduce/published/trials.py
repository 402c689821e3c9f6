"""GENIUS' trials of tables 7 to 10, each on a benchmark table, replayed from the published accuracies and ranks.

The paper prints the accuracy and the rank of each iteration; the rank names the architecture. The committed cassettes
hold these architectures as answers to this project's prompts. With the published table at hand every accuracy and rank
is looked up again; without it the loop is told the printed accuracies. A trial that is shorter than ten iterations
ended because GPT-4 answered that no further improvement is possible, and so does its replay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from cache import cassette
from harness.loop import Budget
from harness.objectives import TabularObjective
from harness.spaces import find
from harness.specification import Model, Protocol, Specification, Turn
from reproduce.published.replay import ITERATIONS, MODEL, RECORDED, Replay, setting, wording
from reproduce.published.replay import replay as performed
from tables.space import Architecture
from tables.table import Table

PROPOSALS = Path(__file__).parents[1] / "paper" / "proposals.json"
NAMES = ("table7", "table8", "table9", "table10")
CELLS = {
    "nas-bench-201-cifar10": "table11",
    "nas-bench-201-cifar100": "table12",
    "nas-bench-201-imagenet16-120": "table13",
}
"""The benchmark tables of NAS-Bench-201, each with the table of the paper that prints GENIUS' trials on it."""


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
def published_trials() -> dict[str, Trials]:
    """The trials of tables 7 to 10, by the name of the table."""
    found = {}
    for name in NAMES:
        printed = _printed()[name]
        trials = tuple(_proposed(printed["space"], trial) for trial in printed["trials"])
        found[name] = Trials(name, printed["space"], printed["temperature"], trials)
    return found


@cache
def best_cells(benchmark: str) -> tuple[Proposed, ...]:
    """The best cell of each trial on a table of NAS-Bench-201, with its test accuracy and rank; none on another."""
    return _proposed("nas-bench-201", _printed()["best_of_trial"].get(benchmark, ()))


@cache
def _printed() -> dict[str, Any]:
    return msgspec.json.decode(PROPOSALS.read_bytes(), type=dict[str, Any])


def _proposed(space: str, printed: Iterable[Mapping[str, Any]]) -> tuple[Proposed, ...]:
    read = find(space).SPACE.from_native
    return tuple(Proposed(read(one["architecture"]), one["accuracy"], one["rank"]) for one in printed)


def selections() -> Iterator[tuple[str, str, tuple[Proposed, ...]]]:
    """Benchmark table, table of the paper, and for each trial the proposal that was told the highest accuracy."""
    for name, table in published_trials().items():
        yield table.space, name, tuple(max(trial, key=lambda one: one.accuracy) for trial in table.trials)
    for benchmark, name in CELLS.items():
        yield benchmark, name, best_cells(benchmark)


def specification(trials: Trials, number: int) -> Specification:
    """Trial `number`, from 0; what is told is what the paper prints, and behind its end the truth."""
    told = tuple(
        (Turn(design=one.architecture, verdict="accepted", accuracy=one.accuracy),) for one in trials.trials[number]
    )
    prompt, parameters = wording(trials.space).parts, {"temperature": trials.temperature}
    return Specification(
        method="genius",
        space=trials.space,
        budget=Budget(evaluations=ITERATIONS),
        model=Model(name=MODEL, parameters=parameters, prompt=prompt, protocol=Protocol(repeats="evaluated")),
        told=told,
        number=number,
    )


def cassette_path(name: str) -> Path:
    """The committed cassette of a table's trials."""
    return RECORDED / f"genius-{name}.jsonl"


def replay(trials: Trials, table: Table | None = None) -> list[Replay]:
    """Search again as each trial of a table of the paper did; accuracies are those of the benchmark table, if given."""
    recorded = cassette.read(cassette_path(trials.name))
    tabular = None if table is None else TabularObjective(find(trials.space).SPACE, table)
    runs = [specification(trials, number) for number in range(len(trials.trials))]
    hows = [setting(run, f"{trials.name} trial {run.number + 1}", objective=tabular) for run in runs]
    return [
        performed(run, how, recorded, "reconstructed", recorded.digest) for run, how in zip(runs, hows, strict=True)
    ]
