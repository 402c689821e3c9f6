"""Architecture → text, in every layout in which the published answers state a design; `harness.text.published` reads
them."""

from __future__ import annotations

from collections.abc import Callable

from tables.space import Architecture, Space


def write_lists(space: Space, architecture: Architecture) -> list[str]:
    """The architecture as one bracketed list a group, in written symbols."""
    return ["[" + ", ".join(map(str, space.symbols(choices))) + "]" for choices in space.split(architecture)]


def _headings(space: Space) -> list[str]:
    return [f"{group.name} ({group.slots[0].name} to {group.slots[-1].name})" for group in space.groups]


def _flat(space: Space, architecture: Architecture) -> str:
    return "[" + ", ".join(map(str, space.symbols(architecture))) + "]"


def _grouped(line: str) -> Callable[[Space, Architecture], str]:
    def layout(space: Space, architecture: Architecture) -> str:
        return "\n".join(
            line.format(number=number, heading=heading, choices=choices, bare=choices.strip("[]"))
            for number, (heading, choices) in enumerate(
                zip(_headings(space), write_lists(space, architecture), strict=True), start=1
            )
        )

    return layout


def _python(line: str) -> Callable[[Space, Architecture], str]:
    rows = _grouped(line)
    return lambda space, architecture: "op_list = [\n" + rows(space, architecture) + "\n]"


LAYOUTS: dict[str, Callable[[Space, Architecture], str]] = {
    "grouped": _grouped("{heading}: {choices}"),
    "numbered": _grouped("{number}. {heading}: {choices}"),
    "bulleted": _grouped("- **{heading}:** {choices}"),
    "next line": _grouped("{heading}:\n{choices}"),
    "python": _python("    # {heading}\n    {bare},"),
    "python, trailing comments": _python("    {bare},  # {heading}"),
    "flat": _flat,
}
"""Every layout in which the published answers state a design, by name. `read` reads each of them back."""


def write(space: Space, architecture: Architecture, layout: str = "grouped") -> str:
    """Write an architecture as text in one of `LAYOUTS`."""
    return LAYOUTS[layout](space, space.validate(architecture))
