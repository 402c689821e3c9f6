"""Score-function search after SNAS (Xie et al. 2019, "SNAS: stochastic neural architecture search", ICLR).

Like SNAS it ascends the expected accuracy under a distribution with one softmax a slot. SNAS differentiates through a
supernet; a table has no derivative, so the gradient is estimated from evaluations that are paid for: a few
architectures are drawn, and each one's score ∇ log p is weighted by its accuracy less the mean of the others (the
leave-one-out baseline of Kool et al. 2019, "Buy 4 REINFORCE samples, get a baseline for free!"), which is unbiased.
"""

from __future__ import annotations

import numpy as np

from baselines.policy import Adam, Choices, Reals, Rows, Softmax, policy_method
from tables.space import Space

SAMPLES = 4  # of an update
LEARNING_RATE = 0.1  # `baselines.policy` says how it was chosen


class ScoreFunction:
    """A policy that learns after every few evaluations."""

    def __init__(self, space: Space, trials: tuple[int, ...], learning_rate: float = LEARNING_RATE) -> None:
        self.draws = len(space.slots)
        self._policy = Softmax(space.cardinalities, trials)
        self._adam = Adam(self._policy, learning_rate)
        self._samples: list[tuple[Choices, Reals]] = []  # since the last update

    def propose(self, uniforms: Reals, rows: Rows = ...) -> Choices:
        """Draw an architecture."""
        return self._policy.draw(uniforms, rows)

    def learn(self, choices: Choices, accuracies: Reals) -> None:
        """Keep the sample, and take a step when there are enough."""
        self._samples.append((choices, accuracies))
        if len(self._samples) == SAMPLES:
            self._adam.ascend(self.gradient())
            self._samples.clear()

    def gradient(self) -> Reals:
        """The estimated gradient of the expected accuracy, in percent a unit of logit."""
        total = sum((accuracies for _, accuracies in self._samples), np.float64(0))
        probabilities = self._policy.probabilities()
        gradient = np.zeros(probabilities.shape)
        for choices, accuracies in self._samples:
            advantage = accuracies - (total - accuracies) / (SAMPLES - 1)
            gradient += advantage[..., None, None] * (self._policy.one_hot(choices) - probabilities)
        return gradient / SAMPLES


TITLE = "score function with leave-one-out baseline, after SNAS"
METHODS = (policy_method("score-function", TITLE, ScoreFunction, version=1, random_first=SAMPLES),)
