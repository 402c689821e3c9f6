"""Free text → architecture: the reader of conversations that were held in prose (`harness.text.notation` writes).

A reply is cut by one regular expression, made from the space, into headings that name a group or its slots, lists, and
everything else. A *design* is either one list with an entry for every slot, or one list behind the heading of each
group ("Stage 1 (Layer 2 to Layer 7): [1, 0, …]") in the order of the groups; what stands between a heading and its list
does not matter, and in a reply that has nothing else, lists of the right lengths that follow one another need no
headings. The reader returns the architecture with the span it was read from, or a rejection with a reason. It repairs
nothing and guesses nothing.

A reply that works towards its proposal may state several designs. The last one counts if it is announced as a revision
("Final model:", "the adjusted design"), or if all agree; otherwise the reply is ambiguous. A list for a single group,
after or before a complete design, is talk about the design and changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from harness.protocol import Reason, Rejection
from harness.text.reply import Span, silence, spoken, spoken_against
from tables.space import Architecture, Space


class Reading(NamedTuple):
    """An architecture, where in the reply it stands, and the other designs of the reply that it supersedes.

    `remarks` are lists beside the designs that make no complete one, for instance of a single group: they are talk
    about the design, and change nothing. `further` are the other designs of an answer of which several were demanded.
    """

    architecture: Architecture
    span: Span
    superseded: tuple[Span, ...] = ()
    remarks: tuple[Span, ...] = ()
    further: tuple[Reading, ...] = ()


Reader: TypeAlias = Callable[[Space, str], "Reading | Rejection"]
"""What finds the design that a reply proposes, or says why there is none; `harness.text` has them by name."""


class _Design(NamedTuple):
    """Lists of entries as they are written, before they are held against the space: one in all, or one a group."""

    lists: tuple[tuple[str, ...], ...]
    span: Span

    @property
    def entries(self) -> tuple[str, ...]:
        return tuple(entry for entries in self.lists for entry in entries)


_NEW = (
    r"\b(?:final|revised|adjusted|updated|corrected|modified|improved|fixed|therefore|instead(?! of)"
    r"|new design|new model)\b"
)
_REVISION = re.compile(rf"{_NEW}.*:[\s*_`]*\Z|^[ \t]*(?:#+|\*\*).*{_NEW}", re.IGNORECASE)
_ANNOUNCED = re.compile(
    rf"(?:^|[.!?] )(?:[ \t,*#_]|\b(?:so|wait|ok|here(?: is|'s)|this is|the|my|a)\b)*{_NEW}"
    r"(?: (?:design|model|architecture|proposal|version))?[ \t*_`]*:",
    re.IGNORECASE | re.MULTILINE,
)
_REFERENCE = re.compile(
    r"\b(?:compared|previous|earlier|original|parent|tested|than|over|versus|vs|from|experiment \d+)\b", re.IGNORECASE
)
_ASIDE = re.compile(r"\b(?:inputs?|sources?|predecessors?|parents?)\W{0,3}\Z", re.IGNORECASE)  # a list of other things
_LABEL = re.compile(  # right before a list
    r"(?:\w+ *=|\bdesign\W{0,3}:|\{\s*\"\w+\"\s*:|\d+\.|[-*#>|])[-*#>|_` ]*\Z", re.IGNORECASE
)
_DENIED = re.compile(  # right behind one: it is not meant, or was tested
    r"\W{0,5}(?:is|was|does|ist|est)?(?:n't|[ \t]+not)\b"
    r"|(?:\s*\])?[\]})\"'`*]{0,3}[ \t]*(?:(?:[,;(:|→-]|[=-]>)[ \t]*)?"
    r"(?:was|had|has (?:been|a)|would be too|fails|failed|no\b|rejected|(?:already )?tested|wurde|已经"
    r"|(?:[a-z]+ ){0,2}(?:accuracy\b|\d{1,2}(?:\.\d+)? ?%))",
    re.IGNORECASE,
)
_EXPERIMENT = re.compile(r"\bexperiment\s*#?\d+\b[^.,\n]*\Z|^\W*experiment\s*#?\d+\W*\Z", re.IGNORECASE | re.MULTILINE)
_CONCLUSION = re.compile(
    r"\bno (further|more|additional|other) improvements?\b|\b(cannot|can't|can not) be (further )?improved\b"
    r"|\bunable to (further )?improve\b|\balready (the )?optimal\b",
    re.IGNORECASE,
)
_REFUSAL = re.compile(
    r"\b(I('m| am) (sorry|unable)|I (cannot|can't|can not|won't|will not)|as an AI( language)? model)\b", re.IGNORECASE
)
_BLANK = r"\s\x00-\x1f\u200b\ufeff"  # published answers hold a control character here and there
_COMMENT = r"(?:#|\/\/)[^\n]{0,200}"
_ENTRY = re.compile(rf"{_COMMENT}|([^{_BLANK},\[\]#/]+)")  # comments are matched in order to be skipped

# A heading stands at the start of a line, behind any bullet, number, quote or markup, or right behind a list. A list is
# entries, commas, nested brackets and comments to the end of a line in brackets, or bare numbers to the end of a line
# or of a table's cell. Lengths are bounded so that the time to read grows with the text and not with its square.
# Every character is part of a token: what is nothing else is `other`.
_TOKENS = (
    r"""(?P<heading>(?im:(?:^[ \t>|#*`_\-–•\d.(){{"'/]*(?:for[ \t]+)?|(?<=\])[ \t,;.|*`_)}}"']*)(?:{names})))"""
    r"|(?P<list>\[{{1,2}}(?:[{blank}]|,|\]\s*,\s*(?:{comment}\n\s*)*\[|{comment}\n|{entry}){{0,2000}}\](?:\s*(?:,\s*)?\])?)"
    r"|(?P<numbers>(?m:[({{]?\d+(?:(?:[ \t]*,[ \t]*|[ \t]+)\d+)+[)}}]?(?=[ \t.,;*`_]*(?:[|(]|{comment}|\r?$))))"
    r"|(?P<other>[ \t:=|>*`_]+|[^\[\n:=|>*`_]+|[\[\n])"
)
_BLANK_LINE = re.compile(r"\n[ \t]*\r?\n")  # behind it a list is talk about the design
_NUMBERING = re.compile(r"[\s\d.,;:)(|*`\-–•]*")  # what may stand between lists without headings
_LIST_ENTRY = rf"[^{_BLANK},\[\]#\/]+(?=[{_BLANK}]*(?:[,\]\n#]|\/\/))"


@cache
def _tokens(space: Space) -> re.Pattern[str]:
    names = "|".join(name.pattern for name in _group_names(space))
    return re.compile(_TOKENS.format(names=names, blank=_BLANK, comment=_COMMENT, entry=_LIST_ENTRY))


@lru_cache(maxsize=512)  # a replay reads each answer more than once
def read(space: Space, text: str) -> Reading | Rejection:
    """Read the one architecture that a reply proposes. Never raises, whatever the text.

    >>> from harness.spaces import find
    >>> read(find("nas-bench-macro").SPACE, "Stage 1: [0, 2], stage 2: [0, 1, 2], stage 3: [1, 0, 0]").architecture
    (0, 2, 0, 1, 2, 1, 0, 0)
    """
    part = spoken(text)
    if part.before or part.behind:
        if not text[slice(*part.span)]:
            return silence(part)
        text = " " * part.span.start + text[slice(*part.span)]  # what is left stays where it was
    found, incomplete = _designs(space, text)
    designs = [design for design in found if not _quoted(space, text, design)]
    if not designs:
        if found:
            return Rejection(Reason.NOTHING_FOUND, "the reply states designs, and speaks of each as one not proposed")
        return _nothing(space, text, incomplete)
    proposal = designs[-1]
    others = [design for design in designs if design.entries != proposal.entries]
    if others and not _revised(_lead(space, text, designs[designs.index(others[-1]) + 1], others[-1].span.end)):
        different = len({design.entries for design in designs})
        said = f"the reply states {different} different designs and does not say which one it proposes"
        return Rejection(Reason.AMBIGUOUS, said)
    if _goes_on(text[proposal.span.end :]):
        return Rejection(Reason.WRONG_LENGTH, "the reply announces a further design, and does not give it")
    architecture = _choices(space, proposal)
    if isinstance(architecture, Rejection):
        return architecture
    superseded = tuple(design.span for design in others)
    return Reading(architecture, proposal.span, superseded, tuple(design.span for design in incomplete))


def _lead(space: Space, text: str, design: _Design, start: int = 0) -> str:
    """The text that leads to a design, from `start` on, without the heading of its first list."""
    before = text[max(start, design.span.start - 500) : design.span.start]
    headings = [found.start() for found in _group_names(space)[0].finditer(before)]
    if headings and (len(design.lists) > 1 or "\n" not in before[headings[-1] :].strip()):
        # its name may stand in it twice: "Stage 1 (Layer 2 to Layer 7)"
        line = before.rfind("\n", 0, headings[-1]) + 1
        before = before[: next(place for place in headings if place >= line)]
    return _LABEL.sub("", before)


def _quoted(space: Space, text: str, design: _Design) -> bool:
    """Whether a design is that of an experiment, or one that is spoken against."""
    lead = _lead(space, text, design)
    return bool(_EXPERIMENT.search(lead) or spoken_against(lead) or _DENIED.match(text, design.span.end))


def _revised(lead: str) -> bool:
    """Whether the two sentences that lead to a design announce it as the one that is proposed."""
    said = [sentence for sentence in re.split(r"[.!?\n]", lead) if sentence.strip()][-2:]
    return any(map(_REVISION.search, said)) and not any(map(_REFERENCE.search, said))


def _goes_on(rest: str) -> bool:
    """Whether the text behind a design announces another one, or breaks off in a list."""
    return bool(_ANNOUNCED.search(rest)) or rest.rfind("[") > rest.rfind("]")


def read_all(space: Space, text: str) -> Iterator[Reading | Rejection]:
    """Read every complete design of a text, in order: for prompts that list several."""
    for design in _designs(space, text)[0]:
        architecture = _choices(space, design)
        yield architecture if isinstance(architecture, Rejection) else Reading(architecture, design.span)


def _designs(space: Space, text: str) -> tuple[list[_Design], list[_Design]]:
    """The complete designs of a text in order, and what was begun like one and is none."""
    complete: list[_Design] = []
    incomplete: list[_Design] = []
    groups: list[_Design] = []  # of the design that is being read
    changed: list[_Design] = []  # the same; where two lists are given for a group ("from … to …"), the second
    bare: list[_Design] = []  # lists without a heading

    def close() -> None:
        if groups:
            for lists in (groups, changed) if changed != groups else (groups,):
                span = Span(lists[0].span.start, lists[-1].span.end)
                design = _Design(tuple(group.lists[0] for group in lists), span)
                (complete if len(lists) == len(space.groups) else incomplete).append(design)
            groups.clear()
            changed.clear()

    heading: int | None = None  # the group whose list is awaited
    for token in _tokens(space).finditer(text):
        if token.lastgroup == "heading":
            heading = _group_number(space, token.group())
        if token.lastgroup in ("heading", "other"):
            continue
        entries = tuple(entry for entry in _ENTRY.findall(token.group().strip("(){}")) if entry)
        if any("." in entry for entry in entries) or _ASIDE.search(text, max(0, token.start() - 20), token.start()):
            continue  # a list of costs, or of what a node reads
        design = _Design((entries,), Span(*token.span()))
        if len(entries) == len(space.slots):
            close()
            complete.append(design)
        elif heading is not None and _nearly(len(space.groups[heading].slots), entries):
            if heading != len(groups):
                close()
            if heading == len(groups):
                groups.append(design)
                changed.append(design)
            else:
                incomplete.append(design)
            heading = None
        elif (
            groups
            and len(entries) == len(groups[-1].entries)
            and not _BLANK_LINE.search(text, groups[-1].span.end, design.span.start)
        ):
            changed[-1] = design
        elif _nearly(len(space.slots), entries):
            incomplete.append(design)
        elif len(entries) in {len(group.slots) for group in space.groups}:
            bare.append(design)
    close()
    return complete or ([] if incomplete else _without_headings(space, text, bare)), incomplete


def _without_headings(space: Space, text: str, lists: list[_Design]) -> list[_Design]:
    """The designs that lists make of which each has the length of its group, and which follow one another."""
    sizes = [len(group.slots) for group in space.groups]
    designs = []
    for first in range(0, len(lists), len(sizes)):
        group = lists[first : first + len(sizes)]
        if [len(each.entries) for each in group] != sizes or not all(
            _NUMBERING.fullmatch(text, one.span.end, other.span.start) for one, other in pairwise(group)
        ):
            return []
        span = Span(group[0].span.start, group[-1].span.end)
        designs.append(_Design(tuple(each.lists[0] for each in group), span))
    return designs


def _nearly(length: int, entries: Sequence[str]) -> bool:
    """Whether a list is meant to have this length; others are kernel sizes, bounds and the like."""
    return length / 2 < len(entries) < 2 * length


def _group_number(space: Space, heading: str) -> int:
    """The index of the group that a heading names."""
    return next(number for number, name in enumerate(_group_names(space)) if name.search(heading))


@cache
def _group_names(space: Space) -> tuple[re.Pattern[str], ...]:
    """A pattern for what each group is called.

    Its name, with or without the space ("Stage 1", "stage1", "Stage_1"); its slots ("Layer 2 to Layer 7", "Layers
    2-7"); its place in the list of all choices ("op_list[0:6]").
    """
    patterns = []
    start = 0
    for group in space.groups:
        name = r"\s*[_-]?".join(re.escape(word) for word in group.name.split()) + r"(?!\d)"
        end = start + len(group.slots)
        names = [name, rf"\w{{1,30}}\[{start}:{end}\]"]
        (word, first), (_, last) = (slot.name.rpartition(" ")[::2] for slot in (group.slots[0], group.slots[-1]))
        if word and first.isdigit() and last.isdigit():
            slots = re.escape(word)
            names.append(rf"{slots}s?\s*{first}\s*(?:to|through|-|–)\s*(?:{slots}s?\s*)?{last}(?!\d)")
        patterns.append(re.compile("|".join(names), re.IGNORECASE))
        start = end
    return tuple(patterns)


def _choices(space: Space, design: _Design) -> Architecture | Rejection:
    """Hold the entries against the space."""
    if len(design.lists) == 1:
        expected: tuple[tuple[str, int], ...] = ((space.name, len(space.slots)),)
    else:
        expected = tuple((group.name, len(group.slots)) for group in space.groups)
    for (name, length), entries in zip(expected, design.lists, strict=True):
        if len(entries) != length:
            return Rejection(Reason.WRONG_LENGTH, f"{name} takes {length} entries, the reply gives {len(entries)}")
    choices = []
    for slot, entry in zip(space.slots, design.entries, strict=True):
        symbols = [str(symbol) for symbol in space.symbols(range(len(slot.choices)))]
        if entry.strip("'\"`*") not in symbols:
            return Rejection(
                Reason.UNKNOWN_CHOICE, f"{slot.name} takes {symbols[0]} to {symbols[-1]}, the reply gives {entry[:40]}"
            )
        choices.append(symbols.index(entry.strip("'\"`*")))
    return tuple(choices)


def _nothing(space: Space, text: str, incomplete: list[_Design]) -> Rejection:
    """Why a reply has no design."""
    lists = f"one list of {len(space.slots)} entries"
    lists += f" or {len(space.groups)} lists" if len(space.groups) > 1 else ""
    if incomplete:
        got = max(len(design.entries) for design in incomplete)
        return Rejection(Reason.WRONG_LENGTH, f"expected {lists}, the longest design in the reply has {got} entries")
    if _CONCLUSION.search(text):
        return Rejection(Reason.CONCLUDED, "the reply says that no better design is to be found")
    if _REFUSAL.search(text):
        return Rejection(Reason.REFUSED, "the reply declines to propose a design")
    return Rejection(Reason.NOTHING_FOUND, f"expected {lists}, found none in a reply of {len(text)} characters")
