"""Intervals cover what they say at every number of trials, by simulation; tests against scipy and enumeration."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from baselines.catalogue import find
from harness.arrays import search
from harness.loop import Budget
from harness.spaces.nas_bench_201 import SPACE
from reproduce.benchmarks import open_benchmark
from reproduce.comparison.statistics import LEVEL, holm, mann_whitney, median_interval, superiority

Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]


def _of_a_table(method: str) -> Draw:
    """What trials of a method select on this project's table: few different accuracies, and far from normal."""
    opened = open_benchmark("nas-bench-201-digits")
    found = search(find(method), SPACE, opened.table, Budget(evaluations=10), range(2000), 0).incumbents[:, -1]
    return lambda rng, count: rng.choice(opened.held_out.test[found], size=count)


DISTRIBUTIONS: dict[str, Callable[[], Draw]] = {
    "normal": lambda: lambda rng, count: rng.normal(size=count),
    "lognormal": lambda: lambda rng, count: rng.lognormal(0, 1, size=count),
    "skewed to the left": lambda: lambda rng, count: -rng.lognormal(0, 1.5, size=count),
    "two values": lambda: lambda rng, count: rng.choice([0.0, 1.0], p=[0.9, 0.1], size=count),
    "table, random": lambda: _of_a_table("random"),
    "table, local-search": lambda: _of_a_table("local-search"),
    "table, local-search-max": lambda: _of_a_table("local-search-max"),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_an_interval_covers_what_it_says_at_any_number_of_trials(name: str) -> None:
    rng, draw, repeats = np.random.default_rng(1), DISTRIBUTIONS[name](), 1500
    truth = float(np.quantile(draw(rng, 200_001), 0.5))
    for count in (2, 3, 4, 5, 6, 10, 50):
        found = [median_interval(draw(rng, count)) for _ in range(repeats)]
        level = found[0].level
        covered = np.mean([each.low <= truth <= each.high for each in found])
        assert covered > level - 4 * np.sqrt(level * (1 - level) / repeats), count
        assert level >= LEVEL or count < 6


def test_few_trials_have_their_range_with_what_it_covers() -> None:
    assert median_interval(np.array([3.0, 1.0, 2.0])) == (1.0, 3.0, 0.75)
    assert median_interval(np.arange(5.0)) == (0.0, 4.0, 0.9375)
    assert median_interval(np.array([7.0])) == (7.0, 7.0, 0.0)


def test_many_trials_have_the_order_statistics_of_the_binomial_distribution() -> None:
    binom = pytest.importorskip("scipy.stats").binom
    for count in (6, 17, 50, 1000, 10_000):
        low, high, level = median_interval(np.arange(float(count)))
        assert high == count - 1 - low
        assert level == pytest.approx(1 - 2 * binom.cdf(low, count, 0.5))
        assert level >= LEVEL > 1 - 2 * binom.cdf(low + 1, count, 0.5)


def test_superiority_counts_a_tie_as_half_a_win() -> None:
    assert superiority(np.array([3.0, 5.0]), np.array([1.0, 3.0, 4.0, 4.0])) == (1.5 + 4) / 8
    assert superiority(np.array([1.0]), np.array([1.0])) == 0.5


@pytest.mark.parametrize("ties", [False, True])
def test_the_test_is_the_exact_one_up_to_the_number_of_relabellings(ties: bool) -> None:
    rng = np.random.default_rng(3)
    together = rng.integers(4, size=10).astype(float) if ties else rng.normal(size=10)
    ranks = np.array([(together < each).sum() + (together <= each).sum() for each in together])
    sums = np.array([ranks[list(chosen)].sum() for chosen in combinations(range(10), 4)])
    tail = min(np.mean(sums >= ranks[:4].sum()), np.mean(sums <= ranks[:4].sum()))
    assert mann_whitney(together[:4], together[4:]) == pytest.approx(min(1.0, 2 * tail), abs=0.01)


def test_the_test_rejects_what_is_true_as_rarely_as_it_says() -> None:
    rng = np.random.default_rng(4)
    found = [mann_whitney(*np.split(rng.normal(size=103), [3])) for _ in range(300)]
    assert np.mean(np.array(found) < 0.05) < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 300)


def test_several_p_are_corrected_as_holm_does() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.4, 0.5]) == pytest.approx([0.8, 0.8])
    assert holm([]) == []
