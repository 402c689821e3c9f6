"""The private table: every cell of NAS-Bench-201 in a small network on noisy digits (`python -m harness.digits`).

Numbers that were never published, and so in no language model's training data. Cells that compute the same function
are trained once (`harness.spaces.cells`); costs are those of the network that is trained, in which dead edges are
absent.

The digits are made hard enough to tell small networks apart: scikit-learn's 8×8 pictures under strong noise. 300 train,
700 validate, 797 test; the division is drawn once. Pixels are standardised and get Gaussian noise of their own standard
deviation: fresh noise every time a digit is trained on, one fixed noise on validation and test. Noise and order of
training follow from the seed alone, so that every network of a seed is shown the same pictures. They come as the
patches that a 4×4 convolution of stride 2 reads: it is the same first layer in every network, and cutting them once
saves doing so in every training. Arrays are (16 pixels of a patch, 16 positions, pictures).

What is trained are jobs of the training queue, a block of cells under one seed each. A block's outcome follows from the
block alone, so it does not matter which process trains it, in which order, or how often it was interrupted. The first
seed of all cells comes first, then the second: a run may end after any seed.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import ClassVar, NamedTuple, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from harness.errors import InvalidJob
from harness.spaces import Benchmark
from harness.spaces.cells import cell_numbers, distinct_cells, live_edges
from harness.spaces.costs import Cost, batch_norm, conv_bn, linear, total
from harness.spaces.nas_bench_201 import SPACE, operation_cost
from harness.training.data.dataset import digits
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

TRAINING, VALIDATION = 300, 700  # digits; the rest tests
NOISE = 1.0  # standard deviations of a pixel
BATCH = 50
STEPS = 60
KERNEL, STRIDE, PADDING = 4, 2, 1  # of the first layer
SIDE = 4  # of what the first layer gives

Pictures: TypeAlias = NDArray[np.float32]
Labels: TypeAlias = NDArray[np.int64]

# Streams of random numbers, apart from each other:
_DIVISION, _VALIDATION_NOISE, _TEST_NOISE, _TRAINING_NOISE = range(4)


def cost(architecture: Architecture) -> Cost:
    """Cost of the network that is trained; edges that are dead cost nothing."""
    first, second = CHANNELS
    return total(
        conv_bn(1, first, KERNEL, SIDE),
        *(operation_cost(edge.operation, first, SIDE) for edge in live_edges(architecture)),
        conv_bn(first, second, 1, SIDE // 2),
        *(operation_cost(edge.operation, second, SIDE // 2) for edge in live_edges(architecture)),
        batch_norm(second, SIDE // 2),
        linear(second, CLASSES),
    )


BENCHMARK = Benchmark("nas-bench-201-digits", SPACE, cost, by_network=True)
NAME = BENCHMARK.name


# -- the pictures ---


class Part(NamedTuple):
    """Patches (16, 16, n) and labels (n,)."""

    patches: Pictures
    labels: Labels


@cache
def validation() -> Part:
    """700 digits under a noise that never changes."""
    return _noisy(_digits()[1], np.random.default_rng(_VALIDATION_NOISE))


@cache
def test() -> Part:
    """797 digits under a noise that never changes."""
    return _noisy(_digits()[2], np.random.default_rng(_TEST_NOISE))


def training(seed: int) -> tuple[Part, ...]:
    """The batches of one training in order: all 300 digits once, in an order of the seed's, then again.

    Raises:
        TrainingError: scikit-learn is not installed.
    """
    rng = np.random.default_rng((_TRAINING_NOISE, seed))
    pictures, labels = _digits()[0]
    passes = -(-STEPS * BATCH // TRAINING)
    order = np.concatenate([rng.permutation(TRAINING) for _ in range(passes)])[: STEPS * BATCH].reshape(STEPS, BATCH)
    return tuple(_noisy((pictures[batch], labels[batch]), rng) for batch in order)


@cache
def _digits() -> tuple[tuple[Pictures, Labels], ...]:
    """The three parts: standardised pictures (n, 8, 8) and labels (n,)."""
    arrays = digits()
    order = np.random.default_rng(_DIVISION).permutation(len(arrays.labels))
    pictures = arrays.images[order, :, :, 0].astype(np.float32)
    pictures = (pictures - pictures[:TRAINING].mean()) / pictures[:TRAINING].std()
    ends = (TRAINING, TRAINING + VALIDATION)
    return tuple(zip(np.split(pictures, ends), np.split(arrays.labels[order], ends), strict=True))


def _noisy(part: tuple[Pictures, Labels], rng: np.random.Generator) -> Part:
    pictures, labels = part
    return Part(patches(pictures + NOISE * rng.standard_normal(pictures.shape, dtype=np.float32)), labels)


def patches(pictures: Pictures) -> Pictures:
    """(n, 8, 8) → (16, 16, n): what the first layer reads at each of its positions."""
    padded = np.pad(pictures, ((0, 0), (PADDING, PADDING), (PADDING, PADDING)))
    windows = sliding_window_view(padded, (KERNEL, KERNEL), axis=(1, 2))[:, ::STRIDE, ::STRIDE]  # (n, 4, 4, 4, 4)
    return np.ascontiguousarray(windows.transpose(3, 4, 1, 2, 0).reshape(KERNEL * KERNEL, SIDE * SIDE, -1), np.float32)


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
    lines = []
    for number, of_block in enumerate(runs):
        line = {"setting": SETTING, "seed": number // count, "block": number % count, "runs": of_block}
        lines.append(json.dumps(line, separators=(",", ":")) + "\n")
    origin = Origin("trained by this project", SETTING, f"python -m tables train {NAME} --seeds {seeds}", "Apache-2.0")
    source = Source(NAME, SPACE, Measure.VALIDATION, origin)
    return build(source, _columns(runs, seeds), "".join(lines).encode(), folder, compressed=True)


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
