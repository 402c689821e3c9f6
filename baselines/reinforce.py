"""REINFORCE (Williams 1992, "Simple statistical gradient-following algorithms for connectionist RL", Mach. Learn. 8).

One softmax a slot, as in AutoDL-Projects, exps/NATS-algos/reinforce.py: after every evaluation Adam takes a step along
(reward − baseline) ∇ log p, and the baseline is the exponential moving average of the rewards with momentum 0.9, this
one included and corrected for its start. The reward is the accuracy in percent; Adam makes its scale irrelevant. Logits
start at zero, there at 0.001 times a normal draw.
"""

from __future__ import annotations

from baselines.policy import Adam, Baseline, Choices, Reals, Rows, Softmax, policy_method
from tables.space import Space

LEARNING_RATE = 0.03  # `baselines.policy` says how it was chosen; 0.01 in AutoDL-Projects
MOMENTUM = 0.9


class Reinforce:
    """A policy that learns after every evaluation."""

    def __init__(self, space: Space, trials: tuple[int, ...], learning_rate: float = LEARNING_RATE) -> None:
        self.draws = len(space.slots)
        self._policy = Softmax(space.cardinalities, trials)
        self._adam = Adam(self._policy, learning_rate)
        self._baseline = Baseline(MOMENTUM, trials)

    def propose(self, uniforms: Reals, rows: Rows = ...) -> Choices:
        """Draw an architecture."""
        return self._policy.draw(uniforms, rows)

    def learn(self, choices: Choices, accuracies: Reals) -> None:
        """Make what did better than the baseline more likely."""
        advantage = self._baseline.advantage(accuracies)
        score = self._policy.one_hot(choices) - self._policy.probabilities()
        self._adam.ascend(advantage[..., None, None] * score)


METHODS = (policy_method("reinforce", "REINFORCE, after AutoDL-Projects", Reinforce, version=2),)
