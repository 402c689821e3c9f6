"""The private table: every cell of NAS-Bench-201 in a small network on noisy digits (`python -m harness.digits`).

Numbers that were never published, and so in no language model's training data. Cells that compute the same function
are trained once (`harness.spaces.cells`); costs are those of the network that is trained, in which dead edges are
absent.

What is trained are jobs of the training queue, a block of cells under one seed each. A block's outcome follows from the
block alone, so it does not matter which process trains it, in which order, or how often it was interrupted. The first
seed of all cells comes first, then the second: a run may end after any seed.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np

from harness.digits.pictures import KERNEL, SIDE
from harness.errors import InvalidJob
from harness.spaces import Benchmark
from harness.spaces.cells import cell_numbers, distinct_cells, live_edges
from harness.spaces.costs import Cost, batch_norm, conv_bn, linear, total
from harness.spaces.nas_bench_201 import SPACE, operation_cost
from harness.training.jobs import Data, Done, Spec
from tables.errors import TableError
from tables.source import Measure, Origin, Source
from tables.space import Architecture
from tables.storage import Columns, build, load

CHANNELS = (8, 16)  # of the two cells
CLASSES = 10
SETTING = "nas-bench-201-digits 1"  # names the recipe with its version: outcomes of different settings are never mixed
SEEDS = 8
BLOCK = 64  # cells of a job


def cost(architecture: Architecture) -> Cost:
    """Cost of the network that is trained; edges that are dead cost nothing."""
    first, second = CHANNELS
    return total(
        (
            conv_bn(1, first, KERNEL, SIDE),
            *(operation_cost(edge.operation, first, SIDE) for edge in live_edges(architecture)),
            conv_bn(first, second, 1, SIDE // 2),
            *(operation_cost(edge.operation, second, SIDE // 2) for edge in live_edges(architecture)),
            batch_norm(second, SIDE // 2),
            linear(second, CLASSES),
        )
    )


BENCHMARK = Benchmark("nas-bench-201-digits", SPACE, cost)
NAME = BENCHMARK.name


# -- what is trained ---


class Run(NamedTuple):
    """One training: accuracies in percent at its end, mean cross-entropies in nats."""

    seed: int
    validation: float
    validation_loss: float
    test: float
    test_loss: float
    training: float
    training_loss: float


class Block(Spec, frozen=True, dict=True):
    """The training of some cells, side by side, under one seed; raises InvalidJob for another setting than today's."""

    kind: ClassVar[str] = "digits"
    source: ClassVar[str] = "trained by harness.digits"

    seed: int
    cells: tuple[Architecture, ...]
    setting: str = SETTING

    def __post_init__(self) -> None:
        if self.setting != SETTING:
            raise InvalidJob(f"expected a block of the setting {SETTING!r}, got {self.setting!r}: check that one out")


class Runs(Data, frozen=True):
    """What follows from a block: a run for each cell."""

    runs: tuple[Run, ...]


class TrainedBlock(Done[Block, Runs], frozen=True):
    """A block that was trained."""


def blocks(seeds: int) -> list[Block]:
    """Everything that the first `seeds` seeds take, seed by seed; each cell that differs once a seed."""
    cells = distinct_cells()
    return [Block(seed, cells[start : start + BLOCK]) for seed in range(seeds) for start in range(0, len(cells), BLOCK)]


# -- the table ---


def build_table(runs: Sequence[Sequence[Run]], seeds: int, folder: Path) -> Path:
    """Build the table in a folder, from the runs of each of `blocks(seeds)`; an accuracy is the mean over the seeds.

    Raises:
        TableError: it could not be written.
    """
    count = len(runs) // seeds  # of blocks a seed
    # Under these names, lines and places its source and its origin enter the digest of the committed table.
    lines = (
        json.dumps(
            {"setting": SETTING, "seed": number // count, "block": number % count, "runs": of_block},
            separators=(",", ":"),
        )
        for number, of_block in enumerate(runs)
    )
    origin = Origin("trained by this project", SETTING, f"python -m tables train {NAME} --seeds {seeds}", "Apache-2.0")
    source = Source(NAME, SPACE, Measure.VALIDATION, origin)
    content = "".join(f"{line}\n" for line in lines).encode()
    return build(source, _columns(runs, seeds), content, folder, compressed=True)


def _columns(runs: Sequence[Sequence[Run]], seeds: int) -> Columns:
    values = np.array([run for of_block in runs for run in of_block]).reshape(seeds, -1, len(Run._fields))
    numbers = cell_numbers()
    dense = {field: values[:, numbers, column].T for column, field in enumerate(Run._fields)}  # (architectures, seeds)
    costs = np.array([(each.macs, each.params) for each in map(cost, distinct_cells())])[numbers, :]
    return {
        "accuracy": dense["validation"].mean(axis=1),
        "file_order": np.arange(SPACE.size),
        "runs": dense["validation"],
        "test_runs": dense["test"],
        "flops": costs[:, 0],
        "params": costs[:, 1],
        **{f: dense[f].mean(axis=1) for f in ("test", "validation_loss", "test_loss", "training", "training_loss")},
    }


# -- the check ---


class Retrained(NamedTuple):
    """A row of a table beside what training it again gave: validation and test accuracy in percent, by seed."""

    architecture: Architecture
    stored: list[tuple[float, float]]
    again: list[tuple[float, float]]

    @property
    def difference(self) -> float:
        """The largest difference of an accuracy, in percentage points."""
        return float(np.abs(np.subtract(self.stored, self.again)).max())


def retrain(
    train: Callable[[Sequence[Architecture], int], Sequence[Run]], path: Path, count: int, seed: int = 0
) -> list[Retrained]:
    """Train some rows of the table at `path` again, under all its seeds.

    They are rows of one block, which is trained whole, as it was: on the same machine with the same libraries the same
    bits come out.

    Args:
        train: `harness.digits.network.train`.
        path: the table.
        count: how many rows to compare; a block has no more than `BLOCK`.
        seed: draws the block and the rows.

    Raises:
        TableError: see `tables.storage.load`; or the table was made with another setting than today's.
    """
    info, columns = load(path, ["runs", "test_runs"])
    if info.origin.revision != SETTING:
        raise TableError(
            f"{path} was trained with the setting {info.origin.revision!r}, this version trains {SETTING!r}; "
            "train it again: python -m harness.digits train --into FOLDER"
        )
    rng = random.Random(seed)
    of_first_seed = blocks(1)
    number = rng.randrange(len(of_first_seed))
    cells = of_first_seed[number].cells
    trained = [train(cells, each) for each in range(columns["runs"].shape[1])]
    rows = []
    for place in sorted(rng.sample(range(len(cells)), min(count, len(cells)))):
        row = cell_numbers().index(number * BLOCK + place)
        stored = list(zip(columns["runs"][row].tolist(), columns["test_runs"][row].tolist(), strict=True))
        rows.append(Retrained(cells[place], stored, [(runs[place].validation, runs[place].test) for runs in trained]))
    return rows
