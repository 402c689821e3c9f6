"""What the two spaces of Channel-Bench-Macro share: seven widths, each chosen in quarters of the full one, 4^7.

github.com/xiusu/Channel-Bench-Macro. A choice is written 1 to 4, which is the number of quarters of the full width.
"""

from __future__ import annotations

from tables.space import Architecture, Group, Notation, Slot, Space

QUARTERS = (1, 2, 3, 4)


def channel_space(name: str, title: str, full_widths: tuple[int, ...]) -> Space:
    """The space of a network whose layers have these widths at most."""
    return Space(
        name=name,
        title=title,
        groups=(
            Group(
                "Channels",
                tuple(
                    Slot(f"Layer {number}", tuple(f"{width * quarters // 4} channels" for quarters in QUARTERS))
                    for number, width in enumerate(full_widths, start=1)
                ),
            ),
        ),
        first_symbol=QUARTERS[0],
        notation=Notation("{}" * len(full_widths)),
        largest=(len(QUARTERS) - 1,) * len(full_widths),
    )


def scaled(full_widths: tuple[int, ...], architecture: Architecture) -> tuple[int, ...]:
    """The widths that an architecture chooses, in channels."""
    return tuple(width * QUARTERS[choice] // 4 for width, choice in zip(full_widths, architecture, strict=True))
