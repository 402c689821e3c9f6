"""GDAS on a table (Dong and Yang 2019, "Searching for a robust neural architecture in four GPU hours", CVPR).

Kept from GDAS: one softmax a slot; an architecture drawn by adding Gumbel noise to the log-probabilities and taking the
largest (the hard sample); in the backward pass the relaxed sample y = softmax((log p + noise) / tau), straight through;
tau falling linearly from 10 to 0.1, here over `HORIZON` evaluations; Adam's betas and weight decay.

Not kept, because a table has none: the network's gradient. GDAS learns from the derivative of the loss by the weight of
each chosen operation; here every chosen operation is credited with the accuracy, in percent, less a moving average, and
the others with nothing. The estimate is biased, and each evaluation is paid for, where GDAS reuses a supernet. Its
learning rate is not kept either: with it no logit moves by more than about 0.1 in 300 evaluations.
"""

from __future__ import annotations

import numpy as np

from baselines.policy import Adam, Baseline, Choices, Reals, Rows, Softmax, normalised, policy_method
from tables.space import Space

LEARNING_RATE = 0.03  # `baselines.policy` says how it was chosen; 3e-4 in GDAS
MOMENTUM = 0.9  # of the moving average of accuracies
TAU = (10.0, 0.1)
HORIZON = 300


class Gdas:
    """A policy that learns from relaxed samples."""

    def __init__(self, space: Space, trials: tuple[int, ...], learning_rate: float = LEARNING_RATE) -> None:
        self._policy = Softmax(space.cardinalities, trials)
        self._adam = Adam(self._policy, learning_rate, betas=(0.5, 0.999), weight_decay=1e-3)
        self._perturbed = np.zeros(self._policy.logits.shape)
        self._evaluations = 0
        self._baseline = Baseline(MOMENTUM, trials)
        self.draws = self._policy.logits.shape[-2] * self._policy.logits.shape[-1]

    def propose(self, uniforms: Reals, rows: Rows = ...) -> Choices:
        """Draw an architecture by the largest of the perturbed log-probabilities."""
        weights = self._policy.log_weights(rows)
        self._perturbed[rows] = weights + gumbel(uniforms).reshape(weights.shape)
        return np.asarray(np.argmax(self._perturbed[rows], axis=-1))

    def learn(self, choices: Choices, accuracies: Reals) -> None:
        """Send the advantage back through the relaxed weight of each chosen operation.

        Of a design that was not drawn, but started from, the relaxed sample of the draw that waits takes the place.
        """
        advantage = self._baseline.advantage(accuracies)
        largest = self._perturbed.max(axis=-1, keepdims=True)
        relaxed = normalised(np.exp((self._perturbed - largest) / self._tau()))
        chosen = np.take_along_axis(relaxed, choices[..., None], axis=-1)
        score = chosen * (self._policy.one_hot(choices) - relaxed) / self._tau()
        self._evaluations += 1
        self._adam.ascend(advantage[..., None, None] * score)

    def _tau(self) -> float:
        first, last = TAU
        return first + (last - first) * min(self._evaluations / (HORIZON - 1), 1.0)


def gumbel(uniforms: Reals) -> Reals:
    """Standard Gumbel noise from numbers in [0, 1)."""
    return -np.log(np.maximum(-np.log1p(-uniforms), 1e-300))


TITLE = f"GDAS' Gumbel-softmax on a table, tau 10 to 0.1 over {HORIZON} evaluations"
METHODS = (policy_method("gdas", TITLE, Gdas, version=2),)
