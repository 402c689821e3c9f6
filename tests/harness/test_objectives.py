"""An architecture is trained once, through the queue, and read from its record ever after."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cache.cassette import Cassette
from cache.store import Store
from harness.errors import InvalidJob
from harness.objectives import NotTrained, TrainedObjective, TrainingFailed, Workshop
from harness.spaces.nas_bench_macro import SPACE
from harness.training.jobs import Job, Outcome, to_record
from harness.training.queue import Queue, State
from harness.training.recipes import DIGITS, Recipe, Split
from tables.space import Architecture
from tests.harness.instant import Instant, made_up

DIGEST = "sha256:" + "0" * 64
ONE, OTHER = (0,) * 8, (1,) * 8


def job(architecture: Architecture, recipe: Recipe = DIGITS) -> Job:
    return Job(SPACE.name, SPACE.to_native(architecture), "digits", DIGEST, recipe)


def workshop(folder: Path, executor: Instant) -> Workshop:
    return Workshop(Queue(folder / "jobs"), lambda: executor)


def test_what_has_no_record_is_trained_once_and_told_by_validation(tmp_path: Path) -> None:
    executor = Instant()
    with Store(tmp_path / "results") as results:
        objective = TrainedObjective(job, results, workshop(tmp_path, executor))
        outcome = made_up(job(ONE)).outcome
        assert objective.evaluate(ONE) == outcome.validation
        assert objective.evaluate(ONE) == outcome.validation
        assert objective.figures(ONE) == (outcome.validation, outcome.test)
        assert executor.rounds == [[job(ONE)]]
    with Store(tmp_path / "results") as results:
        again = TrainedObjective(job, results)
        assert again.outcome(ONE) == outcome
        assert again.record(ONE).key == job(ONE).key
        assert again.is_trained(ONE)
        assert not again.is_trained(OTHER)


def test_a_result_in_the_queue_is_collected_without_another_attempt(tmp_path: Path) -> None:
    at_work = workshop(tmp_path, Instant())
    TrainedObjective(job, Cassette(), at_work).evaluate(ONE)
    later = Cassette()  # the store was lost, or the master died before it kept the result
    TrainedObjective(job, later, at_work).evaluate(ONE)
    assert list(later) == [job(ONE).key]


def test_several_are_trained_at_once_each_of_them_once(tmp_path: Path) -> None:
    executor = Instant()
    objective = TrainedObjective(job, Cassette(), workshop(tmp_path, executor))
    objective.evaluate(ONE)
    objective.train([OTHER, ONE, OTHER, (2,) * 8])
    assert executor.rounds == [[job(ONE)], [job(OTHER), job((2,) * 8)]]
    objective.train([OTHER, ONE])
    assert len(executor.rounds) == 2


def test_the_watch_is_told_each_result(tmp_path: Path) -> None:
    told = []
    at_work = replace(workshop(tmp_path, Instant()), watch=lambda job, result: told.append((job, result)))
    TrainedObjective(job, Cassette(), at_work).train([ONE, OTHER])
    assert told == [(job(each), made_up(job(each))) for each in (ONE, OTHER)]


def test_without_a_workshop_nothing_is_trained() -> None:
    with pytest.raises(NotTrained, match=f"expected the result of {job(ONE).key}, the training of 00000000"):
        TrainedObjective(job, Cassette()).evaluate(ONE)


def test_a_failure_shows_the_log_and_keeps_what_did_not_fail(tmp_path: Path) -> None:
    objective = TrainedObjective(job, Cassette(), workshop(tmp_path, Instant(fails=lambda each: each.choices == ONE)))
    with pytest.raises(TrainingFailed) as caught:
        objective.train([ONE, OTHER])
    assert "the dog ate the pictures" in str(caught.value)
    assert f"python -m reproduce jobs retry {job(ONE).key}" in str(caught.value)
    assert objective.is_trained(OTHER)


def test_a_cancelled_job_says_so(tmp_path: Path) -> None:
    class Cancels(Instant):
        def run(self, queue, keys, each=None):  # type: ignore[no-untyped-def]
            for key in keys:
                assert queue.cancel(key).state is State.CANCELLED
                each(queue.status(key))

    with pytest.raises(TrainingFailed, match="was cancelled"):
        TrainedObjective(job, Cassette(), workshop(tmp_path, Cancels())).evaluate(ONE)


def test_a_recipe_without_validation_is_no_objective_of_a_search() -> None:
    blind = job(ONE, replace(DIGITS, split=Split(train=0.75, validation=0.0, test=0.25)))
    result = made_up(blind)
    outcome = Outcome(result.outcome.curve, None, None, 50.0, 1.0)
    objective = TrainedObjective(lambda _: blind, Cassette([to_record(blind, replace(result, outcome=outcome))]))
    assert objective.outcome(ONE).test == 50
    with pytest.raises(InvalidJob, match="give its split a fraction"):
        objective.evaluate(ONE)
