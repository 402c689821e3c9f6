"""Designs of the ImageNet space with a wanted cost, drawn uniformly: what chance would have proposed.

Costs are sums over the layers, so that the designs of every cost can be counted layer by layer, and drawn from the
last layer back in proportion to the counts. Costs are counted in bins, which makes the drawn set slightly too wide;
what lies outside is drawn again, so that all designs inside are equally likely. Plain rejection finds ten in a million.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from harness.protocol import MILLION
from harness.spaces.mobilenetv2_se import BLOCKS, LAYERS, choice_cost, fixed_cost

BIN = 100_000  # multiply-accumulates
_COSTS = np.array([[choice_cost(n, k).macs_thop for k in range(len(BLOCKS))] for n in range(len(LAYERS))])
_BINS = np.rint(_COSTS / BIN).astype(np.int64)


def costs_of(designs: NDArray[np.int64]) -> NDArray[np.int64]:
    """The multiply-accumulates of designs (n, 30), by GENIUS' rule."""
    return np.asarray(fixed_cost().macs_thop + _COSTS[np.arange(len(LAYERS)), designs].sum(axis=-1))


@cache
def _counts() -> NDArray[np.float64]:
    """(31, bins) the share of all choices of the first layers whose cost is in each bin."""
    counts = np.zeros((len(LAYERS) + 1, int(_BINS.max(axis=1).sum()) + 1))
    counts[0, 0] = 1
    for layer, bins in enumerate(_BINS):
        for step in bins:
            counts[layer + 1, step:] += counts[layer, : counts.shape[1] - step] / len(bins)
    return counts


def _reachable(low: float, high: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The bins in which a design of a cost between these bounds may lie, and the share of all designs in each."""
    slack = len(LAYERS) / 2  # bins that rounding every layer may be off together
    first, last = ((bound - fixed_cost().macs_thop) / BIN for bound in (low, high))
    counts = _counts()[-1]
    bins = np.arange(max(0, int(first - slack)), min(len(counts), int(last + slack) + 2))
    return bins, counts[bins]


def _drawn(
    rng: np.random.Generator, low: float, high: float, count: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Designs (count, 30) drawn uniformly from the bins that may hold such a cost, and which of them do hold it.

    Raises:
        ValueError: there is none.
    """
    bins, shares = _reachable(low, high)
    if not shares.sum():
        raise ValueError(f"expected bounds between which designs lie, got {low} to {high}")
    left = rng.choice(bins, size=count, p=shares / shares.sum())
    designs = np.empty((count, len(LAYERS)), dtype=np.int64)
    for layer in reversed(range(len(LAYERS))):
        before = left[:, None] - _BINS[layer]
        weights = np.where(before >= 0, _counts()[layer][np.maximum(before, 0)], 0).cumsum(axis=1)
        drawn = rng.random(count) * weights[:, -1]
        designs[:, layer] = (drawn[:, None] >= weights).sum(axis=1)
        left = np.take_along_axis(before, designs[:, layer, None], axis=1)[:, 0]
    cost = costs_of(designs)
    return designs, (cost >= low) & (cost <= high)


def draw(rng: np.random.Generator, low: float, high: float, count: int) -> NDArray[np.int64]:
    """`count` designs (count, 30) whose cost is from `low` to `high`, in multiply-accumulates, each equally likely.

    Raises:
        ValueError: there is none.
    """
    found = np.empty((0, len(LAYERS)), dtype=np.int64)
    while len(found) < count:
        designs, inside = _drawn(rng, low, high, 2 * count)
        found = np.concatenate([found, designs[inside]])
    return found[:count]


def share_inside(low: float, high: float, count: int = 20_000) -> float:
    """The share of all designs whose cost is between the bounds, estimated from `count` in the bins about them."""
    _, inside = _drawn(np.random.default_rng(0), low, high, count)
    return float(inside.mean() * _reachable(low, high)[1].sum())


def bounds(window: tuple[int, int]) -> tuple[float, float]:
    """What a window in millions allows, in multiply-accumulates: costs are rounded to the million first."""
    return (window[0] - 0.5) * MILLION, (window[1] + 0.5) * MILLION
