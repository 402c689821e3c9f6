"""Designs to start from: every method is told of them as of its own, however they come."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from baselines import catalogue
from baselines.genius import Genius, Prompts
from baselines.random_search import RandomSearch
from harness.loop import Budget, Problem, Step, steps_of
from harness.objectives import TabularObjective
from harness.protocol import Evaluated, Method, Reason, Rejected, Rejection, Trial
from harness.streams import Stream
from tables.space import Architecture
from tests.baselines.made_up import evaluated, problem_of, proposed, rejected

SPACE, TABLE = problem_of((3, 4), (2, 5))
FIRST: Architecture = (0, 0, 0, 0)
LAST: Architecture = (2, 3, 1, 4)
METHODS = [method for method in catalogue.METHODS.values() if method.with_model is None]
LEARNS = [method for method in METHODS if not method.oblivious and method.random_first < 10]
every_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)


def course(
    method: Method, *start: Architecture, evaluations: int = 12, first: Callable[[Architecture], float] | None = None
) -> list[Architecture | None]:
    truth = TabularObjective(SPACE, TABLE)
    problem = Problem(SPACE, lambda _: 0, (), lambda each: first(each) if first and each in start else truth(each))
    steps = steps_of(method.factory(SPACE, Stream(0, 0)), problem, Budget(evaluations=evaluations), start=start)
    return [step.trial.architecture for step in steps]


@every_method
def test_designs_to_start_from_come_first_and_count_in_the_budget(method: Method) -> None:
    found = course(method, FIRST, LAST)
    assert found[:2] == [FIRST, LAST]
    assert len(found) == 12


@every_method
def test_a_search_goes_on_alike_however_the_designs_came(method: Method) -> None:
    optimizer = method.factory(SPACE, Stream(0, 0))
    told = TABLE.accuracy
    for design in (FIRST, LAST):
        optimizer.tell(evaluated(design, float(told[TABLE.index_of(design)])))
    found = []
    for _ in range(10):
        found.append(proposed(optimizer))
        optimizer.tell(evaluated(found[-1], float(told[TABLE.index_of(found[-1])])))
    assert course(method, FIRST, LAST)[2:] == found


@pytest.mark.parametrize("method", LEARNS, ids=lambda method: method.name)
def test_what_is_learned_is_of_the_design_that_was_told(method: Method) -> None:
    first_best = course(method, FIRST, LAST, evaluations=40, first={FIRST: 99.0, LAST: 1.0}.__getitem__)
    assert first_best != course(method, FIRST, LAST, evaluations=40, first={FIRST: 1.0, LAST: 99.0}.__getitem__)


def test_local_search_moves_to_the_best_design_and_tries_all_its_neighbours() -> None:
    method = catalogue.find("local-search")
    around = len(list(SPACE.neighbours(LAST)))
    found = course(method, FIRST, LAST, evaluations=2 + around, first=lambda each: 99.0 if each == LAST else 1.0)
    assert sorted(found[2:], key=str) == sorted(SPACE.neighbours(LAST), key=str)


def test_local_search_forgets_no_neighbour_when_a_worse_design_is_told() -> None:
    optimizer = catalogue.find("local-search").factory(SPACE, Stream(0, 0))
    optimizer.tell(evaluated(LAST, 99.0))
    waiting = proposed(optimizer)
    optimizer.tell(evaluated(FIRST, 1.0))
    assert proposed(optimizer) == waiting
    optimizer.tell(rejected((1, 1, 1, 1)))
    assert proposed(optimizer) == waiting


def test_evolution_breeds_from_designs_it_was_given() -> None:
    method = catalogue.find("evolution-autodl")
    start = [SPACE.architecture_at(n) for n in range(0, 100, 10)]  # a whole population
    found = course(method, *start, evaluations=11, first=start.index)
    assert any(found[10] in [*SPACE.neighbours(parent)] for parent in start)


def test_a_design_that_optuna_did_not_suggest_joins_its_study() -> None:
    pytest.importorskip("optuna")
    optimizer = catalogue.find("tpe").factory(SPACE, Stream(0, 0))
    waiting = proposed(optimizer)
    optimizer.tell(evaluated(LAST, 99.0))
    optimizer.tell(rejected(FIRST))
    assert proposed(optimizer) == waiting
    study = optimizer._study  # type: ignore[attr-defined]
    assert (study.best_value, tuple(study.best_params.values())) == (99.0, LAST)
    assert [trial.state.name for trial in study.trials] == ["RUNNING", "COMPLETE", "FAIL"]


def test_a_model_reads_of_the_designs_that_its_run_started_from() -> None:
    prompts = Prompts(
        problem="Search.",
        opening="So far: ",
        experiment="$number: $design $accuracy; ",
        unreadable="No: $reason",
        repeated="Again?",
    )
    genius = Genius(SPACE, prompts, lambda _: "[0, 0, 0, 0]")
    genius.tell(evaluated(LAST, 81.25))
    assert genius.messages()[-1]["content"] == "So far: 1: [2, 3, 1, 4] 81.25; "
    genius.tell(rejected(FIRST))
    assert genius.messages()[1]["content"] == "[0, 0, 0, 0]"
    assert genius.turn == 1


def test_whoever_takes_no_more_steps_ends_the_run() -> None:
    told: list[Trial] = []

    class Noting(RandomSearch):
        def tell(self, trial: Trial) -> None:
            told.append(trial)
            super().tell(trial)

    problem = Problem(SPACE, lambda _: 0, (), lambda each: 50.0 if sum(each) % 2 else Rejection(Reason.UNMEASURED, ""))
    taken: list[Step] = []
    for step in steps_of(Noting(SPACE, Stream(0, 1)), problem, Budget(proposals=9)):
        taken.append(step)
        assert told == [each.told for each in taken]  # it has happened when it is given
        if len(taken) == 4:
            break
    assert {type(step.told) for step in taken} == {Evaluated, Rejected}
