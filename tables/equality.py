"""When two accuracies are equal: decided once, when a table is built, so that ranks, ties and searches need not ask.

A published accuracy is a mean over seeds, computed by its authors in whatever order and precision they had. Equal means
then differ in late digits: by up to 5e-6 points where they were summed in single precision (NAS-Bench-Macro,
Channel-Bench-Macro), by 2e-7 or 3e-14 elsewhere. Means that do differ are much further apart: one picture of 10,000 in
one of three seeds is 3e-3 points, one of 6,000 in three 6e-3.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

RESOLUTION = 1e-5
"""Percentage points: accuracies that are closer than this are one."""

_DIGITS = 9  # decimals to which a distance is told, so that exactly `RESOLUTION` apart is apart


def equal(some: Sequence[float], others: Sequence[float]) -> bool:
    """Whether accuracies in percent are equal, one by one: those of a table, and as they were told before."""
    return all(_closer(each, other) for each, other in zip(some, others, strict=True))


def settled(accuracies: NDArray[np.float64]) -> NDArray[np.float64]:
    """The accuracies in percent, of any shape, with one value for all that are equal.

    From the lowest on, what is less than `RESOLUTION` above the lowest of a group belongs to it; rounding would part
    neighbours on the two sides of a boundary. A group gets the value that most of it have, so that nothing is rounded
    and an accuracy that equals no other stays as it is.
    """
    values, place, count = np.unique(accuracies, return_inverse=True, return_counts=True)
    group, lowest = [], -np.inf  # the lowest value of each one's group
    for value in values.tolist():
        if not _closer(value, lowest):
            lowest = value
        group.append(lowest)
    common = {group[number]: values[number] for number in np.argsort(count, kind="stable")}  # the last one counts
    return np.array([common[each] for each in group])[place].reshape(np.shape(accuracies))


def _closer(one: float, other: float) -> bool:
    return round(abs(one - other), _DIGITS) < RESOLUTION
