"""The softmax table and Adam, each against an independent reference."""

from __future__ import annotations

import math

import numpy as np
import pytest

from baselines.policy import Adam, Softmax


def test_probabilities_are_those_of_a_softmax_and_none_beyond_a_slot() -> None:
    softmax = Softmax((2, 3))
    softmax.logits[:] = [[1.0, -2.0, 9.0], [700.0, 701.0, 702.0]]
    expected = [
        [math.exp(1) / (math.exp(1) + math.exp(-2)), math.exp(-2) / (math.exp(1) + math.exp(-2)), 0],
        [math.exp(n) / sum(map(math.exp, range(3))) for n in range(3)],
    ]
    np.testing.assert_allclose(softmax.probabilities(), expected)


def test_draws_follow_the_probabilities() -> None:
    softmax = Softmax((2, 3))
    softmax.logits[:] = [[0.0, 1.0, 5.0], [1.0, 0.0, -1.0]]
    count = 10_000
    grid = (np.arange(count) + 0.5) / count
    drawn = softmax.draw(np.stack([grid, grid], axis=1))
    for slot, probabilities in enumerate(softmax.probabilities()):
        np.testing.assert_allclose(np.bincount(drawn[:, slot], minlength=3) / count, probabilities, atol=1 / count)


@pytest.mark.parametrize("uniform", [0.0, 1 - 2.0**-53])
def test_no_draw_lies_beyond_a_slot(uniform: float) -> None:
    softmax = Softmax((2, 3, 4))
    assert softmax.draw(np.full(3, uniform)).tolist() == ([0, 0, 0] if uniform == 0 else [1, 2, 3])


@pytest.mark.parametrize(("rate", "betas", "decay"), [(0.01, (0.9, 0.999), 0.0), (3e-4, (0.5, 0.999), 1e-3)])
def test_adam_is_that_of_torch(rate: float, betas: tuple[float, float], decay: float) -> None:
    torch = pytest.importorskip("torch", reason="the reference is torch: install the extra `train`")
    softmax = Softmax((3, 3))
    softmax.logits[:] = np.random.default_rng(0).normal(size=(2, 3))
    parameter = torch.nn.Parameter(torch.tensor(softmax.logits))
    theirs = torch.optim.Adam([parameter], lr=rate, betas=betas, weight_decay=decay)
    ours = Adam(softmax, rate, betas, decay)
    for gradient in np.random.default_rng(1).normal(size=(50, 2, 3)):
        ours.ascend(gradient)
        parameter.grad = -torch.tensor(gradient)
        theirs.step()
    np.testing.assert_allclose(softmax.logits, parameter.detach().numpy(), rtol=1e-12)
