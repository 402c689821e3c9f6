"""What methods share that learn a product distribution over a space: one softmax a slot, and gradient ascent on it.

Arrays are (..., slots, choices): nothing stands before the slots for one trial, (trials,) for many at once. Every
operation is elementwise or a running sum, so that a trial has the same bits alone and among others.

Learning rates are chosen for all of them by one protocol, on made-up tables on which nothing is compared, at 300
evaluations (`python -m benchmarks.learning_rates`); the rates of their papers are set for the thousands of steps of a
supernet, and would leave GDAS and the score function at random search here.
"""

from __future__ import annotations

from collections.abc import Callable
from types import EllipsisType
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from harness.protocol import Evaluated, Method, Proposal, Trial
from harness.streams import Stream, Streams
from tables.space import Space

Reals = NDArray[np.float64]
Choices = NDArray[np.int64]
Rows: TypeAlias = "NDArray[np.int64] | EllipsisType"  # of trials; all of them, or the only one, are `...`

EPSILON = 1e-8  # of Adam


class Softmax:
    """A table of logits, zero at first; slots with fewer choices than others have entries of probability 0."""

    def __init__(self, cardinalities: tuple[int, ...], trials: tuple[int, ...] = ()) -> None:
        exists = np.arange(max(cardinalities)) < np.array(cardinalities)[:, None]
        self._absent = np.where(exists, 0.0, -np.inf)
        self.logits = np.zeros((*trials, *exists.shape))

    def log_weights(self, rows: Rows = ...) -> Reals:
        """Logits shifted so that the largest of a slot is 0."""
        shifted = self.logits[rows] + self._absent
        shifted -= shifted.max(axis=-1, keepdims=True)
        return shifted

    def probabilities(self) -> Reals:
        """The probability of every choice."""
        return normalised(np.exp(self.log_weights()))

    def draw(self, uniforms: Reals, rows: Rows = ...) -> Choices:
        """(..., slots) choices from as many numbers in [0, 1)."""
        sums = np.cumsum(np.exp(self.log_weights(rows)), axis=-1)
        return np.asarray((uniforms[..., None] * sums[..., -1:] >= sums).sum(axis=-1))

    def one_hot(self, choices: Choices) -> Reals:
        """1 at the choice of every slot, 0 elsewhere."""
        return np.asarray(choices[..., None] == np.arange(self.logits.shape[-1]), dtype=np.float64)


def normalised(weights: Reals) -> Reals:
    """Divided by their sum over the choices, which is a running sum: numpy's own depends on the array's shape."""
    return weights / np.cumsum(weights, axis=-1)[..., -1:]


class Adam:
    """Gradient ascent on the logits of a softmax: Adam (Kingma and Ba 2015) as in torch.

    The weight decay is added to the gradient.
    """

    def __init__(
        self, softmax: Softmax, rate: float, betas: tuple[float, float] = (0.9, 0.999), weight_decay: float = 0.0
    ) -> None:
        self._softmax = softmax
        self._rate, self._betas, self._weight_decay = rate, betas, weight_decay
        self._mean = np.zeros(softmax.logits.shape)
        self._square = np.zeros(softmax.logits.shape)
        self._steps = 0

    def ascend(self, gradient: Reals) -> None:
        """Take one step along the gradient of what is to grow."""
        beta1, beta2 = self._betas
        self._steps += 1
        if self._weight_decay:
            gradient = gradient - self._weight_decay * self._softmax.logits
        self._mean = beta1 * self._mean + (1 - beta1) * gradient
        self._square = beta2 * self._square + (1 - beta2) * (gradient * gradient)
        mean, square = self._mean / (1 - beta1**self._steps), self._square / (1 - beta2**self._steps)
        self._softmax.logits += self._rate * mean / (np.sqrt(square) + EPSILON)


class Baseline:
    """The exponential moving average of accuracies, corrected for its start."""

    def __init__(self, momentum: float, trials: tuple[int, ...]) -> None:
        self._momentum = momentum
        self._sum = np.zeros(trials)  # decayed, and that of the weights
        self._weights = 0.0

    def advantage(self, accuracies: Reals) -> Reals:
        """These accuracies less the average, in which they count already."""
        self._sum = self._momentum * self._sum + (1 - self._momentum) * accuracies
        self._weights = self._momentum * self._weights + (1 - self._momentum)
        return accuracies - self._sum / self._weights


class Learner(Protocol):
    """A method's own part, for one trial or many at once: how it draws, and what it learns from an accuracy."""

    draws: int
    """Random numbers that a proposal takes."""

    def propose(self, uniforms: Reals, rows: Rows = ...) -> Choices:
        """(..., slots) choices from (..., draws) numbers in [0, 1), of these trials; others keep their last ones."""

    def learn(self, choices: Choices, accuracies: Reals) -> None:
        """Take in the accuracy, in percent, (...), of what was proposed last, or of a design to start from."""


class PolicySearch:
    """One trial."""

    def __init__(self, stream: Stream, learner: Learner) -> None:
        self._stream = stream
        self._learner = learner
        self._next = self._propose()

    def ask(self) -> Proposal:
        """The last draw."""
        return Proposal(tuple(self._next.tolist()))

    def tell(self, trial: Trial) -> None:
        """Learn from an accuracy; draw again in any case."""
        if isinstance(trial, Evaluated):
            self._learner.learn(np.array(trial.architecture), np.array(trial.accuracy))
        self._next = self._propose()

    def _propose(self) -> Choices:
        return self._learner.propose(np.array([self._stream.random() for _ in range(self._learner.draws)]))


class PolicySearchArrays:
    """Many trials."""

    def __init__(self, space: Space, streams: Streams, learner: Learner) -> None:
        self._strides = np.array(space.strides)
        self._streams = streams
        self._learner = learner
        self._rows = np.arange(len(streams))
        self._next = np.zeros((len(streams), len(space.slots)), dtype=np.int64)
        self.reject(self._rows)

    def ask(self) -> NDArray[np.int64]:
        """The last draw of every trial."""
        return np.asarray(self._next @ self._strides)

    def reject(self, rows: NDArray[np.int64]) -> None:
        """Draw again in these trials."""
        self._next = self._next.copy()  # a learner may have kept the old one
        self._next[rows] = self._learner.propose(self._streams.uniform(self._learner.draws, rows), rows)

    def tell(self, proposals: NDArray[np.int64], accuracies: NDArray[np.float64]) -> None:  # noqa: ARG002
        """Learn from the accuracies and draw again."""
        self._learner.learn(self._next, accuracies)
        self.reject(self._rows)


def policy_method(
    name: str, title: str, make: Callable[[Space, tuple[int, ...]], Learner], *, version: int, random_first: int = 1
) -> Method:
    """The method of a learner; `make` is called with the space and the shape of its trials."""

    def one(space: Space, stream: Stream) -> PolicySearch:
        return PolicySearch(stream, make(space, ()))

    def many(space: Space, streams: Streams) -> PolicySearchArrays:
        return PolicySearchArrays(space, streams, make(space, (len(streams),)))

    return Method(name, title, one, many, version=version, random_first=random_first)
