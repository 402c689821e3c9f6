"""A table of one's own: what the keys of its file mean, and whether its accuracies can be percentages.

A key is written in digits, one a slot ("0210"), or as symbols with commas, semicolons or blanks between them ("[0, 2]",
"conv skip none"). Any other writing is read if it is a notation: a text that is the same in every key but for what
stands in the slots, as in "|conv~0|+|skip~0|none~1|", "64:32:16", "k3e6-k5e3" or "8_16", with a key for every
combination. The slots are what the file shows; where all keys are those of a space that is declared, with the names of
its choices in them, it is that space.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple, NoReturn, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tables.errors import InvalidArchitecture, TableError
from tables.space import Architecture, Group, Notation, Slot, Space
from tables.storage import Columns


class Key(NamedTuple):
    """An architecture as a file writes it, and where: "line 3"."""

    place: str
    text: str


Refuse: TypeAlias = Callable[[str, str], NoReturn]
"""Raises TableError, given the place and the problem."""

_Written: TypeAlias = Sequence[Sequence[str]]
"""The symbols of every key."""

_SEPARATOR = re.compile(r"[,;]|\s+")
_PARTS = tuple(map(re.compile, (r"[\w.\-]+", r"[\w.]+", r"[^\W_]+", r"[A-Za-z]+|\d")))
"""What stands in the slots of a notation, from the longest on: parts with dashes, dots, underscores; single digits."""

LONGEST, LONGEST_PROBLEM = 10_000, 1_000
"""Characters of a key, and of what is said of one."""

_PUNCTUATION = re.compile(r"[^\w\s,;]|_")
_NUMBER = re.compile(r"\d+\.\d+|\d+([.,]\d*)?[eE][+-]?\d+", re.ASCII)
_GROUPED = re.compile(r"\d{1,3}([., ]\d{3})+", re.ASCII)
_MONTH = r"(jan|feb|m[aä]r|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz])\.?"
_DATE = re.compile(rf"\d+[-. ]+{_MONTH}|{_MONTH}[-. ]+\d+|(19|20)\d\d-\d\d-\d\d( [\d:]+)?", re.IGNORECASE)


def refuser(name: str, remedy: str = "mend the file") -> Refuse:
    """What refuses a file of this name; a problem that quotes too much of it is cut."""

    def refuse(place: str, problem: str) -> NoReturn:
        shown = problem if len(problem) <= LONGEST_PROBLEM else f"{problem[:LONGEST_PROBLEM]}…"
        raise TableError(f"{name}{', ' * bool(place)}{place}: {shown}; nothing was built, {remedy}")

    return refuse


def read(keys: Sequence[Key], name: str, spaces: Iterable[Space], refuse: Refuse) -> tuple[Space, list[Architecture]]:
    """The space of these keys, and the architecture of each.

    Args:
        keys: in the order of the file.
        name: of the space, if it is none of `spaces`.
        spaces: those that are declared.
        refuse: called for keys that cannot be read.
    """
    _refuse_numbers(keys, refuse)
    if overlong := next((place for place, text in keys if len(text) > LONGEST), None):
        refuse(overlong, f"expected an architecture, got a text of more than {LONGEST:,} characters")
    named = [space for space in spaces if space.notation and space.notation.names]
    declared = [(space, found) for space in named if (found := _all_of(space, keys))]
    if whole := next(filter(_is_whole, declared), None):
        return whole
    written = [_symbols(key.text) for key in keys]
    if problem := _problem(keys, written):
        texts = [key.text for key in keys]
        readings = [reading for part in _PARTS if (reading := _notation(texts, part, name))]
    else:
        digits = all(len(symbol) == 1 and symbol in "0123456789" for symbols in written for symbol in symbols)
        readings = [_inferred(written, ("" if digits else " ").join("{}" for _ in written[0]), name)]
    shown = next(filter(_is_whole, readings), None) or next(iter([*declared, *readings]), None)
    if shown is None:
        refuse(*(problem or keys[0]))
    return shown


def read_columns(
    keys: Sequence[Key], titles: Sequence[str], written: _Written, space: Space | None, name: str, refuse: Refuse
) -> tuple[Space, list[Architecture]]:
    """The space of architectures that are written in a column a slot, and each of them.

    Args:
        keys: in the order of the file.
        titles: of the columns, in the order of the slots.
        written: the choice of every slot, for each key.
        space: of the slots; without one it is that of the names that occur, numbers by their size.
        name: of the space, if it is not given.
        refuse: called for what is no choice of a slot.
    """
    if space is None:
        columns = (tuple(sorted({*entries}, key=_by_size)) for entries in zip(*written, strict=True))
        space = Space(name, name, (Group("Slots", tuple(map(Slot, titles, columns))),))
        if same := next((slot for slot in space.slots if len(slot.choices) == 1), None):
            refuse("", f"{same.name} is {same.choices[0][:200]!r} in every line, which is no choice; leave it out")
    for (place, _), entries in zip(keys, written, strict=True):
        for slot, entry in zip(space.slots, entries, strict=True):
            if entry not in slot.choices:
                refuse(place, f"{slot.name} takes {', '.join(slot.choices)}, got {entry[:200]!r}")
    slots = space.slots
    return space, [tuple(map(lambda slot, entry: slot.choices.index(entry), slots, entries)) for entries in written]


def column(slot: str) -> str:
    """The title of a slot's column: letters of any size, without blanks around it."""
    return slot.strip().lower()


def _by_size(written: str) -> tuple[bool, float, str]:
    """An order of what is written: numbers first, by their size."""
    with suppress(ValueError):
        if not math.isnan(size := float(written)):  # which has no place among numbers
            return False, size, written
    return True, 0.0, written


def read_in(keys: Sequence[Key], space: Space, refuse: Refuse) -> list[Architecture]:
    """The architecture of each key of a space that is known: its own keys, or its symbols."""
    found = []
    for place, text in keys:
        try:
            found.append(_architecture(text, space))
        except InvalidArchitecture as error:
            _refuse_numbers(keys, refuse)
            refuse(place, f"no architecture of this table ({error})")
    return found


def placed(
    space: Space, found: Iterable[Architecture], refuse: Refuse, *, guessed: bool = False
) -> tuple[Columns, tuple[str, ...]]:
    """The column `place` of a table with these architectures, in their order, and what is to be said of it.

    Neither, if they are all of the space. Where that was guessed from keys they have to be: one may be wrong or lost.
    """
    places = sorted(map(space.index_of, found))
    if len(places) == space.size:
        return {}, ()
    first = space.to_native(space.architecture_at(first_absent(places)))
    if guessed:
        count = f"{space.size - len(places)} of {space.size}" if space.size < 10**100 else "nearly all"
        refuse(
            "",
            f"{count} architectures are missing, the first is {first[:200]!r}; if they are to have no figure, name the "
            "space (--space FILE.py:NAME), or write a column for each slot in place of `architecture`",
        )
    if space.size > np.iinfo(np.int64).max:
        refuse("", "expected at most 2^63 architectures in the space of a table, got more")
    lacking = f"{space.size - len(places):,} of {space.size:,} architectures have no figure, the first is"
    remark = f"{lacking} {first[:200]!r}: a proposal of one is rejected, and ranks are among the {len(places):,} others"
    return {"place": np.array(places)}, (remark,)


def _is_whole(reading: tuple[Space, list[Architecture]]) -> bool:
    """Whether these are all architectures of the space."""
    space, found = reading
    return len(set(found)) == space.size


def first_absent(places: Sequence[int]) -> int:
    """The first index that is not among these, which ascend."""
    return next((row for row, place in enumerate(places) if place != row), len(places))


def in_percent(accuracies: Mapping[str, NDArray[np.float64]], place: str, refuse: Refuse) -> tuple[str, ...]:
    """What is to be said of columns of accuracies that may be fractions; those that are fractions are refused."""
    remarks = []
    for column, values in accuracies.items():
        low = int(np.count_nonzero(values <= 1))
        what = column if column == "accuracy" else f"{column} accuracy"
        if low == values.size:
            refuse(place, f"no {what} is above 1, but percentages are expected; multiply them by 100")
        # Where there are a hundred classes or more, real accuracies begin about 1 and go on from there.
        if 2 * low > values.size or (low and not np.any((values > 1) & (values <= 5))):
            remarks.append(f"{low} of {values.size} figures of {what} are at most 1 %: fractions among percentages?")
    varied = [values.ravel() for values in accuracies.values() if np.ptp(values) > 0]
    if len(varied) == 2 and np.asarray(np.corrcoef(varied))[0, 1] < -0.5:
        remarks.append("accuracy and test order the architectures the opposite way: are the figures of one errors?")
    return tuple(remarks)


def _all_of(space: Space, keys: Sequence[Key]) -> list[Architecture] | None:
    """The architecture of each key, if each is one of the space's own keys."""
    with suppress(InvalidArchitecture):
        return [space.from_native(key.text) for key in keys]
    return None


def _refuse_numbers(keys: Sequence[Key], refuse: Refuse) -> None:
    """Refuse keys that a spreadsheet or a data frame took for numbers or dates."""
    cure = "spreadsheets and data frames change keys: keep that column as text, and write the file anew"
    others = [key for key in keys if not (key.text.isascii() and key.text.isdigit())]
    if not others:
        longest = max(keys, key=lambda key: len(key.text))
        for place, text in keys:
            if len(text) < len(longest.text):
                expected = f"expected {len(longest.text)} symbols as in {longest.place}, got {len(text)}"
                refuse(place, f"{expected}: {text[:200]!r} seems to have lost its leading zeros; {cure}")
    elif all(_NUMBER.fullmatch(key.text) for key in others) or _are_grouped([key.text for key in keys]):
        place, text = others[0]
        refuse(place, f"expected the key of an architecture, got the number {text[:200]!r}; {cure}")
    elif date := next((key for key in others if _DATE.fullmatch(key.text)), None):
        refuse(date.place, f"expected the key of an architecture, got the date {date.text!r}; {cure}")


def _are_grouped(texts: Sequence[str]) -> bool:
    """Whether keys in digits were written with marks at the thousands: without these they show every combination.

    Lists of sizes, such as "128,256", look so too, but their digits do not combine freely.
    """
    if not all(map(_GROUPED.fullmatch, texts)):
        return False
    digits = [re.sub(r"\D", "", text) for text in texts]
    return math.prod(len(set(column)) for column in zip(*digits, strict=False)) == len(set(digits))


def _symbols(text: str) -> tuple[str, ...]:
    """The symbols of an architecture that is written in digits or as a list."""
    if text.isascii() and text.isdigit():
        return tuple(text)
    if text[:1] + text[-1:] in ("[]", "()"):
        text = text[1:-1]
    return tuple(symbol for symbol in _SEPARATOR.split(text) if symbol)


def _problem(keys: Sequence[Key], written: _Written) -> tuple[str, str] | None:
    """Why keys cannot be lists of symbols, with the place; None if they can."""
    first, length = keys[0], len(written[0])
    for (place, text), symbols in zip(keys, written, strict=True):
        if not text.isprintable():
            return place, f"expected an architecture, got {text[:200]!r} with characters that cannot be printed"
        if len(symbols) != length or not length:
            return place, f"expected {max(length, 1)} symbols as in {first.place}, got {len(symbols)}"
    for number, symbols in enumerate(zip(*written, strict=True), start=1):
        if len(set(symbols)) == 1:
            same = f"symbol {number} is {symbols[0][:200]!r} in every line"
            return first.place, f"{same}, which is no choice; leave it out"
    if length == 1 and not all(symbol.isdecimal() and len(symbol) == 1 for (symbol,) in written):
        return first.place, (
            f"expected architectures of several slots, got {len(keys)} names such as {first.text[:200]!r} that show "
            "none, so that nothing could be searched; write an architecture as its symbols with blanks between them"
        )
    return None


def _notation(texts: Sequence[str], part: re.Pattern[str], name: str) -> tuple[Space, list[Architecture]] | None:
    """Keys that differ in two or more of such parts, and in nothing else; None if they are others."""
    if any("{" in text for text in texts):
        return None  # as the place of a part is written here
    if not _PUNCTUATION.search(texts[0]) or len({part.sub("{}", text) for text in texts}) > 1:
        return None
    written = [part.findall(text) for text in texts]
    differ = [len(set(symbols)) > 1 for symbols in zip(*written, strict=True)]
    parts = iter(zip(written[0], differ, strict=True))
    template = part.sub(lambda _: "{}" if (at := next(parts))[1] else at[0], texts[0])
    slots = [[symbol for symbol, differs in zip(symbols, differ, strict=True) if differs] for symbols in written]
    if sum(differ) < 2 or not all(text.isprintable() for text in texts):
        return None
    if any(len(symbol) > 1 and symbol[0] == "0" and symbol.isdigit() for symbols in slots for symbol in symbols):
        return None  # "02" is two digits, not a number
    return _inferred(slots, template, name)


def _inferred(written: _Written, template: str, name: str) -> tuple[Space, list[Architecture]]:
    """The space of the symbols that occur, in numerical or else alphabetical order; and every key's architecture."""
    choices = [
        sorted(set(symbols), key=lambda each: (0, len(each.lstrip("0")), each) if each.isdecimal() else (1, 0, each))
        for symbols in zip(*written, strict=True)
    ]
    slots = tuple(Slot(f"Slot {number}", tuple(each)) for number, each in enumerate(choices, start=1))
    numbers = [{symbol: number for number, symbol in enumerate(each)} for each in choices]
    space = Space(name, name, (Group("Slots", slots),), notation=Notation(template, names=True))
    return space, [tuple(at[symbol] for at, symbol in zip(numbers, symbols, strict=True)) for symbols in written]


def _architecture(text: str, space: Space) -> Architecture:
    """The architecture that is written so, as symbols or as the space's own key; raises InvalidArchitecture."""
    with suppress(InvalidArchitecture):
        return space.from_symbols(_symbols(text), text)
    return space.from_native(text)
