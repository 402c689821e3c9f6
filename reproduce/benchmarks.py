"""The benchmark tables: which there are, and opening them.

One was trained by this project and comes with it. The others are built from their published files when these are
fetched, or when a table is first asked for, into the user's cache directory, where they can be deleted at any time.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from os import PathLike, fspath
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from genius_replay import plugins
from genius_replay.advice import unknown
from genius_replay.showing import brief
from harness import spaces
from harness.digits import table as digits
from harness.objectives import TabularObjective
from harness.spaces import Benchmark, Declared
from harness.text.notation import from_any
from reproduce.arguments import expect_types, several
from reproduce.data import Published, home, is_fetched, manifest, needed, sha256_of
from reproduce.errors import UsageError
from tables import csv, files, published
from tables.errors import TableError
from tables.source import Origin, Source
from tables.space import Architecture, Space
from tables.storage import build, embedded
from tables.table import HeldOut, Table

BENCHMARKS = {benchmark.name: benchmark for benchmark in (digits.BENCHMARK, *spaces.tables())}
PUBLISHED = tuple(name for name, benchmark in BENCHMARKS.items() if benchmark.format in published.FORMATS)
"""The tables of the paper."""
SPACES = tuple(spaces.find(name).SPACE for name in spaces.NAMES)


def find(name: str) -> Benchmark:
    """The benchmark of this name.

    Raises:
        UsageError: if there is none.
    """
    if name not in BENCHMARKS:
        raise UsageError(unknown("table", name, BENCHMARKS))
    return BENCHMARKS[name]


GROUP = "genius_replay.tables"
"""The entry-point group under which a package offers tables: the path of a file, or a `Benchmark`."""

AnySpace: TypeAlias = str | Space | ModuleType
"""A space by name, as a value, or the module that holds it."""


def find_space(given: AnySpace, *, sound: bool = True) -> Declared:
    """A space of this project by name, or one of one's own: a value, "module:NAME", "FILE.py:NAME", an entry point.

    What stands there is a `Space`, or has one as `SPACE`, and perhaps `cost(architecture)` beside it, as a module has.
    It is tried whether it is `sound`, as far as that takes no time.

    >>> find_space("nas-bench-macro").SPACE
    <Space nas-bench-macro: 8 slots, 6,561 architectures, 3,969 networks>

    Raises:
        UsageError: there is none, or it is declared wrongly.
    """
    if isinstance(given, str) and given in spaces.NAMES:
        return Declared(spaces.find(given).SPACE, spaces.find(given).cost)
    name, found = str(given), given
    if isinstance(given, str):
        words = {"what": "a Space, or what holds one as SPACE,", "example": "my_space:SPACE"}
        found = plugins.find("space", given, spaces.GROUP, spaces.NAMES, error=UsageError, modules=True, **words)
    held, cost = (found, None) if isinstance(found, Space) else (getattr(found, it, None) for it in ("SPACE", "cost"))
    if not isinstance(held, Space):
        raise UsageError(f"{name}: expected a Space, or a module that holds one as SPACE, got {found!r:.80}")
    one = Declared(held, cost)
    if sound and one.SPACE not in SPACES:
        _refuse_unsound(one, name)
    return one


def _refuse_unsound(one: Declared, name: str) -> None:
    if one.SPACE.name in spaces.NAMES:
        raise UsageError(f"{name}: expected a name of its own for a space of one's own, got {one.SPACE.name!r}")
    from harness.conformance.methods import check  # only here: most spaces are this project's own
    from harness.conformance.spaces import has_a_decision_in_every_slot, reads_back_every_key

    for finding in check((has_a_decision_in_every_slot, reads_back_every_key), one):
        if not finding.ok:
            raise UsageError(
                f"{name}: {finding.reason}; `python -m reproduce conformance --space` tries all of a space"
            )


def file_of(benchmark: Benchmark) -> Published | None:
    """The manifest entry of the published file; None for a table that nobody has to fetch."""
    return next((entry for entry in manifest() if entry.path == benchmark.path), None)


def of_space(space: str, name: str | None = None) -> str:
    """The name of a table of this space: the one that is named, else the first that is at hand, else the first.

    Raises:
        UsageError: if the space has no table, or the named one is of another space.
    """
    names = [benchmark.name for benchmark in BENCHMARKS.values() if benchmark.space.name == space]
    if (name is not None and find(name).space.name != space) or not names:
        raise UsageError(
            f"{name or space}: expected a table of the space {space}; there are {', '.join(names) or 'none'}, and a "
            "file of yours is named by --table FILE"
        )
    return name or next(filter(at_hand, names), names[0])


VERSIONS = {"numpy": np.__version__}
"""Of the packages that decide what is looked up in tables and made of it."""


def at_hand(name: str) -> bool:
    """Whether a table can be opened: nobody has to fetch it, or its file has been fetched."""
    file = file_of(find(name))
    return file is None or is_fetched(file)


class Standing(NamedTuple):
    """All that a benchmark says of one architecture; accuracies in percent, rank 1 is best.

    `told` is what a search sees, `test` what counts; `ties` are the best and worst rank among equal test accuracies.
    """

    told: float
    test: float
    ties: tuple[int, int]


@dataclass(frozen=True)
class Opened:
    """Both sides of a table. A search is handed `table` alone.

    `benchmark` is what is known of it here; None of a table of one's own. `declared` is the space of one's own that it
    is a table of, if one was named.
    """

    table: Table
    held_out: HeldOut
    benchmark: Benchmark | None = None
    declared: Declared | None = None

    def __repr__(self) -> str:
        return brief(self, repr(self.table))

    @property
    def name(self) -> str:
        """The table's."""
        return self.table.name

    @cached_property
    def space(self) -> Space:
        """The space that it is a table of; one that is declared, or else the slots that its file lists."""
        if self.declared is not None:
            return self.declared.SPACE
        if self.benchmark is not None:
            return self.benchmark.space
        return next((space for space in SPACES if space.slots == self.table.info.slots), self.table.space)

    def figures(self, architecture: Architecture) -> tuple[float, float]:
        """What a search is told, and the test accuracy."""
        return self.standing(architecture)[:2]

    def standing(self, architecture: Architecture | str) -> Standing:
        """Look an architecture up, or what a person writes for one (`harness.text.notation.from_any`).

        >>> open_table("nas-bench-201-digits").standing("333333")
        Standing(told=72.98..., test=72.89..., ties=(1, 1))

        Raises:
            InvalidArchitecture: it is none of this table's space.
            TableError: the table has no figure of it.
        """
        if isinstance(architecture, str):
            architecture = from_any(self.space, architecture)
        index = self.table.index_of(self.space.validate(architecture))
        best, worst = (int(each[index]) for each in self.held_out.tie_intervals)
        return Standing(float(self.table.accuracy[index]), float(self.held_out.test[index]), (best, worst))


def evidence(*opened: Opened | None) -> tuple[dict[str, str], dict[str, str]]:
    """The `tables` and `versions` of a report that was made of these tables, as far as they are at hand."""
    digests = {one.name: one.table.digest for one in opened if one is not None}
    return digests, VERSIONS if digests else {}


def network_ranks(opened: Opened) -> NDArray[np.int64] | None:
    """(n,) competition rank by test accuracy of each architecture's network among all networks, 1 is best.

    None where a rank cannot count networks: they are not fewer than the architectures, or each architecture was trained
    by itself, or it is not known, of a table of one's own.
    """
    if opened.benchmark is None or not opened.benchmark.by_network or opened.table.places is not None:
        return None
    space, test = opened.space, opened.held_out.test
    of_network = {space.network(space.architecture_at(row)): accuracy for row, accuracy in enumerate(test)}
    ascending = np.sort(list(of_network.values()))
    return ascending.size - np.searchsorted(ascending, test, side="right") + 1


def what_counts(opened: Opened) -> str:
    """What ranks, and all other counts of architectures, on a table count."""
    space, benchmark = opened.space, opened.benchmark
    if opened.table.places is not None:
        return f"Ranks count the {len(opened.table):,} architectures, of {space.size:,}, that the table has figures of."
    if benchmark is None:
        return f"Ranks count {space.size:,} architectures."
    if space.networks is None:
        return f"Ranks count {space.size:,} architectures, each a network of its own."
    trained = "architectures of one network share its figures" if benchmark.by_network else "each was trained by itself"
    return f"Ranks count {space.size:,} architectures (keys), which are {space.networks:,} networks; {trained}."


def open_benchmark(name: str) -> Opened:
    """Open a table.

    Raises:
        DataMissing: if its published file has not been fetched.
        TableError: if the file is not what it should be, or the table cannot be built.
    """
    path = table_path(name)
    return Opened(Table.open(path), HeldOut.open(path), find(name))


def open_if_at_hand(name: str) -> Opened | None:
    """The table, if it is at hand."""
    return open_benchmark(name) if at_hand(name) else None


AnyTable: TypeAlias = str | PathLike[str] | Opened
"""A table by name, by the path of one's own, or opened."""


def open_table(table: AnyTable | None = None, space: AnySpace | None = None) -> Opened:
    """A table by its name in `genius-replay list`, or of one's own; what is opened stays so.

    One's own is named by the path of its file, or by where one stands: "module:NAME", "FILE.py:NAME", an entry point of
    `GROUP`. With a `space` it is joined to that by the names of slots and choices (`tables.csv`); a space of this
    project without a table has one of its own.

    >>> open_table("nas-bench-201-digits")
    <Opened <Table nas-bench-201-digits: 15,625 architectures, validation, ...>>

    Raises:
        UsageError: there is neither a table nor a file of this name, or it is of another space.
        DataMissing: its published file has not been fetched.
        TableError: the file cannot be read, or is no complete table.
    """
    expect_types(open_table, locals())
    declared = None if space is None else find_space(space)
    if isinstance(table, Opened):
        if declared and table.space != declared.SPACE:
            raise UsageError(
                f"expected a table of the space {declared.SPACE.name}, got {table.name}, of {table.space.name}"
            )
        return table
    if table is None or table in BENCHMARKS:
        named = None if table is None else str(table)
        return open_benchmark(of_space(declared.SPACE.name, named) if declared else str(named))
    if Path(table).is_file():
        return open_file(Path(table), declared)
    words: Any = {"what": "the path of a table, or a Benchmark,", "example": "my_tables:TABLE"}
    words["others"] = f", or {files.EXPECTED}"
    found = plugins.find("table", fspath(table), GROUP, BENCHMARKS, error=UsageError, **words)
    if isinstance(found, Benchmark):
        declared = declared or Declared(found.space, found.cost)
        found = found.path
    if not isinstance(found, str | PathLike):
        raise UsageError(f"{table}: expected the path of a table, or a Benchmark, got {found!r:.80}")
    return open_file(Path(found), declared)


def open_tables(
    table: AnyTable | Sequence[AnyTable] | None = None, space: AnySpace | Sequence[AnySpace] | None = None
) -> list[Opened]:
    """The tables of a search, as `open_table` opens each: several of one space, one of several, or in pairs.

    Raises:
        UsageError: there are several of both, and not as many of one as of the other.
    """
    tables, declared = several(table) or [None], several(space) or [None]
    count = max(len(tables), len(declared))
    if not {len(tables), len(declared)} <= {1, count}:
        raise UsageError(
            f"expected one table of each space, or one of either, got {len(tables)} tables and {len(declared)} spaces"
        )
    pairs = zip(tables * (count // len(tables)), declared * (count // len(declared)), strict=True)
    return [open_table(*pair) for pair in pairs if pair != (None, None)]


def open_file(path: Path, declared: Declared | None = None) -> Opened:
    """Open a table of one's own: HDF5 as `python -m tables build` writes it, or what that builds a table of.

    Raises:
        HarnessError: if it is not of the space that is declared.
        TableError: if the file cannot be read, or is no table.
    """
    if path.suffix.lower() in files.HDF5:
        opened = Opened(Table.open(path), HeldOut.open(path), declared=declared)
        TabularObjective(opened.space, opened.table)  # refuses slots that are others
        return opened
    with tempfile.TemporaryDirectory() as folder:
        built = files.build(path, Path(folder), SPACES, declared.SPACE if declared else None)
        return Opened(Table.open(built, whole=True), HeldOut.open(built), declared=declared)


def table_path(name: str) -> Path:
    """The built table; builds it unless it is there, of this schema, and made of the right file for these slots."""
    benchmark = find(name)
    if benchmark.path is None:
        return embedded(name)
    folder = home() / "tables"
    path = folder / f"{name}.h5"
    file = file_of(benchmark)
    sha256 = file.sha256 if file else sha256_of(content(name))
    with suppress(TableError):  # not there, damaged, or of another schema
        info = Table.open(path).info
        if (info.source_sha256, info.slots) == (sha256, benchmark.space.slots):
            return path
    return build_table(name, content(name), folder)


def build_table(name: str, data: bytes, folder: Path) -> Path:
    """The table of a published file or a CSV file, built into a folder.

    Raises:
        TableError: if the file does not hold the whole table, or the table cannot be written.
    """
    file = file_of(benchmark := find(name))
    if file is None:
        return build(*csv.read(data, name, benchmark.space), data, folder)
    owner, repository, commit = file.url.split("/")[3:6]
    origin = Origin(f"github.com/{owner}/{repository}", commit, file.path, benchmark.licence)
    source = Source(name, benchmark.space, benchmark.measure, origin)
    return build(source, published.columns(data, source, benchmark.format), data, folder)


def content(name: str) -> bytes:
    """The file that a table is built from; a published one is verified.

    Raises:
        DataMissing: if it has not been fetched.
        ReproduceError: if it is not the published one.
        TableError: if a CSV file cannot be read.
    """
    benchmark = find(name)
    file = file_of(benchmark)
    return files.content(Path(str(benchmark.path))) if file is None else needed(file, f"the table {name}")


def build_fetched() -> int:
    """Build the tables of all fetched files; returns how many there are."""
    fetched = [name for name in PUBLISHED if at_hand(name)]
    for name in fetched:
        table_path(name)
    return len(fetched)
