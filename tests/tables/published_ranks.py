"""The ranks that GENIUS printed (arXiv 2304.10970, tables 7 to 10): by test accuracy, ties as numpy 1.23 left them.

Its quicksort leaves equal values in an order of its own, which names one architecture among equals only for who repeats
its every swap; since 1.25 numpy itself does so no longer where the processor has AVX-512 (since 2.0: AVX2). So its
steps are written out: median of three, Hoare partition, the larger part deferred, insertion for short stretches, and
heapsort for a part that was split too often.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tables.storage import load

INSERTION_SORT_SPAN = 15  # stretches of at most one more than this are sorted by insertion


def file_rank(path: Path) -> NDArray[np.int64]:
    """(n,) rank by test accuracy of the table at `path`, equal ones in the order that quicksort leaves the file's.

    By the accuracies of the file, whose late digits tell equal means apart: those of the table do no longer.
    """
    _, columns = load(path, ["runs", "file_order"])
    test, order = columns["runs"].mean(axis=1), columns["file_order"]
    rank = np.empty(test.size, dtype=np.int64)
    rank[order[quicksort_order(test[order])[::-1]]] = np.arange(1, test.size + 1)
    return rank


def quicksort_order(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Ascending order of `values` as `numpy.argsort` gave it up to numpy 1.24, equal values included.

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
