"""Many small networks side by side: each is what torch's own layers make it, whatever is trained beside it."""

from __future__ import annotations

import random

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="networks need torch: install the extra `train`")
pytest.importorskip("sklearn", reason="digits come with scikit-learn: install the extra `train`")

from harness.digits import network as cell_batch  # noqa: E402
from harness.digits.network import CellBatch  # noqa: E402
from harness.digits.table import patches  # noqa: E402
from harness.spaces.cells import CONV1, CONV3, NONE, POOL, SKIP, distinct_cells  # noqa: E402
from tests.harness.digits.plain_networks import copy_weights, pairs, plain_network  # noqa: E402

NOTHING = (NONE,) * 6
CELLS = (
    NOTHING,
    (CONV3,) * 6,
    (CONV1, POOL, SKIP, CONV3, CONV1, CONV3),
    (CONV3, CONV3, NONE, CONV3, POOL, SKIP),
    *random.Random(0).sample(distinct_cells(), 4),
)
PICTURES = np.random.default_rng(0).standard_normal((30, 8, 8)).astype(np.float32)
OTHERS = np.random.default_rng(1).standard_normal((11, 8, 8)).astype(np.float32)


def test_outputs_are_those_of_torch_layers_in_learning_and_in_evaluation() -> None:
    batch = CellBatch(CELLS, seed=3)
    with torch.no_grad():
        learned = batch(torch.from_numpy(patches(PICTURES)), learning=True)
        evaluated = batch(torch.from_numpy(patches(OTHERS)), learning=False)
    for number, cell in enumerate(CELLS):
        plain = plain_network(cell)
        copy_weights(plain, batch, number)
        with torch.no_grad():
            torch.testing.assert_close(
                learned[number].T, plain(torch.from_numpy(PICTURES)[:, None]), rtol=1e-4, atol=1e-5
            )
            plain.eval()
            torch.testing.assert_close(
                evaluated[number].T, plain(torch.from_numpy(OTHERS)[:, None]), rtol=1e-4, atol=1e-5
            )


def test_gradients_are_those_of_torch_layers() -> None:
    batch = CellBatch(CELLS, seed=4)
    labels = torch.arange(30) % 10
    logits = batch(torch.from_numpy(patches(PICTURES)), learning=True)
    torch.nn.functional.cross_entropy(logits, labels.expand(len(CELLS), -1), reduction="sum").backward()
    for number, cell in enumerate(CELLS):
        plain = plain_network(cell)
        copy_weights(plain, batch, number)
        torch.nn.functional.cross_entropy(
            plain(torch.from_numpy(PICTURES)[:, None]), labels, reduction="sum"
        ).backward()
        for parameter, held, part in pairs(plain, batch, number):
            assert held.grad is not None
            expected = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            torch.testing.assert_close(held.grad[part].reshape(parameter.shape), expected, rtol=1e-3, atol=1e-3)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six steps instead of sixty."""
    whole = cell_batch._pictures

    def first(seed: int) -> object:
        batches, *others = whole(seed)
        return (batches[:6], *others)

    monkeypatch.setattr(cell_batch, "_pictures", first)


@pytest.mark.usefixtures("short")
def test_an_outcome_follows_from_cell_and_seed() -> None:
    together = cell_batch.train(CELLS, seed=0)
    assert cell_batch.train(CELLS, seed=0) == together
    (alone,) = cell_batch.train(CELLS[2:3], seed=0)
    assert alone == pytest.approx(together[2], rel=1e-4)
    assert cell_batch.train(CELLS, seed=1)[2].validation_loss != pytest.approx(together[2].validation_loss, rel=1e-4)


@pytest.mark.usefixtures("short")
def test_a_cell_that_carries_nothing_guesses() -> None:
    nothing, *others = cell_batch.train(CELLS, seed=0)
    assert nothing.validation < 15
    assert max(run.validation for run in others) > nothing.validation + 10
    assert all(0 <= accuracy <= 100 for run in others for accuracy in (run.validation, run.test, run.training))
