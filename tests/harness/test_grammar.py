"""Reading what language models write: every layout, every reason to reject, and no text that breaks the reader.

All prose here is made up. Layouts are those of the published answers, and others that a model may well choose.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import grammar
from harness.grammar import LAYOUTS, Reading
from harness.protocol import Reason, Rejection
from harness.space import Architecture, Space
from harness.spaces.mobilenetv2_se import SPACE
from tests.strategies import WIDTHS, architectures

DESIGN: Architecture = (1, 0, 0, 0, 1, 0, 1, 0, 1, 1, 1, 0, 4, 0, 4, 3, 0, 0, 4, 3, 0, 4, 4, 0, 5, 0, 5, 5, 5, 0)
OTHER: Architecture = (2, *DESIGN[1:])
LAYERS = ((2, 7), (8, 13), (14, 19), (20, 25), (26, 31))


def rows(row: str, design: Architecture = DESIGN, separator: str = "\n") -> str:
    """One row a stage: `{n}` its number, `{a}` and `{z}` its layers, `{l}` its list, `{b}` that without brackets."""
    stages = zip(LAYERS, SPACE.split(design), strict=True)
    return separator.join(
        row.format(n=n, a=first, z=last, l=list(choices), b=", ".join(map(str, choices)))
        for n, ((first, last), choices) in enumerate(stages, start=1)
    )


STAGED = rows("Stage {n} (Layer {a} to Layer {z}): {l}")
OTHER_STAGED = rows("Stage {n} (Layer {a} to Layer {z}): {l}", OTHER)
FLAT = f"op_list = {list(DESIGN)}"
OTHER_FLAT = f"op_list = {list(OTHER)}"


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
    text = grammar.write(space, architecture, layout)
    reading = read(text, space)
    assert reading.architecture == architecture
    assert_exact(space, text, reading)


@pytest.mark.parametrize("layout", LAYOUTS)
@settings(max_examples=25)
@given(architectures(SPACE), st.sampled_from(PROSE_BEFORE), st.sampled_from(PROSE_AFTER))
def test_prose_around_a_design_changes_nothing(
    layout: str, architecture: Architecture, before: str, after: str
) -> None:
    text = before + grammar.write(SPACE, architecture, layout) + after
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
            list_.strip("[]") for list_ in grammar.write_lists(space, reading.architecture)
        ]


def test_writing_refuses_what_is_no_architecture() -> None:
    with pytest.raises(ValueError, match="expected 30 choices"):
        grammar.write(SPACE, (0,) * 29)


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


READ = {
    # what the published answers do
    "a line a stage": STAGED,
    "layers in short": rows("Stage {n} (Layers {a}-{z}):  {l}"),
    "two colons": rows("Stage {n}: Layer {a} to Layer {z}: {l}"),
    "numbered": rows("{n}. Stage {n} (Layer {a} to Layer {z}): {l}"),
    "bulleted": rows("- Stage {n} (Layer {a} to Layer {z}): {l}"),
    "on the next line": rows("Stage {n} (Layer {a} to Layer {z}):\n{l}", separator="\n\n"),
    "Python, comments before": "op_list = [\n" + rows("    # Stage {n}\n    {b},") + "\n]",
    "Python, comments behind": "op_list = [\n" + rows("    {b},  # Stage {n} (Layer {a} to Layer {z})") + "\n]",
    "stages, then flat": STAGED + "\n\nSo that " + FLAT,
    "flat, then stages": FLAT + "\n\nwhich means:\n" + STAGED,
    "a sum in brackets": STAGED + "\n\nTotal: [5.419 + 5.8207 + 23.7855 + 19.8743] = 329 (within [270, 330]).",
    "a control character": FLAT.replace("4, 0, 4", "4, \x040, 4"),
    # tables
    "table": "| Stage | Layers | Operations |\n|---|---|---|\n" + rows("| Stage {n} | {a}-{z} | {l} |"),
    "table with costs": "| Stage | Operations | M |\n|:--|:-:|--:|\n"
    + rows("| Stage {n} (Layers {a}–{z}) | {l} | 23.8 |"),
    "table, no brackets": "| Stage | Layers | Operations |\n|---|---|---|\n" + rows("| Stage {n} | {a}-{z} | {b} |"),
    # markdown
    "bold": rows("**Stage {n} (Layers {a}-{z}):** {l}"),
    "bold name": rows("**Stage {n}** (Layers {a}-{z}): {l}"),
    "numbered bold": rows("{n}. **Stage {n} (Layer {a} to Layer {z})**: {l}"),
    "bold lists": rows("Stage {n}: **{l}**"),
    "code spans": rows("Stage {n}: `{l}`"),
    "headings": rows("### Stage {n}\n\n{l}\n"),
    "headings with layers": rows("### Stage {n}: Layers {a}-{z}\n\n\n{l}\n"),
    "headings, bullets": rows("### Stage {n}\n- Operations: {l}\n- FLOPS: 23.8\n"),
    "nested bullets": rows("- **Stage {n} (Layers {a}-{z}):**\n  - **Operations:** {l}\n  - **FLOPS:** 23.8"),
    "a fence a stage": rows("### Stage {n}\n```python\n{l}\n```"),
    "one fence": f"```\n{STAGED}\n```",
    "quoted": rows("> Stage {n}: {l}"),
    # links between heading and list
    "arrow": rows("Stage {n}: Layers {a}-{z} -> {l}"),
    "double arrow": rows("Stage {n} => {l}"),
    "Unicode": rows("Stage\u00a0{n} (Layers {a}–{z}) → {l}"),
    "full-width colon": rows("Stage {n}：{l}"),
    "words": rows("Stage {n}: the operations of layers {a} to {z} are {l}"),
    "a label": rows("Stage {n} (Layer {a} to Layer {z}): operation ids: {l}"),
    "a line of explanation": rows("Stage {n} (Layer {a} to Layer {z}):\nHere Stage {n} stays cheap.\n{l}"),
    "kernels first": rows("Stage {n} (kernels [3, 5]): {l}"),
    # code
    "variables": rows("stage{n} = {l}") + "\nop_list = stage1 + stage2 + stage3 + stage4 + stage5",
    "variables, other names": rows("stage_{n}_ops = {l}"),
    "dictionary": "{\n" + rows('    "stage{n}": {l},') + "\n}",
    "dictionary on a line": "{" + rows("'Stage {n}': {l}", separator=", ") + "}",
    "list of lists": "op_list = [" + rows("{l}", separator=", ") + "]",
    "list of lists, rows": "op_list = [\n" + rows("    {l},") + "\n]",
    "list of lists, comments behind": "op_list = [\n" + rows("    {l},  # Stage {n}") + "\n]",
    "list of lists, comments before": "op_list = [\n" + rows("    # Stage {n}\n    {l},") + "\n]",
    "comments of another language": "op_list = [\n" + rows("    {b},  // Stage {n}: {l}") + "\n]",
    "costs in comments": "op_list = [\n" + rows("    {b},  # 23.8 + 12.3 = 36.1") + "\n]",
    "an entry a line": "op_list = [\n" + "\n".join(f"    {c},  # layer {n}" for n, c in enumerate(DESIGN)) + "\n]",
    "a call": f"op_list = np.array({list(DESIGN)})",
    "a tuple": f"op_list = {DESIGN}",
    "quoted symbols": json.dumps([str(choice) for choice in DESIGN]),
    # JSON
    "JSON": json.dumps({"architecture": DESIGN}),
    "JSON, indented": json.dumps({"architecture": DESIGN}, indent=2),
    # without brackets
    "no brackets": rows("Stage {n} (Layer {a} to Layer {z}): {b}"),
    "no brackets, next line": rows("Stage {n} (Layer {a} to Layer {z}):\n  {b}"),
    "no brackets, a period": rows("**Stage {n}:** {b}."),
    "no brackets, costs": rows("Stage {n}: {b} (FLOPS: 23.8)"),
    "parentheses": rows("Stage {n}: ({b})"),
    "braces": rows("Stage {n}: {{{b}}}"),
    # what follows a list
    "costs behind": rows("Stage {n}: {l} (FLOPS: 23.8)"),
    "list of costs behind": rows("Stage {n}: {l} (FLOPS: [23.8, 0, 0, 0, 19.9, 0])"),
    "costs as a comment": rows("Stage {n}: {l}  # 23.8"),
    "a sum behind": rows("Stage {n}: {l} => 23.8 + 0 + 19.9 = 43.7"),
    "commas": rows("Stage {n}: {l},"),
    "periods": rows("Stage {n}: {l}."),
    "all on a line": rows("Stage {n}: {l}", separator=" "),
    "all on a line, semicolons": rows("Stage {n} (Layers {a}-{z}): {l}", separator="; "),
    "explanations between": rows("Stage {n}: {l}\nCheap, because Stage 3 is not.\n"),
    "bullets between": rows("Stage {n}: {l}\n- a cheap first layer\n* then skips\n"),
    "Windows line ends": STAGED.replace("\n", "\r\n"),
    "upper case": STAGED.upper(),
    # talk about lists
    "costs of all stages": STAGED + "\n\n" + rows("Stage {n} FLOPS: [23.8, 0, 0, 0, 19.9, 0]"),
    "kernels of all stages": STAGED + "\n\n" + rows("Stage {n} kernels: [3, 5, 7]"),
    "a change behind": STAGED + "\n\n- Stage 3: [4, 0, 4, 4, 0, 0] -> [4, 0, 4, 3, 0, 0]",
    "a change before": "Stage 1: from [1, 0, 0, 0, 0, 0] to [1, 0, 0, 0, 1, 0]\n\n" + STAGED,
    "an adjusted stage behind": STAGED + "\n\nStage 4 (Adjusted): [5, 5, 5, 4, 0, 0]",
    "the first stage again": STAGED + "\n\nStage 1: [6, 6, 6, 6, 6, 6]",
}


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
