"""Ranks, ties and order statistics of a list of accuracies: pure functions, higher is better, rank 1 is best."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def tie_intervals(values: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The best and the worst rank of each value, over all ways to order equal values; without a tie they are the same.

    The best one is the competition rank: one more than the number of values above.
    """
    ascending = np.sort(values)
    best = values.size - np.searchsorted(ascending, values, side="right") + 1
    worst = values.size - np.searchsorted(ascending, values, side="left")
    return best, worst


def expected_best(score: NDArray[np.float64], value: NDArray[np.float64], draws: int) -> float:
    """Exact mean of `value` at the best `score` among `draws` uniform draws with replacement.

    With m of n scores up to s, the best of k draws is at most s with probability (m / n)^k; equal scores are equally
    likely to be the one that counts.

    Raises:
        ValueError: `draws` is not positive.
    """
    if draws < 1:
        raise ValueError(f"expected at least one draw, got {draws}")
    _, group, size = np.unique(score, return_inverse=True, return_counts=True)
    mean_value = np.bincount(group, weights=value) / size
    at_most = np.cumsum(size) / score.size
    return float(np.diff(at_most**draws, prepend=0.0) @ mean_value)
