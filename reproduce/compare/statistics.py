"""Intervals for the comparison: of a mean by the bootstrap, of a probability from few trials exactly."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import product
from math import ceil, comb, floor

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
RESAMPLES = 1000
ENUMERATED = 5  # up to so many trials all resamples are enumerated, instead of drawn


def bootstrap_mean(values: NDArray[np.float64]) -> tuple[float, float]:
    """The percentile interval of the mean over resamples of the trials (Efron 1979), rather too wide."""
    tail = (1 - LEVEL) / 2
    means = _weights(len(values)) @ values
    low, high = np.quantile(means, tail, method="lower"), np.quantile(means, 1 - tail, method="higher")
    return float(low), float(high)


@cache
def _weights(trials: int) -> NDArray[np.float64]:
    """(resamples, trials) how often each trial stands in each resample, over the number of trials."""
    if trials <= ENUMERATED:
        drawn = np.array(list(product(range(trials), repeat=trials)))
        return np.stack([(drawn == trial).mean(axis=1) for trial in range(trials)], axis=1)
    counts = np.random.default_rng(0).multinomial(trials, np.full(trials, 1 / trials), size=RESAMPLES)
    return np.asarray(counts / trials)


def superiority(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> float:
    """The share of pairs in which a trial of ours is better than one of theirs; a tie is half a win."""
    ordered = np.sort(theirs)
    below = np.searchsorted(ordered, ours, side="left")
    tied = np.searchsorted(ordered, ours, side="right") - below
    return float((below + tied / 2).mean() / len(theirs))


def superiority_interval(share: float, trials: int) -> tuple[float, float]:
    """An interval for `superiority` that is honest about few trials of ours.

    Clopper and Pearson's exact interval (1934) for as many wins among `trials` as the share amounts to, between two
    counts in proportion. A share of wins over many opponents varies less than single wins do, so that this is rather
    too wide than too narrow.
    """
    wins = share * trials
    fewer, more = floor(wins), ceil(wins)
    low, high = (
        (1 - wins + fewer) * below + (wins - fewer) * above
        for below, above in zip(_exact(fewer, trials), _exact(more, trials), strict=True)
    )
    return low, high


def _exact(wins: int, trials: int) -> tuple[float, float]:
    """Clopper and Pearson's interval."""
    tail = (1 - LEVEL) / 2
    low = 0.0 if wins == 0 else _solve(lambda p: _at_least(wins, trials, p) < tail)
    high = 1.0 if wins == trials else _solve(lambda p: 1 - _at_least(wins + 1, trials, p) > tail)
    return low, high


def _at_least(wins: int, trials: int, p: float) -> float:
    return sum(comb(trials, k) * p**k * (1 - p) ** (trials - k) for k in range(wins, trials + 1))


def _solve(below: Callable[[float], bool]) -> float:
    """Where a condition that holds for small probabilities ceases to, by bisection."""
    low, high = 0.0, 1.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) else (low, middle)
    return low
