"""Local search: what it may propose when, and where it starts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.catalogue import find
from baselines.local_search import LocalSearch
from harness.arrays import search
from harness.loop import Budget
from harness.spaces import NAMES
from harness.spaces import find as find_space
from harness.streams import Stream, Streams
from tests.baselines.made_up import Problem, evaluated, problem_of, problems, proposed, rejected


@settings(max_examples=60, deadline=None)
@given(problem=problems(), seed=st.integers(0, 2**64))
def test_moves_to_the_first_better_neighbour_and_starts_anew_at_an_optimum(problem: Problem, seed: int) -> None:
    space, table = problem
    proposals = search(find("local-search"), space, table, Budget(evaluations=space.size), range(1), seed).proposals[0]
    assert sorted(proposals) == list(range(space.size))  # nothing twice
    seen: set[int] = set()
    current = None
    for index in map(int, proposals):
        if current is not None:
            around = {space.index_of(each) for each in space.neighbours(space.architecture_at(current))}
            if around - seen:
                assert index in around
            else:
                current = None
        seen.add(index)
        if current is None or table.accuracy[index] > table.accuracy[current]:
            current = index


def test_neighbours_come_in_every_order_and_equally_often() -> None:
    space, _ = problem_of((3, 3, 3))
    start = space.largest
    assert start is not None
    seconds = []
    for trial in range(3000):
        optimizer = LocalSearch(space, Stream(0, trial), start)
        assert proposed(optimizer) == start
        optimizer.tell(evaluated(start, 50.0))
        seconds.append(space.index_of(proposed(optimizer)))
    counts = np.bincount(seconds)[np.unique(seconds)]
    assert len(counts) == 6
    assert abs(counts - 500).max() < 4 * np.sqrt(500 * 5 / 6)


def test_goes_on_when_everything_was_evaluated() -> None:
    problem = problem_of((2, 2))
    arrays = search(find("local-search-max"), *problem, Budget(evaluations=20), range(4), 0)
    single = search(find("local-search-max"), *problem, Budget(evaluations=20), range(4), 0, arrays=False)
    assert arrays.proposals.shape == (4, 20)
    np.testing.assert_array_equal(arrays.proposals, single.proposals)


def test_a_rejected_neighbour_is_not_moved_to() -> None:
    space, _ = problem_of((4, 4))
    optimizer = LocalSearch(space, Stream(0, 0), (0, 0))
    optimizer.tell(evaluated((0, 0), 50.0))
    for _ in range(6):
        assert sum(a != b for a, b in zip(proposed(optimizer), (0, 0), strict=True)) == 1
        optimizer.tell(rejected(proposed(optimizer)))


def test_a_space_without_a_largest_architecture_says_what_to_do() -> None:
    space = replace(problem_of((2, 2)).space, largest=None)
    method = find("local-search-max")
    assert method.arrays is not None
    with pytest.raises(ValueError, match="made-up names none; set `largest` where the space is declared"):
        method.factory(space, Stream(0, 0))
    with pytest.raises(ValueError, match="made-up names none"):
        method.arrays(space, Streams(0, range(1)))


@pytest.mark.parametrize("name", NAMES)
def test_the_largest_architecture_costs_most(name: str) -> None:
    module = find_space(name)
    largest = module.SPACE.largest
    assert largest is not None
    most = module.cost(module.SPACE.validate(largest)).macs
    assert all(module.cost(neighbour).macs < most for neighbour in module.SPACE.neighbours(largest))
