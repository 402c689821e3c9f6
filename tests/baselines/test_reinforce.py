"""REINFORCE against a loop in plain Python."""

from __future__ import annotations

import math
import random

import pytest

from baselines.catalogue import find
from harness.arrays import search
from harness.loop import Budget
from harness.streams import Stream
from tests.baselines.made_up import Problem, problem_of


def reference(problem: Problem, rng: random.Random, evaluations: int) -> list[int]:
    """The indices of what is proposed."""
    space, table = problem
    logits = [[0.0] * choices for choices in space.cardinalities]
    means = [[0.0] * choices for choices in space.cardinalities]
    squares = [[0.0] * choices for choices in space.cardinalities]
    numerator = denominator = 0.0
    proposals = []
    for step in range(1, evaluations + 1):
        tables = [[math.exp(logit) / sum(map(math.exp, row)) for logit in row] for row in logits]
        action = []
        for row in tables:
            uniform, choice = rng.random(), 0
            while choice < len(row) - 1 and uniform >= sum(row[: choice + 1]):
                choice += 1
            action.append(choice)
        proposals.append(space.index_of(tuple(action)))
        reward = float(table.accuracy[proposals[-1]])
        numerator = 0.9 * numerator + 0.1 * reward
        denominator = 0.9 * denominator + 0.1
        for slot, row in enumerate(tables):
            for choice, probability in enumerate(row):
                gradient = (reward - numerator / denominator) * ((action[slot] == choice) - probability)
                means[slot][choice] = 0.9 * means[slot][choice] + 0.1 * gradient
                squares[slot][choice] = 0.999 * squares[slot][choice] + 0.001 * gradient**2
                mean = means[slot][choice] / (1 - 0.9**step)
                square = squares[slot][choice] / (1 - 0.999**step)
                logits[slot][choice] += 0.03 * mean / (math.sqrt(square) + 1e-8)
    return proposals


@pytest.mark.parametrize("seed", range(4))
def test_proposes_what_a_loop_in_plain_python_does(seed: int) -> None:
    problem = problem_of((2, 3), (4, 4), (5,), seed=seed)
    found = search(find("reinforce"), *problem, Budget(evaluations=400), range(seed + 1), seed)
    assert found.proposals[-1].tolist() == reference(problem, Stream(seed, seed), 400)
