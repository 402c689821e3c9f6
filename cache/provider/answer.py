"""What an endpoint sent, one JSON body or a stream of events, read as one whole chat.completion body.

Whatever was paid for is an answer, also one that says nothing, or that cannot be read: it is kept as the bytes that
came, with what is wrong with them, and whoever uses it rejects it. Only what certainly is no answer is an error.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from cache.errors import EndpointError, InvalidRequest
from cache.key import JSON, SAFE_INTEGER, canonical
from cache.provider.failure import refused
from cache.provider.limits import usage_of
from cache.redaction import WITHHELD, redact, withhold

LARGEST_BYTES = 16 * 2**20  # of an answer; a long one with the probabilities of every token has a few of them

_RAW_BYTES = 2**16  # that are kept of a larger one
_GZIP = b"\x1f\x8b"
_DIGITS = 17  # of an integer; one that is longer is too large, and no work
_MARGIN = 200  # lists around a body that can still be written: whoever does so later may stand deeper in the stack
_SHOWN = 80  # characters of a name
_FAULTS = 3  # that are named
_END = "[DONE]"  # the last event of a stream
_FAILS = re.compile(rb"^event: ?error", re.MULTILINE)  # in a stream of another interface
_STREAM = ("data:", "event:", "id:", "retry:", ":")  # begins one
_GROWS = {  # texts and lists that come in pieces by definition; whatever else comes again replaces what came before
    "arguments", "content", "data", "input", "reasoning", "reasoning_content", "reasoning_details", "refusal",
    "summary", "text", "thinking", "tool_calls", "transcript",
}  # fmt: skip


@dataclass
class Answer:
    """What came, as far as it can be read, and what is wrong with it.

    Attributes:
        content: the bytes.
        body: in the chat.completion shape.
        faults: why the body is not to be relied on; empty where it is.
    """

    content: bytes
    body: dict[str, Any] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def kept(self, known: Collection[str] = ()) -> dict[str, JSON]:
        """Return the body as it is kept: without credentials; where it has faults, as the bytes that came.

        `withheld` then says where a credential stood, `unreadable` why there is no body, `raw` is the bytes in base64.

        Args:
            known: strings that are credentials, beside those of the usual forms.
        """
        if not self.faults:
            body, places = redact(self.body, known, "$.answer")
            kept = dict(body)
        else:
            raw = self.content[: None if len(self.content) <= LARGEST_BYTES else _RAW_BYTES]
            text = raw.decode("latin-1")
            # In bytes a credential may stand in pieces; then they are withheld altogether.
            hides = withhold(text, known) != text or bool(redact(self.body, known, "$")[1])
            faults = withhold("; ".join(list(dict.fromkeys(self.faults))[:_FAULTS]), known)
            kept = {
                "unreadable": f"Expected an answer that can be read, got {faults}.",
                "raw": WITHHELD if hides else b64encode(raw).decode(),
            }
            places = ["$.answer.raw"] if hides else []
        if places:
            kept["withheld"] = f"What looked like a credential was withheld at {', '.join(places)}."
        return kept


def read_answer(content: bytes, shown: Callable[[str], str], *, broken: bool = False) -> Answer:
    """Return the answer in `content`: verbatim, or put together from the events of a stream.

    A byte-order mark is dropped. An integer that is too large for a record is kept as the text of its digits.

    Args:
        content: what came with a status that is no error.
        shown: makes what came fit to be shown.
        broken: whether the connection failed behind it.

    Raises:
        EndpointError: it is no JSON, it holds an error or something else in the place of choices, or it ends early.

    References:
        https://platform.openai.com/docs/api-reference/chat-streaming
    """
    answer = Answer(content)
    if len(content) > LARGEST_BYTES:
        answer.faults.append(f"more than {LARGEST_BYTES} bytes")
    elif content.startswith(_GZIP):
        answer.faults.append("bytes that are packed without saying so")
    if answer.faults:
        return answer
    said = text = _decoded(answer).lstrip("\ufeff \t\r\n")
    try:
        if text.startswith(_STREAM):
            said = _assemble(text, answer)
        elif isinstance(body := _json(text, answer), dict):
            answer.body = body
    except (ValueError, RecursionError) as error:
        # Whatever begins and ends as an answer does was paid for.
        ends = text.rstrip().endswith("}") or "Extra data" in str(error)
        if text.startswith("<") and not broken:  # a page: of whoever stands before the endpoint, or of another place
            raise refused(content, 200, shown) from None
        if broken or '"choices"' not in text or not ends:
            raise EndpointError(f"Expected JSON, got {len(text)} characters: {shown(text)}") from None
        answer.faults.append(f"no JSON ({error})")
        return answer
    if "choices" not in answer.body or (answer.body.get("error") and not answer.body["choices"]):
        raise replace(refused(said.encode(), 200, shown), usage=usage_of(answer.body))
    nested: JSON = answer.body
    for _ in range(_MARGIN):
        nested = [nested]
    try:
        canonical(nested)
    except InvalidRequest as error:
        answer.faults.append("half of a surrogate pair, a number without end, or lists nested without end")
        if isinstance(error.__context__, RecursionError):  # then nobody else can look at it
            answer.body = {}
    return answer


def read_verbatim(content: bytes, media: str, *, whole: bool) -> Answer:
    """Return what another interface than chat completions answers, as its text.

    Args:
        content: what came with a status that is no error.
        media: its type.
        whole: whether the connection held until its end.

    Raises:
        EndpointError: it ends early, is too large, or is a stream with an error in it.
    """
    if not whole or _FAILS.search(content) or len(content) > LARGEST_BYTES:
        what = (
            f"Expected a whole answer of at most {LARGEST_BYTES} bytes, got {len(content)}, or an error in its midst."
        )
        raise EndpointError(what, passes=len(content) <= LARGEST_BYTES)
    answer = Answer(content, {"content_type": media})
    try:
        answer.body["text"] = content.decode()
    except UnicodeDecodeError:
        answer.faults.append("bytes that are not UTF-8")
    return answer


def _decoded(answer: Answer) -> str:
    encoding = json.detect_encoding(answer.content)
    with suppress(UnicodeDecodeError):
        if encoding.startswith("utf-8"):
            return answer.content.decode()
    answer.faults.append("bytes that are not UTF-8")
    return answer.content.decode(encoding, "replace")


def _json(text: str, answer: Answer) -> Any:
    """Return the JSON in `text`; what is wrong with it and yet can be read is noted. Raises ValueError."""

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(found := dict(pairs)) < len(pairs):
            ((name, _),) = Counter(name for name, _ in pairs).most_common(1)
            answer.faults.append(f"two members of the name {name[:_SHOWN]!r}")
        return found

    def constant(name: str) -> None:
        answer.faults.append(f"{name} for a number")

    return json.loads(text, object_pairs_hook=members, parse_constant=constant, parse_int=_integer)


def _integer(digits: str) -> int | str:
    number = int(digits) if len(digits) <= _DIGITS else SAFE_INTEGER + 1
    return number if abs(number) <= SAFE_INTEGER else digits


def _assemble(text: str, answer: Answer) -> str:
    """Make the body of `answer` that would have come without `stream`; return the last event that is not its end.

    A stream is whole when it says so, or when every choice has a reason to have ended.

    Raises:
        EndpointError: it breaks off.

    References:
        https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
    """
    said, ended, choices = "", False, dict[int, dict[str, Any]]()
    events = text.replace("\r\n", "\n").replace("\r", "\n").split("\n\n")
    *whole, torn = [piece for event in events for piece in _data(event)]
    for position, data in enumerate((*whole, torn)):
        if ended := data == _END:
            break
        if not data:
            continue
        said = data
        try:
            chunk = _json(data, answer)
        except ValueError:
            if position < len(whole):
                answer.faults.append("an event that is no JSON")
            continue
        _add(chunk, answer, choices)
    finished = choices and all(choice.get("finish_reason") for choice in choices.values())
    if not finished and answer.body.get("error"):
        return said
    if not answer.body or not (finished or ended):
        raise EndpointError(
            f"Expected a stream to its end, got {len(answer.content)} bytes that break off.",
            usage=usage_of(answer.body),
        )
    answer.body["object"] = "chat.completion"
    if choices or "choices" in answer.body:
        answer.body["choices"] = [choices[index] for index in sorted(choices)]
    return said


def _data(event: str) -> list[str]:
    """Return the data of an event; of each line where they are no JSON together: some end an event with its line."""
    lines = [line.removeprefix("data:").strip("\ufeff \t") for line in event.split("\n") if line.startswith("data:")]
    joined = "\n".join(lines)
    if len(lines) > 1:
        try:
            json.loads(joined)
        except (ValueError, RecursionError):
            return lines
    return [joined]


def _add(chunk: object, answer: Answer, choices: dict[int, dict[str, Any]]) -> None:
    """Add an event of a stream to the body and to its choices, which go by their index."""
    if not isinstance(chunk, dict):
        answer.faults.append("an event that is no object")
        return
    pieces = chunk.pop("choices", None)
    _join(answer.body, {name: value for name, value in chunk.items() if value is not None})
    if pieces is not None:
        answer.body["choices"] = []
    for position, piece in enumerate(pieces if isinstance(pieces, list) else [pieces] if pieces is not None else []):
        index = piece.get("index", position) if isinstance(piece, dict) else None
        delta = (piece.pop("delta", piece.get("message")) or {}) if isinstance(piece, dict) else None
        if type(index) is int and isinstance(delta, dict):
            _join(choices.setdefault(index, {"index": index, "message": {}}), {**piece, "message": delta})
        else:
            answer.faults.append("a piece that is of no choice")


def _join(whole: dict[str, Any], part: Mapping[str, Any]) -> None:
    """Add a piece to what came before: what grows gets longer, objects are joined member by member.

    Whatever else comes again replaces what was there, unless there is nothing in it.
    """
    for name, piece in part.items():
        before = whole.get(name)
        if isinstance(before, dict) and isinstance(piece, dict):
            _join(before, piece)
        elif name in _GROWS and isinstance(before, str) and isinstance(piece, str):
            whole[name] = before + piece
        elif name in _GROWS and isinstance(before, (str, list)) and isinstance(piece, (str, list)):
            whole[name] = _joined_items(_parts(before), _parts(piece))
        elif piece or before is None:
            whole[name] = piece


def _parts(content: str | list[Any]) -> list[Any]:
    """Return content as a list of parts, as some models mix them with plain text."""
    if isinstance(content, list):
        return content
    return [{"type": "text", "text": content}] if content else []


def _joined_items(whole: list[Any], items: list[Any]) -> list[Any]:
    """Return a list with more items: one whose index is there already is a piece of it, as tool calls come."""
    by_index = {one["index"]: one for one in whole if isinstance(one, dict) and type(one.get("index")) is int}
    for item in items:
        if isinstance(item, dict) and type(item.get("index")) is int and item["index"] in by_index:
            _join(by_index[item["index"]], item)
        else:
            whole.append(item)
    return whole
