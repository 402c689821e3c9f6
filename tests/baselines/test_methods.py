"""What holds for every built-in method: one trial is the same alone, as arrays, in any chunks and in any process."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines import catalogue
from harness import arrays as engine
from harness.arrays import search
from harness.loop import Budget
from harness.protocol import Exhausted, Method, Proposal, Trial
from harness.streams import Stream
from tables.space import Space
from tables.table import HeldOut, Table
from tests.baselines.made_up import Problem, evaluated, problem_of, problems, proposed, rejected
from tests.tables.made_up import CELLS, build, published

SMALL = problem_of((2, 3), (4,), (3, 2))

METHODS = {name: method for name, method in catalogue.METHODS.items() if method.with_model is None}
"""Those that search without a language model."""
every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
array_methods = pytest.mark.parametrize(
    "method", [method for method in METHODS.values() if method.arrays], ids=lambda method: method.name
)


@array_methods
@settings(max_examples=25, deadline=None)
@given(
    problem=problems(),
    budget=st.one_of(
        st.integers(1, 60).map(lambda n: Budget(evaluations=n)), st.integers(1, 20).map(lambda n: Budget(unique=n))
    ),
    seed=st.integers(0, 2**64),
    first=st.integers(0, 1000),
    count=st.integers(1, 5),
)
def test_arrays_propose_what_single_trials_do(
    method: Method, problem: Problem, budget: Budget, seed: int, first: int, count: int
) -> None:
    trials = range(first, first + count)
    arrays = search(method, problem.space, problem.table, budget, trials, seed)
    single = search(method, problem.space, problem.table, budget, trials, seed, arrays=False)
    np.testing.assert_array_equal(arrays.proposals, single.proposals)
    np.testing.assert_array_equal(arrays.incumbents, single.incumbents)


def test_the_first_number_of_a_budget_that_is_reached_ends_a_trial() -> None:
    budget = Budget(evaluations=10, proposals=4)
    together, single = (search(METHODS["random"], *SMALL, budget, range(3), 0, arrays=each) for each in (True, False))
    assert together.proposals.shape == (3, 4)
    assert together.proposals.tolist() == single.proposals.tolist()
    assert together.incumbents.tolist() == single.incumbents.tolist()


@array_methods
@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 9, 31, 33, 200])
def test_no_trial_depends_on_how_many_run(method: Method, count: int) -> None:
    """Vector instructions treat the ends of arrays apart, so that many lengths are tried."""
    few = search(method, *SMALL, Budget(evaluations=80), range(count), 3)
    single = search(method, *SMALL, Budget(evaluations=80), range(count - 1, count), 3, arrays=False)
    np.testing.assert_array_equal(few.proposals[-1:], single.proposals)


@every_method
def test_chunks_change_nothing(method: Method, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = search(method, *SMALL, Budget(evaluations=25), range(7), 11)
    monkeypatch.setattr(engine, "CHUNK", 3)
    chunks = search(method, *SMALL, Budget(evaluations=25), range(7), 11)
    np.testing.assert_array_equal(whole.proposals, chunks.proposals)
    np.testing.assert_array_equal(whole.incumbents, chunks.incumbents)


ELSEWHERE = """
import json, sys
from tests.baselines.test_methods import courses
print(json.dumps(courses(range(int(sys.argv[1]), int(sys.argv[2])))))
"""


def courses(trials: range) -> dict[str, list[list[int]]]:
    """The proposals of every method."""
    return {
        name: search(method, *SMALL, Budget(evaluations=25), trials, 5).proposals.tolist()
        for name, method in METHODS.items()
    }


def test_processes_started_apart_agree() -> None:
    here = courses(range(5))
    apart = []
    for first, last, hashing in ((0, 2, "1"), (2, 5, "2")):
        done = subprocess.run(
            [sys.executable, "-c", ELSEWHERE, str(first), str(last)],
            cwd=Path(__file__).parents[2],
            env={"PYTHONHASHSEED": hashing},
            capture_output=True,
            text=True,
            check=True,
        )
        apart.append(json.loads(done.stdout))
    assert here == {name: apart[0][name] + apart[1][name] for name in here}


@every_method
def test_seeds_and_trials_differ(method: Method) -> None:
    problem = problem_of((4, 4, 4), (4, 4, 4))
    seen = [
        search(method, *problem, Budget(evaluations=12), range(trial, trial + 1), seed).proposals.tobytes()
        for trial in range(3)
        for seed in range(3)
    ]
    assert len(set(seen)) == len(seen)


@every_method
def test_asking_changes_nothing_and_a_rejection_is_survived(method: Method) -> None:
    often = method.factory(SMALL.space, Stream(1, 2))
    once = method.factory(SMALL.space, Stream(1, 2))
    for step in range(40):
        architecture = proposed(once)
        assert [proposed(often) for _ in range(3)] == [architecture] * 3
        SMALL.space.validate(architecture)
        accuracy = float(SMALL.table.accuracy[SMALL.space.index_of(architecture)])
        told = rejected(architecture) if step % 3 == 0 else evaluated(architecture, accuracy)
        often.tell(told)
        once.tell(told)


@every_method
def test_a_method_whose_every_proposal_is_rejected_goes_on(method: Method) -> None:
    optimizer = method.factory(SMALL.space, Stream(0, 0))
    for _ in range(2 * SMALL.space.size):
        optimizer.tell(rejected(SMALL.space.validate(proposed(optimizer))))


def test_poisoned_test_accuracies_change_nothing(tmp_path: Path) -> None:
    entries = published(CELLS)
    worst_first = sorted(entries, key=lambda key: entries[key]["rank"], reverse=True)
    for rank, key in enumerate(worst_first, start=1):
        entries[key] = entries[key] | {"test_acc_200": 100 - rank / 100, "rank": rank}
    clean = build(json.dumps(published(CELLS)).encode(), CELLS, tmp_path / "clean")
    poisoned = build(json.dumps(entries).encode(), CELLS, tmp_path / "poisoned")
    assert not np.array_equal(HeldOut.open(clean).test, HeldOut.open(poisoned).test)
    space = replace(CELLS.space, largest=(1,) * len(CELLS.space.slots))
    for method in METHODS.values():
        found = [
            search(method, space, Table.open(path), Budget(evaluations=20), range(3), 0) for path in (clean, poisoned)
        ]
        np.testing.assert_array_equal(found[0].proposals, found[1].proposals)
        np.testing.assert_array_equal(found[0].incumbents, found[1].incumbents)


def test_nni_redraws_every_slot_with_its_probability_and_copies_most() -> None:
    """In its source `evolution-nni` may keep everything: of six slots of five values (1 - 0.05 * 4/5) ** 6 stay."""
    problem = problem_of((5,) * 6)
    found = search(METHODS["evolution-nni"], *problem, Budget(evaluations=1100), range(4), 0).proposals
    new = np.mean([~np.isin(course[at], course[at - 100 : at]) for course in found for at in range(100, 1100)])
    assert new < 1 - 0.96**6


def test_what_a_method_draws_at_random_first_is_what_random_search_draws() -> None:
    """d10: a budget up to `random_first` makes it random search; what follows depends on what it was told."""
    high, low = problem_of((4, 4), (4, 4), seed=1), problem_of((4, 4), (4, 4), seed=2)
    for method in METHODS.values():
        if 1 < method.random_first < 100:
            budget = Budget(evaluations=method.random_first)
            told = [search(method, *problem, budget, range(3), 0).proposals.tolist() for problem in (high, low)]
            assert told[0] == told[1], method.name
    assert {name: METHODS[name].random_first for name in METHODS if "evolution" in name} == {
        "evolution-autodl": 10,
        "evolution-naslib": 30,
        "evolution-nni": 100,
        "evolution-syne-tune": 100,
    }


@pytest.mark.parametrize(
    ("name", "version", "digest"),
    [
        ("random", 1, "d2121b07b208"),
        ("random-distinct", 1, "df597da364a2"),
        ("evolution-autodl", 1, "4316b07b0943"),
        ("evolution-naslib", 1, "c48e9ffb1b9f"),
        ("evolution-nni", 2, "0c33e11de276"),
        ("evolution-syne-tune", 1, "c63581a696b6"),
        ("local-search", 1, "84e6c62c80cc"),
        ("local-search-max", 1, "b89ad520ecbd"),
    ],
)
def test_what_proposes_something_else_has_another_version(name: str, version: int, digest: str) -> None:
    """Kept results go by the version: where a digest moves, raise it. What has floating-point state is not pinned."""
    found = search(METHODS[name], *SMALL, Budget(evaluations=150), range(6), 0).proposals
    assert (METHODS[name].version, hashlib.sha256(found.astype("<i4").tobytes()).hexdigest()[:12]) == (version, digest)


def test_what_was_reached_is_known_where_a_budget_was_not() -> None:
    """d4: a trial that repeats itself, and one that evaluates nothing."""
    small = problem_of((2, 2))
    assert search(METHODS["random"], *small, Budget(evaluations=9), range(2), 0).reached.tolist() == [9, 9]
    assert search(METHODS["random-distinct"], *small, Budget(unique=9), range(2), 0).reached.tolist() == [4, 4]
    nothing = Method("nothing", "made up", Nothing)
    found = search(nothing, *small, Budget(evaluations=9), range(2), 0)
    assert found.reached.tolist() == [0, 0]
    assert found.incumbents.tolist() == [[-1] * 9] * 2


class Nothing:
    """Has nothing to propose."""

    def __init__(self, space: Space, stream: Stream) -> None:
        self.made_from = space, stream

    def ask(self) -> Proposal:
        raise Exhausted("nothing to propose")

    def tell(self, trial: Trial) -> None:
        raise AssertionError(trial)
