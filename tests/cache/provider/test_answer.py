"""What an endpoint sent becomes an answer that is kept, whatever is in it; an error only where it certainly is none."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache.errors import EndpointError
from cache.key import JSON
from cache.provider.answer import LARGEST_BYTES, read_answer, read_verbatim
from cache.provider.limits import Usage, usage_of
from cache.record import Record
from tests.cache.records import chat_request
from tests.cache.server import completion, events

ANSWER = completion("[1, 2]")


def read(content: bytes | JSON) -> dict[str, JSON]:
    """What is kept of a body; it always has a record."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    kept = read_answer(data, str).kept()
    assert Record.from_line(Record(chat_request("one"), kept).to_line()).answer == kept
    return kept


def piece(finish: str | None = None, index: int = 0, **delta: Any) -> dict[str, Any]:
    return {"id": "c", "model": "m", "choices": [{"index": index, "delta": delta, "finish_reason": finish}]}


def choice(*chunks: Any, end: bool = True) -> Any:
    choices = read(events(*chunks, end=end))["choices"]
    assert isinstance(choices, list)
    return choices[0]


# -- what is kept ---


@pytest.mark.parametrize(
    "choices",
    [
        [],
        None,
        True,
        {},
        "text",
        [{}],
        [None],
        [{"message": None}],
        [{"message": {"content": None}, "finish_reason": "stop"}],
        [{"message": {"content": ""}, "finish_reason": "content_filter"}],
        [{"message": {"refusal": "no"}, "finish_reason": None}],
        [{"message": {"content": "[1"}, "finish_reason": "length"}],
    ],
    ids=repr,
)
def test_whatever_the_choices_are_the_answer_is_kept(choices: JSON) -> None:
    body = {**ANSWER, "choices": choices}
    assert read(body) == body


def test_an_error_beside_choices_is_kept_with_them() -> None:
    body = {**ANSWER, "error": {"message": "stopped"}}
    assert read(body) == body


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n", b" \n"])
def test_a_byte_order_mark_is_dropped(mark: bytes) -> None:  # a10
    assert read(mark + json.dumps(ANSWER).encode()) == ANSWER
    assert choice_text(mark + events(piece(content="[1,"), piece("stop", content=" 2]"))) == "[1, 2]"


def choice_text(content: bytes) -> Any:
    choices: Any = read(content)["choices"]
    return choices[0]["message"]["content"]


@pytest.mark.parametrize("digits", [str(2**53), str(-(2**53)), str(2**60), str(10**20), "1" + "0" * 5000])
def test_an_integer_that_is_too_large_is_kept_as_its_digits(digits: str) -> None:  # a11
    content = json.dumps(ANSWER)[:-1] + f', "created": {digits}, "safe": {2**53 - 1}}}'
    kept = read(content.encode())
    assert kept == {**ANSWER, "created": digits, "safe": 2**53 - 1}


BROKEN = {
    "Latin-1": (json.dumps(ANSWER)[:-1] + ', "x": "\xe4"}').encode("latin-1"),
    "UTF-16": json.dumps(ANSWER).encode("utf-16"),
    "UTF-16 without a mark": json.dumps(ANSWER).encode("utf-16-le"),
    "twice": json.dumps(ANSWER)[:-1].encode() + b', "choices": []}',
    "twice, deep": b'{"choices": [{"message": {"content": "[1]", "content": "[2]"}}]}',
    "NaN": b'{"choices": [], "x": NaN}',
    "infinite": b'{"choices": [], "x": 1e999}',
    "half a pair": b'{"choices": [{"message": {"content": "\\ud83d"}}]}',
    "a comma too many": json.dumps(ANSWER)[:-1].encode() + b",}",
    "a raw line end": b'{"choices": [{"message": {"content": "1\n2"}}]}',
    "more behind": json.dumps(ANSWER).encode() * 2,
    "garbage behind": json.dumps(ANSWER).encode() + b"\nOK\n",
    "packed without saying so": gzip.compress(json.dumps(ANSWER).encode()),
    "deep": b'{"choices": ' + b"[" * 900 + b"]" * 900 + b"}",
    "deeper": b'{"choices": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "stream in Latin-1": events(piece("stop", content="x")).replace(b'"x"', b'"\xe4"'),
    "stream with a torn event": events(piece(content="x"), piece("stop", content="y")).replace(b'"x"}', b'"x"', 1),
    "stream without choices in it": events({"choices": True}),
    "stream with a choice of no index": events({"choices": [{"index": "0", "delta": {"content": "x"}}]}),
}


@pytest.mark.parametrize("name", BROKEN)
def test_an_answer_that_is_broken_is_kept_as_the_bytes_that_came(name: str) -> None:
    kept = read(BROKEN[name])
    assert set(kept) == {"unreadable", "raw"}
    assert base64.b64decode(str(kept["raw"])) == BROKEN[name]
    assert str(kept["unreadable"]).startswith("Expected an answer that can be read, got ")


def test_of_a_very_large_answer_the_beginning_is_kept() -> None:
    kept = read(b'{"choices": "' + b"x" * LARGEST_BYTES + b'"}')
    assert f"more than {LARGEST_BYTES} bytes" in str(kept["unreadable"])
    assert len(str(kept["raw"])) < 10**5


@pytest.mark.parametrize("key", ["sk-test-0123456789abcdefghij", "no-usual-form"])
@pytest.mark.parametrize(
    ("content", "place"),
    [
        ('{"choices": [{"message": {"content": "KEY"}}]}', "$.answer.choices[0].message.content"),
        ('{"choices": [], "KEY": 1}', "$.answer (the name of a member)"),
        ('{"choices": [], "a": {"KEY": {"b": "KEY"}}}', "$.answer.a (the name of a member)"),
        ('{"choices": [], "x": "KEY", "x": 1}', "$.answer.raw"),
        ('data: {"choices": [{"delta": {"content": "KE', "$.answer.raw"),
    ],
)
def test_a_credential_is_withheld_where_it_stood_and_nothing_else(key: str, content: str, place: str) -> None:
    if content.startswith("data"):  # in pieces
        halves = [{"choices": [{"delta": {"content": part}}]} for part in (key[:9], key[9:])]
        data = events(*halves, {"choices": [{"delta": {}}], "x": float("nan")})
    else:
        data = content.replace("KEY", key).encode()
    kept = read_answer(data, str).kept([key])
    assert key not in json.dumps(kept)
    assert place in str(kept["withheld"])
    Record(chat_request("one"), kept).to_line()


def test_a_member_with_the_name_of_a_credential_is_withheld_too() -> None:
    kept = read({**ANSWER, "api_key": "abc"})
    assert kept["api_key"] == "[withheld: a credential stood here]"
    assert read_answer(json.dumps(kept).encode(), str).kept() == {**kept, "withheld": kept["withheld"]}


# -- what is no answer ---


@pytest.mark.parametrize(
    ("content", "passes"),
    [
        ({"error": {"message": "This model's maximum context length is 512 tokens"}}, False),  # a5
        ({"error": "Insufficient credits"}, False),
        ({"error": {"message": "x", "code": 402}, "choices": []}, False),
        ({"error": {"message": "no such model", "code": "model_not_found"}, "choices": None}, False),
        ({"detail": "Not Found"}, False),
        ({"object": "list", "data": []}, False),
        ({}, False),
        ([{"error": {"message": "bad"}}], False),
        ({"error": {"message": "x", "code": 429}}, True),
        ({"error": {"message": "Rate limit exceeded, try again later"}}, True),
        (b"<html>Please log in</html>", False),
        (b"<html>502 Bad Gateway</html>", True),
        (b"", True),
        (b'{"choices": [', True),
        (b"[" * 200_000, True),
        (events({"error": {"message": "context window exceeded"}}), False),
        (events(piece(content="x"), {"error": {"message": "overloaded"}}, end=False), True),
        (events(piece(content="x"), end=False), True),
    ],
)
def test_what_is_no_answer_is_an_error_and_its_words_say_whether_it_passes(content: Any, passes: bool) -> None:
    with pytest.raises(EndpointError) as caught:
        read(content)
    assert caught.value.passes == passes


def test_tokens_of_what_is_thrown_away_are_told() -> None:  # a12
    usage = {"prompt_tokens": 5, "completion_tokens": 2}
    for content in (
        json.dumps({"error": "x", "usage": usage}).encode(),
        events({"usage": usage, "choices": []}, piece(content="x"), end=False),
    ):
        with pytest.raises(EndpointError) as caught:
            read(content)
        assert caught.value.usage == Usage(5, 2)


# -- streams ---


@pytest.mark.parametrize(
    ("chunks", "end", "finish"),
    [
        ([piece(content="x"), piece("stop")], False, "stop"),
        ([piece(content="x"), piece("length")], False, "length"),
        ([piece(content="x")], True, None),
        ([piece("stop", content="x"), {"error": {"message": "late"}}], False, "stop"),
    ],
)
def test_a_stream_is_whole_by_its_end_or_by_a_reason_to_finish(chunks: Any, end: bool, finish: str | None) -> None:
    found = choice(*chunks, end=end)  # a8
    assert (found["message"]["content"], found["finish_reason"]) == ("x", finish)


@pytest.mark.parametrize("end", [True, False])
def test_events_may_end_with_their_line(end: bool) -> None:
    content = events(piece(content="x"), piece("stop", content="y"), end=end)
    assert read(content.replace(b"\n\n", b"\n")) == read(content)


def test_what_breaks_off_behind_the_end_of_an_answer_is_no_loss() -> None:
    content = events(piece("stop", content="x"), end=False)
    assert read(content + b'data: {"choi')["choices"] == read(content)["choices"]


def test_an_endpoint_may_stream_without_being_asked_or_not_although_it_is() -> None:
    assert read(events(piece("stop", content="x")))["object"] == "chat.completion"
    assert read(json.dumps(ANSWER, indent=2).encode()) == ANSWER


def test_only_texts_that_grow_are_joined_and_nothing_replaces_something() -> None:  # a9
    safe: JSON = {"hate": {"filtered": False, "severity": "safe"}}
    kept = read(
        events(
            {"id": "", "model": "", "created": 0, "choices": [], "prompt_filter_results": [{"prompt_index": 0}]},
            {"choices": [], "citations": ["a"]},
            {"choices": [], "citations": ["a", "b"], "prompt_filter_results": []},
            {"id": "c-1", "model": "m-1", "created": 9, "choices": piece(role="assistant", content="")["choices"]},
            {"id": "c-1", "model": "m-1", "choices": [{"index": 0, "delta": {"content": "[1,"}}]},
            {"id": "", "model": "", "created": 0, "choices": [{"index": 0, "content_filter_results": safe}]},
            {
                "id": "",
                "model": "",
                "choices": [{"index": 0, "delta": {"content": ""}, "content_filter_results": safe}],
            },
            {"model": "m-1", "choices": [{"index": 0, "delta": {"role": "", "content": " 2]", "reasoning": "so"}}]},
            {"model": "m-1", "choices": [{"index": 0, "delta": {"reasoning": " far"}, "finish_reason": "stop"}]},
            {"model": "m-1", "choices": [{"index": 0, "delta": {"content": None}, "finish_reason": "stop"}]},
            {"model": "", "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}},
            {"model": "", "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 4, "total_tokens": 5}},
        )
    )
    assert kept == {
        "id": "c-1",
        "model": "m-1",
        "created": 9,
        "object": "chat.completion",
        "citations": ["a", "b"],
        "prompt_filter_results": [{"prompt_index": 0}],
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "[1, 2]", "reasoning": "so far"},
                "finish_reason": "stop",
                "content_filter_results": safe,
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 4, "total_tokens": 5},
    }


def test_text_and_parts_of_one_content_are_both_kept() -> None:
    thinking = [{"type": "thinking", "thinking": "hm"}]
    found = choice(piece(content=thinking), piece(content="[1"), piece("stop", content="]"))
    texts = [{"type": "text", "text": "[1"}, {"type": "text", "text": "]"}]
    assert found["message"]["content"] == thinking + texts


# -- anything ---

VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "error", "index", "delta", "message", "content", "usage", "model", "code", "total_tokens"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=4), st.booleans(), st.booleans(), st.booleans())
def test_nothing_that_an_endpoint_sends_raises_anything_else(
    values: list[Any], streamed: bool, end: bool, broken: bool
) -> None:
    content = events(*values, end=end) if streamed else json.dumps(values[0]).encode()
    try:
        answer = read_answer(content, str, broken=broken)
    except EndpointError:
        return
    usage_of(answer.body)
    Record(chat_request("one"), answer.kept()).to_line()


@pytest.mark.parametrize(
    "said",
    [
        {"input_tokens": 7, "output_tokens": 3},  # Responses, and Anthropic's messages
        {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10},
        {"prompt_tokens": 7, "completion_tokens": 3},
    ],
)
def test_the_tokens_of_every_interface_are_read(said: dict[str, JSON]) -> None:
    assert usage_of({"usage": said}) == Usage(7, 3)
    assert usage_of({"content_type": "application/json", "text": json.dumps({"usage": said})}) == Usage(7, 3)


def test_what_another_interface_answers_is_kept_as_its_text() -> None:
    whole = read_verbatim(b'{"output": []}', "application/json", whole=True)
    assert whole.kept() == {"content_type": "application/json", "text": '{"output": []}'}
    odd = read_verbatim(b"\xff{}", "application/json", whole=True).kept()
    assert odd["unreadable"] == "Expected an answer that can be read, got bytes that are not UTF-8."
    for content, holds in ((b"{}", False), (b"event: error\ndata: {}", True), (b" " * (LARGEST_BYTES + 1), True)):
        with pytest.raises(EndpointError, match="Expected a whole answer"):
            read_verbatim(content, "application/json", whole=holds)
