"""A recorded run replays from its cassette alone, and nothing that was changed in it passes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from cache import cassette
from cache.cassette import Cassette
from cache.client import Client, Reply
from cache.errors import ReplayMiss
from cache.key import JSON
from cache.record import CHAT, Record
from harness import spaces
from harness.protocol import Reason
from reproduce.cli import recording, recordings
from reproduce.cli.recording import ANSWERS, EVALUATION, RUN, Figures, Plan, Recorded
from reproduce.errors import BrokenRecording
from tables.space import Architecture
from tests.cache.server import completion

PLAN = Plan(
    "made-up",
    "nas-bench-macro",
    {"table": "made-up"},
    "json-object",
    {"temperature": 1.0, "seed": 7},
    iterations=3,
    proposals=6,
)


class Scripted:
    """A transport whose model says these texts, one a request."""

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)
        self.asked: list[Mapping[str, JSON]] = []

    def send(self, request: Mapping[str, JSON]) -> Reply:
        self.asked.append(request)
        return Reply(completion(self.texts.pop(0)), {"attempts": [{"status": 500}, {"status": 200}]}, {"model": "x"})


def accuracy(architecture: Architecture) -> tuple[float, float]:
    return 80.0 + sum(architecture) / 10, 70.0 + sum(architecture) / 10


def design(*choices: int) -> str:
    return json.dumps({"architecture": choices})


TEXTS = (
    design(0, 0, 0, 0, 0, 0, 0, 0),
    design(0, 0, 0, 0, 0, 0, 0, 0),
    design(2, 2, 2, 2, 2, 2, 2),
    "I do not know.",
    design(1, 2, 0, 1, 2, 0, 1, 2),
    design(1, 1, 1, 1, 1, 1, 1, 9),
)


def record(folder: Path, plan: Plan = PLAN, texts: tuple[str, ...] = TEXTS) -> Path:
    records = Cassette()
    client = Client(records, {CHAT: Scripted(*texts).send})
    made = list(recording.perform(plan, client, Figures(plan, records, accuracy), lambda *_: None))
    cassette.write(folder / "run.jsonl", made)
    return folder / "run.jsonl"


def again(folder: Path) -> Recorded:
    [run] = recording.read(record(folder))
    return run


def test_a_recording_replays_alone(tmp_path: Path) -> None:
    run = again(tmp_path)
    assert run.plan == PLAN
    assert run.replay.tally.misses == 0
    assert [step.turn for step in run.replay.trajectory.steps] == [0, 0, 1, 2, 3, 0]
    assert run.selected == (1, 2, 0, 1, 2, 0, 1, 2)
    assert run.test == pytest.approx(70.9)
    assert run.provenance == {"model": "x"}


def test_what_became_of_the_answers_is_counted(tmp_path: Path) -> None:
    validity = again(tmp_path).validity
    assert (validity.answers, validity.evaluated, validity.unread, validity.retries) == (6, 2, 3, 6)
    assert validity.rejected == {
        Reason.REPEATED: 1,
        Reason.WRONG_LENGTH: 1,
        Reason.NOTHING_FOUND: 1,
        Reason.UNKNOWN_CHOICE: 1,
    }
    assert (validity + validity).tokens == 2 * validity.tokens == 120


def test_a_rejection_is_told_to_the_model(tmp_path: Path) -> None:
    records = Cassette()
    model = Scripted(*TEXTS)
    plan = PLAN
    list(
        recording.perform(plan, Client(records, {CHAT: model.send}), Figures(plan, records, accuracy), lambda *_: None)
    )
    last = [request["messages"] for request in model.asked]
    assert "tested already" in str(last[2])
    assert "wrong length" in str(last[3])
    assert "nothing found" in str(last[4])
    assert "80.90 %" in str(last[5])
    assert "70.90" not in str(last)  # test accuracy


@pytest.mark.parametrize("mode", ANSWERS)
def test_requests_hold_what_the_mode_asks_of_the_server(mode: str) -> None:
    plan = replace(PLAN, answers=mode)
    request = plan.search(Figures(plan, Cassette())).request([])
    space = spaces.find(plan.space).SPACE
    assert (request["model"], request["temperature"], request["seed"]) == ("made-up", 1.0, 7)
    assert ("response_format" in request) == mode.startswith("json")
    assert request.get("grammar", space.gbnf()) == space.gbnf()
    assert (json.dumps(space.json_schema()) in json.dumps(request)) == mode.startswith("json")


def test_a_window_is_fed_back(tmp_path: Path) -> None:
    plan = Plan("made-up", "mobilenetv2-se", {"table": "made-up"}, window=(250, 330), iterations=1, proposals=2)
    path = record(tmp_path, plan, (design(*[6] * 30), design(*[0] * 30)))
    [run] = recording.read(path)
    assert run.validity.rejected == {Reason.ABOVE_WINDOW: 1, Reason.BELOW_WINDOW: 1}


def tampered(path: Path, kind: str, drop: bool, answer: Mapping[str, JSON] | None = None) -> Path:
    """The cassette without a record of this kind, or with another answer in it."""
    records = list(cassette.read(path).values())
    victim = next(one for one in records if one.kind == kind)
    records.remove(victim)
    if not drop:
        records.append(Record(victim.request, answer or {}, victim.sample, victim.kind))
    cassette.write(path, records)
    return path


def test_a_missing_answer_is_a_miss(tmp_path: Path) -> None:
    path = tampered(record(tmp_path), "chat.completions", drop=True)
    with pytest.raises(ReplayMiss, match="made-up on made-up, json-object, temperature 1, run 1, iteration"):
        recording.read(path)


def test_missing_figures_are_an_error(tmp_path: Path) -> None:
    path = tampered(record(tmp_path), EVALUATION, drop=True)
    with pytest.raises(BrokenRecording, match="no figures of architecture"):
        recording.read(path)


def test_other_figures_are_another_course(tmp_path: Path) -> None:
    path = tampered(record(tmp_path), EVALUATION, drop=False, answer={"accuracy": 99.0, "test": 99.0})
    with pytest.raises((BrokenRecording, ReplayMiss)):
        recording.read(path)


def test_figures_of_another_form_are_an_error(tmp_path: Path) -> None:
    path = tampered(record(tmp_path), EVALUATION, drop=False, answer={"accuracy": "high"})
    with pytest.raises(BrokenRecording, match="another form"):
        recording.read(path)


def test_another_course_is_an_error(tmp_path: Path) -> None:
    path = tampered(record(tmp_path), RUN, drop=False, answer={"course": "sha256:0"})
    with pytest.raises(BrokenRecording, match="another course"):
        recording.read(path)


def test_a_run_of_another_form_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    cassette.write(path, [Record({"model": "made-up"}, {}, kind=RUN)])
    with pytest.raises(BrokenRecording, match="another form"):
        recording.read(path)


def test_a_model_that_never_names_a_design_selects_nothing(tmp_path: Path) -> None:
    [run] = recording.read(record(tmp_path, replace(PLAN, proposals=2), ("no", "no")))
    assert run.selected is None
    assert run.test is None
    report = recordings.report([run])
    assert any("in 1 of 1 runs nothing was evaluated" in note for note in report.notes)
    assert [column.title for column in report.columns if column.key == "nothing_found"] == ["Nothing found"]


def test_what_was_read_of_an_answer_is_marked(tmp_path: Path) -> None:
    lines = recordings.text(again(tmp_path)).splitlines()
    assert lines[1] == "-- iteration 0, turn 0: 80.00 %"
    assert lines[2] == '{"architecture": ⟦[0, 0, 0, 0, 0, 0, 0, 0]⟧}'
    assert lines[7].startswith("-- iteration 1, turn 2: nothing found")
    assert lines[8] == "I do not know."


@pytest.mark.parametrize("path", recording.committed(), ids=lambda path: path.stem)
def test_the_recordings_of_the_project_replay(path: Path) -> None:
    runs = recording.read(path)
    assert all(run.replay.tally.misses == 0 for run in runs)
    assert all({"file", "sha256", "server"} <= run.provenance.keys() for run in runs)
