"""`python -m benchmarks.learning_rates`: the learning rate of every method that follows a gradient, by one protocol.

The rates are chosen on made-up tables, on which nothing is compared, and never on a benchmark: for each rate among
`RATES`, `TRIALS` trials of `EVALUATIONS` evaluations on each table; the rate whose mean regret, over trials and tables,
is the least. A table's accuracies are the sum of a normal effect of every choice, one half as large of every pair of
choices in two slots, and noise of a quarter, scaled to a standard deviation of one point. The shapes are those that the
field searches: few slots of many choices, many slots of few.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np

from baselines import gdas, reinforce, score_function
from baselines.policy import Learner, policy_method
from harness.arrays import search
from harness.loop import Budget
from tables.source import Measure, Origin
from tables.space import Group, Slot, Space
from tables.storage import SCHEMA_VERSION, TableInfo
from tables.table import Table

RATES = (0.01, 0.03, 0.1, 0.3, 1.0)
TRIALS = 200
EVALUATIONS = 300
SHAPES = ((5,) * 6, (3,) * 8, (4,) * 7, (8,) * 4)
SEEDS = range(3)
LEARNERS: dict[str, Callable[[Space, tuple[int, ...], float], Learner]] = {
    "reinforce": reinforce.Reinforce,
    "score-function": score_function.ScoreFunction,
    "gdas": gdas.Gdas,
}


def made_up(shape: tuple[int, ...], seed: int) -> tuple[Space, Table]:
    """A space of this many choices a slot, and a table of it."""
    rng = np.random.default_rng(seed)
    slots = tuple(Slot(f"Slot {n}", tuple(map(str, range(choices)))) for n, choices in enumerate(shape))
    space = Space("made-up", "Made up", (Group("All", slots),))
    choices = np.indices(shape).reshape(len(shape), -1)
    accuracies = sum(rng.normal(size=count)[chosen] for count, chosen in zip(shape, choices, strict=True))
    for one, other in combinations(range(len(shape)), 2):
        accuracies += 0.5 * rng.normal(size=(shape[one], shape[other]))[choices[one], choices[other]]
    accuracies += 0.25 * rng.normal(size=space.size)
    accuracies = 80 + (accuracies - accuracies.mean()) / accuracies.std()
    info = TableInfo(SCHEMA_VERSION, "made-up", Measure.VALIDATION, "percent", slots, Origin("", "", "", ""), "", ())
    return space, Table(Path("nowhere.h5"), info, {"accuracy": accuracies})


def regret(name: str, rate: float, trials: int = TRIALS, seeds: range = SEEDS) -> float:
    """The mean regret, in standard deviations of a table, over trials and tables."""
    method = policy_method(name, name, lambda space, shape: LEARNERS[name](space, shape, rate), version=1)
    regrets = []
    for shape in SHAPES:
        for seed in seeds:
            space, table = made_up(shape, seed)
            found = search(method, space, table, Budget(evaluations=EVALUATIONS), range(trials), seed).incumbents[:, -1]
            regrets.append(table.accuracy.max() - table.accuracy[found].mean())
    return float(np.mean(regrets))


def main() -> None:
    """Print a row a method."""
    print(" " * 16, *(f"{rate:8g}" for rate in RATES))
    for name in LEARNERS:
        print(f"{name:16}", *(f"{regret(name, rate):8.3f}" for rate in RATES))


if __name__ == "__main__":
    main()
