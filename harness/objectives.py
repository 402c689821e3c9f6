"""What measures an architecture: `harness.loop.Objective` on a benchmark table."""

from __future__ import annotations

from dataclasses import dataclass

from harness.errors import SpaceMismatch
from harness.space import Architecture, Space
from tables.table import Table


@dataclass(frozen=True)
class TabularObjective:
    """Looks accuracies up in the search side of a table: where a validation accuracy exists, test is out of reach."""

    space: Space
    table: Table

    def __post_init__(self) -> None:
        if self.table.cardinalities != self.space.cardinalities:
            raise SpaceMismatch(
                f"{self.table.name} has slots of {self.table.cardinalities} choices, {self.space.name} of "
                f"{self.space.cardinalities}; name a table of this space"
            )

    def evaluate(self, architecture: Architecture) -> float:
        """The accuracy that a search is told, in percent (`Table.measure` says of which data)."""
        return float(self.table.accuracy[self.table.index_of(architecture)])
