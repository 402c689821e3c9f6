"""Architecture ↔ text as people write it: every notation that the field uses, and no guess between two readings.

`from_any` reads what a person types: the whole text is the design. What language models write is talk around a design,
which `harness.text.published` reads; `write` states a design in each of the `LAYOUTS` that they were seen to use.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TypeAlias

from tables.errors import InvalidArchitecture
from tables.space import Architecture, Space

_Vocabulary: TypeAlias = tuple[tuple[str, ...], ...]
"""How the choices of each slot are written."""


def from_any(space: Space, text: str) -> Architecture:
    """Read an architecture that is written in one of these notations:

    - the benchmark's own key, which goes before all else: "02012100", "4432214", "|nor_conv_3x3~0|+|…|";
    - the space's symbols: "303010", "3 0 3 0 1 0", "3, 0, 3, 0, 1, 0", "[3, 0, 3, 0, 1, 0]";
    - the names of its choices: "nor_conv_3x3, none, …", or their widths: "64, 128, …" for "64 channels".

    Symbols and order are those of the space, not those of another library that numbers the same operations.

    >>> from harness.spaces import find
    >>> from_any(find("nas-bench-macro").SPACE, "0 2 0 1 2 1 0 0")
    (0, 2, 0, 1, 2, 1, 0, 0)

    Raises:
        InvalidArchitecture: if the text is none of these, or names different architectures in two of them.
    """
    text = text.strip()
    with suppress(InvalidArchitecture):
        return space.from_native(text)
    entries = _entries(text)
    if len(entries) == 1 and entries[0].isdigit() and len(space.slots) > 1:
        entries = list(entries[0])
    vocabularies = [*_vocabularies(space)]
    readings = {reading for written in vocabularies if (reading := _look_up(entries, written)) is not None}
    if not readings:
        raise InvalidArchitecture(
            f"{space.name}: cannot read {text[:200]!r}: {_problem(space, vocabularies, entries)}; "
            f"an architecture is written like {space.to_native([0] * len(space.slots))}"
        )
    if len(readings) > 1:
        raise InvalidArchitecture(
            f"{space.name}: {text[:200]!r} can be read in {len(readings)} ways; write the architecture as the "
            "benchmark's own key: " + " or ".join(sorted(map(space.to_native, readings)))
        )
    return readings.pop()


def _vocabularies(space: Space) -> Iterator[_Vocabulary]:
    """The symbols, the names and, if they have any, the widths of the choices."""
    for vocabulary in ("symbols", "names", "widths"):
        with suppress(InvalidArchitecture):
            yield tuple(tuple(map(str, written)) for written in space.written(vocabulary))


def _entries(text: str) -> list[str]:
    """The entries of a list, with or without brackets and quotes, separated by commas or else by blanks."""
    if text[:1] + text[-1:] in ("[]", "()"):
        text = text[1:-1]
    parts = text.split(",") if "," in text else text.split()
    return [part.strip().strip("'\"") for part in parts]


def _look_up(entries: Sequence[str], vocabulary: _Vocabulary) -> Architecture | None:
    """The architecture whose choices are written like this, or None."""
    with suppress(ValueError):  # an entry that is not there, or another number of them
        return tuple(written.index(entry) for entry, written in zip(entries, vocabulary, strict=True))
    return None


def _problem(space: Space, vocabularies: Sequence[_Vocabulary], entries: Sequence[str]) -> str:
    """Why entries are no architecture: their number, the first that means nothing in its slot, or that they mix."""
    if len(entries) != len(space.slots):
        return f"expected {len(space.slots)} entries, got {len(entries)}"
    for slot, entry, *written in zip(space.slots, entries, *vocabularies, strict=True):
        if not any(entry in choices for choices in written):
            return f"{slot.name} takes {', '.join(written[0])} (or one of: {'; '.join(slot.choices)}), got {entry!r}"
    return "expected either symbols or names or widths, got some of each"


# -- layouts of the published answers ---


def write_lists(space: Space, architecture: Architecture) -> list[str]:
    """The architecture as one bracketed list a group, in written symbols."""
    return ["[" + ", ".join(map(str, space.symbols(choices))) + "]" for choices in space.split(architecture)]


LAYOUTS = {
    "grouped": "{heading}: {choices}",
    "numbered": "{number}. {heading}: {choices}",
    "bulleted": "- **{heading}:** {choices}",
    "next line": "{heading}:\n{choices}",
    "python": "    # {heading}\n    {bare},",
    "python, trailing comments": "    {bare},  # {heading}",
    "flat": "",
}
"""Every layout in which the published answers state a design, by name, with how a group is written; `read` reads each.

Python's are a list, and a flat design is a list without groups.
"""


def write(space: Space, architecture: Architecture, layout: str = "grouped") -> str:
    """Write an architecture as text in one of `LAYOUTS`."""
    architecture = space.validate(architecture)
    if layout == "flat":
        return "[" + ", ".join(map(str, space.symbols(architecture))) + "]"
    headings = (f"{group.name} ({group.slots[0].name} to {group.slots[-1].name})" for group in space.groups)
    written = zip(headings, write_lists(space, architecture), strict=True)
    rows = "\n".join(
        LAYOUTS[layout].format(number=number, heading=heading, choices=choices, bare=choices.strip("[]"))
        for number, (heading, choices) in enumerate(written, start=1)
    )
    return f"op_list = [\n{rows}\n]" if layout.startswith("python") else rows
