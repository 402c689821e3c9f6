"""What a comparison may claim: an interval that covers what it says at any number of trials, and a test.

An interval of the mean that covers 95 % of three to five trials does not exist for the distributions of these tables:
percentile bootstraps cover 65 to 84 %, Student's t as little as 71 %. That of the median covers by counting alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

MISSES = 20  # one interval in so many may miss
LEVEL = 1 - 1 / MISSES
RELABELLINGS = 100_000
TEST = f"two-sided Mann–Whitney test by {RELABELLINGS:,} relabellings"


class Interval(NamedTuple):
    """Ends, and the probability with which it covers, at the least."""

    low: float
    high: float
    level: float


def median_interval(values: NDArray[np.float64]) -> Interval:
    """An interval of the median of all trials that might have been, from two of the sorted values.

    It is the narrowest that leaves out as many values below as above and covers at least `LEVEL`; of fewer than six
    values none does, and theirs is the whole range with what it covers. The coverage follows from the binomial
    distribution and holds whatever the distribution of the values, ties included, if they are independent (Thompson
    1936, "On confidence ranges for the median and other expectation distributions").
    """
    ordered, count = np.sort(values), len(values)
    left_out, term, tail = 0, 1, 1  # how many below; the binomial coefficient, and the sum of those up to it
    while True:
        term = term * (count - left_out) // (left_out + 1)
        if 2 * (tail + term) * MISSES > 2**count:
            break
        left_out, tail = left_out + 1, tail + term
    return Interval(float(ordered[left_out]), float(ordered[-1 - left_out]), 1 - 2 * tail / 2**count)


def superiority(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> float:
    """The share of pairs in which a trial of ours is better than one of theirs; a tie is half a win.

    >>> float(superiority(np.array([71.0, 72.0]), np.array([70.0, 71.0])))
    0.875
    """
    ordered = np.sort(theirs)
    below = np.searchsorted(ordered, ours, side="left")
    tied = np.searchsorted(ordered, ours, side="right") - below
    return float((below + tied / 2).mean() / len(theirs))


def mann_whitney(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> float:
    """The p of `TEST` that ours and theirs are drawn from one distribution (Mann and Whitney 1947).

    The rank sum of ours among those of as many trials that are drawn from all without repetition.
    """
    return _tested(ours.tobytes(), theirs.tobytes())


@lru_cache(maxsize=1024)  # a row and the sentences below it ask for the same
def _tested(our_bytes: bytes, their_bytes: bytes) -> float:
    ours, theirs = np.frombuffer(our_bytes), np.frombuffer(their_bytes)
    together = np.concatenate([ours, theirs])
    ordered = np.sort(together)
    ranks = np.searchsorted(ordered, together, side="left") + np.searchsorted(ordered, together, side="right")
    drawn = _relabelled(len(together), len(ours))
    sums, observed = ranks[drawn].sum(axis=1), ranks[: len(ours)].sum()
    return two_sided(sums, observed)


def two_sided(drawn: NDArray[Any], observed: float) -> float:
    """The p of a Monte-Carlo test: how often a draw is as far out as what was observed, on either side.

    >>> two_sided(np.arange(99), 2)
    0.08
    """
    tail = min(np.count_nonzero(drawn >= observed), np.count_nonzero(drawn <= observed))
    return min(1.0, 2 * (1 + int(tail)) / (1 + len(drawn)))


@lru_cache(maxsize=4)
def _relabelled(trials: int, ours: int) -> NDArray[np.int64]:
    """(about `RELABELLINGS`, ours) positions among the trials, none twice in a row; always the same ones."""
    drawn = np.sort(np.random.default_rng(0).integers(trials, size=(RELABELLINGS, ours)), axis=1)
    return np.asarray(drawn[(np.diff(drawn, axis=1) > 0).all(axis=1)])


def holm(values: Sequence[float]) -> list[float]:
    """These p corrected for being several (Holm 1979), in their order.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    count, order = len(values), np.argsort(values)
    corrected = np.empty(count)
    corrected[order] = np.maximum.accumulate(np.minimum(np.asarray(values)[order] * np.arange(count, 0, -1), 1.0))
    return [float(p) for p in corrected]
