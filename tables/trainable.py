"""Tables that this project trains itself: what one is, where it is declared, and the file of outcomes it is built from.

Trainings come in units: a fixed block of architectures under one seed. A unit's outcome follows from the unit alone, so
it does not matter which process trains it, in which order, or how often the run was interrupted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tables.errors import TableError
from tables.source import Measure, Origin, Source
from tables.space import Architecture, Space
from tables.storage import Columns

ENTRY_POINTS = "genius_replay.trained_tables"
"""The group under which a package declares its tables; each name stands for a `TrainedTable`."""
BLOCK = 64  # architectures of a unit


class Run(NamedTuple):
    """One training: accuracies in percent at its end, mean cross-entropies in nats."""

    seed: int
    validation: float
    validation_loss: float
    test: float
    test_loss: float
    training: float
    training_loss: float


class Unit(NamedTuple):
    """What is trained at once: the architectures of one block under one seed."""

    seed: int
    block: int


@dataclass(frozen=True)
class TrainedTable:
    """A table that `python -m tables train` makes.

    `setting` names the recipe with its version: outcomes of different settings are never mixed. `distinct` are the
    architectures that are trained; `number_of` says for every architecture, in dense order, which of them stands for
    it. `cost` gives MACs and parameters of the network that is trained.
    """

    name: str
    setting: str
    space: Space
    distinct: tuple[Architecture, ...]
    number_of: tuple[int, ...]
    seeds: int
    train: Callable[[Sequence[Architecture], int], tuple[Run, ...]]
    cost: Callable[[Architecture], tuple[int, int]]

    @property
    def blocks(self) -> int:
        """How many blocks the distinct architectures make."""
        return -(-len(self.distinct) // BLOCK)

    def block(self, number: int) -> tuple[Architecture, ...]:
        """The architectures of a block."""
        return self.distinct[number * BLOCK : (number + 1) * BLOCK]

    def units(self, seeds: int) -> tuple[Unit, ...]:
        """Everything that the first `seeds` seeds take, seed by seed."""
        return tuple(Unit(seed, block) for seed in range(seeds) for block in range(self.blocks))


def find(name: str) -> TrainedTable:
    """The trained table of this name, from whichever installed package declares it.

    Raises:
        TableError: no package does, or what its declaration needs is not installed.
    """
    declared = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if name not in declared:
        raise TableError(
            f"no installed package trains a table called {name!r}; there are: {', '.join(sorted(declared)) or 'none'}; "
            "after a change of pyproject.toml run: pip install -e '.[train]'"
        )
    try:
        table = declared[name].load()
    except ImportError as error:
        raise TableError(f"{name} cannot be trained here ({error}): pip install 'genius-replay[train]'") from error
    if not isinstance(table, TrainedTable):
        raise TableError(f"{name}: expected {declared[name].value} to be a TrainedTable, got {type(table).__name__}")
    return table


Outcomes = Mapping[Unit, Sequence[Run]]
"""What was trained: a run for each architecture of each unit."""


def outcomes_file(table: TrainedTable, folder: Path) -> Path:
    """Where a run keeps its outcomes, one unit a line."""
    return folder / f"{table.name}.jsonl"


def to_line(table: TrainedTable, unit: Unit, runs: Sequence[Run]) -> bytes:
    """The outcome of a unit as one line of JSON."""
    fields = {"setting": table.setting, "seed": unit.seed, "block": unit.block, "runs": runs}
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def from_lines(content: bytes, table: TrainedTable, path: str | Path) -> dict[Unit, tuple[Run, ...]]:
    """The inverse of `to_line`, for any number of lines; a last one that a kill cut short is left out.

    Raises:
        TableError: a line is no outcome of this table and setting; `path` is named in the message.
    """
    outcomes = {}
    for number, line in enumerate(content.split(b"\n")[:-1], start=1):
        try:
            fields = json.loads(line)
            unit, runs = Unit(fields["seed"], fields["block"]), tuple(Run(*run) for run in fields["runs"])
            if fields["setting"] != table.setting:
                raise ValueError(f"setting {fields['setting']!r} where {table.setting!r} was expected")
            if len(runs) != len(table.block(unit.block)) or any(run.seed != unit.seed for run in runs):
                raise ValueError(f"{len(runs)} runs where {len(table.block(unit.block))} of seed {unit.seed} belong")
        except (ValueError, KeyError, TypeError) as error:
            raise TableError(
                f"{path}, line {number}: expected an outcome of {table.name}, got {line[:80]!r} ({error}); "
                "train into another folder"
            ) from error
        outcomes[unit] = runs
    return outcomes


def source_of(table: TrainedTable, seeds: int) -> Source:
    """What a table of the first `seeds` seeds says of itself."""
    return Source(
        name=table.name,
        space=table.space,
        measure=Measure.VALIDATION,
        origin=Origin(
            repository="trained by this project",
            revision=table.setting,
            path=f"python -m tables train {table.name} --seeds {seeds}",
            licence="Apache-2.0",
        ),
    )


def columns_of(table: TrainedTable, seeds: int, outcomes: Outcomes) -> Columns:
    """The columns of a table of the first `seeds` seeds; an accuracy is the mean of its runs."""
    runs = np.array(
        [[run for block in range(table.blocks) for run in outcomes[Unit(seed, block)]] for seed in range(seeds)]
    )  # (seeds, distinct, fields of a run)
    dense = {
        field: runs[:, table.number_of, column].T  # (architectures, seeds)
        for column, field in enumerate(Run._fields)
    }
    macs, params = np.array([table.cost(architecture) for architecture in table.distinct])[table.number_of, :].T
    means = ("validation_loss", "test", "test_loss", "training", "training_loss")
    return {
        "accuracy": dense["validation"].mean(axis=1),
        "file_order": np.arange(len(table.number_of)),
        "runs": dense["validation"],
        "params": params,
        "flops": macs,
        "test_runs": dense["test"],
        **{name: dense[name].mean(axis=1) for name in means},
    }
