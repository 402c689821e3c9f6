"""What a published ImageNet conversation says: its iterations, the experiments they list, figures, verdicts, window.

An iteration is a dialogue that opens with a statement of the problem, which from the second on lists all experiments so
far; answers and feedback follow in turn. Its last answer is the experiment that later statements list.

People typed all this, so everything is read leniently: a figure is found by the words around it, a heading may be
misspelt, a number may be missing. Nothing here decides what is sent in a replay: what these patterns do not give back
to the letter is sent as it was (`reproduce.published.wording`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from typing import Literal, NamedTuple, TypeAlias, TypeVar

import msgspec
from msgspec import structs

from harness.spaces.mobilenetv2_se import SPACE
from harness.specification import Turn, Verdict
from harness.text import published as grammar
from harness.text.published import Reading
from reproduce.errors import MalformedConversation
from tables.space import Architecture

_T = TypeVar("_T")
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
class Iteration:
    """A dialogue: a system message (empty if there was none), and what the user and the assistant said in turn.

    Attributes:
        system: the system message.
        said: the messages of the user before each answer and behind the last; the first of these state the problem.
        answers: of the assistant, each with its position in the file.
        opening, experiments, closing: the statement, cut around the experiments that it lists.
        turns: the figures of each answer: what it proposed and what was said of it.
        number: of the experiment to which the iteration leads; two have the same if one was begun again.
    """

    system: str
    said: tuple[tuple[str, ...], ...]
    answers: tuple[tuple[int, str], ...]
    opening: str
    experiments: tuple[Experiment, ...]
    closing: str
    turns: tuple[Turn, ...]
    number: int = 0

    @property
    def statement(self) -> str:
        """The whole statement of the problem; the parts joined."""
        return "\n".join(self.said[0])


@dataclass(frozen=True)
class Conversation:
    """A published file, taken apart.

    Attributes:
        window: bounds of the FLOPs in millions.
        iterations: the dialogues with an answer.
        listings: all places where an experiment is listed, in order, also in a statement without an answer.
    """

    window: tuple[int, int]
    iterations: tuple[Iteration, ...]
    listings: tuple[Experiment, ...]

    @property
    def told(self) -> tuple[tuple[Turn, ...], ...]:
        """The figures alone, as a specification holds them."""
        return tuple(iteration.turns for iteration in self.iterations)


def parse(data: bytes, file: str) -> Conversation:
    """Take a published file apart.

    Raises:
        MalformedConversation: if it is no list of messages, has no answer, or names no upper bound of the FLOPs.
    """
    iterations: list[Iteration] = []
    listings: list[Experiment] = []
    for dialogue in dialogues(data):
        one = _iteration(dialogue)
        one = replace(one, experiments=_attributed(one.experiments, iterations))
        listings += one.experiments
        if one.answers:
            again = iterations and iterations[-1].statement == one.statement
            number = iterations[-1].number + (not again) if iterations else 1
            iterations.append(replace(one, number=number))
    if not iterations:
        raise MalformedConversation(f"{file}: expected answers of an assistant, found none; is this a conversation?")
    finished = tuple(_finished(iterations, listings))
    return Conversation(_window(finished, file), finished, tuple(listings))


def _iteration(dialogue: Dialogue) -> Iteration:
    """Take a dialogue apart; its experiments are nobody's yet, it has no number, and nothing is known of its end."""
    system = ""
    said: list[list[str]] = [[]]
    answers: list[tuple[int, str]] = []
    for position, message in enumerate(dialogue.messages, start=dialogue.position):
        if message["role"] == "system":
            system = message["content"]
        elif message["role"] == "user":
            said[-1].append(message["content"])
        else:
            answers.append((position, message["content"]))
            said.append([])
    turns = (
        Turn(_design(answer), *(judge("\n".join(feedback)) if feedback else ()))
        for (_, answer), feedback in zip(answers, said[1:], strict=True)
    )
    statement = cut("\n".join(said[0]))
    return Iteration(system, tuple(map(tuple, said)), tuple(answers), *statement, tuple(turns))


def _attributed(listed: Sequence[Experiment], finished: Sequence[Iteration]) -> tuple[Experiment, ...]:
    """The listings, each with the index of the iteration whose proposal it is, as far as one is left for it."""
    of: dict[int, int] = {}
    for match in _MATCHES:
        for position in reversed(range(len(listed))):
            free = (n for n in reversed(range(len(finished))) if n not in of.values())
            found = next((n for n in free if match(listed[position], finished[n])), None)
            if position not in of and found is not None:
                of[position] = found
    return tuple(replace(one, of=of.get(position)) for position, one in enumerate(listed))


_MATCHES: tuple[Callable[[Experiment, Iteration], bool], ...] = (
    lambda one, proposed: (one.number, one.design) == (proposed.number, proposed.turns[-1].design),
    lambda one, proposed: one.design is not None and one.design == proposed.turns[-1].design,
    lambda one, proposed: one.number == proposed.number,
    lambda *_: True,
)
"""How a listing is known to be a proposal: by number and design, by design, by number, or by position."""


def _finished(iterations: Sequence[Iteration], listings: Sequence[Experiment]) -> Iterator[Iteration]:
    """Add what later statements say: the number that is listed most often, and the figures that are listed first.

    An iteration that is never listed is numbered as the next that could be.
    """
    following = 1
    for index, iteration in enumerate(iterations):
        listed = [one for one in listings if one.of == index]
        number = commonest((one.number for one in listed if one.number), following)
        following = number + 1 if listed else following
        last = iteration.turns[-1]
        if last.verdict is None and (listed or index + 1 < len(iterations)):
            last = structs.replace(last, verdict="accepted")
        if listed:
            macs = listed[0].macs if last.macs is None else last.macs
            design = listed[0].design if listed[0].design != last.design else None
            last = structs.replace(last, macs=macs, accuracy=listed[0].accuracy, listed=design)
        yield replace(iteration, number=number, turns=(*iteration.turns[:-1], last))


def _window(iterations: Sequence[Iteration], file: str) -> tuple[int, int]:
    """The FLOPs window that most statements give; without one, the bounds that most feedback names."""
    stated = [window for iteration in iterations if (window := stated_window(iteration.statement))]
    if stated:
        return commonest(stated, (0, 0))
    named = [
        (turn.verdict, round(_millions(bound[1])))
        for iteration in iterations
        for turn, feedback in zip(iteration.turns, iteration.said[1:], strict=True)
        if (bound := _BOUND.search("\n".join(feedback)))
    ]
    high = commonest((bound for verdict, bound in named if verdict == "above"), 0)
    if not high:
        raise MalformedConversation(
            f"{file}: expected a FLOPs window such as [270, 330] in the problem, or its upper bound in feedback, found "
            "neither"
        )
    return commonest((bound for verdict, bound in named if verdict == "below"), 0), high


def commonest(values: Iterable[_T], default: _T) -> _T:
    """The value that occurs most often, the first of them if several do."""
    return next((value for value, _ in Counter(values).most_common(1)), default)


# -- what a file holds ---


class Dialogue(NamedTuple):
    """Messages that belong to one another: every assistant turn answers all that stand before it here."""

    position: int  # of the first message in the file, from 0
    messages: list[dict[str, str]]


def dialogues(data: bytes) -> list[Dialogue]:
    """Cut a published file, a JSON list of `{"role", "content"}`, into its dialogues.

    A dialogue starts at every `system` message. Where that is missing, it starts at a user message that follows an
    answer and begins with the first line of the file's first user message: the problem is stated anew.

    Raises:
        MalformedConversation: the file is no such list; the message names the position.
    """
    found: list[Dialogue] = []
    problem = ""  # its first line
    for position, message in enumerate(_messages(data)):
        role, content = message["role"], message["content"]
        problem = problem or (content.partition("\n")[0].strip() if role == "user" else "")
        restated = role == "user" and problem and content.startswith(problem)
        if role == "system" or (restated and found[-1].messages[-1]["role"] == "assistant"):
            found.append(Dialogue(position, []))
        found[-1].messages.append(message)
    return found


class _Message(msgspec.Struct, forbid_unknown_fields=True):
    content: str
    role: Literal["assistant", "system", "user"]


def _messages(data: bytes) -> list[dict[str, str]]:
    """Return the messages of a published file, each with a role and a text, in an order that makes requests."""
    try:
        messages = msgspec.json.decode(data, type=list[_Message])
    except (ValueError, msgspec.MsgspecError) as error:
        raise MalformedConversation(
            f"expected a JSON list of messages with role and content, got: {error}. Fetch the file again."
        ) from None
    if messages and messages[0].role != "system":
        raise MalformedConversation(
            f"expected message 0 to be a system message, got {messages[0].role}. Fetch the whole file."
        )
    for position, (before, message) in enumerate(pairwise(messages), start=1):
        if message.role == "assistant" and before.role != "user":
            raise MalformedConversation(
                f"expected message {position} to answer a user, got an assistant after a {before.role}. "
                "Fetch the file again, or mend the message."
            )
    return [{"role": message.role, "content": message.content} for message in messages]


# -- what a text says ---


def _design(text: str) -> Architecture | None:
    """The design that an answer proposes."""
    reading = grammar.read(SPACE, text)
    return reading.architecture if isinstance(reading, Reading) else None


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


def stated_window(statement: str) -> tuple[int, int] | None:
    """The bounds of the FLOPs in millions, as the end of a statement gives them."""
    pairs = [(round(float(low)), round(float(high))) for low, high in _WINDOW.findall(statement)]
    return next(((low, high) for low, high in reversed(pairs) if low < high), None)
