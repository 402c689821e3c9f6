"""What a table is built from: its name, its space, what its accuracies were measured on, where they come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from tables.space import Space

OWN = "none"


class Measure(str, Enum):
    """What the accuracy that a search is told was measured on."""

    VALIDATION = "validation"
    TEST_ONLY = "test only"  # the benchmark publishes no validation accuracy: a search on it sees the test set
    NO_SPLIT = "no split"  # one accuracy, and the source does not say on which data


@dataclass(frozen=True)
class Origin:
    """Where the numbers come from; `revision` is a commit or a release, `OWN` for a file of one's own."""

    repository: str
    revision: str
    path: str
    licence: str

    @property
    def remedy(self) -> str:
        """What to do about a file that is no table."""
        if self.revision == OWN:
            return "mend the file"
        return f"fetch {self.path} again from {self.repository} at {self.revision}"


@dataclass(frozen=True)
class Source:
    """A table before it is built. The space is its key: row i belongs to `space.architecture_at(i)`.

    `remarks` are what looks wrong in it and may be right.
    """

    name: str
    space: Space
    measure: Measure
    origin: Origin
    remarks: tuple[str, ...] = field(default=(), kw_only=True)
