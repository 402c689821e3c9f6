"""What differs between architectures and what between seeds: against numbers whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tables.quality import measure, report

SEEDS = 8


def noisy(seed: int, architectures: int, between: float, within: float) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    true = rng.normal(60, between, (architectures, 1))
    return true + rng.normal(0, within, (architectures, SEEDS))


def test_spreads_are_those_that_were_put_in() -> None:
    quality = measure(noisy(0, 4000, between=8, within=3))
    assert quality.between_architectures == pytest.approx(8, rel=0.05)
    assert quality.between_seeds == pytest.approx(3, rel=0.05)


def test_agreement_grows_as_spearman_and_brown_say() -> None:
    quality = measure(noisy(1, 4000, between=5, within=5))
    single, *_, half = quality.agreements
    assert [each.seeds for each in quality.agreements] == [1, 2, 3, 4]
    assert single.everywhere == pytest.approx(0.48, abs=0.03)  # correlation 0.5; Spearman's is a little lower
    assert half.everywhere == pytest.approx(4 * single.everywhere / (1 + 3 * single.everywhere), abs=0.02)
    assert quality.predicted.everywhere > half.everywhere > half.upper_half
    assert quality.seeds_needed[0] == pytest.approx(9, rel=0.15)


def test_architectures_trained_as_one_count_once() -> None:
    runs = noisy(2, 50, between=5, within=5)
    assert measure(np.concatenate((runs, runs, runs[:7]))).agreements == measure(runs).agreements
    assert measure(np.concatenate((runs, runs))).distinct == 50


def test_without_noise_all_seeds_agree() -> None:
    quality = measure(np.arange(10.0)[:, None].repeat(2, axis=1))
    assert quality.between_seeds == 0
    assert quality.agreements[0].everywhere == pytest.approx(1)
    assert quality.seeds_needed == pytest.approx((0, 0), abs=1e-9)


@settings(max_examples=40)
@given(st.lists(st.integers(0, 5), min_size=6, max_size=30), st.integers(0, 1000))
def test_correlations_are_correlations(values: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    assume(len(set(values)) > 1)
    runs = np.stack([rng.permutation(values) for _ in range(2)], axis=1).astype(float)
    agreement = measure(runs).agreements[0]
    assert -1 - 1e-9 <= agreement.everywhere <= 1 + 1e-9
    assert "in the upper half" in "\n".join(report("made-up", measure(runs)))


def test_too_little_tells_nothing() -> None:
    with pytest.raises(ValueError, match="at least two trainings"):
        measure(np.zeros((5, 1)))
    with pytest.raises(ValueError, match="at least two architectures"):
        measure(np.ones((5, 2)))
