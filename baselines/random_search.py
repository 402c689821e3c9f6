"""Random search (Bergstra and Bengio 2012, "Random search for hyper-parameter optimization", JMLR 13), two ways.

With repetition every proposal is a uniform draw, as in the random baseline of GENIUS' figures 2 and 3; without, a draw
that was proposed before is drawn again.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from harness.protocol import Method, Proposal, Trial
from harness.streams import Stream, Streams
from tables.space import Architecture, Space


class RandomSearch:
    """One trial; with `repeats` a proposal may be one that was made before."""

    def __init__(self, space: Space, stream: Stream, *, repeats: bool = True) -> None:
        self._space = space
        self._stream = stream
        self._repeats = repeats
        self._proposed: set[Architecture] = set()
        self._next = self._draw()

    def ask(self) -> Proposal:
        """The next draw."""
        return Proposal(self._next)

    def tell(self, trial: Trial) -> None:
        """Draw again, whatever the outcome."""
        self._proposed.add(trial.architecture or self._next)
        self._next = self._draw()

    def _draw(self) -> Architecture:
        architecture = self._space.sample(self._stream)
        while not self._repeats and architecture in self._proposed and len(self._proposed) < self._space.size:
            architecture = self._space.sample(self._stream)
        return architecture


class RandomSearchArrays:
    """Many trials."""

    def __init__(self, space: Space, streams: Streams, *, repeats: bool = True) -> None:
        self._size = space.size
        self._streams = streams
        self._repeats = repeats
        self._proposed = np.zeros((len(streams), 0 if repeats else space.size), dtype=bool)
        self._rows = np.arange(len(streams))
        self._left = np.full(len(streams), space.size)  # what each trial has not proposed
        self._next = streams.indices(space.size)

    def ask(self) -> NDArray[np.int64]:
        """The next draw of every trial."""
        return self._next

    def reject(self, rows: NDArray[np.int64]) -> None:
        """Draw again in these trials."""
        if not self._repeats:
            self._left[rows] -= ~self._proposed[rows, self._next[rows]]
            self._proposed[rows, self._next[rows]] = True
        self._next = self._next.copy()
        while len(rows):
            self._next[rows] = self._streams.indices(self._size, rows)
            if self._repeats:
                return
            rows = rows[self._proposed[rows, self._next[rows]] & (self._left[rows] > 0)]

    def tell(self, proposals: NDArray[np.int64], accuracies: NDArray[np.float64]) -> None:  # noqa: ARG002
        """Draw again, whatever the outcome; without repetition again where the draw is an old one."""
        self.reject(self._rows)


DISTINCT, DISTINCT_ARRAYS = partial(RandomSearch, repeats=False), partial(RandomSearchArrays, repeats=False)
METHODS = (
    Method("random", "random search with repetition", RandomSearch, RandomSearchArrays, version=1, oblivious=True),
    Method("random-distinct", "random search without repetition", DISTINCT, DISTINCT_ARRAYS, version=1, oblivious=True),
)
