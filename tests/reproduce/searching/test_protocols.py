"""How a model is talked to: named, changed field by field, refused where it contradicts itself, kept in the run."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from cache import cassette
from cache.cassette import Cassette
from cache.client import Client, Reply, Request
from cache.record import CHAT
from harness import spaces
from harness.loop import Budget
from harness.objectives import FIGURES, Measure
from harness.run import Run, perform
from harness.specification import Model, Protocol, Specification
from reproduce import recording, runs
from reproduce.__main__ import main
from reproduce.errors import UsageError
from reproduce.searching.protocols import FIELDS, PRESETS, protocol, refuse_unfit
from tables.space import Architecture, Space
from tests.cache.server import completion

SPACE = spaces.find("channel-bench-resnet").SPACE
DESIGNS: list[Architecture] = [(0, 1, 2, 3, 0, 1, 2), (3,) * 7, (3,) * 7, (1,) * 7]


def said(space: Space, design: Architecture, how: Protocol) -> str:
    """An answer in the form that the protocol demands."""
    written = [slot[choice] for slot, choice in zip(space.written(how.vocabulary), design, strict=True)]
    text = space.to_native(design) if how.vocabulary == "key" else str(written).replace("'", '"')
    return f"It is wide.\nDesign: {text}" if how.form == "line" else text


def performed(how: Protocol, *answers: str, evaluations: int = 4) -> tuple[list[Request], Run]:
    asked: list[Request] = []

    def answer(request: Request) -> Reply:
        asked.append(request)
        return Reply(completion(answers[len(asked) - 1]))

    def figures(request: Request) -> Reply:
        return Reply({"accuracy": 90 + sum(map(int, str(request["architecture"]))) / 100, "test": 1.0})

    one = Specification(
        method="genius",
        space=SPACE.name,
        budget=Budget(evaluations=evaluations, proposals=8),
        table=Measure("made-up", "0" * 64),
        model=runs.model("made-up", SPACE, "free", {}, how=how),
    )
    return asked, perform(one, Client(Cassette(), {CHAT: answer, FIGURES: figures}), runs.setting(one))


def spoken(request: Request) -> list[tuple[str, str]]:
    messages = msgspec.convert(request["messages"], list[dict[str, str]])
    return [(message["role"], message["content"]) for message in messages]


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_searches_every_space_that_has_its_vocabulary(name: str) -> None:
    how = PRESETS[name]
    repeats = 3 if how.repeats == "refused" else 4
    asked, run = performed(how, *(said(SPACE, design, how) for design in DESIGNS), evaluations=repeats)
    assert len({step.trial.architecture for step in run.trajectory.evaluated}) == 3
    assert len(run.trajectory.evaluated) == repeats
    growing = how.statement == "conversation"
    assert [len(request["messages"]) for request in asked][:3] == [2, 4, 6] if growing else [2, 2, 2]  # type: ignore[arg-type]
    last = spoken(asked[2])[-1][1]
    assert last.count("Accuracy: ") == (1 if how.told == "last" else 2)
    assert ("90.280 %" if how.digits == 3 else "90.28 %") in last
    assert ("Choose seven channel widths" in last) == (not growing)


@pytest.mark.parametrize("form", ["line", "list"])
@pytest.mark.parametrize("vocabulary", ["symbols", "names", "widths", "key"])
@pytest.mark.parametrize("proposals", [1, 2])
def test_a_model_is_answered_in_the_vocabulary_in_which_it_is_asked(
    form: str, vocabulary: str, proposals: int, tmp_path: Path
) -> None:
    how = protocol([f"form={form}", f"vocabulary={vocabulary}", f"proposals={proposals}", "repeats=evaluated"])
    answers = [said(SPACE, design, how) for design in DESIGNS]
    if proposals == 2 and form == "list":
        quoted = [f'"{each}"' if vocabulary == "key" else each for each in answers]
        answers = [f"[{', '.join(quoted[:2])}]", f"[{', '.join(quoted[2:])}]"]
    elif proposals == 2:
        answers = [f"{one}\n{other.splitlines()[1]}" for one, other in (answers[:2], answers[2:])]
    asked, run = performed(how, *answers)
    assert [step.trial.architecture for step in run.trajectory.evaluated] == DESIGNS
    assert len(asked) == 4 // proposals
    told = said(SPACE, DESIGNS[0], how).splitlines()[-1].removeprefix("Design: ")
    assert told in spoken(asked[1])[-1][1]
    assert len(set(run.trajectory.records)) == len(asked) == run.ended.answers
    cassette.write(tmp_path / "run.jsonl", run.records)
    [again] = recording.replay_recording(tmp_path / "run.jsonl")
    assert again.ended == run.ended
    text = recording.text(again)
    assert text.count(recording.OPEN) == len(DESIGNS)


def test_of_several_designs_the_rejected_ones_are_told_beside_the_evaluated() -> None:
    one, other = (f"Design: {SPACE.to_native(design)}" for design in DESIGNS[:2])
    how = Protocol(vocabulary="key", proposals=2)
    asked, run = performed(how, f"{one}\n{one}", f"{one}\n{one}", f"{one}\n{other}", evaluations=2)
    assert [step.rejected for step in run.trajectory.steps] == [None, *["already tested"] * 4, None]
    refused = f"{SPACE.to_native(DESIGNS[0])}: This design has been tested already. Propose another one."
    assert spoken(asked[1])[-1][1].count(refused) == 1
    assert spoken(asked[2])[-2:] == [("assistant", f"{one}\n{one}"), ("user", f"{refused}\n{refused}")]


def test_an_answer_with_another_number_of_designs_is_not_read() -> None:
    line = f"Design: {SPACE.to_native(DESIGNS[0])}"
    how = Protocol(vocabulary="key", proposals=2)
    asked, run = performed(how, line, f"{line}\n{line}\n{line}", f"{line}\nDesign: 9999999", "Design: none")
    assert [step.rejected for step in run.trajectory.steps] == [
        "wrong length",
        "ambiguous",
        "unknown choice",
        "no further improvement",
    ]
    assert "expected 2 lines 'Design: [..]', got 1" in spoken(asked[1])[-1][1]
    assert "design 2: expected a key such as 1111111" in spoken(asked[3])[-1][1]


def test_prose_that_was_cut_off_is_not_read() -> None:
    body = completion("[1, 2, 3, 4, 1, 2, 3] and")
    body["choices"][0]["finish_reason"] = "length"  # type: ignore[index]
    one = Specification(
        method="genius",
        space=SPACE.name,
        budget=Budget(proposals=1),
        model=runs.model("made-up", SPACE, "free", {}, how=Protocol(form="prose")),
    )
    run = perform(one, Client(None, {CHAT: lambda _: Reply(body)}), runs.setting(one))
    assert run.ended.rejected == {"cut off": 1}


def test_a_protocol_is_named_and_changed() -> None:
    assert protocol("genius-nas-bench-201") is not PRESETS["genius-nas-bench-201"]
    assert protocol("genius-nas-bench-201") == PRESETS["genius-nas-bench-201"]
    assert protocol(()) == Protocol()
    assert protocol(["genius-nas-bench-macro", "digits=4", "rationale=false"]) == Protocol(
        repeats="evaluated", form="list", digits=4
    )
    assert protocol(Protocol(proposals=3)) == Protocol(proposals=3)


def test_a_field_at_its_default_is_left_out_of_a_key() -> None:
    assert msgspec.to_builtins(
        Model(name="m", protocol=protocol([f"{name}={getattr(Protocol(), name)}" for name in FIELDS]))
    ) == {"name": "m"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["genius-imagnet"], "did you mean genius-imagenet"),
        (["told=last", "genius-imagenet"], "genius-imagenet"),
        (["toldd=last"], "did you mean told"),
        (["told=none"], "got one: Invalid enum value 'none' - at `$.told`"),
        (["rationale=yes"], "Expected `bool`, got `str` - at `$.rationale`"),
        (["proposals=0"], "Expected `int` >= 1 - at `$.proposals`"),
        (["proposals=two"], "`$.proposals`"),
        (["digits=7"], "Expected `int` <= 6"),
    ],
)
def test_what_is_no_protocol_is_refused(words: list[str], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        protocol(words)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("how", "answers", "message"),
    [
        (Protocol(form="list", vocabulary="widths"), "gbnf", "with another form and vocabulary than"),
        (Protocol(proposals=2), "json-schema", "with another proposals than the default, got json-schema"),
        (Protocol(form="list", rationale=True), "free", "which has no place for one"),
        (Protocol(form="prose", proposals=2), "free", "got proposals=2 vocabulary=symbols"),
    ],
)
def test_a_protocol_that_contradicts_is_refused(how: Protocol, answers: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        refuse_unfit(how, answers)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--method", "random", "--protocol", "told=last"], "--protocol is for a language model"),
        (["--model", "m", "--prompt", "published", "--protocol", "told=last"], "the protocol genius-nas-bench-201"),
        (["--model", "m", "--protocol", "vocabulary=widths"], "expected choices that are widths"),
    ],
)
def test_the_command_says_so(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", "--space", "nas-bench-201", "--table", "nas-bench-201-digits", *words]) == 2
    assert message in capsys.readouterr().err
