"""Search spaces, one a file: the declaration and the cost of an architecture."""

from __future__ import annotations

from importlib import import_module
from typing import Protocol, cast

from harness.errors import HarnessError
from harness.spaces.costs import Cost
from tables.space import Architecture, Space

NAMES = (
    "mobilenetv2-se",
    "nas-bench-macro",
    "channel-bench-resnet",
    "channel-bench-mobilenet",
    "nas-bench-201",
)
"""Each is the module of this name with underscores."""

COUNTED_BY_THOP = ("mobilenetv2-se",)
"""Spaces whose costs GENIUS counted with thop's rule; the other benchmarks count convolutions and linear layers."""


class SpaceModule(Protocol):
    """What the module of a space holds."""

    SPACE: Space

    def cost(self, architecture: Architecture) -> Cost:
        """Cost of the whole network at the benchmark's own input size."""


def find(name: str) -> SpaceModule:
    """The module of a space.

    Raises:
        HarnessError: if there is none of this name.
    """
    if name not in NAMES:
        raise HarnessError(f"no space is called {name!r}; there are {', '.join(NAMES)}")
    return cast(SpaceModule, import_module(f"harness.spaces.{name.replace('-', '_')}"))


def counted_macs(name: str, architecture: Architecture) -> int:
    """Multiply-accumulates by the rule that a space's own publication counts with (`harness.spaces.costs`).

    Raises:
        HarnessError: if there is none of this name.
    """
    cost = find(name).cost(architecture)
    return cost.macs_thop if name in COUNTED_BY_THOP else cost.macs
