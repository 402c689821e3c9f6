"""What measures: figures are asked for once, trainings only where they are waited for."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from cache.cassette import Cassette
from cache.client import Client, Reply, Request
from cache.errors import ReplayMiss
from cache.record import Record
from harness.errors import BrokenRecording, InvalidJob
from harness.objectives import FIGURES, Asked, Figures, Measure
from harness.spaces.nas_bench_macro import SPACE
from harness.training.jobs import Outcome, Training
from harness.training.recipes import DIGITS, Split
from tests.harness.training.instant import made_up

DIGEST = "sha256:" + "0" * 64
ONE, OTHER = (0,) * 8, (1,) * 8
TRAINING = Training(SPACE.name, "digits", DIGEST, DIGITS)
TABLE = Measure(table="made-up", source="0" * 64)


def test_figures_of_a_table_are_asked_for_once_and_told_by_validation() -> None:
    asked: list[Request] = []

    def look_up(request: Request) -> Reply:
        asked.append(request)
        return Reply({"accuracy": 71, "test": 70.5})

    objective = Asked(Client(Cassette(), {FIGURES: look_up}), SPACE, TABLE)
    assert objective(ONE) == 71.0
    assert objective.figures(ONE) == Figures(71.0, 70.5)
    assert asked == [{"table": "made-up", "source": "0" * 64, "space": "nas-bench-macro", "architecture": "00000000"}]
    assert [record.kind for record in objective.used.values()] == [FIGURES]


def test_figures_of_another_form_are_refused() -> None:
    records = Cassette([Record(TABLE.request(SPACE, ONE), {"accuracy": "high"}, kind=FIGURES)])
    with pytest.raises(BrokenRecording, match="figures of another form"):
        Asked(Client(records), SPACE, TABLE)(ONE)


def test_a_training_that_is_there_is_read_and_another_one_is_not_measured_yet() -> None:
    job = TRAINING.job(ONE)
    client = Client(Cassette([made_up(job).to_record()]))
    objective = Asked(client, SPACE, TRAINING, wait=False)
    outcome = made_up(job).outcome
    assert objective.figures(ONE) == (outcome.validation, outcome.test)
    assert objective(OTHER) is None
    assert list(objective.used) == [job.key]
    with pytest.raises(ReplayMiss):
        Asked(client, SPACE, TRAINING)(OTHER)


def test_a_recipe_without_validation_is_no_objective_of_a_search() -> None:
    blind = replace(TRAINING, recipe=replace(DIGITS, split=Split(train=0.75, validation=0.0, test=0.25)))
    job = blind.job(ONE)
    result = made_up(job)
    outcome = Outcome(result.outcome.curve, None, None, 50.0, 1.0)
    records = Cassette([replace(result, outcome=outcome).to_record()])
    with pytest.raises(InvalidJob, match="give its split a fraction"):
        Asked(Client(records), SPACE, blind)(ONE)
