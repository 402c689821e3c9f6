"""How much a table's accuracies can be believed: what differs between architectures, and what between seeds.

Architectures whose trainings are all the same number by number were trained once, as one: they count once here.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tables.equality import settled

Runs = NDArray[np.float64]
"""(architectures, seeds) accuracies in percent."""

GOAL, UPPER_HALF_GOAL = 0.9, 0.6  # rank correlations that a table for searches should reach


class Agreement(NamedTuple):
    """Mean Spearman correlation between the means of disjoint groups of `seeds` seeds."""

    seeds: int
    everywhere: float
    upper_half: float


class Quality(NamedTuple):
    """What `measure` finds; accuracies in percent, deviations in percentage points of a single training."""

    architectures: int
    distinct: int
    seeds: int
    quantiles: tuple[float, ...]  # of the means, at 0, 25, 50, 75 and 100 %
    between_architectures: float  # standard deviation, that of the seeds taken off
    between_seeds: float
    near_best: float  # share of distinct rows less than one seed deviation below the best mean
    agreements: tuple[Agreement, ...]

    @property
    def predicted(self) -> Agreement:
        """Of the mean of all seeds with a mean of as many others, by Spearman and Brown's formula from half of them."""
        half = self.agreements[-1]
        times = self.seeds / half.seeds
        return Agreement(self.seeds, _lengthened(half.everywhere, times), _lengthened(half.upper_half, times))

    @property
    def seeds_needed(self) -> tuple[float, float]:
        """Seeds to average for the goals, over all and in the upper half, by the same formula from single seeds."""
        single = self.agreements[0]
        return _needed(single.everywhere, GOAL), _needed(single.upper_half, UPPER_HALF_GOAL)


def measure(runs: Runs) -> Quality:
    """Compare the runs of a table with at least two seeds and two architectures that differ.

    The upper half is that by the mean of all seeds. Cutting by a sum of the two groups that are compared lowers their
    correlation, so that the figure for it errs on the low side.

    Raises:
        ValueError: there are fewer.
    """
    seeds = runs.shape[1]
    if seeds < 2:
        raise ValueError("expected at least two trainings of an architecture, got one: their spread cannot be told")
    distinct = np.unique(runs, axis=0)
    if len(distinct) < 2:
        raise ValueError("expected at least two architectures that differ, got one: there is nothing to rank")
    means = settled(distinct.mean(axis=1))
    variance = float(distinct.var(axis=1, ddof=1).mean())
    upper = distinct[means >= np.median(means)]
    return Quality(
        architectures=len(runs),
        distinct=len(distinct),
        seeds=seeds,
        quantiles=tuple(float(each) for each in np.quantile(means, (0, 0.25, 0.5, 0.75, 1))),
        between_architectures=max(0.0, float(means.var(ddof=1)) - variance / seeds) ** 0.5,
        between_seeds=variance**0.5,
        near_best=float((means > means.max() - variance**0.5).mean()),
        agreements=tuple(
            Agreement(size, _agreement(distinct, size), _agreement(upper, size)) for size in range(1, seeds // 2 + 1)
        ),
    )


def _agreement(runs: Runs, size: int) -> float:
    """Mean Spearman correlation over all pairs of disjoint groups of `size` seeds."""
    groups = combinations(range(runs.shape[1]), size)
    ranks = {group: centred_ranks(settled(runs[:, group].mean(axis=1))) for group in groups}
    pairs = [(a, b) for a, b in combinations(ranks, 2) if not set(a) & set(b)]
    return float(np.mean([ranks[a] @ ranks[b] for a, b in pairs]))


def centred_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks of mean 0 and length 1; equal values share the mean of their ranks."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2)[place]
    centred = ranks - ranks.mean()
    length = np.linalg.norm(centred)
    return np.asarray(centred / length if length else centred)


def _lengthened(correlation: float, times: float) -> float:
    """Spearman and Brown: the correlation between means of `times` as many measurements; none is left as it is."""
    return times * correlation / (1 + (times - 1) * correlation) if correlation > 0 else correlation


def _needed(correlation: float, goal: float) -> float:
    """How many times as many measurements it takes to reach the goal."""
    return goal * (1 - correlation) / (correlation * (1 - goal)) if correlation > 0 else float("inf")


def report(name: str, quality: Quality) -> Sequence[str]:
    """Lines for a terminal."""
    low, quarter, median, three_quarters, high = quality.quantiles
    predicted, (needed, needed_upper) = quality.predicted, quality.seeds_needed
    return (
        f"{name}  {quality.architectures} architectures, {quality.distinct} trained apart, {quality.seeds} seeds",
        f"  accuracy  from {low:.2f} to {high:.2f} %, quartiles {quarter:.2f}, {median:.2f}, {three_quarters:.2f}",
        f"  spread    {quality.between_architectures:.2f} points between architectures, "
        f"{quality.between_seeds:.2f} between seeds of one",
        f"  ceiling   {100 * quality.near_best:.1f} % are less than {quality.between_seeds:.2f} points below the best",
        "  Spearman between the means of disjoint groups of seeds: over all, in the upper half",
        *(f"    {each.seeds} seed(s)  {each.everywhere:.3f}  {each.upper_half:.3f}" for each in quality.agreements),
        f"    {predicted.seeds} seed(s)  {predicted.everywhere:.3f}  {predicted.upper_half:.3f}  "
        "(predicted by Spearman and Brown's formula)",
        f"  seeds     {needed:.1f} for {GOAL} over all, {needed_upper:.1f} for {UPPER_HALF_GOAL} in the upper half",
    )
