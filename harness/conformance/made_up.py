"""Made-up spaces and tables, and a stream, on which conformance is tried: nothing has to be fetched."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import cache
from itertools import product
from pathlib import Path

from harness.errors import OptimizerError
from harness.streams import Stream
from tables import csv
from tables.space import Group, Slot, Space
from tables.storage import build
from tables.table import Table

SEED = 0
DRAWS = 10_000  # more random numbers than a few dozen proposals can need


def _space(name: str, *groups: Sequence[int]) -> Space:
    numbers = iter(range(1, 100))
    return Space(
        name=name,
        title="made up for conformance",
        groups=tuple(
            Group(
                f"Stage {stage}",
                tuple(Slot(f"Layer {next(numbers)}", tuple(f"width {n}" for n in range(1, c + 1))) for c in counts),
            )
            for stage, counts in enumerate(groups, start=1)
        ),
        first_symbol=1,
        largest=tuple(count - 1 for counts in groups for count in counts),
    )


UNEVEN = _space("uneven", (2, 3), (4, 2, 5))
TINY = _space("tiny", (2, 3))
"""So small that a search has seen all of it long before its budget is spent."""


def build_table(space: Space, folder: Path, *, test_follows: bool = True) -> Table:
    """Build a table of random accuracies, some of them equal; test accuracy is validation accuracy, or its opposite."""
    stream = Stream(SEED, 0)
    lines = ["architecture,accuracy,test"]
    for architecture in product(*map(range, space.cardinalities)):
        accuracy = 5 + int(stream.random() * 90)
        symbols = " ".join(map(str, space.symbols(architecture)))
        lines.append(f"{symbols} ,{accuracy},{accuracy if test_follows else 100 - accuracy}")
    data = "\n".join(lines).encode()
    return Table.open(build(*csv.read(data, space.name, space), data, folder))


@cache
def table_of(space: Space) -> Table:
    """The made-up table of a made-up space."""
    with tempfile.TemporaryDirectory() as folder:
        return build_table(space, Path(folder))


class FiniteStream(Stream):
    """A stream that ends, so that whoever draws until something new comes up is found out."""

    def getrandbits(self, k: int, /) -> int:
        """The next k bits.

        Raises:
            OptimizerError: after `DRAWS` draws.
        """
        if self._drawn > DRAWS:
            raise OptimizerError(
                f"expected a few random numbers for each proposal, got {DRAWS} and no end; "
                "where nothing new is left, propose an architecture again"
            )
        return super().getrandbits(k)
