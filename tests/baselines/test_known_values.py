"""What is known of the methods on the published tables, with a fixed seed and a stated tolerance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from baselines.catalogue import find
from harness.arrays import search
from harness.loop import Budget
from harness.spaces import find as find_space
from reproduce.benchmarks import BENCHMARKS, open_benchmark


@pytest.mark.parametrize(
    ("name", "expected"),
    [("nas-bench-macro", 92.4323), ("channel-bench-resnet", 93.5236), ("channel-bench-mobilenet", 91.3796)],
)
def test_best_of_ten_random_architectures(fetched: Path, name: str, expected: float) -> None:
    """The mean of 20,000 trials lies within four standard errors of the exact expectation."""
    table = open_benchmark(name).table
    courses = search(find("random"), find_space(name).SPACE, table, Budget(evaluations=10), range(20_000), 0)
    best = table.accuracy[courses.incumbents[:, -1]]
    assert abs(best.mean() - expected) < 4 * best.std() / np.sqrt(best.size)


@pytest.mark.parametrize(
    ("name", "method", "share"),
    [
        ("nas-bench-201-cifar10", "evolution-autodl", 0.33),
        ("nas-bench-201-cifar10", "evolution-naslib", 0.78),
        ("nas-bench-201-cifar10", "evolution-nni", 0.27),
        ("nas-bench-macro", "evolution-nni", 0.25),
        ("channel-bench-resnet", "evolution-nni", 0.07),
    ],
)
def test_how_often_evolution_finds_the_best_architecture(fetched: Path, name: str, method: str, share: float) -> None:
    """Of 2,000 trials with 300 evaluations; within four standard errors and the two points to which it is known."""
    table = open_benchmark(name).table
    courses = search(find(method), BENCHMARKS[name].space, table, Budget(evaluations=300), range(2000), 0)
    found = float((table.accuracy[courses.incumbents[:, -1]] == table.accuracy.max()).mean())
    assert abs(found - share) < 4 * np.sqrt(share * (1 - share) / 2000) + 0.02


@pytest.mark.parametrize(
    ("name", "median"), [("nas-bench-macro", 5), ("channel-bench-resnet", 36), ("channel-bench-mobilenet", 16)]
)
def test_median_rank_of_local_search_from_maximum_capacity(fetched: Path, name: str, median: int) -> None:
    """Of 4,000 trials with 10 evaluations; equals share the ranks among which one is known."""
    opened = open_benchmark(name)
    space = BENCHMARKS[name].space
    courses = search(find("local-search-max"), space, opened.table, Budget(evaluations=10), range(4000), 0)
    best, worst = (np.median(ranks[courses.incumbents[:, -1]]) for ranks in opened.held_out.tie_intervals)
    assert best <= median <= worst
