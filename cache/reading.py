"""Records as a person reads them: one line, a whole conversation, and how two cassettes differ."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from cache.cassette import Cassette
from cache.errors import CacheError
from cache.key import DIGEST_PREFIX, JSON, canonical
from cache.record import Record

SHORT = 12  # hexadecimal digits of a key in a list; any number of them finds a record

_LINE = 60  # characters of an answer in a list


def short(key: str) -> str:
    """Return the beginning of a key, as lists show it."""
    return key.removeprefix(DIGEST_PREFIX)[:SHORT]


def find(records: Cassette, beginning: str) -> Record:
    """Return the only record whose key begins so, with or without `sha256:`.

    Raises:
        CacheError: there is none, or several.
    """
    wanted = DIGEST_PREFIX + beginning.removeprefix(DIGEST_PREFIX)
    keys = [key for key in records if key.startswith(wanted)]
    if len(keys) != 1:
        raise CacheError(f"Expected one key that begins with {beginning}, got {len(keys)}. `list` shows them.")
    return records[keys[0]]


def line(record: Record) -> str:
    """Return one line: the key, the sample, the model, the number of messages and the beginning of the answer."""
    said = " ".join(" ".join(_texts(record.answer)[:1]).split())
    beginning = said if len(said) <= _LINE else said[: _LINE - 1] + "…"
    model, messages = str(record.request.get("model")), len(_messages(record.request))
    return f"{short(record.key)}  {record.sample:>4}  {model}  {messages:>3} messages  {beginning}"


def conversation(record: Record) -> str:
    """Return a record as text: what is known of it, then every message, then every choice of the answer."""
    parameters = {name: value for name, value in record.request.items() if name != "messages"}
    known: dict[str, JSON] = {
        "key": record.key,
        "sample": record.sample,
        "request": parameters,
        "provenance": record.provenance,
        "observed": record.observed,
    }
    lines = [f"{name:<10}  {value if isinstance(value, (str, int)) else _json(value)}" for name, value in known.items()]
    for message in _messages(record.request):
        role = message.get("role", "") if isinstance(message, Mapping) else ""
        lines += ["", f"── {role} ──", _said(message)]
    for number, text in enumerate(_texts(record.answer)):
        lines += ["", f"── answer {number} ──" if number else "── answer ──", text]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Difference:
    """How two cassettes differ, by key: `answers` are unified diffs; `surroundings` is all that is no answer."""

    left: tuple[str, ...]
    right: tuple[str, ...]
    answers: Mapping[str, str]
    surroundings: tuple[str, ...]

    def __bool__(self) -> bool:
        """Whether they hold other requests or other answers: when and how those were observed is no difference."""
        return bool(self.left or self.right or self.answers)


def difference(left: Cassette, right: Cassette) -> Difference:
    """Compare two cassettes; every record is verified."""
    answers: dict[str, str] = {}
    surroundings = []
    for key in left.keys() & right.keys():
        before, after = left[key], right[key]
        if canonical(before.answer) != canonical(after.answer):
            answers[key] = _diff(before, after)
        elif before.to_line() != after.to_line():
            surroundings.append(key)
    return Difference(
        left=tuple(key for key in left if key not in right),
        right=tuple(key for key in right if key not in left),
        answers=dict(sorted(answers.items())),
        surroundings=tuple(sorted(surroundings)),
    )


def _diff(before: Record, after: Record) -> str:
    """Return a unified diff of what was said, or of the whole answers where that is the same."""
    left, right = "\n".join(_texts(before.answer)), "\n".join(_texts(after.answer))
    if left == right:
        left, right = _indented(before.answer), _indented(after.answer)
    return "\n".join(difflib.unified_diff(left.split("\n"), right.split("\n"), "left", "right", lineterm="", n=1))


def _messages(request: Mapping[str, JSON]) -> list[JSON]:
    messages = request.get("messages")
    return list(messages) if isinstance(messages, (list, tuple)) else []


def _texts(answer: Mapping[str, JSON]) -> list[str]:
    """Return what every choice says."""
    choices = answer.get("choices")
    listed = choices if isinstance(choices, (list, tuple)) else []
    return [_said(choice.get("message") if isinstance(choice, Mapping) else choice) for choice in listed]


def _said(message: JSON) -> str:
    """Return the text of a message; where there is none, or something beside it, the message as JSON."""
    match message:
        case {"content": str(text), **others} if not any(value for name, value in others.items() if name != "role"):
            return text
    return _json(message)


def _json(value: JSON) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _indented(value: JSON) -> str:
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False)
