"""Reading what language models write: every layout, every reason to reject, and no text that breaks the reader.

All prose is made up.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.protocol import Reason, Rejection
from harness.spaces.mobilenetv2_se import SPACE
from harness.text import notation
from harness.text import published as grammar
from harness.text.notation import LAYOUTS
from harness.text.published import Reading
from tables.space import Architecture, Space
from tests.harness.text.replies import DESIGN, FLAT, OTHER, OTHER_FLAT, OTHER_STAGED, READ, STAGED, rows
from tests.strategies import WIDTHS, architectures


def read(text: str, space: Space = SPACE) -> Reading:
    reading = grammar.read(space, text)
    assert isinstance(reading, Reading), f"{reading} from {text}"
    return reading


def rejected(text: str) -> Rejection:
    rejection = grammar.read(SPACE, text)
    assert isinstance(rejection, Rejection), f"{rejection} from {text}"
    return rejection


PROSE_BEFORE = (
    "",
    "Let me think about the window of [270, 330] first.\n\n",
    "Kernels come from [3, 5, 7] and expansions from [4, 6]. Stem and head cost [5.419 + 3.2] = 8.6.\n\n",
    "Stage 3 is where most of the cost goes, so I spend it there.\n\n",
    "1. Early stages stay cheap.\n2. Late stages (Stage 5 above all) get kernel 5.\n\nThe design:\n\n```\n",
)
PROSE_AFTER = (
    "",
    "\n\nTogether that is about 329, well inside [270, 330].",
    "\n```\n\nSum: [5.419 + 1.5053 + 23.7855] and so on, kernels [3, 5].",
    "\n\n- Stage 2: cheap, as in experiment 4.\n- Stage 5: [5.1, 2.0, 3.0, 1.0, 1.0, 1.0] million each.\n",
)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("space", [SPACE, WIDTHS], ids=lambda space: space.name)
@settings(max_examples=25)
@given(data=st.data())
def test_any_architecture_survives_writing_and_reading(space: Space, layout: str, data: st.DataObject) -> None:
    architecture = data.draw(architectures(space))
    text = notation.write(space, architecture, layout)
    reading = read(text, space)
    assert reading.architecture == architecture
    assert_exact(space, text, reading)


@pytest.mark.parametrize("layout", LAYOUTS)
@settings(max_examples=25)
@given(architectures(SPACE), st.sampled_from(PROSE_BEFORE), st.sampled_from(PROSE_AFTER))
def test_prose_around_a_design_changes_nothing(
    layout: str, architecture: Architecture, before: str, after: str
) -> None:
    text = before + notation.write(SPACE, architecture, layout) + after
    reading = read(text)
    assert reading.architecture == architecture
    assert reading.superseded == ()
    assert_exact(SPACE, text, reading)


def assert_exact(space: Space, text: str, reading: Reading) -> None:
    """The span starts and ends with a bracket, and holds the lists and what stands between them, nothing more."""
    lists = text[reading.span.start : reading.span.end]
    assert (lists[0], lists[-1]) == ("[", "]")
    if lists.count("[") == 1:
        assert read(lists, space).architecture == reading.architecture
    else:
        assert lists.count("[") == lists.count("]") == len(space.groups)
        assert [list_.partition("]")[0] for list_ in lists.split("[")[1:]] == [
            list_.strip("[]") for list_ in notation.write_lists(space, reading.architecture)
        ]


def test_writing_refuses_what_is_no_architecture() -> None:
    with pytest.raises(ValueError, match="expected 30 choices"):
        notation.write(SPACE, (0,) * 29)


@settings(max_examples=300)
@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    assert isinstance(grammar.read(SPACE, text), Reading | Rejection)


FRAGMENTS = [
    "Stage 1",
    "Stage 2 (Layer 8 to Layer 13)",
    "stage5",
    "Stage 10",
    "[",
    "]",
    "[[",
    "],",
    "],[",
    "(",
    ")",
    "{",
]
FRAGMENTS += ["}", "1", "0, ", "1, 0, 0, 0, 1, 0", "[1, 0, 0, 0, 1, 0]", "7", "-1", "3.5", "#", "//", "\n", "\r\n", " "]
FRAGMENTS += [
    "\t",
    ":",
    ": ",
    " = ",
    "->",
    "**",
    "|",
    "`",
    "```",
    "- ",
    "1. ",
    "–",
    "to",
    "Final model",
    "op_list",
    '"',
]
FRAGMENTS += [
    "\x00",
    "\u200b",
    "\x1c",
    "\u2028",
    "Stage\n1",
    FLAT,
    OTHER_FLAT,
    STAGED,
    OTHER_STAGED,
    rows("Stage {n}: {l}"),
]


@settings(max_examples=500)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=40).map("".join))
def test_no_mixture_of_headings_and_brackets_breaks_the_reader(text: str) -> None:
    reading = grammar.read(SPACE, text)
    if isinstance(reading, Reading):
        assert SPACE.validate(reading.architecture) == reading.architecture
        assert 0 <= reading.span.start < reading.span.end <= len(text)
    for each in grammar.read_all(SPACE, text):
        assert isinstance(each, Reading | Rejection)


REPEATED = ["[", "]", "[[", "[]", "[],", "[1, ", "[1],", "[#", "[//", "[\n#[\n", "1 ", "1,", " ", "\n", "\t", "-", "- "]
REPEATED += ["1.", "# ", "**", "(1 1", '"', "\x00", "Stage 1: ", "Stage 1\n", "Stage 1: [", "[1, 0, 0, 0, 1, 0] "]


@pytest.mark.parametrize("piece", REPEATED)
def test_long_repetitions_are_read_to_their_end(piece: str) -> None:
    text = piece * (20_000 // len(piece))
    for whole in (text, "[" + text, "Stage 1: [1" + text + "x", "Stage 1: 1 0" + text + "x"):
        assert isinstance(grammar.read(SPACE, whole), Rejection)


@pytest.mark.parametrize("layout", READ)
def test_layouts_that_are_read(layout: str) -> None:
    assert (
        read(f"Here is a design within [270, 330]:\n\n{READ[layout]}\n\nIt is meant for [270, 330].").architecture
        == DESIGN
    )
    assert read(READ[layout]).architecture == DESIGN


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        (Reason.NOTHING_FOUND, ""),
        (Reason.NOTHING_FOUND, "Use kernel 3 early and kernel 5 late, and stay within [270, 330]."),
        (Reason.NOTHING_FOUND, "Stage 1: [1.5, 23.8, 27.0, 31.8, 35.5, 40.3]"),
        (Reason.NOTHING_FOUND, "The entries [1, 0, 0, 0, 1, 0] would suit any stage."),
        (Reason.WRONG_LENGTH, STAGED.replace("[4, 0, 4, 3, 0, 0]", "[4, 0, 4, 3, 0]")),
        (Reason.WRONG_LENGTH, STAGED.replace("[4, 0, 4, 3, 0, 0]", "[4, 0, 4, 3, 0, 0, 0]")),
        (Reason.WRONG_LENGTH, STAGED.replace("Stage 3", "Step 3")),
        (Reason.WRONG_LENGTH, STAGED.partition("Stage 5")[0]),
        (Reason.WRONG_LENGTH, STAGED.partition("\n")[2]),
        (Reason.WRONG_LENGTH, rows("Stage {n}: {l}").replace("Stage 2", "Stage 4")),
        (Reason.WRONG_LENGTH, "Stage 4 (Adjusted): [5, 5, 5, 4, 0, 0]"),
        (Reason.WRONG_LENGTH, str(list(DESIGN[:-1]))),
        (Reason.WRONG_LENGTH, str([*DESIGN, 0])),
        (Reason.UNKNOWN_CHOICE, STAGED.replace("5, 5, 5, 0]", "5, 5, 7, 0]")),
        (Reason.UNKNOWN_CHOICE, STAGED.replace("5, 5, 5, 0]", "5, 5, -1, 0]")),
        (Reason.UNKNOWN_CHOICE, STAGED.replace("5, 5, 5, 0]", "5, 5, skip, 0]")),
        (Reason.UNKNOWN_CHOICE, STAGED.replace("5, 5, 5, 0]", "5, 5, 05, 0]")),
        (Reason.UNKNOWN_CHOICE, STAGED.replace("5, 5, 5, 0]", "5, 5, ٥, 0]")),
        (Reason.AMBIGUOUS, f"Option A:\n{STAGED}\n\nOption B:\n{OTHER_STAGED}"),
        (Reason.AMBIGUOUS, f"{STAGED}\n\nSo that {OTHER_FLAT}"),
        (Reason.AMBIGUOUS, rows("Stage {n}: from [0, 0, 0, 0, 0, 0] to {l}")),
        (Reason.AMBIGUOUS, rows("Stage {n}: we replaced [1, 1, 1, 1, 1, 1] with\n{l}")),
        (Reason.AMBIGUOUS, f"I propose:\n{STAGED}\nThis improves on the previous design:\n{OTHER_STAGED}"),
        (Reason.AMBIGUOUS, f"I propose:\n{STAGED}\nIt is better than the updated design:\n{OTHER_STAGED}"),
        (Reason.AMBIGUOUS, rows("{l}") + "\n" + rows("{l}", OTHER)),
        (Reason.NOTHING_FOUND, rows("{l}", separator=" or ")),
        (Reason.AMBIGUOUS, STAGED.replace("[5, 0, 5, 5, 5, 0]", "[5, 0, 5, 5, 5, 0] -> [5, 0, 5, 5, 5, 5]")),
        (Reason.REFUSED, "I'm sorry, but I cannot help with choosing operations."),
        (Reason.REFUSED, "As an AI language model, I do not train networks."),
    ],
)
def test_reasons_to_reject(reason: Reason, text: str) -> None:
    assert rejected(text).reason is reason


def test_rejections_say_what_was_expected_and_what_was_got() -> None:
    assert "expected one list of 30 entries or 5 lists" in rejected("Nothing.").detail
    assert rejected(STAGED.replace("[4, 0, 4, 3, 0, 0]", "[4, 0, 4, 3, 0]")).detail == (
        "Stage 3 takes 6 entries, the reply gives 5"
    )
    assert rejected(str([*DESIGN, 0])).detail.endswith("the longest design in the reply has 31 entries")
    assert rejected(STAGED.replace("5, 5, 5, 0]", "5, 5, 9, 0]")).detail == ("Layer 30 takes 0 to 6, the reply gives 9")
    assert "states 2 different designs" in rejected(f"{STAGED}\n\n{OTHER_STAGED}").detail


def test_symbols_of_a_space_are_read_and_named_as_it_writes_them() -> None:
    assert read("Block 1: [1, 3]\nBlock 2: [4, 1, 2]", WIDTHS).architecture == (0, 2, 3, 0, 1)
    rejection = grammar.read(WIDTHS, "[0, 1, 1, 1, 1]")
    assert rejection == Rejection(Reason.UNKNOWN_CHOICE, "Layer 1 takes 1 to 2, the reply gives 0")


def test_an_unreadable_list_of_a_model_that_also_apologises_is_no_refusal() -> None:
    assert rejected(f"I'm sorry for the mistake. Here it is: {list(DESIGN[:-1])}").reason is Reason.WRONG_LENGTH


@pytest.mark.parametrize(
    "announcement",
    ["Final model:", "The adjusted design is:", "Revised:", "That is above the bound, so I change Stage 1 instead:"],
)
@pytest.mark.parametrize("first", [OTHER_STAGED, OTHER_FLAT], ids=["staged", "flat"])
@pytest.mark.parametrize("last", [STAGED, FLAT], ids=["staged", "flat"])
def test_an_announced_revision_supersedes_what_came_before(announcement: str, first: str, last: str) -> None:
    text = f"A first try:\n{first}\n\n{announcement}\n{last}\n"
    reading = read(text)
    assert reading.architecture == DESIGN
    (superseded,) = reading.superseded
    assert text[superseded.start : superseded.end] == first[first.index("[") :]
    assert text[reading.span.start : reading.span.end] == last[last.index("[") :]


def test_all_superseded_designs_are_listed() -> None:
    third = rows("Stage {n}: {l}", (6, *DESIGN[1:]))
    reading = read(f"{OTHER_STAGED}\n\nRevised:\n{third}\n\nFinal model:\n{STAGED}\n\nAs a list: {FLAT}")
    assert reading.architecture == DESIGN
    assert len(reading.superseded) == 2


def test_lists_beside_a_design_are_remarks() -> None:
    text = STAGED + "\n\nStage 4 (Adjusted): [5, 5, 5, 4, 0, 0]"
    reading = read(text)
    assert reading.architecture == DESIGN
    (remark,) = reading.remarks
    assert text[remark.start : remark.end] == "[5, 5, 5, 4, 0, 0]"
    assert read(STAGED).remarks == ()


def test_lists_given_twice_alike_are_no_ambiguity() -> None:
    assert read(rows("Stage {n}: {l}\n(that is {l})")).architecture == DESIGN


def test_a_revision_that_cannot_be_read_does_not_fall_back_on_the_first_design() -> None:
    broken = OTHER_STAGED.replace("[5, 0, 5, 5, 5, 0]", "[5, 0, 5, 5, 5, 0, 0]")
    assert rejected(f"{STAGED}\n\nFinal model:\n{broken}").reason is Reason.WRONG_LENGTH


def test_all_designs_of_a_text_are_read_in_order() -> None:
    text = f"- Experiment 1:\n{STAGED}\ncost 329.\n\n- Experiment 2:\n{OTHER_STAGED}\n\n{[9] * 30}"
    readings = list(grammar.read_all(SPACE, text))
    assert [each.architecture for each in readings if isinstance(each, Reading)] == [DESIGN, OTHER]
    assert [each.reason for each in readings if isinstance(each, Rejection)] == [Reason.UNKNOWN_CHOICE]


def test_every_published_answer_is_read(mirror: Path) -> None:
    answers = 0
    for file in sorted((mirror / "imagenet" / "chat_history").rglob("*.json")):
        messages: Sequence[dict[str, str]] = json.loads(file.read_text("utf-8"))
        for position, message in enumerate(messages):
            if message["role"] == "assistant":
                answers += 1
                assert isinstance(grammar.read(SPACE, message["content"]), Reading), f"{file.name}, message {position}"
    assert answers > 0
