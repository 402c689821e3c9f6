from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from cache.key import canonical
from cache.nearest import SKETCH_BYTES, difference, nearest_key, sketch
from tests.cache.records import chat_record, chat_request


def prompt(choices: random.Random) -> bytes:
    lines = [f"Experiment {turn}: {[choices.randrange(7) for _ in range(10)]}" for turn in range(20)]
    return canonical({"system": "You are an expert. " * 20, "user": "\n".join(lines)})


def test_what_differs_in_one_number_is_nearest() -> None:
    choices = random.Random(0)
    prompts = {f"key {number}": prompt(choices) for number in range(300)}
    sketches = [(key, sketch(text)) for key, text in prompts.items()]
    for key, text in list(prompts.items())[:50]:
        place = text.index(b"[", text.index(b"Experiment 15")) + 1
        changed = text[:place] + b"9" + text[place + 1 :]
        assert nearest_key(sketch(changed), sketches) == key


@given(st.binary())
def test_a_sketch_has_one_length(data: bytes) -> None:
    assert len(sketch(data)) == SKETCH_BYTES


def test_the_smallest_key_of_several_and_none_of_none() -> None:
    same = sketch(b"one two three")
    assert nearest_key(same, [("b", same), ("a", same), ("0", sketch(b"four five"))]) == "a"
    assert nearest_key(same, []) is None


def test_another_sample_of_the_same_request_is_nearest() -> None:
    asked, other = chat_record("one two", sample=4), chat_record("one 2")
    recorded = [(record.key, sketch(record.question)) for record in (chat_record("one two"), other)]
    assert nearest_key(sketch(asked.question), recorded) == chat_record("one two").key


def test_the_order_of_words_counts() -> None:
    assert sketch(b"0 1 2 3") != sketch(b"3 2 1 0")


def test_the_first_message_that_differs_is_shown() -> None:
    recorded, asked = chat_request("one\ntwo\nthree", "yes", "last"), chat_request("one\n2\nthree", "no", "last")
    assert difference(asked, recorded).splitlines() == [
        "--- recorded messages[1]",
        "+++ asked messages[1]",
        "@@ -2,3 +2,3 @@",
        " one",
        "-two",
        "+2",
        " three",
    ]


def test_messages_that_only_one_has_and_line_ends_are_shown() -> None:
    assert "+more" in difference(chat_request("one", "two", "more"), chat_request("one", "two"))
    assert "-more" in difference(chat_request("one"), chat_request("one", "more"))
    assert difference(chat_request("one\n"), chat_request("one")).endswith("+")


def test_parameters_are_shown_when_only_they_differ() -> None:
    diff = difference(chat_request("one", temperature=0.7), chat_request("one", temperature=0))
    assert "recorded parameters" in diff
    assert '- "temperature": 0' in diff
    assert difference({"messages": "text"}, {"messages": "other"}) != ""
    assert difference(chat_request("one", n=1), chat_request("one", n=1.0)) == ""
