"""DARTS-style relaxation of a table (Liu et al. 2019, "DARTS: differentiable architecture search", ICLR): an oracle.

An architecture becomes a product distribution, one softmax a slot, and gradient ascent maximises the expected accuracy
under it: the multilinear extension of the table, whose gradient is exact here. That takes every accuracy of the table
at every step, which no search that pays for evaluations can know. So this is no ask/tell method and has no place among
budgets: it shows where the relaxation itself leads when nothing is estimated and no weights are shared.
"""

from __future__ import annotations

import math

import numpy as np

from baselines.policy import Adam, Reals, Softmax

RATE, BETAS, WEIGHT_DECAY = 3e-4, (0.5, 0.999), 1e-3
"""Of the architecture's logits in DARTS; with thousands of exact steps its rate needs no choosing here."""


def relax(accuracies: Reals, cardinalities: tuple[int, ...], *, steps: int) -> Reals:
    """Ascend from the uniform distribution; returns the probabilities, (slots, choices), zero where a slot has fewer.

    `accuracies` are in percent, in the order of `Space.index_of`. The objective is the expected accuracy as a fraction,
    so that it is of the size of the loss that DARTS' weight decay was set for.

    Raises:
        ValueError: if there is not one accuracy for every architecture.
    """
    size = math.prod(cardinalities)
    if accuracies.shape != (size,):
        raise ValueError(
            f"expected {size} accuracies, one for every architecture of slots with {cardinalities} "
            f"choices, got an array of shape {accuracies.shape}; pass the whole table"
        )
    softmax = Softmax(cardinalities)
    ascent = Adam(softmax, RATE, BETAS, WEIGHT_DECAY)
    for _ in range(steps):
        _, gradient = expected_accuracy(accuracies, cardinalities, softmax.probabilities())
        ascent.ascend(gradient / 100)
    return softmax.probabilities()


def expected_accuracy(accuracies: Reals, cardinalities: tuple[int, ...], probabilities: Reals) -> tuple[float, Reals]:
    """The expected accuracy in percent under these probabilities, (slots, choices), and its gradient by the logits.

    A choice's slope is the expected accuracy with that choice taken for sure: later slots are averaged out from the
    back, earlier ones weighted from the front.
    """
    by_slot = [probability[:cardinality] for probability, cardinality in zip(probabilities, cardinalities, strict=True)]
    rest = [accuracies.reshape(-1, cardinalities[-1])]  # a slot each, last first: (choices before it, its choices)
    for probability, cardinality in zip(by_slot[:0:-1], cardinalities[-2::-1], strict=True):
        rest.append((rest[-1] @ probability).reshape(-1, cardinality))
    slopes = np.zeros(probabilities.shape)
    earlier = np.ones(1)  # the probability of every combination of choices before the slot
    for slot, (probability, averaged) in enumerate(zip(by_slot, reversed(rest), strict=True)):
        slopes[slot, : probability.size] = earlier @ averaged
        earlier = np.outer(earlier, probability).ravel()
    expected = float(probabilities[0] @ slopes[0])
    return expected, probabilities * (slopes - expected)
