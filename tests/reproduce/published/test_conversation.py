from __future__ import annotations

import json

import pytest

from cache.record import Record
from harness.run import SAMPLES
from reproduce.data import Published
from reproduce.errors import MalformedConversation
from reproduce.published.conversation import dialogues
from reproduce.published.imagenet import published_records

CONVERSATION = [
    {"role": "system", "content": "You are an expert."},
    {"role": "user", "content": "Propose."},
    {"role": "assistant", "content": "[1]"},
    {"role": "user", "content": "Too large."},
    {"role": "assistant", "content": "[0]"},
    {"role": "system", "content": "You are an expert."},
    {"role": "user", "content": "Propose.\nOnce more."},
    {"role": "assistant", "content": "[2]"},
]


ENTRY = Published("a.json", "https://a", "0" * 64, "up", 2)


def read(messages: object) -> list[Record]:
    data = messages if isinstance(messages, bytes) else json.dumps(messages).encode()
    return [*published_records(ENTRY, data)]


def test_every_assistant_turn_answers_all_since_the_system_message() -> None:
    records = read(CONVERSATION)
    assert [record.request["messages"] for record in records] == [CONVERSATION[:2], CONVERSATION[:4], CONVERSATION[5:7]]
    assert [record.text for record in records] == ["[1]", "[0]", "[2]"]
    assert [record.provenance["turn"] for record in records] == [2, 4, 7]
    assert {(record.provenance["file"], record.provenance["url"]) for record in records} == {("a.json", "https://a")}
    assert {(record.request["model"], record.sample) for record in records} == {("gpt-4", 2)}
    assert [Record.from_line(record.to_line()) for record in records] == records


def test_a_problem_that_is_stated_anew_opens_a_dialogue_without_a_system_message() -> None:
    records = read([*CONVERSATION[:5], *CONVERSATION[6:]])
    assert [record.request["messages"] for record in records][2] == CONVERSATION[6:7]
    assert [record.provenance["turn"] for record in records] == [2, 4, 6]


def test_a_statement_that_is_sent_twice_opens_one_dialogue() -> None:
    data = json.dumps([*CONVERSATION[:2], *CONVERSATION[1:]]).encode()
    assert [len(dialogue.messages) for dialogue in dialogues(data)] == [6, 3]


def test_what_nobody_answered_is_in_its_dialogue() -> None:
    data = json.dumps([*CONVERSATION, {"role": "user", "content": "Too small."}]).encode()
    assert [dialogue.position for dialogue in dialogues(data)] == [0, 5]
    assert dialogues(data)[1].messages[-1]["content"] == "Too small."


def test_a_repeated_request_is_another_sample() -> None:
    records = read([*CONVERSATION[:3], *CONVERSATION[:2], {"role": "assistant", "content": "[3]"}])
    assert [record.sample for record in records] == [2, 2 + SAMPLES]
    assert len({record.key for record in records}) == 2


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        (b"[{", "expected a JSON list of messages .*truncated"),
        (b"\xff", "expected a JSON list of messages .*byte 0"),
        ({}, "Expected `array`, got `object`"),
        ([*CONVERSATION[:2], {"role": "assistant"}], r"\$\[2\]"),
        ([*CONVERSATION[:2], {"role": "tool", "content": "x"}], r"\$\[2\]"),
        ([*CONVERSATION[:2], {"role": "assistant", "content": None}], r"\$\[2\]"),
        ([*CONVERSATION[:2], {"role": "assistant", "content": "x", "name": "y"}], r"\$\[2\]"),
        ([*CONVERSATION[:2], 3], r"\$\[2\]"),
        (CONVERSATION[1:], "expected message 0 to be a system message, got user"),
        ([*CONVERSATION[:3], CONVERSATION[2]], "expected message 3 to answer a user"),
    ],
)
def test_another_form_is_refused_with_its_position(messages: object, message: str) -> None:
    with pytest.raises(MalformedConversation, match=message):
        read(messages)


def test_no_messages_are_no_records() -> None:
    assert read([]) == []
