"""Answers to prompts of this project: each prompt demands one form, and what the form holds is the design.

A form's demand and its reader stand together here. What is in another form, holds two designs, or has something beside
its design is a rejection that says what was expected and what stands in its place; nothing is repaired, nothing is
guessed, and nothing is read where a model speaks for others (`harness.text.reply`).
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from harness.protocol import Reason, Rejection
from harness.text.published import Reader, Reading
from harness.text.reply import Span, silence, spoken, spoken_against
from tables.space import Space


class Form(NamedTuple):
    """How an answer holds a design.

    Attributes:
        demand: what a prompt says of it; `{n}` is the number of slots. No list stands in it: a model would answer it.
        conclusion: what a prompt says where a model may end the search; empty if the form cannot.
        read: what takes the design out of an answer.
    """

    demand: str
    conclusion: str
    read: Reader


def read(space: Space, text: str) -> Reading | Rejection:
    """Read the design in the last line of a text, `Design: [2, 0, 1]`. Never raises, whatever the text.

    The brackets may be missing, and the line may be set in Markdown's bold or code; nothing else may stand in it, no
    other line may name a design, and the sentence that leads to it may not disown it. `Design: none` says that no
    better design is to be found.

    >>> from harness.spaces import find
    >>> read(find("nas-bench-macro").SPACE, "Wider at the end.\\nDesign: [0, 2, 0, 1, 2, 1, 0, 0]").architecture
    (0, 2, 0, 1, 2, 1, 0, 0)
    >>> read(find("nas-bench-macro").SPACE, "I cannot say.").reason.value
    'nothing found'
    """
    part = spoken(text)
    start, text = part.span.start, text[slice(*part.span)]
    if not text:
        return silence(part)
    place = max(text.rfind("\n"), text.rfind("\r")) + 1
    line, before = text[place:], text[:place].rstrip()
    found = _LINE.fullmatch(line)
    if found is None:
        return _not_a_line(line, before)
    if others := len(_STATED.findall(before)):
        return Rejection(Reason.AMBIGUOUS, f"expected one line {LINE}, got {others + 1}")
    if within := _within(before):
        return Rejection(Reason.WRONG_FORM, f"expected the last line outside of {within}, which does not end before it")
    if disowned := spoken_against(before):
        return Rejection(Reason.AMBIGUOUS, f"the sentence that leads to the last line says {disowned!r} of it")
    if found["none"]:
        return Rejection(Reason.CONCLUDED, "the answer says that no better design is to be found")
    if odd := _foreign(line):
        return Rejection(Reason.WRONG_FORM, f"expected a list in plain characters, got {_shown(line)}{odd}")
    inner = (found["bare"] or found["entries"]).strip(" \t")
    entries = [_number(entry.strip(" \t")) for entry in inner.split(",")] if inner else []
    if len(entries) != len(space.slots) and (words := [entry for entry in entries if isinstance(entry, str)]):
        return Rejection(Reason.WRONG_FORM, f"expected numbers with commas between them, got {_shown(words[0])}")
    first, last = found.span("bare" if found["bare"] else "list")
    span = Span(start + place + first, start + place + last)
    return _design(space, entries, span)


def read_json(space: Space, text: str) -> Reading | Rejection:
    """Read the design in a text that is the JSON object `{"architecture": [2, 0, 1]}`. Never raises."""
    part = spoken(text)
    start, text = part.span.start, text[slice(*part.span)]
    if not text:
        return silence(part)
    try:
        content = json.loads(text, object_pairs_hook=_members)
    except (ValueError, RecursionError) as error:
        return Rejection(Reason.WRONG_FORM, f"expected a JSON object and nothing beside it, {_broken(text, error)}")
    if not isinstance(content, dict) or content.keys() != {MEMBER}:
        got = "the members " + ", ".join(map(repr, content)) if isinstance(content, dict) else _shown(content)
        return Rejection(Reason.WRONG_FORM, f'expected a JSON object with "{MEMBER}" alone, got {got[:80]}')
    if not isinstance(content[MEMBER], list):
        return Rejection(Reason.WRONG_FORM, f'expected a list in "{MEMBER}", got {_shown(content[MEMBER])}')
    return _design(space, content[MEMBER], Span(start, start + len(text)))


MEMBER = "architecture"
FUNCTION = "design"
LINE = "'Design: [..]'"

LAST_LINE = Form(
    "You may explain your choice briefly. The last line of your answer is the design: `Design: [...]`, with the {n} "
    "numbers in their order, separated by commas, in place of the dots. Write nothing behind it.",
    "If you are sure that there is none, let the last line be `Design: none`.",
    read,
)
JSON_OBJECT = Form(
    f'Answer with a JSON object and nothing beside it. Its one member "{MEMBER}" is the list of the {{n}} numbers in '
    "their order.",
    "",
    read_json,
)
TOOL_CALL = Form(
    f'Answer by calling the function "{FUNCTION}" once. Its argument "{MEMBER}" is the list of the {{n}} numbers in '
    "their order.",
    "",
    read_json,
)

_DRESS = "[*_`]*"  # bold or code in Markdown
_LINE = re.compile(
    rf"{_DRESS}Design{_DRESS}:[*_` \t]*(?:(?P<list>\[(?P<entries>[^\[\]]*)\])"
    rf"|(?P<bare>[0-9]+(?:[ \t]*,[ \t]*[0-9]+)+)|(?P<none>none)){_DRESS}"  # small models leave the brackets out
)
_NAMED = re.compile(r"\bdesign\b\W{0,8}?[:：]", re.IGNORECASE)
_STATED = re.compile(r"(?im:^\W{0,12}design\W{0,8}?[:：]\W{0,8}?(?:[\[［【\d]|none\b))")


_TAG = re.compile(r"<(/?)([^\W\d][\w:-]{0,40})(?:\s[^<>=]{0,99}=[^<>]{0,99})?>")
_ALONE = {"br", "hr", "img", "li", "p"}  # tags that need no end


def _within(before: str) -> str:
    """What a text begins and does not end, a tag or a code fence; a model speaks in it for whatever it stands for."""
    open_tags = Counter[str]()
    for end, name in _TAG.findall(before):
        open_tags[name] += -1 if end else 1
    tags = [f"<{name}>" for name, count in open_tags.items() if count > 0 and name.lower() not in _ALONE]
    return tags[0] if tags else "a code fence" if before.count("```") % 2 else ""


def _number(entry: str) -> int | str:
    """An entry as a number, if it is written as one."""
    return int(entry) if re.fullmatch("0|[1-9][0-9]{0,8}", entry) else entry


def _members(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; raises ValueError if it has a member twice."""
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("a member stands twice in it")
    return content


def _design(space: Space, entries: Sequence[object], span: Span) -> Reading | Rejection:
    """Hold the entries of a list against the space."""
    if len(entries) != len(space.slots):
        return Rejection(Reason.WRONG_LENGTH, f"expected a list of {len(space.slots)} numbers, got {len(entries)}")
    choices = []
    for slot, entry in zip(space.slots, entries, strict=True):
        symbols = space.symbols(range(len(slot.choices)))
        if type(entry) is not int or entry not in symbols:
            expected = f"{slot.name} takes {symbols[0]} to {symbols[-1]}"
            return Rejection(Reason.UNKNOWN_CHOICE, f"{expected}, got {_shown(entry)}{_foreign(str(entry)[:40])}")
        choices.append(symbols.index(entry))
    return Reading(tuple(choices), span)


# -- reasons ---


def _not_a_line(line: str, before: str) -> Rejection:
    """Why a last line is none of the form."""
    named, got = _NAMED.search(line), _shown(line) + _foreign(line)
    if named is None and _NAMED.search(before[-20:] + "\n"):
        return Rejection(Reason.WRONG_FORM, f"expected the list on the line of 'Design:', got {got} on another")
    if named is None and _STATED.search(before):
        return Rejection(Reason.WRONG_FORM, f"expected nothing behind the line {LINE}, got {got}")
    if named is None:
        return Rejection(Reason.NOTHING_FOUND, f"expected the last line to be {LINE}, got {got}")
    rest = line[named.end() :].strip(" \t*_`")
    if not line.strip("*_`").startswith("Design") or named[0].strip("Design*_`") != ":":
        return Rejection(Reason.WRONG_FORM, f"expected the last line to begin with 'Design:', got {got}")
    if not rest.startswith("["):
        return Rejection(Reason.WRONG_FORM, f"expected a list in square brackets behind 'Design:', got {got}")
    inner, closed, behind = rest[1:].partition("]")
    if "[" in inner:
        return Rejection(Reason.WRONG_FORM, f"expected one list of numbers, got lists within it: {_shown(rest)}")
    if not closed:
        return Rejection(Reason.CUT_OFF, f"expected a list to its closing bracket, got {_shown(rest)}{_foreign(rest)}")
    return Rejection(Reason.WRONG_FORM, f"expected nothing behind the list, got {_shown(behind.strip())}")


def _broken(text: str, error: Exception) -> str:
    """What is wrong with a text that is no JSON."""
    if not text.startswith("{"):
        return f"got {_shown(text)}{_foreign(text[:1])}"
    if not isinstance(error, json.JSONDecodeError):
        return "got lists too deep to read" if isinstance(error, RecursionError) else f"got one that is none: {error}"
    rest = text[error.pos :]
    if error.msg == "Extra data":
        return f"got behind it {_shown(rest)}"
    return f"got one that breaks at character {error.pos} ({error.msg}): {_shown(rest)}{_foreign(rest[:1])}"


def _shown(value: object) -> str:
    """What was got, briefly and without control characters."""
    if isinstance(value, str):
        return repr(value) if len(value) <= 40 else f"{value[:40]!r}…"
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    return json.dumps(value)[:40]


def _foreign(text: str) -> str:
    """The first character of a text that is not ASCII, by name: it may look like one that was expected."""
    char = next((char for char in text if not char.isascii() and unicodedata.category(char)[0] != "L"), "")
    return f", which holds a {unicodedata.name(char, f'U+{ord(char):04X}').lower()} ({char!r})" if char else ""
