"""Learning rates are those that one protocol chooses, on tables on which nothing is compared."""

from __future__ import annotations

import pytest

from baselines import gdas, reinforce, score_function
from benchmarks.learning_rates import LEARNERS, RATES, made_up, regret
from reproduce.benchmarks import BENCHMARKS

IN_USE = {
    "reinforce": reinforce.LEARNING_RATE,
    "score-function": score_function.LEARNING_RATE,
    "gdas": gdas.LEARNING_RATE,
}


@pytest.mark.parametrize("name", LEARNERS)
def test_the_rate_in_use_is_the_one_that_the_protocol_chooses(name: str) -> None:
    regrets = {rate: regret(name, rate, trials=20, seeds=range(1)) for rate in RATES}
    assert min(RATES, key=regrets.__getitem__) == IN_USE[name]


def test_the_protocol_sees_no_table_that_is_compared_on() -> None:
    space, _ = made_up((3, 3), 0)
    assert space not in {benchmark.space for benchmark in BENCHMARKS.values()}
