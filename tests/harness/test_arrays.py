"""Many trials at once where proposals are rejected: what one after the other does, on tables that lack figures."""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
import pytest

from baselines import catalogue
from harness import arrays
from harness.arrays import Courses, search
from harness.conformance.methods import UNEVEN
from harness.constraints import Bound, Within
from harness.loop import Budget
from harness.protocol import Method
from harness.streams import Stream
from tables import csv
from tables.storage import build
from tables.table import Table

AS_ARRAYS = [method for method in catalogue.METHODS.values() if method.arrays is not None]
SMALL = Within(Bound("sum", high=6), lambda architecture: sum(architecture))
BUDGETS = (Budget(evaluations=25), Budget(unique=12), Budget(evaluations=25, proposals=50))


@pytest.fixture(scope="module")
def lacking(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """A table of two fifths of a space."""
    stream = Stream(0, 0)
    drawn = ((each, stream.random()) for each in product(*map(range, UNEVEN.cardinalities)))
    rows = (f'"{UNEVEN.to_native(each)}",{5 + int(90 * number)}' for each, number in drawn if number % 0.1 < 0.04)
    data = "\n".join(("architecture,accuracy", *rows)).encode()
    return Table.open(build(*csv.read(data, "lacking", UNEVEN), data, tmp_path_factory.mktemp("tables")))


@pytest.mark.parametrize("method", AS_ARRAYS, ids=[method.name for method in AS_ARRAYS])
def test_what_a_table_lacks_is_rejected_in_arrays_as_one_by_one(method: Method, lacking: Table) -> None:
    for budget, limits in product(BUDGETS, ((), (SMALL,))):
        together = search(method, UNEVEN, lacking, budget, range(2), 0, constraints=limits)
        singly = search(method, UNEVEN, lacking, budget, range(2), 0, constraints=limits, arrays=False)
        for name in Courses._fields:
            assert getattr(together, name).tolist() == getattr(singly, name).tolist()
        selected = lacking.architectures_at(together.incumbents[:, -1])
        assert not limits or selected.sum(axis=1).max() <= 6


def test_a_space_that_fits_into_no_array_is_searched_one_by_one(
    lacking: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = catalogue.METHODS["random-distinct"]
    expected = search(method, UNEVEN, lacking, BUDGETS[0], range(2), 0)
    monkeypatch.setattr(arrays, "DENSE", 3)
    monkeypatch.delattr("baselines.random_search.RandomSearchArrays.ask")
    assert search(method, UNEVEN, lacking, BUDGETS[0], range(2), 0).proposals.tolist() == expected.proposals.tolist()


def test_a_trial_that_is_only_rejected_ends(lacking: Table) -> None:
    nothing = Within(Bound("sum", low=100), cache(sum))
    courses = search(AS_ARRAYS[0], UNEVEN, lacking, Budget(evaluations=3), range(2), 0, constraints=(nothing,))
    assert courses.reached.tolist() == [0, 0]
    assert np.all(courses.incumbents == -1)
