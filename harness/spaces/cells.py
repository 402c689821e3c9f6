"""Which cells of NAS-Bench-201 compute the same function: 5,044 of the 15,625 differ.

A node's value is a sum of terms: the cell's input or the output of one convolution, smoothed by the average pool some
number of times, and counted some number of times. That is all, because a skip connection copies, `none` adds nothing,
and the pool is linear. A convolution is known by its kernel and by the value it reads. Two cells are the same function
when their outputs are the same sum after the convolutions are renumbered: then every choice of weights for the one is
a choice of weights for the other that gives the same output.

An edge is dead when nothing but zeros reaches it, or when it does not reach the output. Dead edges count as absent, as
in NAS-Bench-201's own search for isomorphic cells. (Built all the same, as `harness.training.networks.nas_bench_201`
does, a
convolution of zeros adds the shift of its batch normalisation, which training moves away from zero.)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import permutations, product
from typing import Any, NamedTuple, TypeAlias

from harness.spaces.nas_bench_201 import NODES, OPERATIONS, SPACE
from tables.space import Architecture

NONE, SKIP, CONV1, CONV3, POOL = map(
    OPERATIONS.index, ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
)
INPUT = -1  # number of the cell's input among the convolutions

Term: TypeAlias = tuple[int, int]  # (times smoothed, number of the convolution or INPUT)
Value: TypeAlias = Counter[Term]
Form: TypeAlias = tuple[Any, ...]
"""Equal for two cells exactly when they compute the same function; hashable and ordered, otherwise opaque."""


class Edge(NamedTuple):
    """One edge of a cell: `operation` (an index into OPERATIONS) from node `source` to node `target`."""

    source: int
    target: int
    operation: int


class Convolution(NamedTuple):
    """What tells convolutions apart, besides where their output goes: the kind and the value they read."""

    operation: int
    value: Value


def edges(architecture: Architecture) -> tuple[Edge, ...]:
    """All six edges in the order of the architecture, `none` included."""
    pairs = ((source, target) for target in range(1, NODES) for source in range(target))
    return tuple(Edge(source, target, choice) for (source, target), choice in zip(pairs, architecture, strict=True))


def live_edges(architecture: Architecture) -> tuple[Edge, ...]:
    """The edges that carry the input to the output, in the order of the architecture; none where nothing does."""
    reached, forward = {0}, []
    for edge in edges(architecture):
        if edge.operation != NONE and edge.source in reached:
            reached.add(edge.target)
            forward.append(edge)
    needed, backward = {NODES - 1}, []
    for edge in reversed(forward):
        if edge.target in needed:
            needed.add(edge.source)
            backward.append(edge)
    return tuple(reversed(backward))


def form_of(architecture: Architecture) -> Form:
    """The function that a cell computes, in a form that does not depend on how it is written."""
    convolutions, output = _expand(architecture)

    def written(value: Value, name: Any) -> Form:
        return tuple(sorted((smoothed, name(number), count) for (smoothed, number), count in value.items()))

    @cache
    def shape(number: int) -> Form:
        """A convolution by what lies before it, as a tree: equal for convolutions that might change places."""
        if number == INPUT:
            return ()
        operation, value = convolutions[number]
        return (operation, written(value, shape))

    alike: dict[Form, list[int]] = {}
    for number in range(len(convolutions)):
        alike.setdefault(shape(number), []).append(number)
    candidates = []
    for choice in product(*(permutations(alike[each]) for each in sorted(alike))):
        order = [number for group in choice for number in group]
        name = {INPUT: INPUT, **{number: place for place, number in enumerate(order)}}.__getitem__
        ordered = (convolutions[number] for number in order)
        described = tuple((each.operation, written(each.value, name)) for each in ordered)
        candidates.append((described, written(output, name)))
    return min(candidates)


@cache
def distinct_cells() -> tuple[Architecture, ...]:
    """One cell for each function, in the order of the space: of those that compute it, the first with fewest edges."""
    best: dict[Form, Architecture] = {}
    for form, architecture in zip(_forms(), _all_cells(), strict=True):
        if form not in best or architecture.count(NONE) > best[form].count(NONE):
            best[form] = architecture
    return tuple(sorted(best.values()))


@cache
def cell_numbers() -> tuple[int, ...]:
    """For every architecture in the order of the space, which of `distinct_cells` computes its function."""
    forms = _forms()
    numbers = {forms[SPACE.index_of(cell)]: number for number, cell in enumerate(distinct_cells())}
    return tuple(numbers[form] for form in forms)


def _expand(architecture: Architecture) -> tuple[list[Convolution], Value]:
    """The live convolutions of a cell, each after those it reads from, and the output."""
    convolutions: list[Convolution] = []
    values: list[Value] = [Counter({(0, INPUT): 1}), *(Counter() for _ in range(1, NODES))]
    for source, target, operation in live_edges(architecture):
        value = values[source]
        if operation == SKIP:
            values[target] += value
        elif operation == POOL:
            values[target] += Counter({(smoothed + 1, number): count for (smoothed, number), count in value.items()})
        else:
            values[target][0, len(convolutions)] = 1
            convolutions.append(Convolution(operation, value))
    return convolutions, values[-1]


@cache
def _forms() -> tuple[Form, ...]:
    return tuple(form_of(architecture) for architecture in _all_cells())


def _all_cells() -> Iterator[Architecture]:
    return product(*(range(cardinality) for cardinality in SPACE.cardinalities))
