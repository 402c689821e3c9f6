"""Jobs have one key, survive the way through files and records, and are refused with a message that helps."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from cache.key import DIGEST_PREFIX
from cache.record import Record
from cache.store import Store
from harness.errors import HarnessError, InvalidJob, NotThisJob, TrainingError
from harness.training import recipes
from harness.training.jobs import (
    KIND,
    Epoch,
    Job,
    Observed,
    Outcome,
    Scale,
    Trained,
    Training,
    read,
)
from harness.training.worker import read_result
from tables.errors import InvalidArchitecture

DIGEST = DIGEST_PREFIX + "0" * 64
JOB = Job("nas-bench-macro", "digits", DIGEST, recipes.DIGITS, architecture="02012100")
CELL = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|none~1|nor_conv_1x1~2|"
PERCENT = st.floats(0, 100)
LOSS = st.none() | st.floats(0, 1e6)


OBSERVED = Observed(finished="2030-01-01T00:00:00+00:00", seconds=1.5, device="cpu", peak_memory_bytes=1)


def result(job: Job = JOB, validation: float | None = 50.0) -> Trained:
    outcome = Outcome((Epoch(0.5, validation, 0.25),), validation, 0.25, 75.0, None)
    return Trained(job, outcome, replace(OBSERVED, resumed_at=(3,), settings={"threads": 1}, versions={"torch": "2"}))


@pytest.mark.parametrize("loss", [2.0**53, 1.2345678e17, 2.0**60, 9.99e20, 1e21, 3.4e38, 2.0**53 - 1])
def test_whatever_is_measured_can_be_kept(loss: float, tmp_path: Path) -> None:
    """Case e5: a network that is all but lost has a finite loss, and an accuracy that counts."""
    trained = Trained(JOB, Outcome((Epoch(loss, 50.0, loss),), 50.0, loss, 49.0, loss), OBSERVED)
    with Store(tmp_path) as store:
        store.put(trained.to_record())
    with Store(tmp_path) as store:
        record = store.get(JOB.key)
        assert record is not None
        again = Trained.from_record(Record.from_line(record.to_line()))
    assert again == trained
    assert again.outcome.is_measured


@pytest.mark.parametrize(
    ("train", "validation", "test"), [(None, 1.0, 1.0), (1.0, None, 1.0), (1.0, 1.0, None)], ids=str
)
def test_an_older_record_of_a_training_that_diverged_is_not_measured(
    train: float | None, validation: float | None, test: float | None
) -> None:
    """Case e4: six of them show 78.75 %."""
    outcome = Outcome((Epoch(train, 78.75, validation),), 78.75, validation, 78.75, test)
    assert not Trained.from_record(Trained(JOB, outcome, OBSERVED).to_record()).outcome.is_measured


def test_a_side_whose_halves_do_not_meet_is_refused() -> None:
    """Case e7: in a network of the benchmark, and wherever pictures are smaller than it halves them."""
    for side in (1, 2, 3):
        with pytest.raises(InvalidJob, match="expects input_size from 4 on"):
            replace(recipes.DIGITS, input_size=side)
    with pytest.raises(InvalidJob, match="side that 4 divides, got 6"):
        Training("nas-bench-201", "digits", DIGEST, replace(recipes.DIGITS, input_size=6))


@st.composite
def jobs(draw: st.DrawFn) -> Job:
    recipe = replace(
        recipes.DIGITS,
        epochs=draw(st.integers(1, 500)),
        learning_rate=draw(st.floats(0, 10)),
        mixed_precision=draw(st.booleans()),
    )
    digits = "".join(draw(st.lists(st.sampled_from("012"), min_size=8, max_size=8)))
    seed, width = draw(st.integers(0, 2**32 - 1)), draw(st.floats(0.01, 4))
    return Job("nas-bench-macro", "digits", DIGEST, recipe, seed, Scale(width), architecture=digits)


# -- keys and files ---


@given(jobs())
@settings(max_examples=30)
def test_a_job_is_the_same_after_its_file(job: Job) -> None:
    again = Job.from_request(json.loads(job.to_json()))
    assert again == job
    assert again.key == job.key


def test_keys_are_pinned() -> None:
    """A change of one of them is a change of all keys: stored results would no longer be found."""
    keys = {name: replace(JOB, recipe=recipe).key[7:23] for name, recipe in recipes.RECIPES.items()}
    assert keys == {
        "digits": "719e0f2986a25870",
        "genius-imagenet": "e951f7e25fdc819c",
        "nas-bench-macro": "5dcfe92066ad74cb",
        "channel-bench-macro": "cbacd6b55f654a4a",
        "nas-bench-201": "b9436869af7e5d76",
    }
    scaled = replace(JOB, space="nas-bench-201", architecture=CELL, seed=3, network=Scale(0.25, 1, True))
    assert scaled.key[7:23] == "5dd82ffb2c93a2f6"


@pytest.mark.parametrize(
    "other",
    [
        replace(JOB, seed=1),
        replace(JOB, architecture="02012101"),
        replace(JOB, digest=DIGEST_PREFIX + "1" * 64),
        replace(JOB, recipe=replace(JOB.recipe, input_size=16)),
        replace(JOB, recipe=replace(JOB.recipe, split=recipes.Split(0.5, 0.25, 0.25, seed=1))),
        replace(JOB, network=Scale(width=0.5)),
        replace(JOB, code="0"),
    ],
)
def test_whatever_may_change_the_result_changes_the_key(other: Job) -> None:
    assert other.key != JOB.key


def test_a_file_may_name_its_recipe_and_leave_out_defaults(tmp_path: Path) -> None:
    path = tmp_path / "spec.json"
    spec = {"space": JOB.space, "architecture": JOB.architecture, "dataset": "digits", "digest": DIGEST}
    path.write_text(json.dumps({**spec, "recipe": "digits"}))
    assert Job.from_request(read(path)) == JOB


# -- records ---


@given(jobs(), PERCENT, LOSS)
@settings(max_examples=30)
def test_a_result_is_the_same_after_its_record(job: Job, percent: float, loss: float | None) -> None:
    outcome = Outcome((Epoch(loss, percent, loss),) * 2, percent, loss, percent, loss)
    made = Trained(job, outcome, result().observed)
    record = Record.from_line(made.to_record().to_line(), expected_key=job.key)
    assert Trained.from_record(record) == made


def test_a_result_is_found_in_the_store_by_the_key_of_its_job(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        assert store.put(result().to_record())
        found = store.get(JOB.key)
        assert found is not None
        assert Trained.from_record(found) == result()


def test_what_may_differ_between_two_trainings_is_not_in_the_answer() -> None:
    assert result().to_record().answer.keys() == {"curve", "validation", "validation_loss", "test", "test_loss"}


def test_a_record_of_another_kind_is_no_job() -> None:
    with pytest.raises(NotThisJob, match="expected a record of kind training, got chat"):
        Trained.from_record(Record({"model": "m"}, {}))


def test_a_record_without_a_result_is_refused() -> None:
    with pytest.raises(InvalidJob, match=r"answer: expected curve, .* missing required field `curve`; mend"):
        Trained.from_record(Record(JOB.request(), {"validation": 1}, kind=KIND))


def test_the_file_of_a_worker_is_verified(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_bytes(result().to_record().to_line())
    assert Trained.from_record(read_result(path, JOB.key)) == result()
    path.write_bytes(path.read_bytes().replace(b'"test":75', b'"test":95'))
    with pytest.raises(NotThisJob, match="were changed"):
        read_result(path, JOB.key)
    path.write_bytes(result(replace(JOB, seed=1)).to_record().to_line())
    with pytest.raises(NotThisJob, match=rf"expected the result of {JOB.key}"):
        read_result(path, JOB.key)


# -- refusals ---


RECIPE = msgspec.to_builtins(JOB.recipe)


def spec(**changes: object) -> dict[str, object]:
    return {**JOB.request(), **changes}


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (spec(space="resnet"), HarnessError, "no space is called 'resnet'"),
        (spec(architecture="0201"), InvalidArchitecture, "expected a key such as 00000000"),
        (spec(recipe="resnet"), TrainingError, "no recipe is called 'resnet'"),
        (spec(digest="md5"), InvalidJob, "python -m harness.training --digest digits prints it"),
        (spec(seed=-1), InvalidJob, "expects a seed from 0"),
        (spec(seed=True), InvalidJob, "Expected `int`, got `bool` - at `\\$.seed`; mend the file"),
        (spec(seed="1"), InvalidJob, "Expected `int`, got `str` - at `\\$.seed`"),
        (spec(network={"width": 0}), InvalidJob, "expects a width above 0, got 0.0"),
        (spec(network={"cells_per_stage": 2}), InvalidJob, "only nas-bench-201 has cells"),
        (spec(network=None), InvalidJob, "Expected `object`, got `null` - at `\\$.network`"),
        (spec(lr=1), InvalidJob, "job: expected space, dataset, .* unknown field `lr`"),
        (
            {"space": "nas-bench-macro"},
            InvalidJob,
            "space, dataset, .* missing required field `dataset`",
        ),
        (spec(recipe={}), InvalidJob, "missing required field `split` - at `\\$.recipe`"),
        (spec(recipe={**RECIPE, "augmentation": "cutout"}), InvalidJob, "Invalid enum value 'cutout'"),
        (spec(recipe={**RECIPE, "epochs": 2**60}), InvalidJob, "beyond"),
        ([], InvalidJob, "expected a job as a JSON object, got list"),
    ],
)
def test_what_is_no_job_is_refused(tmp_path: Path, content: object, error: type[HarnessError], message: str) -> None:
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(content))
    with pytest.raises(error, match=message):
        Job.from_request(read(path))


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "spec.json"
    path.write_bytes(content)
    with pytest.raises(InvalidJob, match=r"spec.json: expected a job as JSON, found none"):
        Job.from_request(read(path))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidJob, match="No such file"):
        Job.from_request(read(tmp_path / "spec.json"))
