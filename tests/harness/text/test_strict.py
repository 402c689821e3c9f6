"""Answers to our own prompts: the demanded form is read, and nothing that a reply does not propose."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import spaces
from harness.protocol import Reason, Rejection
from harness.spaces import nas_bench_201
from harness.text import published, strict
from harness.text.published import Reader, Reading
from tables.space import Group, Slot, Space
from tests.harness.text.meant import KINDS, replies

SPACE = nas_bench_201.SPACE
LINE = "Design: [3, 3, 1, 3, 3, 4]"
DESIGN = (3, 3, 1, 3, 3, 4)
READERS: dict[str, Reader] = {"line": strict.read, "json": strict.read_json, "published": published.read}


def test_no_reply_is_read_as_a_design_that_it_does_not_propose() -> None:
    """10,800 replies of which it is known what they propose, by each reader; what is in its form is always read."""
    accepted: Counter[tuple[str, str]] = Counter()
    each = 600
    for meant in replies(each * len(KINDS)):
        for name, read in READERS.items():
            reading = read(meant.space, meant.text)
            if name == "published" and meant.kind == "within a tag":
                continue  # it reads what stands in "<answer>"
            if isinstance(reading, Reading):
                accepted[name, meant.kind] += 1
                assert reading.architecture == meant.design, (name, meant.kind, meant.text)
            else:
                assert meant.form != name, (reading, meant.text)
    print({f"{name}, {kind}": f"{count} of {each}" for (name, kind), count in accepted.items()})  # noqa: T201
    assert accepted["line", "obedient"] == accepted["json", "obedient JSON"] == each


@pytest.fixture
def field(mirror: Path) -> list[dict[str, str]]:
    """Shapes of replies that models really gave."""
    path = mirror.parents[1] / "field" / "replies.jsonl"
    if not path.exists():
        pytest.skip("needs the replies that were collected beside the mirror")
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def meant_by(reply: dict[str, str]) -> tuple[int, ...] | None:
    """The choices that a reply of the field stands for, in the words of its `right`."""
    said = reply["right"]
    if said.startswith("The design before"):
        return DESIGN
    return tuple(json.loads(f"[{said.partition('(')[2].partition(')')[0]}]")) if said.startswith("Choices") else None


@pytest.mark.parametrize("name", READERS)
def test_replies_of_the_field_are_read_right_or_not_at_all(name: str, field: list[dict[str, str]]) -> None:
    assert len(field) == 55
    for reply in field:
        reading = READERS[name](spaces.find(reply["space"]).SPACE, reply["reply"])
        assert isinstance(reading, Rejection) or reading.architecture == meant_by(reply), reply["id"]


def test_designs_of_the_field_are_read_in_the_demanded_forms(field: list[dict[str, str]]) -> None:
    for reply in field:
        space, choices = spaces.find(reply["space"]).SPACE, meant_by(reply)
        if choices is not None:
            symbols = list(space.symbols(choices))
            for reading in (
                strict.read(space, f"Why not.\n\nDesign: {symbols}"),
                strict.read_json(space, json.dumps({"architecture": symbols}, indent=2)),
            ):
                assert isinstance(reading, Reading)
                assert reading.architecture == choices


@pytest.mark.parametrize(
    ("text", "reason", "detail"),
    [
        ("", Reason.NOTHING_SAID, "in the answer nothing is said"),
        (f"<think>{LINE}", Reason.NOTHING_SAID, "the answer ends within the model's thinking"),
        ("<think>a</think>", Reason.NOTHING_SAID, "behind the model's thinking nothing is said"),
        ("Hello.", Reason.NOTHING_FOUND, "expected the last line to be 'Design: [..]', got 'Hello.'"),
        (f"{LINE}\nIt is good.", Reason.WRONG_FORM, "nothing behind the line 'Design: [..]', got 'It is good.'"),
        (f"{LINE}\n{LINE}", Reason.AMBIGUOUS, "expected one line 'Design: [..]', got 2"),
        (f"{LINE[:-1]}", Reason.CUT_OFF, "expected a list to its closing bracket, got '[3, 3, 1, 3, 3, 4'"),
        (f"{LINE} instead of [3, 3]", Reason.WRONG_FORM, "expected nothing behind the list, got 'instead of [3, 3]'"),
        (f"not {LINE}", Reason.WRONG_FORM, f"to begin with 'Design:', got 'not {LINE}'"),
        (f"> {LINE}", Reason.WRONG_FORM, f"to begin with 'Design:', got '> {LINE}'"),
        (f'"{LINE}"', Reason.WRONG_FORM, "to begin with 'Design:', got '\"Design: [3"),
        ("Design: 331334", Reason.WRONG_FORM, "a list in square brackets behind 'Design:', got 'Design: 331334'"),
        ("Design:\n[3, 3, 1, 3, 3, 4]", Reason.WRONG_FORM, "expected the list on the line of 'Design:', got '[3, "),
        ("Design: [[3], [3, 1], [3, 3, 4]]", Reason.WRONG_FORM, "expected one list of numbers, got lists within it: "),
        ("Design: [3, 3, 1, 3, 3]", Reason.WRONG_LENGTH, "expected a list of 6 numbers, got 5"),
        ("Design: []", Reason.WRONG_LENGTH, "expected a list of 6 numbers, got 0"),
        ("Design: [a, b, c, d, e, f]", Reason.UNKNOWN_CHOICE, "0→1 takes 0 to 4, got 'a'"),
        ("Design: [3, 3, 1, ..., 3, 4]", Reason.UNKNOWN_CHOICE, "0→3 takes 0 to 4, got '...'"),
        ("Design: [3, 3, 1, 03, 3, 4]", Reason.UNKNOWN_CHOICE, "0→3 takes 0 to 4, got '03'"),
        ('Design: [3, 3, 1, "3", 3, 4]', Reason.UNKNOWN_CHOICE, "0→3 takes 0 to 4, got '\"3\"'"),
        ("Design: [3, 3, 1, 5, 3, 4]", Reason.UNKNOWN_CHOICE, "0→3 takes 0 to 4, got 5"),
        ("Design: [3，3，1，3，3，4]", Reason.WRONG_FORM, "which holds a fullwidth comma ('，')"),
        ("Design: [３, 3, 1, 3, 3, 4]", Reason.WRONG_FORM, "which holds a fullwidth digit three ('３')"),
        ("Design: 【3, 3, 1, 3, 3, 4】", Reason.WRONG_FORM, "which holds a left black lenticular bracket ('【')"),
        ("Design： [3, 3, 1, 3, 3, 4]", Reason.WRONG_FORM, "which holds a fullwidth colon ('：')"),
        ("Design : [3, 3, 1, 3, 3, 4]", Reason.WRONG_FORM, "to begin with 'Design:', got 'Design : ["),
        ("Design: [3, 3, 1, 3, 3, 4,]", Reason.WRONG_FORM, "numbers with commas between them, got ''"),
        ("Design: [3 3 1 3 3 4]", Reason.WRONG_FORM, "numbers with commas between them, got '3 3 1 3 3 4'"),
        (f"<plan>\nMaybe\n{LINE}", Reason.WRONG_FORM, "outside of <plan>, which does not end before it"),
        (f"```\n{LINE}", Reason.WRONG_FORM, "outside of a code fence, which does not end before it"),
        (f"I would not use\n{LINE}", Reason.AMBIGUOUS, "the sentence that leads to the last line says 'not use' of it"),
        (f"Experiment 2 was:\n{LINE}", Reason.AMBIGUOUS, "the sentence that leads to the last line says 'was:' of it"),
        ("I am done.\nDesign: none", Reason.CONCLUDED, "the answer says that no better design is to be found"),
    ],
)
def test_reasons_are_true(text: str, reason: Reason, detail: str) -> None:
    rejection = strict.read(SPACE, text)
    assert isinstance(rejection, Rejection)
    assert rejection.reason is reason
    assert detail in rejection.detail


@pytest.mark.parametrize(
    ("text", "reason", "detail"),
    [
        (LINE, Reason.WRONG_FORM, "expected a JSON object and nothing beside it, got 'Design: [3, 3, 1, 3, 3, 4]'"),
        ("[3, 3, 1, 3, 3, 4]", Reason.WRONG_FORM, 'expected a JSON object with "architecture" alone, got a list'),
        ('{"final": [3], "modified_from": [4]}', Reason.WRONG_FORM, "got the members 'final', 'modified_from'"),
        ('{"architecture": [3], "architecture": [4]}', Reason.WRONG_FORM, "a member stands twice in it"),
        ('{"architecture": [3, 3, 1, 3, 3, 4]} or so', Reason.WRONG_FORM, "got behind it 'or so'"),
        ('{"architecture": [3, 3', Reason.WRONG_FORM, "breaks at character 22 (Expecting ',' delimiter): ''"),
        ('{"architecture": [3，3]}', Reason.WRONG_FORM, "which holds a fullwidth comma ('，')"),
        (
            '{"architecture": "[3, 3, 1, 3, 3, 4]"}',
            Reason.WRONG_FORM,
            'expected a list in "architecture", got \'[3, 3, 1',
        ),
        ('{"architecture": [3, 3, 1, 3, 3, "4"]}', Reason.UNKNOWN_CHOICE, "2→3 takes 0 to 4, got '4'"),
        ('{"architecture": [3, 3, 1, 3, 3, 4.0]}', Reason.UNKNOWN_CHOICE, "2→3 takes 0 to 4, got 4.0"),
        ('{"architecture": [3, 3, 1, 3, 3, true]}', Reason.UNKNOWN_CHOICE, "2→3 takes 0 to 4, got true"),
        ('{"architecture": [3, 3, 1, 3, 3, [4]]}', Reason.UNKNOWN_CHOICE, "2→3 takes 0 to 4, got a list"),
        ('{"architecture": [3, 3, 1, 3, 3, NaN]}', Reason.UNKNOWN_CHOICE, "got NaN"),
        ('{"architecture": [3, 3, 1, 3, 3, ' + "9" * 100 + "]}", Reason.UNKNOWN_CHOICE, "got 9999"),
        ('{"architecture": ' + "9" * 5000 + "}", Reason.WRONG_FORM, "Exceeds the limit"),
        ('{"architecture": ' + "[" * 200_000, Reason.WRONG_FORM, "lists too deep to read"),
    ],
)
def test_reasons_of_json_are_true(text: str, reason: Reason, detail: str) -> None:
    rejection = strict.read_json(SPACE, text)
    assert isinstance(rejection, Rejection)
    assert rejection.reason is reason
    assert detail in rejection.detail
    assert len(rejection.detail) < 300


WIDE = spaces.find("channel-bench-resnet").SPACE


@pytest.mark.parametrize(
    ("kind", "how", "text", "reason", "detail"),
    [
        ("list", {}, LINE, Reason.WRONG_FORM, "expected a JSON list and nothing beside it, got 'Design: [3, 3"),
        ("list", {}, '{"architecture": [3]}', Reason.WRONG_FORM, "expected a list, got an object"),
        ("list", {}, "[3, 3, 1, 3, 3, 4].", Reason.WRONG_FORM, "got behind it '.'"),
        ("list", {}, "[3, 3, 1, 3, 3]", Reason.WRONG_LENGTH, "expected a list of 6 numbers, got 5"),
        ("list", {}, "331334", Reason.WRONG_FORM, "expected a list, got 331334"),
        ("list", {}, "<think>[1]", Reason.NOTHING_SAID, "within the model's thinking"),
        ("list", {"vocabulary": "names"}, "[3, 3, 1, 3, 3, 4]", Reason.UNKNOWN_CHOICE, "0→1 takes none or skip_"),
        ("list", {"vocabulary": "names"}, "[]", Reason.WRONG_LENGTH, "expected a list of 6 names, got 0"),
        ("list", {"vocabulary": "key"}, "[3]", Reason.UNKNOWN_CHOICE, "expected a key such as |none~0|+|none~0|"),
        ("list", {"proposals": 2}, "[3, 3, 1, 3, 3, 4]", Reason.WRONG_LENGTH, "a list of 2 designs, got 6"),
        ("list", {"proposals": 2}, "[[3], [4]]", Reason.WRONG_LENGTH, "design 1: expected a list of 6 numbers, got 1"),
        ("list", {"proposals": 2}, "[[3, 3, 1, 3, 3, 4], 4]", Reason.WRONG_FORM, "expected a list, got 4"),
        ("object", {"proposals": 2}, '{"architecture": []}', Reason.WRONG_FORM, 'object with "architectures" alone'),
        (
            "object",
            {"proposals": 2},
            '{"architectures": 1}',
            Reason.WRONG_LENGTH,
            '2 designs in "architectures", got 1',
        ),
        ("line", {"vocabulary": "names"}, LINE, Reason.UNKNOWN_CHOICE, "0→1 takes none or skip_connect or "),
        ("line", {"vocabulary": "key"}, LINE, Reason.UNKNOWN_CHOICE, "got '[3, 3, 1, 3, 3, 4]'"),
        ("line", {"vocabulary": "key"}, "Design: none", Reason.CONCLUDED, "no better design"),
        ("line", {"vocabulary": "key"}, "Design: |none\nDesign: |none", Reason.AMBIGUOUS, "expected one line"),
        (
            "line",
            {"proposals": 2},
            f"Well.\n{LINE}",
            Reason.WRONG_FORM,
            "the last 2 lines to be 'Design: [..]', got 'Well",
        ),
        (
            "line",
            {"proposals": 2},
            f"{LINE}\n\nDesign: none",
            Reason.AMBIGUOUS,
            "expected one line 'Design: [..]', got 2",
        ),
        (
            "line",
            {"proposals": 2},
            f"{LINE}\n{LINE}\n{LINE}",
            Reason.AMBIGUOUS,
            "expected 2 lines 'Design: [..]', got 3",
        ),
        (
            "line",
            {"proposals": 2},
            f"{LINE}\nDesign: [9]",
            Reason.WRONG_LENGTH,
            "design 2: expected a list of 6 numbers",
        ),
    ],
)
def test_reasons_are_true_in_every_form(kind: str, how: dict[str, Any], text: str, reason: Reason, detail: str) -> None:
    rejection = strict.form(SPACE, kind, **how).read(SPACE, text)
    assert isinstance(rejection, Rejection), rejection
    assert (rejection.reason, detail in rejection.detail) == (reason, True), rejection


@pytest.mark.parametrize(
    ("kind", "vocabulary", "text"),
    [
        ("list", "widths", "[64, 128, 192, 512, 128, 256, 384]"),
        (
            "list",
            "names",
            '["64 channels","128 channels","192 channels","512 channels","128 channels","256 channels","384 channels"]',
        ),
        ("list", "key", " 1234123\n"),
        ("object", "widths", '{"architecture": [64, 128, 192, 512, 128, 256, 384]}'),
        ("line", "widths", "Wide.\n**Design:** 64, 128, 192, 512, 128, 256, 384"),
        ("line", "key", "Wide.\nDesign: `1234123`"),
        (
            "line",
            "names",
            "Design: [64 channels, 128 channels, 192 channels, 512 channels, 128 channels, 256 channels, 384 channels]",
        ),
    ],
)
def test_each_vocabulary_is_read(kind: str, vocabulary: str, text: str) -> None:
    reading = strict.form(WIDE, kind, vocabulary).read(WIDE, text)
    assert isinstance(reading, Reading), reading
    assert reading.architecture == (0, 1, 2, 3, 0, 1, 2)
    assert "128" in text[slice(*reading.span)] or text[slice(*reading.span)] == "1234123"


def test_a_name_with_a_comma_stands_in_quotes() -> None:
    space = spaces.find("nas-bench-macro").SPACE
    names = [space.slots[0].choices[choice] for choice in (0, 1, 2, 0, 1, 2, 0, 1)]
    assert "inverted residual, kernel 3, expansion 3" in names
    form = strict.form(space, "line", "names")
    assert "each in double quotes" in form.demand
    assert '"inverted residual, kernel 3, expansion 3"' in form.demand
    reading = form.read(space, f"Design: {json.dumps(names)}")
    assert isinstance(reading, Reading)
    assert reading.architecture == (0, 1, 2, 0, 1, 2, 0, 1)
    assert isinstance(form.read(space, f"Design: [{', '.join(names)}]"), Rejection)


def test_several_designs_are_read_in_their_order() -> None:
    other = "Design: [0, 0, 0, 0, 0, 1]"
    text = f"Two.\n{LINE}\n\n  \n{other}"
    reading = strict.form(SPACE, "line", proposals=2).read(SPACE, text)
    assert isinstance(reading, Reading)
    assert [each.architecture for each in (reading, *reading.further)] == [DESIGN, (0, 0, 0, 0, 0, 1)]
    assert [text[slice(*each.span)] for each in (reading, *reading.further)] == [LINE[8:], other[8:]]


@given(st.text(), st.sampled_from(["line", "object", "list"]), st.sampled_from(["names", "key", "symbols"]))
def test_no_text_breaks_a_reader_of_several(text: str, kind: str, vocabulary: str) -> None:
    read = strict.form(SPACE, kind, vocabulary, 2).read
    for each in (text, f"{text}\n{LINE}", f"{LINE}\n{LINE}{text}", f'{{"architectures": [{text}', f"[[{text}"):
        assert isinstance(read(SPACE, each), Reading | Rejection)


def test_a_space_of_three_hundred_slots_is_read_at_any_indent() -> None:
    space = Space("long", "Long", (Group("All", tuple(Slot(f"Slot {n}", ("a", "b")) for n in range(300))),))
    choices = tuple(n % 2 for n in range(300))
    for indent in (None, 2, 40):
        reading = strict.read_json(space, json.dumps({"architecture": choices}, indent=indent))
        assert isinstance(reading, Reading)
        assert reading.architecture == choices
    assert isinstance(strict.read(space, f"Design: {list(choices)}"), Reading)


@pytest.mark.parametrize("line", ["Design: 3, 3, 1, 3, 3, 4", "**Design:** 3,3,1,3,3,4", "`Design: 3 , 3, 1, 3, 3, 4`"])
def test_brackets_may_be_missing(line: str) -> None:
    text = f"Short.\n\n{line}"
    reading = strict.read(SPACE, text)
    assert isinstance(reading, Reading)
    assert reading.architecture == DESIGN
    assert re.findall(r"\d", text[slice(*reading.span)]) == list("331334")
    for other in (f"{line}\n{line}", f"{LINE}\n{line}", f"{line}\n{LINE}", f"{line} or so", f"{line}\nIt is good."):
        assert isinstance(strict.read(SPACE, other), Rejection)


def test_what_was_read_is_where_the_span_says() -> None:
    text = f"<think>Hm.</think>\n\nShort.\n**{LINE}**\n"
    reading = strict.read(SPACE, text)
    assert isinstance(reading, Reading)
    assert text[slice(*reading.span)] == LINE.partition(" ")[2]


@given(st.text())
def test_no_text_breaks_a_reader(text: str) -> None:
    for read in READERS.values():
        for each in (text, f"{text}\n{LINE}", f"{LINE}{text}", f'{{"architecture": {text}'):
            assert isinstance(read(SPACE, each), Reading | Rejection)


@pytest.mark.parametrize(
    "piece",
    ["\n", "\n ### ", "\n accuracy", "<think", "< / ", "experiment 1 (", "not this that ", "<a b=", "<|think", "[|"],
)
def test_the_time_to_read_grows_with_the_text_and_not_with_its_square(piece: str) -> None:
    began = time.process_time()
    strict.read(SPACE, piece * (20_000 // len(piece)) + f"\n{LINE}")
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize("blank", ["\t", " ", "\n", " \n"])
def test_nor_with_what_follows_a_list(blank: str) -> None:
    began = time.process_time()
    published.read(SPACE, f"{LINE}{blank * (10_000 // len(blank))}x")
    assert time.process_time() - began < 0.5
