"""Equal accuracies: whatever late digits they were given, and nothing that differs."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tables.csv import read
from tables.equality import RESOLUTION, equal, settled
from tables.quality import measure
from tables.storage import build
from tables.table import HeldOut, Table


@pytest.mark.parametrize(
    ("accuracies", "groups"),
    [
        ((90.2, 90.19999999999999, 80), (0, 0, 1)),  # d2
        ((90.123455, 90.12345499999999), (0, 0)),  # rounding to five decimals would part them
        ((93.126663, 93.126668, 93.13), (0, 0, 1)),  # single precision
        ((90, 90.00001, 90.00002), (0, 1, 2)),
        ((90, 90.000006, 90.000012), (0, 0, 1)),
        ((70.0,), (0,)),
    ],
)
def test_equality_at_the_resolution(accuracies: tuple[float, ...], groups: tuple[int, ...]) -> None:
    _, expected = np.unique(groups, return_inverse=True)
    for order in permutations(range(len(accuracies))):
        found = settled(np.array(accuracies)[list(order)])
        assert np.array_equal(found[:, None] == found, expected[list(order)][:, None] == expected[list(order)])


def test_nothing_is_rounded() -> None:
    assert settled(np.array([1 / 3, 90.2, 90.2, 90.19999999999999])).tolist() == [1 / 3, 90.2, 90.2, 90.2]


@settings(max_examples=100)
@given(st.lists(st.floats(0, 100), max_size=50).map(np.array))
def test_values_stay_in_order_and_in_reach(accuracies: NDArray[np.float64]) -> None:
    found = settled(accuracies)
    assert np.all(np.abs(found - accuracies) < RESOLUTION)
    assert np.all(np.diff(found[np.argsort(accuracies)]) >= 0)
    assert equal(found.tolist(), accuracies.tolist())


@settings(max_examples=100)
@given(st.lists(st.integers(0, 700), min_size=2, max_size=9), st.randoms())
def test_a_mean_equals_itself_summed_in_another_order(hits: list[int], random: Random) -> None:
    runs = [100 * hit / 700 for hit in hits]
    means = [sum(order) / len(order) for order in (runs, runs[::-1], random.sample(runs, len(runs)))]
    assert len(set(settled(np.array(means)).tolist())) == 1


def test_both_sides_of_a_table_inherit_it(tmp_path: Path) -> None:
    data = b"architecture,accuracy,test\n00,90.2,80\n01,90.19999999999999,80.3\n10,80,80.30000000000001\n11,70,70\n"
    path = build(*read(data, "mine"), data, tmp_path)
    table, held_out = Table.open(path), HeldOut.open(path)
    assert table.info.resolution == RESOLUTION
    assert table.accuracy[0] == table.accuracy[1] != table.accuracy[2]
    assert held_out.rank.tolist() == [3, 1, 1, 4]
    assert held_out.test_at_validation_optimum == pytest.approx((80 + 80.3) / 2)


def test_ranks_of_means_over_seeds_too() -> None:
    """As they are of whole numbers, whose sums are exact."""
    tenths = np.random.default_rng(0).integers(601, 604, (40, 6))
    exactly, found = (measure(runs).agreements for runs in (tenths.astype(float), tenths / 10))
    for one, other in zip(exactly, found, strict=True):
        assert tuple(one) == pytest.approx(tuple(other), abs=1e-9)
