"""The score-function estimate is unbiased: its mean over all samples is the exact gradient of the relaxation."""

from __future__ import annotations

import math
from itertools import product

import numpy as np

from baselines.darts import expected_accuracy
from baselines.score_function import SAMPLES, ScoreFunction
from tests.baselines.made_up import problem_of


def test_the_estimate_is_unbiased() -> None:
    space, table = problem_of((2, 3))
    start = ScoreFunction(space, ())
    start._policy.logits[:] = [[0.3, -0.2, 0.0], [0.5, 0.0, -1.0]]
    probabilities = start._policy.probabilities()
    mean = np.zeros(probabilities.shape)
    for sample in product(range(space.size), repeat=SAMPLES):
        weight = 1.0
        start._samples = []
        for index in sample:
            architecture = space.architecture_at(index)
            weight *= math.prod(probabilities[slot, choice] for slot, choice in enumerate(architecture))
            start._samples.append((np.array(architecture), np.array(table.accuracy[index])))
        mean += weight * start.gradient()
    exact = expected_accuracy(table.accuracy, space.cardinalities, probabilities)[1]
    np.testing.assert_allclose(mean, exact, atol=1e-9)


def test_an_update_waits_for_all_its_samples() -> None:
    space, _ = problem_of((2, 3))
    learner = ScoreFunction(space, ())
    for number in range(1, SAMPLES + 1):
        assert not learner._policy.logits.any()
        learner.learn(np.array([number % 2, 0]), np.array(50.0 + number % 2))
    assert learner._policy.logits[0, 1] > 0 > learner._policy.logits[0, 0]
