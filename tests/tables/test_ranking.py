"""Ranks and order statistics against their definitions."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tables.storage import sha256
from tables.table import expected_best, tie_intervals
from tests.tables.published_ranks import quicksort_order

FEW_VALUES = st.lists(st.integers(0, 5).map(float), min_size=1, max_size=120).map(np.array)


@settings(max_examples=50)
@given(FEW_VALUES)
def test_tie_intervals_by_counting(values: NDArray[np.float64]) -> None:
    best, worst = tie_intervals(values)
    for value, lowest, highest in zip(values, best, worst, strict=True):
        assert lowest == 1 + np.sum(values > value)
        assert highest == np.sum(values >= value)


@settings(max_examples=50)
@given(st.lists(st.floats(0, 100), max_size=300).map(np.array))
def test_quicksort_sorts(values: NDArray[np.float64]) -> None:
    order = quicksort_order(values)
    assert sorted(order) == list(range(values.size))
    assert np.all(np.diff(values[order]) >= 0)


@settings(max_examples=50)
@given(FEW_VALUES)
def test_quicksort_leaves_equals_as_numpy_did(values: NDArray[np.float64]) -> None:
    """numpy's vectorised sorts do not cover long doubles, which still take the steps that float64 took up to 1.24."""
    assert quicksort_order(values).tolist() == np.argsort(values.astype(np.longdouble)).tolist()


def test_quicksort_of_many_equals() -> None:
    """A pattern that drives quicksort into heapsort; recorded from numpy 2.4.6 on long doubles."""
    values = np.array([float(i * 7919 % 10007 % 50) for i in range(3000)])
    order = quicksort_order(values)
    assert order[:8].tolist() == [0, 293, 2912, 2440, 583, 2585, 2184, 984]
    assert sha256(order.astype("<i8").data) == "e8dc95e4e825091e04100e7852259a2c7615b9d86caac39984641b6bcc450846"


@pytest.mark.parametrize("draws", [1, 2, 3])
def test_expected_best_by_enumeration(draws: int) -> None:
    score = np.array([1.0, 2.0, 2.0, 3.0, 5.0, 5.0])
    value = np.array([9.0, 4.0, 6.0, 1.0, 7.0, 8.0])
    outcomes = []
    for drawn in product(range(score.size), repeat=draws):
        best = max(score[i] for i in drawn)
        outcomes.append(np.mean([value[i] for i in range(score.size) if score[i] == best]))
    assert expected_best(score, value, draws) == pytest.approx(np.mean(outcomes), rel=1e-12)


def test_expected_best_grows_from_mean_to_maximum() -> None:
    values = np.array([10.0, 20.0, 90.0])
    assert expected_best(values, values, 1) == pytest.approx(40.0)
    assert expected_best(values, values, 10_000) == pytest.approx(90.0)
    with pytest.raises(ValueError, match="at least one draw"):
        expected_best(values, values, 0)
