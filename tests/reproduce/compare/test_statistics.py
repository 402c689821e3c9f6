"""Intervals: against exact values, and that they cover what they claim to."""

from __future__ import annotations

import numpy as np
import pytest

from reproduce.compare.statistics import bootstrap_mean, superiority, superiority_interval


def test_few_trials_are_resampled_exactly() -> None:
    assert bootstrap_mean(np.array([1.0, 2.0, 3.0])) == (1.0, 3.0)
    assert bootstrap_mean(np.array([5.0])) == (5.0, 5.0)


def test_the_bootstrap_of_many_trials_is_near_the_normal_interval() -> None:
    values = np.random.default_rng(1).normal(10, 2, size=1000)
    low, high = bootstrap_mean(values)
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert low == pytest.approx(values.mean() - half, abs=0.03)
    assert high == pytest.approx(values.mean() + half, abs=0.03)


def test_superiority_counts_a_tie_as_half_a_win() -> None:
    assert superiority(np.array([3.0, 5.0]), np.array([1.0, 3.0, 4.0, 4.0])) == (1.5 + 4) / 8
    assert superiority(np.array([1.0]), np.array([1.0])) == 0.5


@pytest.mark.parametrize(
    ("wins", "trials", "low", "high"),
    [(3, 3, 0.2924, 1.0), (0, 3, 0.0, 0.7076), (5, 5, 0.4782, 1.0), (1, 3, 0.0084, 0.9057), (3, 6, 0.1181, 0.8819)],
)
def test_clopper_and_pearson(wins: int, trials: int, low: float, high: float) -> None:
    assert list(superiority_interval(wins / trials, trials)) == pytest.approx([low, high], abs=1e-4)


def test_a_share_between_two_counts_lies_between_their_intervals() -> None:
    for bound, fewer, more in zip(*(superiority_interval(share, 3) for share in (0.5, 1 / 3, 2 / 3)), strict=True):
        assert bound == pytest.approx((fewer + more) / 2)


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.5])
def test_the_interval_covers_the_truth_as_often_as_it_says(shift: float) -> None:
    rng = np.random.default_rng(2)
    theirs = rng.normal(size=1000)
    truth = superiority(rng.normal(shift, 1, size=100_000), theirs)
    covered = 0
    for _ in range(400):
        low, high = superiority_interval(superiority(rng.normal(shift, 1, size=3), theirs), 3)
        covered += low <= truth <= high
    assert covered / 400 >= 0.95
