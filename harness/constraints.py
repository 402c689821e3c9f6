"""What an architecture must satisfy before it is evaluated: bounds of a cost, and novelty.

A constraint rejects in the same form as the grammar does, so that an optimiser is told one kind of thing. One rule
holds for language models and classical methods alike: what is rejected is told, and counts as a proposal and not as an
evaluation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from harness.errors import HarnessError
from harness.protocol import Missed, Reason, Rejection, in_millions
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


Costs: TypeAlias = Mapping[str, Callable[[Architecture], "float | None"]]
"""What gives each cost of an architecture, by name; None where a table lacks the architecture."""

WORDS = {"params": "parameters", **dict.fromkeys(("macs", "flops"), "multiply-accumulates")}
"""What a number of a cost counts; any other cost goes by its name."""

_NUMBER, _NAME = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,2})?)", r"([^\W\d]\w*)"
_BOUND = re.compile(f"(?:{_NUMBER}<=)?{_NAME}(?:<={_NUMBER})?", re.ASCII)


class Bound(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Bounds of a cost by its name, both allowed; None where there is none.

    >>> Bound.read("300e6 <= macs <= 330e6")
    Bound(cost='macs', low=300000000.0, high=330000000.0)
    >>> print(Bound.read("latency_ms<=12.5"))
    at most 12.5 latency_ms
    """

    cost: str
    low: float | None = None
    high: float | None = None

    @classmethod
    def read(cls, text: str) -> Bound:
        """What a person writes: "macs<=60e6", "params >= 1e6", "300e6<=macs<=330e6".

        Raises:
            HarnessError: it is something else, or leaves nothing between its bounds.
        """
        written = "".join(text.split())
        match = _BOUND.fullmatch("<=".join(reversed(written.split(">="))))
        name, ends = (match[2], (match[1], match[3])) if match else ("", (None, None))
        low, high = (None if end is None else float(end) for end in ends)
        if low is high is None or (low is not None and high is not None and low > high):
            example = "macs<=60e6 or 300e6<=macs<=330e6, the lower bound first"
            raise HarnessError(f"expected a constraint such as {example}, got {text[:200]!r}")
        return cls(name, low, high)

    def __str__(self) -> str:
        low, high = (f"{each:,.12g}" for each in (self.low or 0, self.high or 0))
        least, most = f"at least {low}", f"at most {high}"
        said = least if self.high is None else most if self.low is None else f"from {low} to {high}"
        return f"{said} {WORDS.get(self.cost, self.cost)}"


@dataclass(frozen=True)
class Within:
    """Holds a cost against its bounds, exactly.

    `cost` gives that of an architecture; None where a table has none, and no accuracy either, which is told then.

    >>> Within(Bound("params", high=10), lambda architecture: 12)((0, 1), 0, ()).detail
    '12 parameters where at most 10 parameters are allowed'
    """

    bound: Bound
    cost: Callable[[Architecture], float | None]

    def __call__(self, architecture: Architecture, _macs: int, _tested: Collection[Architecture]) -> Rejection | None:
        """Reject what costs more than is allowed, or less."""
        value, low, high = self.cost(architecture), self.bound.low, self.bound.high
        if value is not None and high is not None and value > high:
            reason, bound = Reason.ABOVE_LIMIT, high
        elif value is not None and low is not None and value < low:
            reason, bound = Reason.BELOW_LIMIT, low
        else:
            return None
        words = WORDS.get(self.bound.cost, self.bound.cost)
        missed = Missed(words, *(f"{number:,.12g}" for number in (value, bound, abs(value - bound))))
        return Rejection(reason, f"{missed.value} {words} where {self.bound} are allowed", missed=missed)


def novel(architecture: Architecture, macs: int, tested: Collection[Architecture]) -> Rejection | None:  # noqa: ARG001
    """Reject what was tested before."""
    if architecture in tested:
        return Rejection(Reason.REPEATED, "this architecture was evaluated before")
    return None
