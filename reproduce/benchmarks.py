"""The benchmark tables: which space each belongs to, where it comes from, and opening it.

One was trained by this project and comes with it. The others are built from their published files when these are
fetched, or when a table is first asked for, into the user's cache directory, where they can be deleted at any time.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from harness import spaces
from reproduce.data import Published, home, is_fetched, manifest, read_published
from reproduce.errors import DataMissing, UsageError
from tables.build import SOURCES, build
from tables.errors import DamagedTable, SchemaMismatch, TableNotFound
from tables.schema import file_name
from tables.sources.csv_file import csv_source
from tables.space import Architecture
from tables.table import Table
from tables.trained import embedded
from tables.verdicts import Verdicts


@dataclass(frozen=True)
class Benchmark:
    """A table of accuracies: its name, its space, and where it comes from.

    `path` is that of a published file; without one a table was trained by this project and comes with it.
    """

    name: str
    space: str
    path: str | None = None

    @property
    def file(self) -> Published | None:
        """The manifest entry of the published file."""
        return next((entry for entry in manifest() if entry.path == self.path), None)

    @property
    def brings(self) -> str:
        """The command that brings the table."""
        return f"python -m reproduce fetch {self.file.name}" if self.file else "git checkout tables/trained"

    def content(self) -> bytes:
        """What the table is built from, verified.

        Raises:
            DataMissing: if its published file has not been fetched.
        """
        assert self.file is not None  # a table of this project is not built from a file
        content = read_published(self.file)
        if content is None:
            raise DataMissing(self.file.name, purpose=f"the table {self.name}")
        return content


BENCHMARKS = {
    benchmark.name: benchmark
    for benchmark in (
        Benchmark("nas-bench-201-digits", "nas-bench-201"),
        Benchmark("nas-bench-macro", "nas-bench-macro", "benchmark/nas-bench-macro_cifar10.json"),
        Benchmark("channel-bench-resnet", "channel-bench-resnet", "benchmark/Results_ResNet.json"),
        Benchmark("channel-bench-mobilenet", "channel-bench-mobilenet", "benchmark/Results_MobileNet.json"),
        Benchmark("nas-bench-201-cifar10", "nas-bench-201", "benchmark/nasbench201_cifar10.json"),
        Benchmark("nas-bench-201-cifar100", "nas-bench-201", "benchmark/nasbench201_cifar100.json"),
        Benchmark("nas-bench-201-imagenet16-120", "nas-bench-201", "benchmark/nasbench201_imagenet.json"),
    )
}
PUBLISHED = tuple(name for name, benchmark in BENCHMARKS.items() if benchmark.path is not None)
"""The tables of the paper."""


def find(name: str) -> Benchmark:
    """The benchmark of this name.

    Raises:
        UsageError: if there is none.
    """
    if name not in BENCHMARKS:
        raise UsageError(f"no table is called {name!r}; there are {', '.join(BENCHMARKS)}")
    return BENCHMARKS[name]


def of_space(space: str, name: str | None = None) -> str:
    """The name of a table of this space: the one that is named, else the first that is at hand, else the first.

    Raises:
        HarnessError: if no space has this name.
        UsageError: if the space has no table, or the named one is of another space.
    """
    spaces.find(space)
    names = [benchmark.name for benchmark in BENCHMARKS.values() if benchmark.space == space]
    if (name is not None and find(name).space != space) or not names:
        raise UsageError(
            f"{name or space}: expected a table of the space {space}; there are {', '.join(names) or 'none'}"
        )
    return name or next(filter(at_hand, names), names[0])


def at_hand(name: str) -> bool:
    """Whether a table can be opened: it comes with this project, or has been fetched."""
    benchmark = find(name)
    if benchmark.file is not None:
        return is_fetched(benchmark.file)
    try:
        return embedded(name).exists()
    except TableNotFound:
        return False


class Standing(NamedTuple):
    """All that a benchmark says of one architecture; accuracies in percent, rank 1 is best.

    `told` is what a search sees, `test` what counts; `ties` are the best and worst rank among equal test accuracies.
    """

    told: float
    test: float
    ties: tuple[int, int]


@dataclass(frozen=True)
class Opened:
    """Both sides of a table. A search is handed `table` alone."""

    table: Table
    verdicts: Verdicts

    def figures(self, architecture: Architecture) -> tuple[float, float]:
        """What a search is told, and the test accuracy."""
        standing = self.standing(architecture)
        return standing.told, standing.test

    def standing(self, architecture: Architecture) -> Standing:
        """Look an architecture up."""
        index = self.table.index_of(architecture)
        best, worst = self.verdicts.tie_intervals
        return Standing(
            float(self.table.accuracy[index]),
            float(self.verdicts.test[index]),
            (int(best[index]), int(worst[index])),
        )


def open_benchmark(name: str) -> Opened:
    """Open a table.

    Raises:
        DataMissing: if its published file has not been fetched.
        TableError: if the file is not what it should be, or the table cannot be built.
    """
    path = table_path(name)
    return Opened(Table.open(path), Verdicts.open(path))


def open_if_at_hand(name: str, *, embedded_only: bool = False) -> Opened | None:
    """The table, if it is at hand; with `embedded_only` as if nothing had been fetched."""
    return None if embedded_only or not at_hand(name) else open_benchmark(name)


def open_file(path: Path) -> Opened:
    """Open a table of one's own: HDF5 as `python -m tables build` writes it, or a CSV of architectures and accuracies.

    Raises:
        UsageError: if there is no such file, or it cannot be read.
        TableError: if it is no complete table.
    """
    if path.suffix.lower() != ".csv":
        return Opened(Table.open(path), Verdicts.open(path))
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; name a CSV file that can be read") from error
    with tempfile.TemporaryDirectory() as folder:
        built = build(content, csv_source(content, path.stem), Path(folder))
        return Opened(Table.open(built), Verdicts.open(built))


def table_path(name: str) -> Path:
    """The built table; builds it unless it is there, of this schema, and made of the right file."""
    benchmark = find(name)
    if benchmark.file is None:
        return embedded(name)
    folder = home() / "tables"
    path = folder / file_name(name)
    try:
        built_from = Table.open(path).info.source_sha256
    except (TableNotFound, SchemaMismatch, DamagedTable):
        built_from = None
    if built_from == benchmark.file.sha256:
        return path
    return build(benchmark.content(), SOURCES[name], folder)


def build_fetched() -> int:
    """Build the tables of all fetched files; returns how many there are."""
    fetched = [name for name in PUBLISHED if at_hand(name)]
    for name in fetched:
        table_path(name)
    return len(fetched)
