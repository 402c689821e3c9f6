"""What the messages of a published ImageNet conversation say: the experiments they list, figures, verdicts, windows.

People typed them, so everything is read leniently: a figure is found by the words around it, a heading may be misspelt,
a number may be missing. Nothing here decides what is sent in a replay: what these patterns do not give back to the
letter is sent as it was (`reproduce.published.wording`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

from harness.spaces.mobilenetv2_se import SPACE
from harness.text import published as grammar
from harness.text.published import Reading
from reproduce.published.history import Dialogue
from reproduce.published.transcript import Verdict
from tables.space import Architecture

Range: TypeAlias = tuple[int, int]

_HEADING = re.compile(
    r"(?:^[ \t]*(?:[-*•+–][ \t]*)?|[-*•+–][ \t]*)ex[a-z]{4,10}ts?[ \t_#:.-]*(\d+)[ \t:.)]*"
    r"|^[ \t]*[-*•+–][ \t]*ex[a-z]{4,10}t[ \t:.]*$",
    re.IGNORECASE | re.MULTILINE,
)
_ABOVE = r"higher|above|over|exceed\w*|upp?er|larger|greater|beyond|more than|too (?:high|large|many|much)"
_BELOW = r"below|lower|under|less|smaller|fewer|beneath|too (?:low|small|few)"
_DIRECTION = re.compile(rf"\b(?:(?P<above>{_ABOVE})|{_BELOW})\b", re.IGNORECASE)
_FLOPS = r"(?<![\d.,])(\d[\d,]*(?:\.\d+)?)"
_MACS = re.compile(
    rf"(?:result\w*|total)(?:\s+(?:in|is|of|to|at|an?|the|total|flops|about|around))*[\s:=]*{_FLOPS}"
    # or a number with its unit, unless it is a bound or the distance from one
    rf"|(?<!bound )(?<!bound of )(?<!by ){_FLOPS}\s*(?:M(?:illions?)?\b|M?FLOP)(?!\w* +(?:{_ABOVE}|{_BELOW})\b)",
    re.IGNORECASE,
)
_ACCURACY = re.compile(r"\bacc[a-z]*[^\n\d]{0,30}?(\d+(?:[.,]\d+)?|\.\d+)", re.IGNORECASE)
_TESTED = r"(?:tested|tried|proposed|suggested|evaluated|exist\w*)"
_REPEATED = re.compile(
    rf"\b(?:already|previously|earlier)\b[^.\n]{{0,60}}\b{_TESTED}|\b{_TESTED}\b[^.\n]{{0,60}}"
    r"\b(?:already|before|previously|earlier)\b"
    r"|\b(?:same as|identical to|repeats?|duplicates?)\b[^.\n]{0,40}\b(?:experiment|design|before|previous)",
    re.IGNORECASE,
)
_WINDOW = re.compile(
    r"FLOP[^.\d\n]{0,150}?(\d+(?:\.\d+)?)\s*(?:,|to|and|-|–)\s*(\d+(?:\.\d+)?)(?!\d|\.\d|\s*,\s*\d)", re.IGNORECASE
)
_BOUND = re.compile(rf"bound of {_FLOPS}", re.IGNORECASE)
_REST_OF_LINE = re.compile(r"[^\n]*\n*")  # and the blank lines behind it
_NEAR = 300  # characters behind a design within which its figures are told


@dataclass(frozen=True)
class Experiment:
    """A tested design as a prompt lists it: the exact text, what it says, and where it says it.

    `spans` has the places of "number", "design" (whole lines), "macs" and "accuracy" in the text, as far as they were
    found. `of` is the index of the iteration whose proposal this is, None if it is nobody's.
    """

    text: str
    number: int | None = None
    design: Architecture | None = None
    macs: float | None = None  # millions
    accuracy: float | None = None  # percent
    spans: Mapping[str, Range] = field(default_factory=dict)
    of: int | None = None


@dataclass(frozen=True)
class Answer:
    """One assistant turn: its position in the file, its text, and the messages of feedback that followed."""

    position: int
    text: str
    feedback: tuple[str, ...]


@dataclass(frozen=True)
class Iteration:
    """A system message (empty if there was none), the messages that state the problem, and the answers.

    `number` is that of the experiment to which the iteration leads; two have the same if one was begun again.
    """

    system: str
    messages: tuple[str, ...]
    opening: str
    experiments: tuple[Experiment, ...]
    closing: str
    answers: tuple[Answer, ...]
    number: int = 0

    @property
    def statement(self) -> str:
        """The whole statement of the problem; the parts joined."""
        return "\n".join(self.messages)


def iteration(dialogue: Dialogue) -> Iteration:
    """Take a dialogue apart; its experiments are nobody's yet, and it has no number."""
    system = ""
    said: list[list[str]] = [[]]  # the messages of the user before each answer, and behind the last
    answers: list[tuple[int, str]] = []
    for position, message in enumerate(dialogue.messages, start=dialogue.position):
        if message["role"] == "system":
            system = message["content"]
        elif message["role"] == "user":
            said[-1].append(message["content"])
        else:
            answers.append((position, message["content"]))
            said.append([])
    statement, *feedback = map(tuple, said)
    return Iteration(
        system,
        statement,
        *cut("\n".join(statement)),
        tuple(Answer(*answer, following) for answer, following in zip(answers, feedback, strict=True)),
    )


def cut(statement: str) -> tuple[str, tuple[Experiment, ...], str]:
    """Cut a statement into what precedes the experiments, the experiments, and what follows; joined they give it."""
    headings = list(_HEADING.finditer(statement))
    if not headings:
        return statement, (), ""
    starts = [heading.start() for heading in headings]
    last = _experiment(statement[starts[-1] :])
    told = max([headings[-1].end(), *(starts[-1] + end for _, end in last.spans.values())])
    rest = _REST_OF_LINE.match(statement, told)
    ends = [*starts[1:], rest.end() if rest else told]
    experiments = tuple(_experiment(statement[start:end]) for start, end in zip(starts, ends, strict=True))
    return statement[: starts[0]], experiments, statement[ends[-1] :]


@lru_cache(maxsize=512)  # every later statement lists it again
def _experiment(text: str) -> Experiment:
    """Read a text that begins with the heading of an experiment."""
    heading = _HEADING.match(text)
    assert heading is not None
    spans: dict[str, Range] = {"number": heading.span(1)} if heading[1] else {}
    body = heading.end()
    reading = next(grammar.read_all(SPACE, text[body:]), None)
    told = body  # the figures are told behind the design
    if isinstance(reading, Reading):
        begin, end = (body + place for place in reading.span)
        told = len(text[:end] + text[end:].partition("\n")[0])
        spans["design"] = max(body, text.rfind("\n", 0, begin) + 1), told
    near = told + _NEAR
    figures = {"macs": _MACS.search(text, told, near), "accuracy": _ACCURACY.search(text, told, near)}
    spans |= {name: found.span(found.lastindex) for name, found in figures.items() if found and found.lastindex}
    macs, accuracy = (text[slice(*spans[name])] if name in spans else None for name in figures)
    return Experiment(
        text,
        int(heading[1]) if heading[1] else None,
        reading.architecture if isinstance(reading, Reading) else None,
        None if macs is None else _millions(macs),
        None if accuracy is None else float(accuracy.replace(",", ".")),
        spans,
    )


def _millions(figure: str) -> float:
    """FLOPs as they are written; a comma separates thousands."""
    digits = figure.replace(",", "")
    return float(digits) if "." in digits else int(digits)


def judge(feedback: str) -> tuple[Verdict, float | None]:
    """The verdict of a feedback, and the FLOPs that it tells, in millions; "unread" if it says neither."""
    found = _MACS.search(feedback)
    macs = _millions(found[found.lastindex]) if found and found.lastindex else None
    if found and (direction := _DIRECTION.search(feedback, found.end()) or _DIRECTION.search(feedback)):
        return ("above" if direction["above"] else "below"), macs
    return ("repeated" if _REPEATED.search(feedback) else "unread"), macs


def window(statement: str) -> tuple[int, int] | None:
    """The bounds of the FLOPs in millions, as the end of a statement gives them."""
    pairs = [(round(float(low)), round(float(high))) for low, high in _WINDOW.findall(statement)]
    return next(((low, high) for low, high in reversed(pairs) if low < high), None)


def bound(feedback: str) -> float | None:
    """The bound that a feedback names, in millions."""
    found = _BOUND.search(feedback)
    return _millions(found[1]) if found else None
