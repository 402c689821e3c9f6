"""What an endpoint sent, one JSON body or a stream of events, read as one whole chat.completion body."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from cache.errors import EndpointError, InvalidRequest
from cache.key import JSON, canonical

_END = "[DONE]"  # the last event of a stream
_SAYS = ("content", "refusal", "tool_calls", "function_call", "audio")  # a message without any of them is empty
_WHOLE = ("role", "type", "id", "index", "name", "finish_reason")  # never come in pieces, some servers repeat them


def read_answer(content: bytes, *, streamed: bool) -> dict[str, JSON]:
    """Return the chat.completion body in `content`: verbatim, or put together from the events of a stream.

    Raises:
        EndpointError: it is no JSON, holds an error or no choice, a choice is empty, or a stream ends early. The
            message ends with what came, uncut: whoever shows it withholds credentials first and cuts it afterwards.

    References:
        https://platform.openai.com/docs/api-reference/chat-streaming
    """
    answer = _assembled(content) if streamed else _object(content.decode(errors="replace"))
    if "error" in answer and "choices" not in answer:
        raise EndpointError(f"Expected an answer, got an error in its place: {json.dumps(answer['error'])}")
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices:
        raise EndpointError(f"Expected at least one choice, got {json.dumps(choices)}")
    for position, choice in enumerate(choices):
        message = choice.get("message") if isinstance(choice, dict) else None
        if not isinstance(message, dict) or all(message.get(name) is None for name in _SAYS):
            raise EndpointError(f"Expected choice {position} to say something, got {json.dumps(choice)}")
    try:
        canonical(answer)
    except InvalidRequest as error:
        raise EndpointError(f"Expected an answer that can be recorded: {error}") from None
    return answer


def _object(content: str) -> dict[str, Any]:
    value = None
    with suppress(ValueError):
        value = json.loads(content)
    if not isinstance(value, dict):
        raise EndpointError(f"Expected a JSON object, got {len(content)} characters: {content}")
    return value


def _events(content: bytes) -> Iterator[str]:
    """Yield the data of every event of a stream.

    References:
        https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
    """
    text = content.decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    for event in text.split("\n\n"):
        lines = [line.removeprefix("data:").removeprefix(" ") for line in event.split("\n") if line.startswith("data:")]
        if lines:
            yield "\n".join(lines)


def _assembled(content: bytes) -> dict[str, Any]:
    """Return a stream as the body that would have come without `stream`."""
    answer: dict[str, Any] = {}
    choices: dict[int, dict[str, Any]] = {}
    ended = False
    for data in _events(content):
        if data == _END:
            ended = True
            break
        chunk = _object(data)
        if "error" in chunk:
            raise EndpointError(f"Expected a whole stream, got an error in it: {json.dumps(chunk['error'])}")
        for part in chunk.pop("choices", None) or ():
            index = part.get("index") if isinstance(part, dict) else None
            if not isinstance(index, int):
                raise EndpointError(f"Expected a piece of a choice, got {json.dumps(part)}")
            part["message"] = part.pop("delta", None) or {}
            _join(choices.setdefault(index, {"index": index, "message": {}}), part)
        answer.update((name, value) for name, value in chunk.items() if value is not None)
    unfinished = [index for index, choice in choices.items() if choice.get("finish_reason") is None]
    if not ended or unfinished:
        raise EndpointError(f"Expected a stream to its end, got {len(content)} bytes that break off.")
    answer["object"] = "chat.completion"
    answer["choices"] = [choices[index] for index in sorted(choices)]
    return answer


def _join(whole: dict[str, Any], part: Mapping[str, Any]) -> None:
    """Add a piece of a choice: texts and lists grow, objects are joined member by member."""
    for name, piece in part.items():
        before = whole.get(name)
        if isinstance(piece, list):
            whole[name] = _joined_items(before if isinstance(before, list) else [], piece)
        elif isinstance(before, dict) and isinstance(piece, dict):
            _join(before, piece)
        elif isinstance(before, str) and isinstance(piece, str) and name not in _WHOLE:
            whole[name] = before + piece
        elif piece is not None or before is None:
            whole[name] = piece


def _joined_items(whole: list[Any], items: list[Any]) -> list[Any]:
    """Return a list with more items: one whose index is there already is a piece of it, as tool calls come."""
    by_index = {one["index"]: one for one in whole if isinstance(one, dict) and one.get("index") is not None}
    for item in items:
        if isinstance(item, dict) and item.get("index") in by_index:
            _join(by_index[item["index"]], item)
        else:
            whole.append(item)
    return whole
