"""GENIUS' conversation, with a scripted model: how messages grow, and where published slips are repeated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from baselines import genius
from baselines.genius import Genius, Prompts
from harness.constraints import MacsWindow, novel
from harness.loop import Budget, Problem, run
from harness.protocol import Completion, Evaluated, Message, Proposal, Reason, Rejected, Rejection, Trial, Unmeasured
from harness.spaces import mobilenetv2_se
from harness.text import strict
from reproduce import runs
from tables.space import Architecture
from tests.strategies import GENIUS_329, WIDTHS

PROMPTS = Prompts(
    system="You design.",
    problem="Problem.",
    opening="Tested:\n",
    experiment="#$number\n$design\n$macs M, $accuracy %\n",
    closing="Next?",
    group="$number $name ($first-$last): [$choices]",
    above="$macs M is $difference above $bound.",
    below="$macs M is $difference below $bound.",
    repeated="Again?",
    unreadable="What? $reason",
)
FIRST: Architecture = (0, 2, 3, 0, 1)
SECOND: Architecture = (1, 1, 1, 1, 1)


@dataclass
class Model:
    """Answers with a number, and remembers every request."""

    requests: list[list[Message]] = field(default_factory=list)

    def __call__(self, messages: Sequence[Message]) -> Completion:
        self.requests.append([*messages])
        return Completion(f"reply {len(self.requests)}", f"key {len(self.requests)}")


class Always72:
    def __call__(self, _: Architecture) -> float:
        return 72.0


def evaluated(architecture: Architecture, macs: int, accuracy: float) -> Trial:
    return Evaluated(Proposal(reply="a reply"), architecture, macs, accuracy)


def rejected(reason: Reason, macs: int | None = None, bound: int | None = None, reply: str | None = "a reply") -> Trial:
    return Rejected(Proposal(reply=reply), Rejection(reason, "in detail", bound), None, macs)


def texts(optimizer: Genius) -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in optimizer.messages()]


def test_a_proposal_holds_the_reply_and_the_key_of_its_record() -> None:
    assert Genius(WIDTHS, PROMPTS, Model()).ask() == Proposal(reply="reply 1", record="key 1")


def test_a_function_of_messages_is_a_model_too() -> None:
    def model(messages: Sequence[Message]) -> str:
        return "Design: [1, 3, 4, 1, 2]" if len(messages) == 2 else f"Design: {len(messages)}"

    prompts = replace(PROMPTS, form=strict.form(WIDTHS, "line").demand)
    problem = Problem(WIDTHS, sum, (novel,), Always72(), strict.read)
    trajectory = run(Genius(WIDTHS, prompts, model), problem, Budget(proposals=3))
    assert [step.trial.architecture for step in trajectory.steps] == [FIRST, FIRST, None]
    assert trajectory.records == ()


def test_the_first_request_is_the_system_message_and_the_problem() -> None:
    assert texts(Genius(WIDTHS, PROMPTS, Model())) == [("system", "You design."), ("user", "Problem.")]


def test_asking_changes_nothing() -> None:
    model = Model()
    optimizer = Genius(WIDTHS, PROMPTS, model)
    optimizer.tell(evaluated(FIRST, 300_000_000, 70.0))
    optimizer.tell(rejected(Reason.REPEATED))
    optimizer.ask()
    optimizer.ask()
    assert model.requests[0] == model.requests[1]
    assert (optimizer.iteration, optimizer.turn) == (1, 1)


def test_a_rejected_proposal_adds_the_reply_and_the_feedback() -> None:
    optimizer = Genius(WIDTHS, PROMPTS, Model())
    optimizer.tell(rejected(Reason.ABOVE_WINDOW, 340_400_000, 330, "try one"))
    optimizer.tell(rejected(Reason.BELOW_WINDOW, 260_000_000, 270, "try two"))
    assert texts(optimizer)[2:] == [
        ("assistant", "try one"),
        ("user", "340 M is 10 above 330."),
        ("assistant", "try two"),
        ("user", "260 M is 10 below 270."),
    ]
    assert (optimizer.iteration, optimizer.turn) == (0, 2)


@pytest.mark.parametrize(
    ("reason", "feedback"),
    [
        (Reason.REPEATED, "Again?"),
        (Reason.NOTHING_FOUND, "What? nothing found: in detail"),
        (Reason.WRONG_LENGTH, "What? wrong length: in detail"),
        (Reason.REFUSED, "What? refused: in detail"),
    ],
)
def test_every_reason_has_its_feedback(reason: Reason, feedback: str) -> None:
    optimizer = Genius(WIDTHS, PROMPTS, Model())
    optimizer.tell(rejected(reason))
    assert texts(optimizer)[-1] == ("user", feedback)


def test_an_evaluated_proposal_opens_a_new_conversation_that_lists_all_experiments() -> None:
    optimizer = Genius(WIDTHS, PROMPTS, Model())
    optimizer.tell(rejected(Reason.REPEATED))
    optimizer.tell(evaluated(FIRST, 299_600_000, 70.125))
    optimizer.tell(evaluated(SECOND, 310_000_000, 71.0))
    statement = (
        "Tested:\n"
        "#1\n1 Block 1 (1-2): [1, 3]\n2 Block 2 (3-5): [4, 1, 2]\n300 M, 70.12 %\n"
        "#2\n1 Block 1 (1-2): [2, 2]\n2 Block 2 (3-5): [2, 2, 2]\n310 M, 71.00 %\n"
        "Next?"
    )
    assert texts(optimizer) == [("system", "You design."), ("user", statement)]
    assert (optimizer.iteration, optimizer.turn) == (2, 0)


@pytest.mark.parametrize(
    ("part", "old", "new"),
    [
        ("system", "You design.", "You too."),
        ("opening", "Tested:\n", "Tseted:\n"),
        ("experiment 1", "#1\n1 Block 1 (1-2): [1, 3]\n2 Block 2 (3-5): [4, 1, 2]\n300 M, 70.00 %\n", "One slip.\n"),
        ("closing", "Next?", "Nxet?"),
        ("feedback 0", "Again?", "again"),
    ],
)
def test_what_was_sent_otherwise_replaces_its_part_alone_and_in_its_iteration_alone(
    part: str, old: str, new: str
) -> None:
    plain = Genius(WIDTHS, PROMPTS, Model())
    slipped = Genius(WIDTHS, replace(PROMPTS, as_sent={(1, part): new}), Model())
    assert texts(slipped) == texts(plain)
    for optimizer in (plain, slipped):
        optimizer.tell(evaluated(FIRST, 300_000_000, 70.0))
        optimizer.tell(rejected(Reason.REPEATED))
    differing = [(a, b) for a, b in zip(texts(plain), texts(slipped), strict=True) if a != b]
    ((role, written), (other_role, sent)) = differing[0]
    assert len(differing) == 1
    assert role == other_role
    assert written.count(old) == 1
    assert sent == written.replace(old, new)
    for optimizer in (plain, slipped):
        optimizer.tell(evaluated(SECOND, 300_000_000, 70.0))
    assert texts(slipped) == texts(plain)


def test_a_whole_statement_can_be_as_sent() -> None:
    optimizer = Genius(WIDTHS, replace(PROMPTS, as_sent={(0, "statement"): "Typed by hand."}), Model())
    assert texts(optimizer)[1] == ("user", "Typed by hand.")


def test_what_was_sent_is_never_written() -> None:
    """An experiment without a figure cannot be written, but it can have been sent."""
    untold = Unmeasured(Proposal(reply="a reply"), None, None)
    for sent in ({(1, "statement"): "By hand."}, {(1, "experiment 1"): "By hand."}):
        optimizer = Genius(WIDTHS, replace(PROMPTS, as_sent=sent), Model())
        optimizer.tell(untold)
        assert "By hand." in texts(optimizer)[1][1]


def test_further_messages_of_a_user_are_sent_in_their_place() -> None:
    also_sent = {(1, 0): ("Well?",), (1, 1): ("Hello?", "Are you there?")}
    optimizer = Genius(WIDTHS, replace(PROMPTS, also_sent=also_sent), Model())
    optimizer.tell(evaluated(FIRST, 300_000_000, 70.0))
    optimizer.tell(rejected(Reason.REPEATED))
    optimizer.tell(rejected(Reason.REPEATED))
    assert [text for _, text in texts(optimizer)[2:]] == [
        "Well?",
        "a reply",
        "Again?",
        "Hello?",
        "Are you there?",
        "a reply",
        "Again?",
    ]
    assert (optimizer.iteration, optimizer.turn) == (1, 2)


def test_an_empty_system_message_is_not_sent() -> None:
    assert texts(Genius(WIDTHS, replace(PROMPTS, system=""), Model())) == [("user", "Problem.")]


PARTS = ("system", "problem", "opening", "experiment", "closing", "group", "above", "below", "repeated", "unreadable")


def load(folder: Path, parts: Sequence[str], monkeypatch: pytest.MonkeyPatch, **values: str) -> Prompts:
    text = "What stands before the first part is a comment.\n\n"
    text += "".join(f"## {part}\n\nThe {part} of $low and $macs.\n\n" for part in parts)
    (folder / "made_up.md").write_text(text, encoding="utf-8")
    monkeypatch.setattr(genius, "resources", SimpleNamespace(files=lambda _: folder))
    return Prompts.load("made_up", **values)


def test_loading_fills_in_what_is_known_and_leaves_the_rest_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = load(tmp_path, PARTS, monkeypatch, low="270")
    assert prompts.system == "The system of 270 and $macs."
    assert prompts.opening == "The opening of 270 and $macs.\n\n"
    assert prompts.as_sent == {}


@pytest.mark.parametrize("parts", [PARTS[1:], (*PARTS, "greeting"), ()], ids=["missing", "unknown", "empty"])
def test_a_file_with_other_parts_is_refused_with_both_lists(
    parts: Sequence[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="expected the parts") as raised:
        load(tmp_path, parts, monkeypatch)
    said = str(raised.value).replace(", each once, and perhaps", ",")
    assert said.startswith("made_up.md: expected the parts ")
    assert said.endswith(f", got {', '.join(sorted(parts)) or 'none'}")
    listed, _, _ = said.removeprefix("made_up.md: expected the parts ").partition(", got ")
    assert sorted(listed.split(", ")) == sorted({*PARTS, "over", "under"})


def test_own_prompts_leave_nothing_unfilled_in_a_whole_run() -> None:
    space = mobilenetv2_se.SPACE
    another = (*GENIUS_329[:19], 0, 3, *GENIUS_329[21:])
    designs = (GENIUS_329, GENIUS_329, (0,) * 30, (6,) * 30, another)
    written = [f"Why not.\nDesign: {list(design)}" for design in designs]
    replies = iter([written[0], written[1], written[2], "No idea.", written[3], written[4]])
    requests: list[Message] = []

    def complete(messages: Sequence[Message]) -> Completion:
        requests.extend(messages)
        return Completion(next(replies), "key")

    prompts = runs.wording(space, "free", (270, 330))
    constraints = (MacsWindow(270, 330), novel)
    problem = Problem(space, lambda each: mobilenetv2_se.cost(each).macs_thop, constraints, Always72(), strict.read)
    trajectory = run(Genius(space, prompts, complete), problem, Budget(evaluations=2))
    assert [step.trial.rejection.reason for step in trajectory.steps if isinstance(step.trial, Rejected)] == [
        Reason.REPEATED,
        Reason.BELOW_WINDOW,
        Reason.NOTHING_FOUND,
        Reason.ABOVE_WINDOW,
    ]
    assert [step.trial.architecture for step in trajectory.evaluated] == [GENIUS_329, another]
    assert not [message for message in requests if "$" in message["content"]]
