"""Optuna's samplers behind ask and tell."""

from __future__ import annotations

import inspect
import sys

import numpy as np
import pytest

pytest.importorskip("optuna")

import optuna

from baselines.catalogue import find
from baselines.optuna_sampler import OptunaSearch, optuna_method
from harness.arrays import search
from harness.loop import Budget
from harness.streams import Stream
from tests.baselines.made_up import evaluated, problem_of, proposed, rejected


def test_tpe_prefers_what_did_well() -> None:
    space, _ = problem_of((4, 4), (4,))
    optimizer = find("tpe").factory(space, Stream(0, 0))
    tried = []
    for _ in range(60):
        tried.append(proposed(optimizer))
        optimizer.tell(evaluated(tried[-1], 50.0 + sum(tried[-1])))
    assert np.mean([sum(each) for each in tried[-20:]]) > np.mean([sum(each) for each in tried[:10]]) + 1


def test_any_sampler_becomes_a_method() -> None:
    problem = problem_of((2, 3), (4,))
    method = optuna_method("optuna-random", "made up", lambda seed: optuna.samplers.RandomSampler(seed=seed))
    first = search(method, *problem, Budget(evaluations=200), range(2), 0)
    again = search(method, *problem, Budget(evaluations=200), range(1, 2), 0)
    np.testing.assert_array_equal(first.proposals[1:], again.proposals)
    assert set(first.proposals.ravel().tolist()) == set(range(problem.space.size))


def test_a_rejection_is_a_failed_trial() -> None:
    space, _ = problem_of((2, 3))
    optimizer = OptunaSearch(space, Stream(0, 0), lambda seed: optuna.samplers.TPESampler(seed=seed))
    optimizer.tell(rejected(proposed(optimizer)))
    optimizer.tell(evaluated(proposed(optimizer), 70.0))
    states = [trial.state.name for trial in optimizer._study.trials]
    assert states == ["FAIL", "COMPLETE", "RUNNING"]


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("sampler", ["grid", "brute-force"])
def test_an_exhausted_sampler_ends_its_trial(sampler: str) -> None:
    """d5."""
    space, table = problem_of((2, 3))
    grid = {"0": [0, 1], "1": [0, 1, 2]}
    made = {
        "grid": lambda seed: optuna.samplers.GridSampler(grid, seed=seed),
        "brute-force": lambda seed: optuna.samplers.BruteForceSampler(seed=seed),
    }
    found = search(optuna_method(sampler, "made up", made[sampler]), space, table, Budget(evaluations=20), range(2), 0)
    assert found.reached.tolist() == [6, 6]
    assert sorted(found.proposals[0]) == list(range(6))
    assert found.incumbents[:, -1].tolist() == [int(np.argmax(table.accuracy))] * 2


def test_what_the_listed_samplers_draw_at_random_first_is_their_default() -> None:
    defaults = {
        "tpe": inspect.signature(optuna.samplers.TPESampler).parameters["n_startup_trials"].default,
        "nsga2": inspect.signature(optuna.samplers.NSGAIISampler).parameters["population_size"].default,
    }
    assert {name: find(name).random_first for name in defaults} == defaults
    assert find("tpe").packages == ("optuna",)


def test_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    search(find("tpe"), *problem_of((2, 3)), Budget(evaluations=15), range(1), 0)
    assert capfd.readouterr() == ("", "")


def test_without_optuna_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ImportError, match="python -m pip install optuna"):
        find("tpe").factory(problem_of((2, 3)).space, Stream(0, 0))
