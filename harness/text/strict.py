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
from contextlib import suppress
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from harness.protocol import Reason, Rejection
from harness.text import published
from harness.text.published import Reader, Reading
from harness.text.reply import Span, silence, spoken, spoken_against
from tables.errors import InvalidArchitecture
from tables.space import Space


class Form(NamedTuple):
    """How an answer holds its design, or its designs.

    Attributes:
        demand: what a prompt says of it. No list stands in it: a model would answer it.
        conclusion: what a prompt says where a model may end the search; empty if the form cannot.
        read: what takes the designs out of an answer.
    """

    demand: str
    conclusion: str
    read: Reader


def form(space: Space, kind: str, vocabulary: str = "symbols", proposals: int = 1, *, rationale: bool = False) -> Form:
    """The form that is demanded of an answer.

    Args:
        space: of the designs.
        kind: a last "line" behind an explanation, a JSON "object" or "list" and nothing else, the arguments of a
            "call", or "prose", which the lenient reader reads.
        vocabulary: how a design is written (`Space.written`).
        proposals: designs in an answer.
        rationale: whether the answer is to explain them.

    Raises:
        InvalidArchitecture: the space has no such vocabulary.
    """
    few, member = proposals > 1, MEMBER + "s" * (proposals > 1)
    what = f"the {len(space.slots)} {'names' if vocabulary == 'names' else 'numbers'} in their order"
    what += ", each in double quotes" * (vocabulary == "names")
    one = "the key" if vocabulary == "key" else f"a list of {what}"
    value = f"a list of {proposals} designs, each {one}" if few else f"the list of {what}"
    dots, inner = ("...", "its key") if vocabulary == "key" else ("[...]", f"{what}, separated by commas,")
    which = (
        f"last {proposals} lines of your answer are the designs" if few else "last line of your answer is the design"
    )
    why = "You may explain your choice briefly."
    if rationale:
        why = "Explain why you expect your choice to be more accurate than all before."
    said = {
        "line": f"{why} The {which}: `Design: {dots}`, with {inner} in place of the dots. Write nothing behind it.",
        "object": f'Answer with a JSON object and nothing beside it. Its one member "{member}" is {value}.',
        "call": f'Answer by calling the function "{FUNCTION}" once. Its argument "{member}" is {value}.',
        "list": f"Answer with {value if few else one}{', as JSON,' * (few or one != 'the key')} and nothing beside it.",
        "prose": f"{why} State the design once, as one list of {what}.",
    }[kind]
    conclusion = "If you are sure that there is none, let the last line be `Design: none`." if kind == "line" else ""
    reader: Reader = partial(read, vocabulary=vocabulary, proposals=proposals)
    if kind == "prose":
        reader = published.read
    elif kind != "line":
        reader = partial(read_json, vocabulary=vocabulary, proposals=proposals, bare=kind == "list")
    return Form(_legend(space, vocabulary) + said, conclusion, reader)


def _legend(space: Space, vocabulary: str) -> str:
    """How choices are written, where that is not by the numbers of the problem's statement."""
    if vocabulary == "symbols":
        return ""
    how = {"names": "its name", "widths": "its width"}.get(vocabulary, f"a key, {space.template.replace('{}', '…')}")
    said = f"In a design every choice is written by {how}, and not by a number of its own:\n"
    for written, slots in groupby(zip(space.slots, space.written(vocabulary), strict=True), key=itemgetter(1)):
        first, *rest = (slot.name for slot, _ in slots)
        choices = " or ".join(json.dumps(each) if vocabulary == "names" else str(each) for each in written)
        said += f"{f'{first} to {rest[-1]}' if rest else first}: {choices}\n"
    return said + "\n"


def read(space: Space, text: str, vocabulary: str = "symbols", proposals: int = 1) -> Reading | Rejection:
    """Read the design in the last line of a text, `Design: [2, 0, 1]`. Never raises, whatever the text.

    The brackets may be missing, and the line may be set in Markdown's bold or code; nothing else may stand in it, no
    other line may name a design, and the sentence that leads to it may not disown it. `Design: none` says that no
    better design is to be found. Of several `proposals` each has a line, and these lines are the last ones.

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
    lines = [*_NOT_EMPTY.finditer(text)]
    last = _LINE.fullmatch(lines[-1][0])
    concluded = bool(last and last["none"])
    lines = lines[-1 if concluded else -proposals :]
    pattern, before = _KEY_LINE if vocabulary == "key" else _LINE, text[: lines[0].start()].rstrip()
    found = [pattern.fullmatch(line[0].rstrip()) for line in lines]
    for line, one in zip(lines, found, strict=True):
        if one is None:
            return _not_a_line(line[0], before, proposals)
    if others := len((_STATED if vocabulary == "symbols" else _BEGUN).findall(before)):
        expected = "one line" if len(lines) == 1 else f"{proposals} lines"
        return Rejection(Reason.AMBIGUOUS, f"expected {expected} {LINE}, got {others + len(lines)}")
    if within := _within(before):
        return Rejection(Reason.WRONG_FORM, f"expected the last line outside of {within}, which does not end before it")
    if disowned := spoken_against(before):
        return Rejection(Reason.AMBIGUOUS, f"the sentence that leads to the last line says {disowned!r} of it")
    if concluded:
        return Rejection(Reason.CONCLUDED, "the answer says that no better design is to be found")
    if len(lines) < proposals:
        return Rejection(Reason.WRONG_LENGTH, f"expected {proposals} lines {LINE}, got {len(lines)}")
    pairs = zip(lines, filter(None, found), strict=True)
    return _together([_on_a_line(space, line[0], one, start + line.start(), vocabulary) for line, one in pairs])


def _on_a_line(space: Space, line: str, found: re.Match[str], start: int, vocabulary: str) -> Reading | Rejection:
    """Read the design of one line."""
    if vocabulary == "key":
        first, last = found.span("key")
        return _design(space, found["key"], Span(start + first, start + last), vocabulary)
    if odd := _foreign(line):
        return Rejection(Reason.WRONG_FORM, f"expected a list in plain characters, got {_shown(line)}{odd}")
    inner = (found["bare"] or found["entries"]).strip(" \t")
    entries: list[Any] = [entry.strip(" \t") for entry in inner.split(",")] if inner else []
    if vocabulary == "names":
        with suppress(ValueError, RecursionError):  # or all in quotes, as names that have a comma in them need to be
            entries = json.loads(f"[{inner}]")
    else:
        entries = [*map(_number, entries)]
        if len(entries) != len(space.slots) and (words := [entry for entry in entries if isinstance(entry, str)]):
            return Rejection(Reason.WRONG_FORM, f"expected numbers with commas between them, got {_shown(words[0])}")
    first, last = found.span("bare" if found["bare"] else "list")
    return _design(space, entries, Span(start + first, start + last), vocabulary)


def read_json(
    space: Space, text: str, vocabulary: str = "symbols", proposals: int = 1, *, bare: bool = False
) -> Reading | Rejection:
    """Read the design in a text that is the JSON object `{"architecture": [2, 0, 1]}`. Never raises.

    Several `proposals` are `{"architectures": [[2, 0, 1], [2, 0, 0]]}`. What is `bare` is the list alone, or the key.

    >>> from harness.spaces import find
    >>> space = find("channel-bench-resnet").SPACE
    >>> read_json(space, "[64, 128, 192, 256, 512, 384, 128]", "widths", bare=True).architecture
    (0, 1, 2, 1, 3, 2, 0)
    """
    part = spoken(text)
    content: Any = text[slice(*part.span)]
    if not content:
        return silence(part)
    if not bare or vocabulary != "key" or proposals > 1:
        try:
            content = json.loads(content, object_pairs_hook=_members)
        except (ValueError, RecursionError) as error:
            kind, got = ("list", _broken(content, "[", error)) if bare else ("object", _broken(content, "{", error))
            return Rejection(Reason.WRONG_FORM, f"expected a JSON {kind} and nothing beside it, {got}")
    member, where = MEMBER + "s" * (proposals > 1), ""
    if not bare:
        if not isinstance(content, dict) or content.keys() != {member}:
            got = "the members " + ", ".join(map(repr, content)) if isinstance(content, dict) else _shown(content)
            return Rejection(Reason.WRONG_FORM, f'expected a JSON object with "{member}" alone, got {got[:80]}')
        content, where = content[member], f' in "{member}"'
    if proposals == 1:
        content = [content]
    elif not isinstance(content, list) or len(content) != proposals:
        got = str(len(content)) if isinstance(content, list) else _shown(content)
        return Rejection(Reason.WRONG_LENGTH, f"expected a list of {proposals} designs{where}, got {got}")
    return _together([_design(space, design, part.span, vocabulary, where) for design in content])


def _together(readings: Sequence[Reading | Rejection]) -> Reading | Rejection:
    """The readings of an answer as one, or why one of its designs is none: then nothing of it is read."""
    for number, reading in enumerate(readings, start=1):
        if isinstance(reading, Rejection):
            which = f"design {number}: " if len(readings) > 1 else ""
            return Rejection(reading.reason, which + reading.detail)
    first, *further = (reading for reading in readings if isinstance(reading, Reading))
    return first._replace(further=tuple(further))


MEMBER = "architecture"
FUNCTION = "design"
LINE = "'Design: [..]'"

_DRESS = "[*_`]*"  # bold or code in Markdown
_LINE = re.compile(
    rf"{_DRESS}Design{_DRESS}:[*_` \t]*(?:(?P<list>\[(?P<entries>[^\[\]]*)\])"
    rf"|(?P<bare>[0-9]+(?:[ \t]*,[ \t]*[0-9]+)+)|(?P<none>none)){_DRESS}"  # small models leave the brackets out
)
_KEY_LINE = re.compile(rf"{_DRESS}Design{_DRESS}:[*_` \t]*(?P<key>[^*_` \t].*?){_DRESS}")
_NOT_EMPTY = re.compile(r"[^\r\n]*[^\s][^\r\n]*")
_BEGUN = re.compile(r"(?im:^\W{0,12}design\W{0,8}?[:：])")
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


def _design(space: Space, entries: Any, span: Span, vocabulary: str, where: str = "") -> Reading | Rejection:
    """Hold the entries of a list, or a key, against the space."""
    if not isinstance(entries, str if vocabulary == "key" else list):
        called = "key" if vocabulary == "key" else "list"
        return Rejection(Reason.WRONG_FORM, f"expected a {called}{where}, got {_shown(entries)}")
    if vocabulary == "key":
        try:
            return Reading(space.from_native(str(entries)), span)
        except InvalidArchitecture as error:
            return Rejection(Reason.UNKNOWN_CHOICE, str(error).removeprefix(f"{space.name}: "))
    if len(entries) != len(space.slots):
        called = "names" if vocabulary == "names" else "numbers"
        return Rejection(Reason.WRONG_LENGTH, f"expected a list of {len(space.slots)} {called}, got {len(entries)}")
    choices = []
    for slot, written, entry in zip(space.slots, space.written(vocabulary), entries, strict=True):
        if type(entry) is not type(written[0]) or entry not in written:
            takes = " or ".join(map(str, written))
            if vocabulary == "symbols":
                takes = f"{written[0]} to {written[-1]}"
            got = _shown(entry) + _foreign(str(entry)[:40])
            return Rejection(Reason.UNKNOWN_CHOICE, f"{slot.name} takes {takes}, got {got}")
        choices.append(written.index(entry))
    return Reading(tuple(choices), span)


# -- reasons ---


def _not_a_line(line: str, before: str, proposals: int) -> Rejection:
    """Why a last line is none of the form."""
    named, got = _NAMED.search(line), _shown(line) + _foreign(line)
    if proposals > 1:
        return Rejection(Reason.WRONG_FORM, f"expected the last {proposals} lines to be {LINE}, got {got}")
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


def _broken(text: str, opening: str, error: Exception) -> str:
    """What is wrong with a text that is no JSON."""
    if not text.startswith(opening):
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
