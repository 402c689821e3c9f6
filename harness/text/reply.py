"""A stored answer → what the model said to us, before any reader looks for a design in it.

A model also speaks for others: it thinks aloud, plays the user's next turn, invents an experiment with its accuracy. It
is held to nothing that it says there, so that part is cut off (`spoken`); what is left is one stretch of the text. An
answer that was not given to its end, or is no text at all, is a rejection with the reason (`heard`).

Of several choices the first is read, of content in parts the text; reasoning that has a member of its own never is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from cache.nearest import listed
from cache.record import body_of
from harness.protocol import Reason, Rejection

NOTHING = "(no answer)"
"""Stands in a conversation for an answer of which nothing is left: some endpoints refuse a message without a text."""


class Span(NamedTuple):
    """A range of characters: `text[start:end]`."""

    start: int
    end: int


class Spoken(NamedTuple):
    """The stretch of a text that is said to us, and what was cut off before it and behind it, in words."""

    span: Span
    before: str = ""
    behind: str = ""


class Heard(NamedTuple):
    """What a model said to us, or why nothing may be read in its answer.

    Attributes:
        text: what is read, and what stands for the answer in the conversation.
        rejection: why nothing is read; None where it is.
        whole: the text as it was answered.
        start: where `text` begins in it.
    """

    text: str
    rejection: Rejection | None = None
    whole: str = ""
    start: int = 0


Hear: TypeAlias = Callable[[Mapping[str, Any]], Heard]
"""What makes a text of a stored answer."""


# -- the answer ---

_ENDS = {
    "length": (Reason.CUT_OFF, "the answer was cut off at the greatest length that was allowed; answer more briefly"),
    "content_filter": (Reason.FILTERED, "the endpoint's content filter ended the answer"),
    "tool_calls": (Reason.TOOL_CALL, "the answer calls a tool; expected text"),
    "function_call": (Reason.TOOL_CALL, "the answer calls a function; expected text"),
}


def heard(answer: Mapping[str, Any], function: str = "") -> Heard:
    """What an answer says to us, of chat completions or of responses. Never raises, whatever the answer.

    Args:
        answer: as it is recorded.
        function: that the answer has to call; what it is called with is then what is said.
    """
    content, why = _content({**answer, **_of_responses(body_of(answer))}, function)
    if why is not None:
        return Heard(content.strip() or NOTHING, why, content)
    part = spoken(content)
    if text := content[slice(*part.span)]:
        return Heard(text, None, content, part.span.start)
    return Heard(NOTHING, silence(part), content)


def verbatim(answer: Mapping[str, Any]) -> Heard:
    """The text of a body, uncut and however it ended: conversations of which it is known how they were read."""
    match answer:
        case {"choices": [{"message": {"content": str(content)}}, *_]}:
            return Heard(content, None, content)
    return heard(answer)


def uncut(answer: Mapping[str, Any]) -> Heard:
    """As `heard`, with the text as it was answered: for a conversation in which answers are sent back whole."""
    said = heard(answer)
    return said if said.rejection else said._replace(text=said.whole, start=0)


def _content(answer: Mapping[str, Any], function: str) -> tuple[str, Rejection | None]:
    """The text of the first choice, or what the function is called with; and why it is not to be read."""
    match answer:
        case {"unreadable": str(why)}:
            return "", Rejection(Reason.UNREADABLE, why)
        case {"choices": [{"message": {**message}, **choice}, *_]}:
            pass
        case _:
            return "", Rejection(Reason.NO_ANSWER, "expected a choice with a message, the answer has none")
    text, refused = _texts(message.get("content"))
    end = str(choice.get("finish_reason") or "stop")  # without a reason it is an end
    if isinstance(withheld := answer.get("withheld"), str):
        return text, Rejection(Reason.WITHHELD, withheld)
    if error := answer.get("error") or choice.get("error"):
        return text, Rejection(Reason.FAILED, f"the endpoint says beside the answer: {str(error)[:200]}")
    if end != "stop" and not (function and end == "tool_calls"):
        other = (Reason.ANOTHER_END, f"the answer ended with {end[:40]!r}; expected 'stop'")
        return text, Rejection(*_ENDS.get(end, other))
    if refused or message.get("refusal"):
        return text, Rejection(Reason.REFUSED, "the model refused to answer")
    if function:
        return _called(message.get("tool_calls"), function, text)
    if message.get("tool_calls") or message.get("function_call"):
        return text, Rejection(*_ENDS["tool_calls"])
    if not text.strip():
        return "", Rejection(Reason.NOTHING_SAID, "the answer holds no text")
    return text, None


def _texts(content: object) -> tuple[str, bool]:
    """The text of a message's content, a string or parts, and whether one of the parts is a refusal."""
    if isinstance(content, str):
        return content, False
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    texts = [part["text"] for part in parts if part.get("type") == "text" and isinstance(part.get("text"), str)]
    return "".join(texts), any(part.get("refusal") for part in parts)


def _called(calls: object, function: str, text: str) -> tuple[str, Rejection | None]:
    """What the one call of a function is called with; what is said beside it is the model's own affair."""
    expected = f"expected one call of the function {function!r} and no other"
    match calls:
        case [{"function": {"name": str(name), "arguments": str(arguments)}}] if name == function:
            return arguments, None
        case [_, _, *_]:
            return text, Rejection(Reason.AMBIGUOUS, f"{expected}, got {len(calls)} calls")
        case [_]:
            return text, Rejection(Reason.WRONG_FORM, f"{expected}, got another")
    return text, Rejection(Reason.WRONG_FORM, f"{expected}, got none")


def _of_responses(body: Mapping[str, Any]) -> dict[str, Any]:
    """A body of the interface Responses in the shape of chat completions; empty if it is none.

    References:
        https://platform.openai.com/docs/api-reference/responses/object
    """
    if "output" not in body or "choices" in body:
        return {}
    items = [item for item in listed("output", body) if isinstance(item, Mapping)]
    parts = [part for item in items for part in listed("content", item) if isinstance(part, dict)]
    texts = [{**part, "type": "text"} for part in parts if part.get("type") in ("output_text", "refusal")]
    calls = [{"function": item} for item in items if item.get("type") == "function_call"]
    cut = body.get("incomplete_details")
    why = str(cut["reason"] if isinstance(cut, Mapping) and cut.get("reason") else body.get("status") or "completed")
    end = {"completed": "stop", "max_output_tokens": "length"}.get(why, why)
    choice = {"message": {"content": texts, "tool_calls": calls}, "finish_reason": end}
    return {"error": body.get("error"), "choices": [choice]}


# -- what is said for others ---

THINKING, UNENDED = "the model's thinking", "thinking that the model does not end"
TURN, TOKEN = "a turn that the model made up", "the end of its turn"
_WORDS = r"[\w:.-]{0,30}"
_THOUGHT = (
    rf"{_WORDS}(?:think|thought|reason|reflect|scratchpad|analysis|monologue|deliberat|思考){_WORDS}"
    r"(?:\s[^<>]{0,99})?(?:>|&gt;)"
)
_TOKENS = rf"{_WORDS}(?:think|thought|reason|inner_(?:pre|suf)fix){_WORDS}[|｜]>"
_CLOSES = (
    rf"(?:<|&lt;)\s?/\s?{_THOUGHT}|<[|｜](?:/|end|(?=inner_s)){_TOKENS}|\[/THINK\]|◁/think▷|<unused95>|<channel\|>"
    r"|\.\.\.done thinking\."
    r"|<\|channel\|>\s*final\b[^<\n]{0,40}<\|message\|>|assistantfinal"  # the harmony format, with tokens and without
)
_OPENS = rf"(?:<|&lt;)\s?{_THOUGHT}|<[|｜]{_TOKENS}|\[THINK\]|◁think▷|<unused94>|<\|channel\|?>"
_BEGINS = r"\A\s*(?:analysis(?=[A-Z])|Thinking\.\.\.[ \t]*\n)"
_TOKEN = (
    r"<[|｜][^<>\n]{1,40}[|｜]>|\[\|\w{1,20}\|\]|</?s>|<(?:end|start)_of_turn>|<(?:eos|bos|sop|eop|_user|_bot)>"
    r"|<(?:unused|reserved_|extra_id_)\d+>|\[gMASK\]"
)
_OPENING = re.compile(  # of the model's own turn
    rf"(?:\s*(?:{_TOKEN})(?:assistant|model)?)*(?:[\s*#\[]*assistant[ \t*\]]{{0,9}}(?::|\r?\n))?", re.IGNORECASE
)
_ROLE = (
    r"user|human|assistant|system|developer|observation|evaluator|environment|tool|tool_responses?|tool_result"
    r"|function_results?|system message|researcher|interviewer|customer|prompt|feedback|q|me|nutzer|benutzer"
    r"|utilisateur|usuario|usuário|utente|pengguna|пользователь|用户|用戶|助手|ユーザー|사용자|المستخدم"
)
_OTHERS = (
    rf"(?P<token>{_TOKEN}|\[/?INST\]|<</?SYS>>)|(?i:</?(?:{_ROLE})>)"
    # a role as the heading of a line, before a sentence, or written out within one
    rf"|(?im:^[ \t>*_#<\[(]*(?:{_ROLE})[ \t]{{0,9}}[*_\])>]*[ \t]{{0,9}}(?:[:：]|\r?$))"
    r"|(?m:^(?:user|human|assistant)[ \t]+(?=[\"'A-Z]))|(?<!\w)(?:User|Human|USER|HUMAN|ASSISTANT)[ \t]?:"
    r"|(?im:^[ \t]*#{1,6}[ \t]*(?:user|human|instruction)\b|^[ \t{]*\"?role\"?[ \t]*:[ \t\"]*user\b|^instruction:)"
    # what this project's own prompts say
    r"|(?m:^[ \t>*_\"']*(?:This design has been tested already\.|No design could be read from this answer"
    r"|This design costs [\d.]+ million, [\d.]+ million |These designs have been trained and measured:"
    r"|You(?:r \w+)? (?:said|has|had|reached|achieve[sd]) [^\n]{0,40}\d|The accuracy of this \w+ is ))"
)
_MARKS = re.compile(rf"(?P<closes>(?i:{_CLOSES}))|(?P<opens>(?i:{_OPENS})|{_BEGINS})|(?P<other>{_OTHERS})")


def spoken(text: str) -> Spoken:
    """The part of a text that a model says to us, without blanks around it.

    It begins behind the model's thinking; nothing is said to us if that does not end. It ends where a turn of another
    begins, or with the token that ends the model's own: what the model thinks in a turn that it made up is no matter.
    """
    marks = list(_MARKS.finditer(text))
    first = 0  # of the marks behind the last end of a thinking that has no beginning
    begun = False
    for number, mark in enumerate(marks):
        if mark["closes"] and not begun:
            first = number
        begun = bool(mark["opens"]) or (begun and not mark["closes"])
    start, own, before, begun = 0, _own(text, 0), "", False
    for mark in marks[first:]:
        if mark["closes"]:
            start, before, begun = mark.end(), THINKING, False
            own = _own(text, start)
        elif mark["opens"]:
            begun = True
        elif not begun and mark.start() >= own:
            return _stripped(text, own, mark.start(), before, TOKEN if mark["token"] else TURN)
    if begun:
        return Spoken(Span(start, start), before, UNENDED)
    return _stripped(text, own, len(text), before, "")


def _own(text: str, start: int) -> int:
    """Where a text goes on behind what marks the model's own turn."""
    marked = _OPENING.match(text, start)
    return marked.end() if marked else start


def _stripped(text: str, start: int, end: int, before: str, behind: str) -> Spoken:
    said = text[start:end]
    start += len(said) - len(said.lstrip())
    return Spoken(Span(start, start + len(said.strip())), before, behind)


def silence(part: Spoken) -> Rejection:
    """Why nothing is read where a part of a text that is said to us is empty."""
    if part.behind == UNENDED:
        return Rejection(Reason.NOTHING_SAID, "the answer ends within the model's thinking")
    where = f"behind {part.before}" if part.before else f"before {part.behind}" if part.behind else "in the answer"
    return Rejection(Reason.NOTHING_SAID, f"{where} nothing is said")


_SPEAKS_AGAINST = re.compile(
    # a denied verb, of which the design is the object; or a word that refers to something else
    r"\b(?:not|never|cannot|\w+n['’]t) (?:\w+ ){0,2}?(?:use|try|take|want|pick|choose|select|propose|suggest|recommend"
    r"|evaluate|submit|consider|go|be|do|write|answer|repeat)\b"
    r"(?: (?:this|that|the|following|design|one|again|anything|like|with))*\W*\Z"
    r"|\b(?:not|avoid\w*|reject\w*|discard\w*|instead of|unlike|except|anything but)"
    r"(?: (?:the|this|that|these|following|one|ones|design|option|choice))*\W*\Z"
    r"|\b(?:rather than|than|from|was|were|wrote|said|compar\w+ (?:with|to)"
    r"|(?:experiment|option|trial|run) ?#?\d+(?: \([^()]*\))?)\W*\Z|\b(?:of|changing)\s*\Z"
    # what a design is called that is not proposed
    r"|\A\W*(?:(?:the|an?|my|your) )?(?:parent|baseline|old|original|previous|(?:last|current) best"
    r"|best(?: \w+)? so far|bad|poor|wrong|invalid|worst|tested|already tested|discarded|rejected|example)\b"
    r"|\b(?:for (?:example|instance)|e\.g|the form(?:at)? (?:is|would|should|looks)|often|counts?|frequen\w+"
    r"|nicht|kein\w*|bisher|schon|pas|jamais|nunca|n[ãa]o|evita\w*|non(?!-)|niet|nie|не)\b|éviter|不|ない|ません|마세요",
    re.IGNORECASE,
)
_FIGURE = re.compile(r"\n[^\w\n]{0,20}(?:\w+ )?accuracy\b[^\n]*\Z", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<!\be\.g)[.!?;](?=\s)|[,，。！？]")
_WHOLE = re.compile(r"(?<!\be\.g)[.!?。！？]\Z")
_BULLET = re.compile(r"[ \t]*(?:[-*•+]|\d+[.)])[ \t]")


def spoken_against(before: str) -> str:
    """The words by which the sentence that leads to a design says that it is not the one that is meant; or none.

    Args:
        before: the text before the design. What leads to it is its last line, unless that is a whole sentence.
    """
    line = _FIGURE.sub("", before.rstrip()).rstrip()  # of an experiment; what it is of stands before it
    line = line[max(line.rfind("\n"), line.rfind("\r")) + 1 :]
    if _WHOLE.search(line) or (_BULLET.match(line) and line[-1] not in ":：,"):
        return ""
    clauses = [clause for clause in _SENTENCE.split(line) if clause.strip()]
    found = _SPEAKS_AGAINST.search(clauses[-1]) if clauses else None
    return found[0].strip() if found else ""
