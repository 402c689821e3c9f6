"""Made-up spaces and tables for searches, and trials as an engine would tell them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.protocol import Evaluated, Optimizer, Proposal, Reason, Rejected, Rejection, Trial
from tables.source import Measure, Origin
from tables.space import Architecture, Group, Slot, Space
from tables.storage import SCHEMA_VERSION, TableInfo
from tables.table import Table


class Problem(NamedTuple):
    """A space and a table of it."""

    space: Space
    table: Table


def space_of(*groups: tuple[int, ...]) -> Space:
    """A space with this number of choices in each slot of each group; its last architecture is the largest."""
    made = [
        Group(
            f"Group {g}",
            tuple(Slot(f"Slot {g}.{n}", tuple(map(str, range(choices)))) for n, choices in enumerate(group)),
        )
        for g, group in enumerate(groups)
    ]
    largest = tuple(choices - 1 for group in groups for choices in group)
    return Space("made-up", "Made up", tuple(made), largest=largest)


def table_of(space: Space, accuracies: NDArray[np.float64]) -> Table:
    """A table that was never built from a file."""
    origin = Origin("made up", "1", "none", "none")
    info = TableInfo(SCHEMA_VERSION, "made-up", Measure.VALIDATION, "percent", space.slots, origin, "", ())
    return Table(Path("nowhere.h5"), info, {"accuracy": accuracies})


def problem_of(*groups: tuple[int, ...], seed: int = 0) -> Problem:
    """A space with accuracies that are drawn from few values, so that there are ties."""
    space = space_of(*groups)
    rng = random.Random(seed)
    accuracies = np.array([float(rng.randrange(60, 90)) for _ in range(space.size)])
    return Problem(space, table_of(space, accuracies))


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Up to three groups of up to two slots with one to four choices each."""
    group = st.lists(st.integers(1, 4), min_size=1, max_size=2).map(tuple)
    groups = draw(st.lists(group, min_size=1, max_size=3))
    return problem_of(*groups, seed=draw(st.integers(0, 2**32)))


def proposed(optimizer: Optimizer) -> Architecture:
    """What an optimiser asks for."""
    architecture = optimizer.ask().architecture
    assert architecture is not None
    return architecture


def evaluated(architecture: Architecture, accuracy: float) -> Trial:
    """A trial with an accuracy."""
    return Evaluated(Proposal(architecture), architecture, 0, accuracy)


def rejected(architecture: Architecture) -> Trial:
    """A trial without one."""
    return Rejected(Proposal(architecture), Rejection(Reason.REPEATED, "already tested"), architecture, 0)
