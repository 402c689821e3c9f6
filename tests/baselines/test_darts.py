"""The relaxation of a table: its gradient against enumeration and finite differences, and where it goes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.darts import expected_accuracy, relax
from baselines.policy import Reals, Softmax
from tests.baselines.made_up import Problem, problem_of, problems


def enumerated(problem: Problem, probabilities: Reals) -> float:
    """The expected accuracy as a sum over all architectures."""
    space, table = problem
    return sum(
        math.prod(float(probabilities[slot, choice]) for slot, choice in enumerate(space.architecture_at(index)))
        * float(table.accuracy[index])
        for index in range(space.size)
    )


@settings(max_examples=40, deadline=None)
@given(problem=problems(), seed=st.integers(0, 2**32))
def test_the_gradient_against_enumeration_and_finite_differences(problem: Problem, seed: int) -> None:
    space, table = problem
    softmax = Softmax(space.cardinalities)
    softmax.logits[:] = np.random.default_rng(seed).normal(size=softmax.logits.shape)
    probabilities = softmax.probabilities()
    expected, gradient = expected_accuracy(table.accuracy, space.cardinalities, probabilities)
    assert expected == pytest.approx(enumerated(problem, probabilities))
    for slot, cardinality in enumerate(space.cardinalities):
        assert not gradient[slot, cardinality:].any()
        for choice in range(cardinality):
            certain = probabilities.copy()
            certain[slot] = np.arange(len(certain[slot])) == choice
            slope = enumerated(problem, certain)  # the extension is linear in each slot
            assert gradient[slot, choice] == pytest.approx(probabilities[slot, choice] * (slope - expected), abs=1e-9)
            ends = []
            for step in (1e-5, -1e-5):
                softmax.logits[slot, choice] += step
                ends.append(enumerated(problem, softmax.probabilities()))
                softmax.logits[slot, choice] -= step
            assert gradient[slot, choice] == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-5)


def test_climbs_to_the_best_architecture_where_slots_do_not_interact() -> None:
    space, _ = problem_of((3, 2), (4,))
    accuracies = np.array([70.0 + sum(space.architecture_at(index)) for index in range(space.size)])
    probabilities = relax(accuracies, space.cardinalities, steps=2000)
    assert tuple(probabilities.argmax(axis=1).tolist()) == space.largest
    assert expected_accuracy(accuracies, space.cardinalities, probabilities)[0] > accuracies.mean()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_weight_decay_of_the_paper_keeps_the_relaxation_from_deciding() -> None:
    space, table = problem_of((3, 3), (3, 3))
    probabilities = relax(table.accuracy, space.cardinalities, steps=3000)
    assert expected_accuracy(table.accuracy, space.cardinalities, probabilities)[0] > table.accuracy.mean()
    assert -(probabilities * np.log(probabilities)).sum(axis=1).mean() > 0.5  # nats


def test_a_table_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected 6 accuracies, one for every architecture of slots with \(2, 3\)"):
        relax(np.zeros(5), (2, 3), steps=1)
