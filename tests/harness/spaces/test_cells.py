"""Which cells compute the same function: held against torch cells that share their convolutions."""

from __future__ import annotations

from collections import Counter
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.spaces.cells import (
    CONV1,
    CONV3,
    NONE,
    POOL,
    SKIP,
    Edge,
    cell_numbers,
    distinct_cells,
    edges,
    form_of,
    live_edges,
)
from harness.spaces.nas_bench_201 import SPACE
from tables.errors import InvalidArchitecture
from tables.space import Architecture
from tests.strategies import architectures

CELLS = architectures(SPACE)
CHANNELS = 3


def same_cells(architecture: Architecture) -> list[Architecture]:
    """All cells that are counted as the same function."""
    numbers = cell_numbers()
    number = numbers[SPACE.index_of(architecture)]
    return [SPACE.architecture_at(index) for index, each in enumerate(numbers) if each == number]


PAIRS = CELLS.flatmap(
    lambda cell: st.tuples(
        st.just(cell), st.one_of(st.sampled_from(same_cells(cell)), st.sampled_from(list(SPACE.neighbours(cell))))
    )
)


def convolutions(cell: Any, architecture: Architecture) -> list[tuple[Edge, Any]]:
    """The live convolutions of a torch cell."""
    return [
        (edge, cell.nodes[edge.target - 1][edge.source])
        for edge in live_edges(architecture)
        if edge.operation in (CONV1, CONV3)
    ]


def torch_cell(architecture: Architecture) -> Any:
    network = pytest.importorskip("harness.training.networks.nas_bench_201", reason="networks need torch")
    return network.Cell(architecture, CHANNELS).double().eval()


def output(cell: Any) -> Any:
    torch = pytest.importorskip("torch")
    with torch.no_grad():
        return cell(torch.randn(2, CHANNELS, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))


def some_weights_agree(one: Architecture, other: Architecture) -> bool:
    """Whether giving `other` the convolutions of `one`, in some order, makes it compute the same."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(1)
    first, second = torch_cell(one), torch_cell(other)
    ours, theirs = convolutions(first, one), convolutions(second, other)
    if Counter(edge.operation for edge, _ in ours) != Counter(edge.operation for edge, _ in theirs):
        return False
    expected = output(first)
    for order in permutations(ours):
        if all(mine.operation == yours.operation for (mine, _), (yours, _) in zip(order, theirs, strict=True)):
            for (_, module), (edge, _) in zip(order, theirs, strict=True):
                second.nodes[edge.target - 1][edge.source] = module
            if torch.allclose(output(second), expected, rtol=1e-9, atol=1e-12):
                return True
    return False


@settings(max_examples=15, deadline=None)
@given(pair=PAIRS)
def test_the_same_form_is_the_same_function(pair: tuple[Architecture, Architecture]) -> None:
    one, other = pair
    assert (form_of(one) == form_of(other)) == some_weights_agree(one, other)


@settings(max_examples=15, deadline=None)
@given(cell=CELLS)
def test_without_its_dead_edges_a_cell_computes_the_same_and_without_a_live_one_it_does_not(cell: Architecture) -> None:
    live = live_edges(cell)
    assert form_of(without(cell, set(edges(cell)) - set(live))) == form_of(cell)
    assert some_weights_agree(cell, without(cell, set(edges(cell)) - set(live)))
    for edge in live:
        assert not some_weights_agree(cell, without(cell, {edge}))


def without(cell: Architecture, removed: set[Edge]) -> Architecture:
    return tuple(NONE if edge in removed else edge.operation for edge in edges(cell))


def test_there_are_5044() -> None:
    assert len(distinct_cells()) == len(set(map(form_of, distinct_cells()))) == 5044
    assert len(cell_numbers()) == SPACE.size
    assert set(cell_numbers()) == set(range(5044))


def test_a_representative_stands_for_itself_and_has_no_dead_edge() -> None:
    for number, cell in enumerate(distinct_cells()):
        assert cell_numbers()[SPACE.index_of(cell)] == number
        assert len(live_edges(cell)) == sum(choice != NONE for choice in cell)


@given(cell=CELLS)
def test_a_representative_is_the_same_function(cell: Architecture) -> None:
    assert form_of(distinct_cells()[cell_numbers()[SPACE.index_of(cell)]]) == form_of(cell) == SPACE.network(cell)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((NONE, CONV3, CONV1, POOL, NONE, NONE), (CONV1, NONE, SKIP, POOL, NONE, NONE)),  # dead ends
        ((NONE, CONV3, NONE, NONE, NONE, SKIP), (CONV3, NONE, NONE, NONE, SKIP, NONE)),  # the other middle node
        ((POOL, NONE, NONE, NONE, POOL, NONE), (SKIP, NONE, POOL, NONE, NONE, POOL)),  # two pools in a row
        ((CONV3, SKIP, SKIP, NONE, NONE, POOL), (CONV3, POOL, POOL, NONE, NONE, SKIP)),  # the pool of a sum
    ],
)
def test_the_same_written_otherwise(one: Architecture, other: Architecture) -> None:
    assert form_of(one) == form_of(other)
    assert some_weights_agree(one, other)


def test_one_convolution_used_twice_is_not_two() -> None:
    once = (CONV3, NONE, CONV1, NONE, SKIP, SKIP)  # c + d(c)
    twice = (CONV3, CONV3, NONE, NONE, SKIP, CONV1)  # c + d(e)
    assert form_of(once) != form_of(twice)
    assert not some_weights_agree(once, twice)


def test_what_is_no_cell_is_refused() -> None:
    with pytest.raises(InvalidArchitecture):
        SPACE.network((5, 0, 0, 0, 0, 0))
    with pytest.raises(InvalidArchitecture):
        SPACE.network((0,))
