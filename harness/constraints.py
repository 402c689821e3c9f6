"""What an architecture must satisfy before it is evaluated: a window of multiply-accumulates, and novelty.

A constraint rejects in the same form as the grammar does, so that an optimiser is told one kind of thing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TypeAlias

from harness.protocol import Reason, Rejection, in_millions
from tables.space import Architecture

Constraint: TypeAlias = "Callable[[Architecture, int, Collection[Architecture]], Rejection | None]"
"""An architecture, its multiply-accumulates, what was tested before → why it may not be evaluated, or None."""


@dataclass(frozen=True)
class MacsWindow:
    """Bounds in millions, both allowed, on the cost rounded to the million.

    The rounding is GENIUS': a published design of 330,072,448 was accepted under a bound of 330.

    >>> MacsWindow(300, 330)((0, 1), 340_000_000, ()).detail
    '340 M where 300 to 330 M are allowed'
    """

    low: int
    high: int

    def __call__(self, _architecture: Architecture, macs: int, _tested: Collection[Architecture]) -> Rejection | None:
        """Reject what costs more than `high` or less than `low`."""
        cost = in_millions(macs)
        if self.low <= cost <= self.high:
            return None
        reason, bound = (Reason.ABOVE_WINDOW, self.high) if cost > self.high else (Reason.BELOW_WINDOW, self.low)
        return Rejection(reason, f"{cost} M where {self.low} to {self.high} M are allowed", bound)


def novel(architecture: Architecture, macs: int, tested: Collection[Architecture]) -> Rejection | None:  # noqa: ARG001
    """Reject what was tested before."""
    if architecture in tested:
        return Rejection(Reason.REPEATED, "this architecture was evaluated before")
    return None
