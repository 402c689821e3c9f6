"""A search method: how its optimiser is made, for one trial or for many at once, and the name it is compared under."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.protocol import Optimizer
from harness.streams import Stream, Streams
from tables.space import Space


class ArrayOptimizer(Protocol):
    """`Optimizer` for many trials at once on a table; an architecture is its index in the space (`Space.index_of`)."""

    def ask(self) -> NDArray[np.int64]:
        """The proposal of every trial, as (trials,), without changing state."""

    def tell(self, proposals: NDArray[np.int64], accuracies: NDArray[np.float64]) -> None:
        """The accuracy of every proposal in percent; both (trials,)."""


Factory: TypeAlias = Callable[[Space, Stream], Optimizer]
"""Makes the optimiser of one trial; all its randomness comes from the stream."""

ArrayFactory: TypeAlias = Callable[[Space, Streams], ArrayOptimizer]
"""Makes the optimiser of many trials; it must propose exactly what the one-trial optimiser does."""


class UnfitMethod(HarnessError, ValueError):
    """A method that cannot search a space; the message says what it needs."""


@dataclass(frozen=True)
class Method:
    """A search method under the name by which it is compared: `title` says what it is and where its settings are from.

    Without `arrays` trials run one by one.
    """

    name: str
    title: str
    factory: Factory
    arrays: ArrayFactory | None = None
