"""Any model can be asked what GPT-4 was asked: our requests are those of GENIUS' script, to the byte."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

import reproduce
from cache import cassette
from cache.cassette import Cassette
from cache.client import Client, Provider, Reply, Request
from cache.errors import ReplayMiss
from cache.key import canonical
from cache.record import CHAT
from harness import spaces
from harness.errors import BrokenRecording
from harness.loop import Budget
from harness.objectives import FIGURES, Measure
from harness.protocol import Reason
from harness.run import Run, perform
from harness.specification import Specification
from reproduce import benchmarks, data, recording, runs
from reproduce.__main__ import main
from reproduce.data import path_of
from reproduce.errors import DataMissing, ReproduceError, UsageError
from reproduce.published import imagenet, scripts
from reproduce.published.conversation import dialogues, parse
from reproduce.published.withheld import WITHHELD
from reproduce.searching.protocols import PRESETS
from tests.cache.server import completion
from tests.reproduce.published.scripted import OF_LISTS, OF_THE_LAST, asked_by

LISTS = ["[2, 2, 0, 1, 2, 1, 1, 2]", " [0,0,0,0,0,0,0,0]\n", "[2, 2, 0, 1, 2, 1, 1, 2]", "[1, 1, 1, 1, 1, 1, 1, 1]"]
PROSE = [
    "First, the operations. So: [3, 3, 1, 3, 3, 4]. The rationale is the gradient.",
    "Better:\nop_list = [3, 3, 3, 3, 1, 3]\nas before.  ",
    "I recommend [3, 3, 1, 3, 3, 4] again.",
    "Last: [1, 1, 1, 1, 1, 1]",
]
MADE_UP = Measure("made-up", "0" * 64)
TYPED = ["331334", "333313", "331334", "111111"]
TOLD = {"22012112": 92.126, "0" * 8: 71.5, "1" * 8: 90.0, "331334": 91.6, "333313": 90.1256, "1" * 6: 64.0}


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Scripts of the same shape, fetched; the folder is a benchmark's."""
    monkeypatch.setenv(data.HOME_VARIABLE, str(tmp_path / "home"))
    sources = {"nas_bench_macro.py": OF_LISTS, "nas_bench_201.py": OF_THE_LAST}
    listed = []
    for entry in data.scripts():
        source = sources.get(entry.path, OF_LISTS).encode() + entry.path.encode().join([b"# ", b"\n"])
        listed.append(replace(entry, sha256=hashlib.sha256(source).hexdigest()))
        path_of(entry).parent.mkdir(parents=True, exist_ok=True)
        path_of(entry).write_bytes(source)
    monkeypatch.setattr(scripts, "scripts", lambda: tuple(listed))
    monkeypatch.setattr(data, "scripts", lambda: tuple(listed))
    (tmp_path / "benchmark.json").write_text(json.dumps(TOLD), encoding="utf-8")
    return tmp_path


def told(request: Request) -> Reply:
    space = spaces.find(str(request["space"])).SPACE
    key = "".join(map(str, space.symbols(space.from_native(str(request["architecture"])))))
    return Reply({"accuracy": TOLD[key], "test": 1.0})


def asked_by_us(
    space: str, answers: Sequence[str], figures: Provider = told, table: Measure = MADE_UP
) -> tuple[list[Request], Run]:
    """The requests of a run that asks as GENIUS' script does, and the run."""
    asked: list[Request] = []

    def answer(request: Request) -> Reply:
        asked.append(request)
        return Reply(completion(answers[(len(asked) - 1) % len(answers)]))

    prompted = runs.model("gpt-4", spaces.find(space).SPACE, "free", {"temperature": 0.0}, prompt="published")
    one = Specification(
        method="genius",
        space=space,
        budget=Budget(evaluations=len(answers), proposals=20),
        table=table,
        model=prompted,
    )
    return asked, perform(one, Client(Cassette(), {CHAT: answer, FIGURES: figures}), runs.setting(one))


def assert_same(theirs: Sequence[Mapping[str, object]], ours: Sequence[Request]) -> None:
    assert [canonical(request) for request in theirs] == [canonical(request) for request in ours]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("space", "answers", "typed"), [("nas-bench-macro", LISTS[:3], []), ("nas-bench-201", PROSE[:3], TYPED[:3])]
)
def test_requests_are_those_of_the_script(made_up: Path, space: str, answers: list[str], typed: list[str]) -> None:
    script = path_of(next(each for each in data.scripts() if each.name == scripts.SCRIPTS[space]))
    ours, run = asked_by_us(space, answers)
    assert_same(asked_by(script, made_up, answers, typed), ours)
    assert len(run.trajectory.evaluated) == 3  # a repeat counts


@pytest.mark.parametrize(("space", "name"), scripts.SCRIPTS.items())
def test_requests_are_those_of_genius_own_script(
    space: str, name: str, mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a copy of the scripts beside the published files; nobody may hand one on, so that few have it."""
    if not (script := mirror / f"{name}.py").exists():
        pytest.skip("needs GENIUS' scripts beside the published files")
    monkeypatch.setenv(data.HOME_VARIABLE, str(tmp_path / "home"))
    assert main(["fetch", "--mirror", str(mirror)]) == 0
    (tmp_path / "benchmark").symlink_to(mirror / "benchmark")
    table = "nas-bench-201-cifar10" if space == "nas-bench-201" else space
    opened = benchmarks.open_table(table)
    answers, typed = (PROSE, TYPED) if space == "nas-bench-201" else (LISTS, [])
    if space.startswith("channel"):
        written = opened.space.written("widths")
        digits = ([0, 1, 2, 3, 0, 1, 2], [3] * 7, [3] * 7, [2, 2, 1, 1, 0, 0, 3])
        answers = [str([slot[n] for slot, n in zip(written, each, strict=True)]) for each in digits]
    answers, typed = (answers * 3)[:10], (typed * 3)[:10]
    options = ["--openai_key", "none", "--openai_organization", "none"]
    options += ["--dataset", "cifar10"] if space == "nas-bench-201" else []
    ours, _ = asked_by_us(space, answers, runs.figures(opened), runs.measure(opened))
    assert_same(asked_by(script, tmp_path, answers, typed, options), ours)


def test_a_search_asks_so(made_up: Path) -> None:
    asked: list[Sequence[Mapping[str, str]]] = []

    def model(messages: Sequence[Mapping[str, str]]) -> str:
        asked.append(messages)
        return PROSE[len(asked) - 1]

    into = made_up / "mine.jsonl"
    [run] = reproduce.search(
        table="nas-bench-201-digits", model="m", complete=model, prompt="published", budget=3, into=into
    )
    assert [len(messages) for messages in asked] == [2, 4, 6]
    assert [message["content"] for message in asked[2]][:3] == [
        "You know cells.",
        "Pick six operations, and say why.",
        PROSE[0],
    ]
    assert asked[2][3]["content"] == f"That was {round(run.trajectory.steps[0].accuracy or 0, 3)}%. Another, please."
    assert asked[2][4]["content"] == PROSE[1]  # as it was said, to the blank
    [again] = recording.replay_recording(into)
    assert again.specification.model == run.specification.model
    assert again.ended == run.ended


def test_an_answer_that_cannot_be_read_ends_nothing_and_is_not_spoken_of(made_up: Path) -> None:
    ours, run = asked_by_us("nas-bench-macro", ["The best is [2, 2, 0, 1, 2, 1, 1, 2].", LISTS[0]])
    assert canonical(ours[0]) == canonical(ours[1])
    assert [record.sample for record in run.answers[:2]] == [0, 1000]
    assert run.ended.rejected == {Reason.WRONG_FORM.value: 2}
    assert len(run.trajectory.evaluated) == 2


def test_a_conversation_is_asked_in_the_words_of_its_file(
    mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(data.HOME_VARIABLE, str(tmp_path))
    assert main(["fetch", "329M", "--mirror", str(mirror)]) == 0
    entry = imagenet.published_run("329M")
    content = path_of(entry).read_bytes()
    spoken = [dialogue.messages for dialogue in dialogues(content)]
    answers = [message["content"] for dialogue in spoken for message in dialogue if message["role"] == "assistant"]
    space = spaces.find("mobilenetv2-se").SPACE
    prompted = runs.model("gpt-4", space, "free", {}, (270, 330), prompt="published")
    assert prompted.protocol == PRESETS["genius-imagenet"]
    one = structs.replace(imagenet.published(entry, parse(content, entry.path)), model=prompted)
    asked: list[Request] = []

    def answer(request: Request) -> Reply:
        asked.append(request)
        return Reply(completion(answers[len(asked) - 1]))

    run = perform(one, Client(Cassette(), {CHAT: answer}), runs.setting(one))
    assert len(asked) == len(answers) == 26
    asked_by_them = [
        dialogue[:n] for dialogue in spoken for n, message in enumerate(dialogue) if message["role"] == "assistant"
    ]
    assert [request["messages"] for request in asked] == asked_by_them
    assert run.selected == imagenet.replay("329M").winner


# -- what is passed on ---


def test_what_is_passed_on_holds_no_word_of_it_and_replays_where_it_is_fetched(
    made_up: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run = asked_by_us("nas-bench-macro", LISTS)
    mine, yours = made_up / "mine.jsonl", made_up / "yours.jsonl"
    cassette.write(mine, run.records)
    assert main(["recordings", str(mine), "--public", str(yours)]) == 0
    words = ("Pick one of", "Seen so far", "You know", "Say nothing else", "Do better", " has ")
    assert all(word in mine.read_text("utf-8") for word in words)
    assert not any(word in yours.read_text("utf-8") for word in words)
    assert sum(record.kind == WITHHELD for record in cassette.read(yours, exact=True).values()) == 4
    for path in (mine, yours):
        [again] = recording.replay_recording(path)
        assert again.records == run.records
        assert again.tally.misses == 0
    assert main(["recordings", str(yours)]) == 0
    assert "no licence: pass on" in capsys.readouterr().out.replace("\n", " ")
    assert main(["recordings", str(mine), "--public", str(yours)]) == 2
    assert "expected a new file" in capsys.readouterr().err


def test_without_the_file_it_is_read_and_not_replayed(made_up: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, run = asked_by_us("nas-bench-macro", LISTS)
    cassette.write(made_up / "mine.jsonl", run.records)
    assert main(["recordings", str(made_up / "mine.jsonl"), "--public", str(made_up / "yours.jsonl")]) == 0
    path_of(data.scripts()[0]).unlink()
    [read] = recording.read(made_up / "yours.jsonl")
    assert read.ended == run.ended
    with pytest.raises(DataMissing, match="python -m reproduce fetch nas_bench_macro"):
        recording.replay_recording(made_up / "yours.jsonl")
    assert main(["recordings", "--text", str(made_up / "yours.jsonl")]) == 2
    assert "fetch nas_bench_macro" in capsys.readouterr().err


def test_a_withheld_answer_that_was_changed_is_refused(made_up: Path) -> None:
    _, run = asked_by_us("nas-bench-macro", LISTS)
    path = made_up / "yours.jsonl"
    cassette.write(made_up / "mine.jsonl", run.records)
    recording.publish(made_up / "mine.jsonl", path)
    changed = []
    for record in cassette.read(path).values():
        answer = json.loads(json.dumps(record.answer).replace("0,0,0,0,0,0,0,0", "0,0,0,0,0,0,0,1"))
        changed.append(replace(record, answer=answer))
    cassette.write(path, changed)
    with pytest.raises((BrokenRecording, ReplayMiss)):
        recording.replay_recording(path)


def test_nothing_to_withhold_is_said(made_up: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recordings", str(recording.committed()[0]), "--public", str(made_up / "new.jsonl")]) == 2
    assert "expected a run with --prompt published, got none" in capsys.readouterr().err
    assert not (made_up / "new.jsonl").exists()


# -- errors ---


@pytest.mark.parametrize(
    ("space", "window", "message"),
    [
        ("nas-bench-101", None, "expected a space that GPT-4 was asked about, nas-bench-macro, "),
        ("mobilenetv2-se", (200, 300), "--window 270 330 or 370 430, got mobilenetv2-se with --window 200 300; "),
    ],
)
def test_what_was_never_asked_is_refused(space: str, window: tuple[int, int] | None, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        scripts.wording_of(space, window)
    assert message in str(raised.value)


def test_what_is_not_fetched_says_how_to_bring_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(data.HOME_VARIABLE, str(tmp_path))
    with pytest.raises(DataMissing, match="python -m reproduce fetch channel_bench_res`"):
        scripts.wording_of("channel-bench-resnet")
    with pytest.raises(DataMissing, match="python -m reproduce fetch 401M`"):
        scripts.wording_of("mobilenetv2-se", (370, 430))


def test_a_digest_that_is_known_nowhere_is_refused() -> None:
    with pytest.raises(ReproduceError, match="expected the wording of a published file, got sha256:0"):
        scripts.parts({"digest": "sha256:0"})


@pytest.mark.parametrize(
    "change",
    [
        ("user_input =", "other ="),
        ("experiments_prompt = lambda", "experiments_prompt = print; other = lambda"),
        ("{}\nDo", "{} {}\nDo"),
        ("import json", "import ("),
    ],
)
def test_a_script_of_another_shape_is_refused(change: tuple[str, str]) -> None:
    assert change[0] in OF_LISTS
    with pytest.raises(ReproduceError, match=r"^mine.py: expected a script that says what it asks in system_content"):
        scripts.read(OF_LISTS.replace(*change).encode(), "mine.py")


def test_a_script_is_never_executed() -> None:
    ast.parse(OF_LISTS)
    assert scripts.read(OF_LISTS.encode() + b"\nraise SystemExit(1)\n", "mine.py").system == "You know {networks}."
