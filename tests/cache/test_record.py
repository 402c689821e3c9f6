from __future__ import annotations

import json
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cache.errors import CacheError, CorruptRecord, InvalidRequest
from cache.key import JSON, canonical, digest
from cache.record import CHAT, Record, body_of
from cache.redaction import redact
from tests.cache.records import chat_record, chat_request
from tests.cache.test_key import REQUESTS

SECRETS = {
    "OpenAI": "sk-proj-abcDEF0123456789abcDEF01",
    "Anthropic": "sk-ant-api03-abcDEF0123456789",
    "Hugging Face": "hf_" + "aB3" * 12,
    "AWS": "AKIA" + "ABCD1234EFGH5678",
    "Google": "AIza" + "a1B2c" * 7,
    "GitHub": "ghp_" + "a1B2c3" * 6,
    "bearer": "Bearer abcdef0123456789abcdef",
    "header": "Authorization: Basic dXNlcjpwYXNz",
}


@given(REQUESTS, REQUESTS, st.integers(0, 9))
def test_a_line_gives_back_its_record(request_: dict[str, JSON], answer: dict[str, JSON], sample: int) -> None:
    record = Record(request_, answer, sample, provenance={"a": 1}, observed=answer)
    assume(not redact({"request": request_, "answer": answer})[1])  # such as a member called password
    line = record.to_line()
    again = Record.from_line(line, record.key)
    assert again.to_line() == line
    assert canonical(again.answer) == canonical(answer)
    assert again.key == record.key
    assert line == canonical(json.loads(line)) + b"\n"


def test_a_line_is_what_the_docstring_says() -> None:
    record = chat_record("Hello", sample=3)
    line = json.loads(record.to_line())
    assert line["key"] == record.key == digest(line["question"])
    assert line["digest"] == digest({"key": line["key"], "reply": line["reply"]})
    assert line["question"] == {"kind": CHAT, "request": record.request, "sample": 3, "scheme": 1}
    assert line["reply"] == {"answer": record.answer, "observed": record.observed, "provenance": record.provenance}


def test_a_request_that_looks_like_the_inside_of_a_line_is_read_back() -> None:
    record = Record({"a": {"a": 1, "reply": {"answer": {}}, "b": 2}}, {"a": {}, "reply": {"answer": 1}})
    assert Record.from_line(record.to_line()) == record


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        (b"Hello", b"Hallo", "request"),
        (b'"sample":0', b'"sample":1', "request"),
        (b"chat.completions", b"chat.completionz", "request"),
        (b"[1, 2]", b"[1, 3]", "answer"),
        (b"0.5", b"0.6", "answer, observations or provenance"),
        (b"made for", b"from a ", "answer, observations or provenance"),
        (b'"digest":"sha256:', b'"digest":"sha512:', "no longer give its digest"),
        (b"}\n", b"}", "Expected a line"),
    ],
)
def test_an_edited_line_is_never_returned(before: bytes, after: bytes, named: str) -> None:
    line = chat_record("Hello").to_line()
    assert line.count(before) == 1
    with pytest.raises(CorruptRecord, match=named):
        Record.from_line(line.replace(before, after))


@given(st.data())
def test_no_byte_of_what_is_returned_can_change(data: st.DataObject) -> None:
    record = chat_record("Hello")
    line = bytearray(record.to_line())
    place = data.draw(st.integers(0, len(line) - 1))
    line[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CorruptRecord):
        Record.from_line(bytes(line), record.key)


def test_a_torn_line_is_never_returned() -> None:
    line = chat_record("Hello").to_line()
    for size in range(len(line)):
        with pytest.raises(CorruptRecord):
            Record.from_line(line[:size])


def test_a_line_under_another_key_is_never_returned() -> None:
    with pytest.raises(CorruptRecord, match="Expected the record sha256:00, got sha256:"):
        Record.from_line(chat_record("Hello").to_line(), "sha256:00")


def test_what_is_not_in_the_key_is_not_in_the_record() -> None:
    request = {**chat_request("Hello"), "api_key": SECRETS["OpenAI"], "timeout": 3, "extra_headers": {"x": "y"}}
    record = Record(request, {})
    assert record.request == chat_request("Hello")
    assert SECRETS["OpenAI"].encode() not in record.to_line()
    assert SECRETS["OpenAI"] not in repr(record)


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_a_credential_is_refused_by_its_place_without_its_value(secret: str) -> None:
    said = f"use {secret} please"
    for record, place in [
        (chat_record("Hello", said), "$.request.messages[2].content"),
        (chat_record("Hello", answer=said), "$.answer.choices[0].message.content"),
        (Record({}, {}, provenance={"a": [said]}), "$.provenance.a[0]"),
        (Record({}, {}, observed={"b": {said: 1}}), "$.observed.b (the name of a member)"),
    ]:
        with pytest.raises(CacheError, match=re.escape(f"at {place}.")) as caught:
            record.to_line()
        assert secret not in str(caught.value)


@pytest.mark.parametrize("name", ["api_key", "Authorization", "X-API-Key", "password"])
def test_a_member_named_like_a_credential_is_refused(name: str) -> None:
    with pytest.raises(CacheError, match=re.escape(f"$.observed.headers.{name}")):
        Record({}, {}, observed={"headers": {name: "anything"}}).to_line()


@pytest.mark.parametrize(
    "text",
    [
        "a task-oriented sk-learn-like-pipeline-for-everyone",
        "the bearer responsibilities-and-duties of a layer",
        "hf_hub and AKIA are prefixes; ghp_ too",
        "Authorization: none",
        "sha256:" + "0123456789abcdef" * 4,
    ],
)
def test_prose_is_no_credential(text: str) -> None:
    assert Record.from_line(chat_record(text).to_line()).request == chat_request(text)


def test_the_text_of_an_answer() -> None:
    assert chat_record("Hello", answer="Hi").text == "Hi"
    with pytest.raises(CacheError, match=r"Expected choices\[0\].message.content"):
        _ = Record({}, {"choices": [{"message": {"content": None}}]}).text


def test_what_is_not_json_cannot_become_a_line() -> None:
    with pytest.raises(InvalidRequest, match=re.escape("$.observed.x")):
        Record({}, {}, observed={"x": float("nan")}).to_line()


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        ({"choices": []}, {"choices": []}),
        ({"content_type": "application/json", "text": '{"output": [], "usage": {}}'}, {"output": [], "usage": {}}),
        ({"content_type": "application/json", "text": "[1]"}, {}),
        ({"content_type": "text/event-stream", "text": "event: response.created"}, {}),
        ({"content_type": "application/json", "text": "[" * 100_000}, {}),
    ],
)
def test_the_object_in_an_answer_that_is_kept_as_text(answer: dict[str, JSON], body: dict[str, JSON]) -> None:
    assert body_of(answer) == body
