"""What a table is built from: its name, its space, what its accuracies were measured on, where they come from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from tables.space import Space


class Measure(str, Enum):
    """What the accuracy that a search is told was measured on."""

    VALIDATION = "validation"
    TEST_ONLY = "test only"  # the benchmark publishes no validation accuracy: a search on it sees the test set
    NO_SPLIT = "no split"  # one accuracy, and the source does not say on which data


@dataclass(frozen=True)
class Origin:
    """Where the numbers come from; `revision` is a commit or a release."""

    repository: str
    revision: str
    path: str
    licence: str


@dataclass(frozen=True)
class Source:
    """A table before it is built. The space is its key: row i belongs to `space.architecture_at(i)`."""

    name: str
    space: Space
    measure: Measure
    origin: Origin
