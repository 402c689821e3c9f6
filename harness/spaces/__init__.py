"""Search spaces: all that is known of one stands in one file: declaration, cost, published tables, its network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import PurePosixPath
from typing import NamedTuple, Protocol, cast

from genius_replay.advice import unknown
from harness.errors import HarnessError
from harness.spaces.costs import Cost
from tables.source import Measure
from tables.space import Architecture, Space

__all__ = ["CSV", "GROUP", "NAMES", "Benchmark", "Cost", "Declared", "Facts", "SpaceModule"]
__all__ += ["counted_macs", "find", "tables"]

GROUP = "genius_replay.spaces"
"""The entry-point group under which a package offers spaces."""

_PLACES = {
    "mobilenetv2-se": "mobilenetv2_se",
    "nas-bench-macro": "nas_bench_macro",
    "channel-bench-resnet": "channel_bench.RESNET",
    "channel-bench-mobilenet": "channel_bench.MOBILENET",
    "nas-bench-201": "nas_bench_201",
}
"""The module of each space, or the object in a module of several."""

NAMES = tuple(_PLACES)
CSV = "csv"  # the format of a table of one's own


class Benchmark(NamedTuple):
    """A table of accuracies.

    Attributes:
        name: of the table.
        space: its key.
        cost: of an architecture on the data of this table: classes and resolution count.
        path: of the published file, in `reproduce/published.json`, or of a CSV file; None for a table that this
            project trained.
        format: how the file is read, one of `tables.published.FORMATS`, or `CSV`.
        measure: what the accuracy that a search is told was measured on.
        licence: the sentence that the built table carries.
        by_network: whether architectures that are one network were trained as one and share their figures; otherwise
            each was trained by itself.
    """

    name: str
    space: Space
    cost: Callable[[Architecture], Cost]
    path: str | None = None
    format: str = ""
    measure: Measure = Measure.VALIDATION
    licence: str = "none stated there"
    by_network: bool = False

    @property
    def brings(self) -> str:
        """The command that brings the table."""
        if self.path is None or self.format == CSV:
            return f"git checkout {self.path or 'tables/trained'}"
        return f"python -m reproduce fetch {PurePosixPath(self.path).stem}"


class Facts(NamedTuple):
    """What is known of a space beside its declaration and the cost of an architecture.

    Attributes:
        network: function of a module in `harness.training.networks` that builds an architecture, "module.function".
        input_size: side of the pictures for which `cost` counts.
        counted_by_thop: whether its publication counts with thop's rule, or convolutions and linear layers alone.
        tables: the published ones.
    """

    network: str | None = None
    input_size: int = 32
    counted_by_thop: bool = False
    tables: tuple[Benchmark, ...] = ()


class SpaceModule(Protocol):
    """What the file of a space holds; a file of several spaces has an object like this for each."""

    SPACE: Space
    FACTS: Facts  # a space of one's own can do without

    def cost(self, architecture: Architecture) -> Cost:
        """Cost of the whole network on the data of the space's own benchmark; raises InvalidArchitecture."""


class Declared(NamedTuple):
    """A space of one's own: its declaration, and its cost where its file says that."""

    SPACE: Space
    cost: Callable[[Architecture], Cost] | None = None


def find(name: str) -> SpaceModule:
    """All that is known of a space of this project.

    >>> find("nas-bench-201").SPACE
    <Space nas-bench-201: 6 slots, 15,625 architectures, 5,044 networks>

    Raises:
        HarnessError: if there is none of this name.
    """
    if name not in NAMES:
        raise HarnessError(unknown("space", name, NAMES))
    module, _, member = _PLACES[name].partition(".")
    found = import_module(f"harness.spaces.{module}")
    return cast(SpaceModule, getattr(found, member) if member else found)


def tables() -> Iterator[Benchmark]:
    """The published tables of all spaces."""
    for name in NAMES:
        yield from find(name).FACTS.tables


def counted_macs(name: str, architecture: Architecture, table: Benchmark | None = None) -> int:
    """Multiply-accumulates by the rule that the space's own publication counts with (`harness.spaces.costs`).

    >>> counted_macs("nas-bench-201", (3, 3, 3, 1, 3, 3))
    184730240

    Args:
        name: of the space.
        architecture: of the space.
        table: on whose data; by default that of the space's own benchmark.

    Raises:
        HarnessError: if there is none of this name.
    """
    space = find(name)
    cost = (table or space).cost(architecture)
    return cost.macs_thop if space.FACTS.counted_by_thop else cost.macs
