"""A table whose trainings take no time: 78 architectures of 144 differ, in two blocks, under three seeds."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from tables.space import Architecture, Group, Slot, Space
from tables.trainable import Run, TrainedTable

CHOICES = tuple(f"choice {n}" for n in range(12))
DISTINCT = tuple((a, b) for a, b in product(range(12), repeat=2) if a <= b)
SLOWLY = "MADE_UP_SECONDS"  # environment: how long a unit takes
CRASH = "MADE_UP_CRASH"  # environment: if it is set, the second seed ends its process


def train(architectures: Sequence[Architecture], seed: int) -> tuple[Run, ...]:
    time.sleep(float(os.environ.get(SLOWLY, "0")))
    if seed == 1 and CRASH in os.environ:
        os._exit(3)
    return tuple(outcome(architecture, seed) for architecture in architectures)


def outcome(architecture: Architecture, seed: int) -> Run:
    rng = random.Random(f"{architecture} {seed}")
    true = 50.0 + sum(architecture)
    return Run(seed, rng.gauss(true, 1), rng.random(), rng.gauss(true, 1), rng.random(), 99.0, rng.random())


def cost(architecture: Architecture) -> tuple[int, int]:
    return 100 + sum(architecture), 10 + sum(architecture)


TABLE = TrainedTable(
    name="made-up",
    setting="made-up 1",
    space=Space("made-up", "Made up", (Group("Slots", (Slot("First", CHOICES), Slot("Second", CHOICES))),)),
    distinct=DISTINCT,
    number_of=tuple(DISTINCT.index((min(each), max(each))) for each in product(range(12), repeat=2)),
    seeds=3,
    train=train,
    cost=cost,
)


def declare(folder: Path) -> None:
    """Declare `TABLE` as an installed package would; `folder` then has to be on the path."""
    package = folder / "made_up-0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: made-up\nVersion: 0\n")
    (package / "entry_points.txt").write_text(
        "[genius_replay.trained_tables]\n"
        f"made-up = {__name__}:TABLE\n"
        f"no-table = {__name__}:CHOICES\n"
        f"not-installed = {__name__}_elsewhere:TABLE\n"
    )
