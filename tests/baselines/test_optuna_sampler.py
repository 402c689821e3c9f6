"""Optuna's samplers behind ask and tell."""

from __future__ import annotations

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


def test_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    search(find("tpe"), *problem_of((2, 3)), Budget(evaluations=15), range(1), 0)
    assert capfd.readouterr() == ("", "")


def test_without_optuna_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ImportError, match=r"pip install '.\[optuna\]'"):
        find("tpe").factory(problem_of((2, 3)).space, Stream(0, 0))
