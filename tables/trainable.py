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

from tables.errors import MalformedSource, SourceNotFound
from tables.schema import Architecture, Codec, Columns, Measure, Origin, Slot, Source

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
    slots: tuple[Slot, ...]
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
        SourceNotFound: no package does, or what its declaration needs is not installed.
    """
    declared = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if name not in declared:
        raise SourceNotFound(
            f"no installed package trains a table called {name!r}; there are: {', '.join(sorted(declared)) or 'none'}; "
            "after a change of pyproject.toml run: pip install -e '.[train]'"
        )
    try:
        table = declared[name].load()
    except ImportError as error:
        raise SourceNotFound(f"{name} cannot be trained here ({error}): pip install 'genius-replay[train]'") from error
    if not isinstance(table, TrainedTable):
        raise SourceNotFound(
            f"{name}: expected {declared[name].value} to be a TrainedTable, got {type(table).__name__}"
        )
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
        MalformedSource: a line is no outcome of this table and setting; `path` is named in the message.
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
            raise MalformedSource(
                f"{path}, line {number}: expected an outcome of {table.name}, got {line[:80]!r} ({error}); "
                "train into another folder"
            ) from error
        outcomes[unit] = runs
    return outcomes


def source_of(table: TrainedTable, seeds: int) -> Source:
    """How a table of the first `seeds` seeds is built from lines of outcomes; an accuracy is the mean of its runs."""

    def read(content: bytes, source: Source) -> Columns:
        outcomes = from_lines(content, table, source.origin.path)
        missing = [unit for unit in table.units(seeds) if unit not in outcomes]
        if missing:
            raise MalformedSource(
                f"{table.name}: {len(missing)} of {len(table.units(seeds))} units are not trained, "
                f"such as {missing[0]}; python -m tables train {table.name} --seeds {seeds} takes the run up"
            )
        runs = np.array(
            [[run for block in range(table.blocks) for run in outcomes[Unit(seed, block)]] for seed in range(seeds)]
        )  # (seeds, distinct, fields of a run)
        dense = {
            field: runs[:, table.number_of, column].T  # (architectures, seeds)
            for column, field in enumerate(Run._fields)
        }
        macs, params = np.array([table.cost(architecture) for architecture in table.distinct])[table.number_of, :].T
        return Columns(
            accuracy=dense["validation"].mean(axis=1),
            file_order=np.arange(len(table.number_of), dtype=np.int32),
            runs=dense["validation"],
            params=params,
            flops=macs,
            test=dense["test"].mean(axis=1),
            test_runs=dense["test"],
            validation_loss=dense["validation_loss"].mean(axis=1),
            test_loss=dense["test_loss"].mean(axis=1),
            training=dense["training"].mean(axis=1),
            training_loss=dense["training_loss"].mean(axis=1),
        )

    return Source(
        name=table.name,
        measure=Measure.VALIDATION,
        slots=table.slots,
        origin=Origin(
            repository="trained by this project",
            revision=table.setting,
            path=f"python -m tables train {table.name} --seeds {seeds}",
            licence="Apache-2.0",
        ),
        codec=Codec(decode=_no_key, encode=lambda architecture, _: str(list(architecture))),
        read=read,
        compressed=True,
    )


def _no_key(key: str, slots: tuple[Slot, ...]) -> Architecture | None:  # noqa: ARG001 (outcomes are keyed by unit)
    return None
