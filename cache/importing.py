"""Chat logs of other programs as records, so that what was asked elsewhere replays here.

A log is JSON Lines, an object for each answer:

    {"messages": [{"role": …, "content": …}, …], "answer": …, "parameters": {"model": …, …}, "sample": 0, "source": …}

The answer is its text, a message, or the whole chat.completion body. `parameters` are all that was sent beside the
messages. `sample` numbers answers to equal requests; where it is left out they are numbered in their order as a session
numbers them (`cache.serving.responder`). `source` says where it is from. Or a log is one JSON list of messages, as
GENIUS' published files are: each message of an assistant answers all before it, back to the last one of the system.

What is imported says so, and of which file by digest; nothing in it claims to have been observed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec

from cache.errors import CacheError, InvalidRequest
from cache.key import digest_bytes, request_key
from cache.record import CHAT, Record
from cache.serving.responder import APART

_FORM = '{"messages": [{"role": …}, …], "answer": …, "parameters": {"model": …}}'


class _Logged(msgspec.Struct, forbid_unknown_fields=True):
    messages: list[dict[str, Any]]
    answer: str | dict[str, Any]
    parameters: dict[str, Any] = {}
    sample: Annotated[int, msgspec.Meta(ge=0)] | None = None
    source: str | None = None


def imported(path: Path, model: str | None = None) -> list[Record]:
    """Return the answers in a chat log as records.

    Args:
        path: of the log.
        model: who answered where the log does not say it.

    Raises:
        CacheError: the file cannot be read, or a line of it has another form; the message names the line.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CacheError(f"Expected a chat log at {path}, got {error.strerror}. Name another file.") from None
    origin = {"origin": "imported from a chat log", "file": path.name, "sha256": digest_bytes(data)}
    found, seen, place = list[Record](), Counter[str](), "The list"
    try:
        for place, entry in _entries(data):
            logged = msgspec.json.decode(entry, type=_Logged) if isinstance(entry, bytes) else entry
            request = {"messages": logged.messages, "model": model, **logged.parameters}
            roles = [message.get("role") for message in logged.messages]
            if not isinstance(request["model"], str):
                raise ValueError("no name of a model")
            if not roles or not all(isinstance(role, str) for role in roles) or "messages" in logged.parameters:
                raise ValueError("no message before the answer, one without a role, or messages among parameters")
            key = request_key(request, kind=CHAT, sample=0)
            sample = APART * seen[key] if logged.sample is None else logged.sample
            seen[key] += 1
            source = {"place": place.lower(), **({"source": logged.source} if logged.source is not None else {})}
            found.append(Record(request, _body(logged.answer), sample, provenance={**origin, **source}))
            found[-1].to_line()
        if not found:
            raise ValueError("no answer")
    except (ValueError, RecursionError, InvalidRequest) as error:  # also those of msgspec
        what = f"{place} of {path}: expected {_FORM}, got: {error}"
        raise CacheError(f"{what}. Mend it, or name a model for all with --model.") from None
    except CacheError as error:
        raise CacheError(f"{place} of {path}: {error}") from None
    return found


def _entries(data: bytes) -> Iterator[tuple[str, bytes | _Logged]]:
    """Yield where an answer stands, and its line, or what a list of messages comes to."""
    if not data.lstrip().startswith(b"["):
        yield from ((f"Line {number}", line) for number, line in enumerate(data.splitlines(), 1) if line.strip())
        return
    begins, messages = 0, msgspec.json.decode(data, type=list[dict[str, Any]])
    for number, message in enumerate(messages):
        if message.get("role") == "system":
            begins = number
        if message.get("role") == "assistant":
            yield f"Message {number}", _Logged(messages[begins:number], message)


def _body(answer: str | dict[str, Any]) -> dict[str, Any]:
    """Return an answer in the shape of a chat.completion."""
    if isinstance(answer, dict) and "choices" in answer:
        return answer
    message = {"role": "assistant", "content": answer} if isinstance(answer, str) else answer
    return {"choices": [{"index": 0, "message": message}]}
