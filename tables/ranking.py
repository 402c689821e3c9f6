"""Ranks, ties and order statistics of a list of accuracies: pure functions, higher is better, rank 1 is best."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

INSERTION_SORT_SPAN = 15  # stretches of at most one more than this are sorted by insertion


def tie_intervals(values: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The best and the worst rank of each value, over all ways to order equal values; without a tie they are the same.

    The best one is the competition rank: one more than the number of values above.
    """
    ascending = np.sort(values)
    best = values.size - np.searchsorted(ascending, values, side="right") + 1
    worst = values.size - np.searchsorted(ascending, values, side="left")
    return best, worst


def expected_best(score: NDArray[np.float64], value: NDArray[np.float64], draws: int) -> float:
    """Exact mean of `value` at the best `score` among `draws` uniform draws with replacement.

    With m of n scores up to s, the best of k draws is at most s with probability (m / n)^k; equal scores are equally
    likely to be the one that counts.

    Raises:
        ValueError: `draws` is not positive.
    """
    if draws < 1:
        raise ValueError(f"expected at least one draw, got {draws}")
    _, group, size = np.unique(score, return_inverse=True, return_counts=True)
    mean_value = np.bincount(group, weights=value) / size
    at_most = np.cumsum(size) / score.size
    return float(np.diff(at_most**draws, prepend=0.0) @ mean_value)


def quicksort_order(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Ascending order of `values` as `numpy.argsort` gave it up to numpy 1.24, equal values included.

    Quicksort leaves equal values in an order of its own. Ranks that were published from such a sort name one
    architecture among equals only for who repeats its every swap, and since 1.25 numpy itself does so no longer where
    the processor has AVX-512 (since 2.0: AVX2). So its steps are written out: median of three, Hoare partition, the
    larger part deferred, insertion for short stretches, and heapsort for a part that was split too often.
    Source: numpy/core/src/npysort/quicksort.cpp, `aquicksort_`, and heapsort.cpp, `aheapsort_`.
    """
    v = values.tolist()
    order = list(range(len(v)))
    splits_left = 2 * (len(v).bit_length() - 1)
    deferred = [(0, len(v) - 1, splits_left)]
    while deferred:
        left, right, splits_left = deferred.pop()
        if splits_left < 0:
            _heapsort(v, order, left, right)
            continue
        while right - left > INSERTION_SORT_SPAN:
            split = _partition(v, order, left, right)
            splits_left -= 1
            if split - left < right - split:
                deferred.append((split + 1, right, splits_left))
                right = split - 1
            else:
                deferred.append((left, split - 1, splits_left))
                left = split + 1
        _insertion_sort(v, order, left, right)
    return np.array(order, dtype=np.int64)


def _partition(v: list[float], order: list[int], left: int, right: int) -> int:
    """Part order[left..right] around the median of its first, middle and last value; returns where that one ends up."""
    middle = left + ((right - left) >> 1)
    for low, high in ((left, middle), (middle, right), (left, middle)):
        if v[order[high]] < v[order[low]]:
            order[low], order[high] = order[high], order[low]
    pivot = v[order[middle]]
    i, j = left, right - 1
    order[middle], order[j] = order[j], order[middle]
    while True:
        i += 1
        while v[order[i]] < pivot:
            i += 1
        j -= 1
        while pivot < v[order[j]]:
            j -= 1
        if i >= j:
            break
        order[i], order[j] = order[j], order[i]
    order[i], order[right - 1] = order[right - 1], order[i]
    return i


def _insertion_sort(v: list[float], order: list[int], left: int, right: int) -> None:
    """Sort order[left..right] in place; stable."""
    for i in range(left + 1, right + 1):
        moving = order[i]
        j = i
        while j > left and v[moving] < v[order[j - 1]]:
            order[j] = order[j - 1]
            j -= 1
        order[j] = moving


def _heapsort(v: list[float], order: list[int], left: int, right: int) -> None:
    """Sort order[left..right] in place."""
    size = right - left + 1
    heap = [-1, *order[left : right + 1]]  # children of i are 2i and 2i + 1
    for root in range(size // 2, 0, -1):
        _sift(v, heap, heap[root], root, size)
    for last in range(size, 1, -1):
        moving, heap[last] = heap[last], heap[1]
        _sift(v, heap, moving, 1, last - 1)
    order[left : right + 1] = heap[1:]


def _sift(v: list[float], heap: list[int], moving: int, root: int, size: int) -> None:
    """Put `moving` where it belongs below `root`, in a heap of `size` with its largest value on top."""
    child = 2 * root
    while child <= size:
        if child < size and v[heap[child]] < v[heap[child + 1]]:
            child += 1
        if not v[moving] < v[heap[child]]:
            break
        heap[root] = heap[child]
        root, child = child, 2 * child
    heap[root] = moving
