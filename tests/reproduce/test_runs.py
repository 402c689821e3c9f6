"""A recorded run replays from its cassette alone, and nothing that was changed in it passes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from baselines.genius import Prompts
from cache import cassette
from cache.cassette import Cassette
from cache.client import Client, Reply, Request
from cache.errors import ReplayMiss
from cache.key import JSON
from cache.record import CHAT, Record
from harness.errors import BrokenRecording, HarnessError
from harness.loop import Budget
from harness.objectives import FIGURES, Measure
from harness.protocol import Reason
from harness.run import Run, perform
from harness.run import request as body
from harness.spaces import mobilenetv2_se, nas_bench_macro
from harness.specification import RUN, Model, Protocol, Specification
from reproduce import recording, runs
from reproduce.__main__ import main
from reproduce.recording import Recorded
from reproduce.runs import ANSWERS
from tests.cache.records import chat_record
from tests.cache.server import completion

SPACE = nas_bench_macro.SPACE


def planned(answers: str = "json-object", proposals: int = 6) -> Specification:
    return Specification(
        method="genius",
        space=SPACE.name,
        budget=Budget(evaluations=3, proposals=proposals),
        table=Measure(table="made-up", source="0" * 64),
        model=Model(
            name="made-up",
            parameters={"temperature": 1.0, "seed": 7, **ANSWERS[answers](SPACE)},
            prompt=runs.wording(SPACE, answers, None).parts,
            answers=answers,
        ),
    )


class Scripted:
    """A transport whose model says these texts, one a request."""

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)
        self.asked: list[Mapping[str, JSON]] = []

    def send(self, request: Mapping[str, JSON]) -> Reply:
        self.asked.append(request)
        return Reply(completion(self.texts.pop(0)), {"attempts": [{"status": 500}, {"status": 200}]}, {"model": "x"})


def figures(request: Request) -> Reply:
    digits = sum(map(int, filter(str.isdigit, str(request["architecture"]))))
    return Reply({"accuracy": 80.0 + digits / 10, "test": 70.0 + digits / 10})


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


def performed(model: Scripted, one: Specification | None = None) -> Run:
    client = Client(Cassette(), {CHAT: model.send, FIGURES: figures})
    one = one or planned()
    return perform(one, client, runs.setting(one))


def record(folder: Path, one: Specification | None = None, texts: tuple[str, ...] = TEXTS) -> Path:
    cassette.write(folder / "run.jsonl", performed(Scripted(*texts), one).records)
    return folder / "run.jsonl"


def test_a_recording_replays_alone(tmp_path: Path) -> None:
    [run] = recording.replay_recording(record(tmp_path))
    assert run.specification == planned()
    assert run.tally.misses == 0
    assert [step.turn for step in run.trajectory.steps] == [0, 0, 1, 2, 3, 0]
    assert run.selected == (1, 2, 0, 1, 2, 0, 1, 2)
    assert run.ended.test == pytest.approx(70.9)
    assert run.record().provenance == {"model": "x"}


def test_a_run_s_record_says_what_a_replay_finds(tmp_path: Path) -> None:
    path = record(tmp_path)
    [read], [again] = recording.read(path), recording.replay_recording(path)
    assert (read.specification, read.ended, read.record) == (again.specification, again.ended, again.record())


def test_an_edited_prompt_file_breaks_no_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = record(tmp_path)
    monkeypatch.setattr(Prompts, "load", lambda *_, **__: Prompts(system="Another wording."))
    assert len(recording.replay_recording(path)) == 1


def test_what_became_of_the_answers_is_counted() -> None:
    ended = performed(Scripted(*TEXTS)).ended
    assert (ended.answers, ended.evaluated, ended.attempts, ended.tokens) == (6, 2, 12, 60)
    assert ended.rejected == {
        Reason.REPEATED.value: 1,
        Reason.WRONG_LENGTH.value: 1,
        Reason.NOTHING_FOUND.value: 1,
        Reason.UNKNOWN_CHOICE.value: 1,
    }


def test_a_rejection_is_told_to_the_model() -> None:
    model = Scripted(*TEXTS)
    performed(model)
    last = [request["messages"] for request in model.asked]
    assert "tested already" in str(last[2])
    assert "wrong length" in str(last[3])
    assert "nothing found" in str(last[4])
    assert "80.90 %" in str(last[5])
    assert "70.90" not in str(last)  # test accuracy


def test_repeats_are_evaluated_where_the_protocol_says_so() -> None:
    one = planned()
    assert one.model is not None
    model = structs.replace(one.model, protocol=Protocol(repeats="evaluated", digits=3))
    asked = Scripted(design(*[0] * 8), design(*[0] * 8), design(*[1] * 8))
    run = performed(asked, structs.replace(one, model=model))
    assert [step.iteration for step in run.trajectory.steps] == [0, 1, 2]
    assert "Accuracy: 80.000 %" in str(asked.asked[-1]["messages"])


@pytest.mark.parametrize("mode", ANSWERS)
def test_requests_hold_what_the_mode_asks_of_the_server(mode: str) -> None:
    request = body(planned(mode), [])
    space = SPACE
    assert (request["model"], request["temperature"], request["seed"]) == ("made-up", 1.0, 7)
    assert ("response_format" in request) == mode.startswith("json")
    assert request.get("grammar", space.gbnf()) == space.gbnf()
    schema = space.plain_schema() if mode in ("json-schema-strict", "tool-call") else space.json_schema()
    assert (json.dumps(schema) in json.dumps(request)) == (mode not in ("free", "gbnf"))
    assert ("prefixItems" in json.dumps(request)) == (mode in ("json-object", "json-schema"))
    assert ('"strict": true' in json.dumps(request)) == (mode in ("json-schema-strict", "tool-call"))


def test_a_window_is_fed_back() -> None:
    one = planned()
    assert one.model is not None
    imagenet, window = mobilenetv2_se.SPACE, (250, 330)
    model = structs.replace(one.model, prompt=runs.wording(imagenet, "free", window).parts)
    one = structs.replace(
        one, space=imagenet.name, model=model, window=window, budget=Budget(evaluations=1, proposals=2)
    )
    ended = performed(Scripted(design(*[6] * 30), design(*[0] * 30)), one).ended
    assert ended.rejected == {Reason.ABOVE_WINDOW.value: 1, Reason.BELOW_WINDOW.value: 1}


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
        recording.replay_recording(path)


def test_missing_figures_are_an_error(tmp_path: Path) -> None:
    path = tampered(record(tmp_path), FIGURES, drop=True)
    with pytest.raises(ReplayMiss):
        recording.replay_recording(path)


def test_other_figures_are_another_course(tmp_path: Path) -> None:
    path = tampered(record(tmp_path), FIGURES, drop=False, answer={"accuracy": 99.0, "test": 99.0})
    with pytest.raises((BrokenRecording, ReplayMiss)):
        recording.replay_recording(path)


def test_figures_of_another_form_are_an_error(tmp_path: Path) -> None:
    path = tampered(record(tmp_path), FIGURES, drop=False, answer={"accuracy": "high"})
    with pytest.raises(BrokenRecording, match="another form"):
        recording.replay_recording(path)


def test_another_course_is_an_error(tmp_path: Path) -> None:
    path = tampered(record(tmp_path), RUN, drop=False, answer={"course": "sha256:0"})
    with pytest.raises(BrokenRecording, match="another course"):
        recording.replay_recording(path)


def test_a_run_of_another_form_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    cassette.write(path, [Record({"model": "made-up"}, {}, kind=RUN)])
    with pytest.raises(BrokenRecording, match="another form"):
        recording.replay_recording(path)


def test_a_model_that_never_names_a_design_selects_nothing(tmp_path: Path) -> None:
    [run] = recording.read(record(tmp_path, planned(proposals=2), ("no", "no")))
    assert run.ended.selected is None
    assert run.ended.test is None
    report = recording.report([run])
    assert any("in 1 of 1 runs nothing was evaluated" in note for note in report.notes)
    assert [column.title for column in report.columns if column.key == "nothing_found"] == ["Nothing found"]


def recorded(number: int = 0, file: str = "a", **otherwise: Any) -> Recorded:
    """The record of a run, with parts of its model or of itself set otherwise."""
    one = structs.replace(planned(), number=number)
    assert one.model is not None
    ours = {name: value for name, value in otherwise.items() if name in one.__struct_fields__}
    parameters = {**one.model.parameters, "seed": 7 + number, **otherwise.pop("parameters", {})}
    its = {name: value for name, value in otherwise.items() if name not in ours}
    one = structs.replace(one, model=structs.replace(one.model, parameters=parameters, **its), **ours)
    return Recorded.of(Record(one.request(), {"course": "sha256:0"}, kind=RUN, provenance={"sha256": file}))


@pytest.mark.parametrize(
    ("said", "otherwise"),
    [
        ("top_p 0.9", {"parameters": {"top_p": 0.9}}),
        ("stop", {"parameters": {"stop": ["\n"]}}),
        ("seed 8", {"parameters": {"seed": 8}}),
        ("prompt.system sha256:", {"prompt": {"system": "another wording, and a long one at that"}}),
        ("reader", {"reader": "strict"}),
        ("protocol", {"protocol": Protocol(digits=3)}),
        ("table.source", {"table": Measure(table="made-up", source="1" * 64)}),
        ("budget", {"budget": Budget(evaluations=4, proposals=6)}),
        ("window", {"window": (1, 2)}),
        ("arm", {"arm": "names hidden"}),
        ("file", {"file": "b"}),
    ],
)
def test_b4_runs_that_were_set_otherwise_are_never_one_row(said: str, otherwise: dict[str, Any]) -> None:
    found = [recorded(0), recorded(1), recorded(0, **otherwise)]
    assert [len(pool.runs) for pool in recording.pooled(found)] == [2, 1]
    report = recording.report(found)
    [where] = [n for n, column in enumerate(report.columns) if column.key == "set_otherwise"]
    cells = [row[where].text for row in report.rows]
    assert said in cells[1]
    assert cells[0] != cells[1]


def test_independent_runs_are_one_row_and_each_counts_once() -> None:
    found = [recorded(number) for number in (0, 1, 2)]
    [pool] = recording.pooled([*found, *found[1:]])  # an old recording beside what it has grown to
    assert (pool.runs, pool.apart) == (found, "")
    assert "set_otherwise" not in [column.key for column in recording.report(found).columns]


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("command", [["recordings"], ["recordings", "--text"], ["search", "--from"]])
def test_b8_answers_without_a_run_are_counted(
    command: list[str], count: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "foreign.jsonl"
    cassette.write(path, [chat_record(str(number)) for number in range(count)])
    assert main([*command, str(path)]) == 2
    said = capsys.readouterr()
    assert f"got {count} answer{'s' * (count != 1)}, no run" in said.err
    assert not said.out


def test_what_was_read_of_an_answer_is_marked() -> None:
    lines = recording.text(performed(Scripted(*TEXTS))).splitlines()
    assert lines[1] == "-- iteration 0, turn 0: 80.00 %"
    assert lines[2] == '{"architecture": ⟦[0, 0, 0, 0, 0, 0, 0, 0]⟧}'
    assert lines[7].startswith("-- iteration 1, turn 2: nothing found")
    assert lines[8] == "I do not know."


@pytest.mark.parametrize("path", recording.committed(), ids=lambda path: path.stem)
def test_the_recordings_of_the_project_replay(path: Path) -> None:
    found = recording.replay_recording(path)
    assert all(run.tally.misses == 0 for run in found)
    assert all({"file", "sha256", "server"} <= run.record().provenance.keys() for run in found)


# -- strictly read ---


def strict(answers: str = "free", **parameters: JSON) -> Specification:
    model = runs.model("made-up", SPACE, answers, {"temperature": 1.0, **parameters})
    return structs.replace(planned(), model=model)


ZEROS, ONES = "Design: [0, 0, 0, 0, 0, 0, 0, 0]", "Design: [1, 1, 1, 1, 1, 1, 1, 1]"


class Answering(Scripted):
    """A model that answers with these bodies, or whole texts."""

    def __init__(self, *bodies: Mapping[str, JSON] | str) -> None:
        super().__init__()
        self.bodies = [completion(body) if isinstance(body, str) else body for body in bodies]

    def send(self, request: Mapping[str, JSON]) -> Reply:
        self.asked.append(request)
        return Reply(self.bodies.pop(0))


def choice(content: JSON, end: str = "stop", **others: JSON) -> dict[str, JSON]:
    return {"choices": [{"index": 0, "message": {"content": content, **others}, "finish_reason": end}]}


def test_an_answer_that_says_nothing_is_told_and_counted_and_the_run_goes_on(tmp_path: Path) -> None:
    model = Answering(
        choice(None),
        choice(ZEROS, "length"),
        {**choice(ZEROS), "error": {"message": "overloaded"}},
        {"unreadable": "bytes that are no UTF-8", "raw": "/w=="},
        choice(None, refusal="No."),
        f"<think>{ONES}</think>\n{ZEROS}\n\nUser: Again.\n\nAssistant: {ONES}",
    )
    run = performed(model, strict())
    assert run.ended.rejected == {
        Reason.NOTHING_SAID.value: 1,
        Reason.CUT_OFF.value: 1,
        Reason.FAILED.value: 1,
        Reason.UNREADABLE.value: 1,
        Reason.REFUSED.value: 1,
    }
    assert run.selected == (0,) * 8
    feedback = [request["messages"][-1]["content"] for request in model.asked[1:]]  # type: ignore[index,call-overload]
    assert ["nothing said: the answer holds no text" in str(said) for said in feedback] == [True, *[False] * 4]
    assert "overloaded" in str(feedback[2])
    assert "bytes that are no UTF-8" in str(feedback[3])
    cassette.write(tmp_path / "run.jsonl", run.records)
    (again,) = recording.replay_recording(tmp_path / "run.jsonl")
    assert again.ended == run.ended
    lines = recording.text(again)
    thought = len(f"<think>{ONES}</think>\n")
    assert f"; {thought} characters cut off: the model's thinking; " in lines
    assert "characters cut off: a turn that the model made up" in lines
    assert f"</think>\nDesign: {recording.OPEN}[0, 0, 0, 0, 0, 0, 0, 0]{recording.CLOSE}\n\nUser: Again." in lines
    assert "Unreadable" in [
        column.title for column in recording.report([recording.read(tmp_path / "run.jsonl")[0]]).columns
    ]


def test_what_is_sent_back_is_what_was_said_to_us() -> None:
    thought = f"<think>{ONES}</think>\n{ZEROS}\n\nUser: Again.\n\nAssistant: {ONES}"
    model = Answering(thought, thought, ONES)
    run = performed(model, structs.replace(strict(), budget=Budget(evaluations=2)))
    said = model.asked[2]["messages"][-2]  # type: ignore[index]
    assert said == {"role": "assistant", "content": ZEROS}
    assert [step.trial.architecture for step in run.trajectory.evaluated] == [(0,) * 8, (1,) * 8]


def test_every_request_demands_the_form_that_is_read() -> None:
    model = Answering(ZEROS, "no", ONES, "Design: none")
    run = performed(model, strict())
    assert [step.turn for step in run.trajectory.steps] == [0, 0, 1, 0]
    assert run.ended.rejected == {Reason.NOTHING_FOUND.value: 1, Reason.CONCLUDED.value: 1}
    form = runs.form(SPACE, "free").demand
    for request in model.asked:
        assert str(request["messages"]).count(form) >= 1
        assert "Choose the operations of eight layers" in str(request["messages"])


@pytest.mark.parametrize(
    ("answers", "texts"), [("free", (ZEROS, ONES)), ("gbnf", (design(*[0] * 8), design(*[1] * 8)))]
)
def test_each_way_to_answer_is_read_in_its_form_alone(answers: str, texts: tuple[str, str]) -> None:
    one = structs.replace(strict(answers), budget=Budget(evaluations=2, proposals=2))
    assert performed(Answering(*texts), one).ended.evaluated == 2
    other = structs.replace(strict("gbnf" if answers == "free" else "free"), budget=one.budget)
    assert performed(Answering(*texts), other).ended.evaluated == 0


def test_a_null_answer_breaks_no_run_of_the_published_reader() -> None:
    run = performed(Answering(choice(None), design(*[0] * 8), design(*[1] * 8), design(*[2] * 8)))
    assert run.ended.rejected == {Reason.NOTHING_SAID.value: 1}
    assert run.ended.evaluated == 3


def test_a_reader_that_is_unknown_is_named() -> None:
    one = planned()
    assert one.model is not None
    with pytest.raises(HarnessError, match="expected the reader strict or published, got 'guess'"):
        runs.setting(structs.replace(one, model=structs.replace(one.model, reader="guess")))


def test_recordings_of_another_network_than_was_measured_are_marked() -> None:
    notes = recording.report([run for path in recording.committed() for run in recording.read(path)]).notes
    marked = [note for note in notes if recording.SUPERSEDED in note]
    assert len(marked) == 4  # two models at two temperatures
    assert all("nas-bench-201-digits" in note for note in marked)
