"""GDAS on a table against torch: straight-through Gumbel-softmax, automatic differentiation, torch's Adam."""

from __future__ import annotations

import numpy as np
import pytest

from baselines.gdas import HORIZON, Gdas
from tests.baselines.made_up import problem_of

torch = pytest.importorskip("torch", reason="the reference is torch: install the extra `train`")


def test_learns_what_torch_does() -> None:
    space, table = problem_of((3, 3), (3,))
    ours = Gdas(space, ())
    logits = torch.nn.Parameter(torch.zeros(3, 3, dtype=torch.float64))
    adam = torch.optim.Adam([logits], lr=0.03, betas=(0.5, 0.999), weight_decay=1e-3)
    rng = np.random.default_rng(0)
    accuracies: list[float] = []
    for step in range(HORIZON + 10):
        uniforms = rng.random(9)
        choices = ours.propose(uniforms)

        noise = -torch.log(-torch.log1p(-torch.tensor(uniforms))).reshape(3, 3)
        tau = 10 - 9.9 * min(step / (HORIZON - 1), 1)
        relaxed = torch.softmax((torch.log_softmax(logits, dim=-1) + noise) / tau, dim=-1)
        hard = torch.nn.functional.one_hot(relaxed.argmax(dim=-1), 3)
        assert choices.tolist() == relaxed.argmax(dim=-1).tolist()

        accuracies.append(float(table.accuracy[space.index_of(tuple(choices.tolist()))]))
        weights = 0.9 ** np.arange(len(accuracies))[::-1]
        advantage = accuracies[-1] - float(weights @ accuracies / weights.sum())
        straight_through = hard - relaxed.detach() + relaxed
        adam.zero_grad()
        (-advantage * (straight_through * hard).sum()).backward()
        adam.step()
        ours.learn(choices, np.array(accuracies[-1]))
        np.testing.assert_allclose(ours._policy.logits, logits.detach().numpy(), rtol=1e-6, atol=1e-9)


def test_noise_is_finite_at_the_ends() -> None:
    space, _ = problem_of((3, 3))
    learner = Gdas(space, ())
    choices = learner.propose(np.array([0.0, 0.5, 1 - 2.0**-53] * 2))
    learner.learn(choices, np.array(50.0))
    learner.learn(learner.propose(np.array([1 - 2.0**-53, 0.0, 0.0] * 2)), np.array(70.0))
    assert np.isfinite(learner._policy.logits).all()
