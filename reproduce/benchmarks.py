"""The benchmark tables of the paper: which space and published file each belongs to, and opening them.

A table is built from its published file when it is fetched, or when it is first asked for, into the user's cache
directory; it can be deleted at any time.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from harness.space import Architecture
from reproduce.data import Published, home, manifest, path_of, read_published
from reproduce.errors import DataMissing, UsageError
from tables.build import SOURCES, build
from tables.errors import SchemaMismatch, TableNotFound
from tables.schema import file_name
from tables.table import Table
from tables.verdicts import Verdicts


@dataclass(frozen=True)
class Benchmark:
    """A table of accuracies: its name, its space, and the published file behind it."""

    name: str
    space: str
    path: str

    @property
    def file(self) -> Published:
        """The manifest entry of the published file."""
        return next(entry for entry in manifest() if entry.path == self.path)


BENCHMARKS = {
    benchmark.name: benchmark
    for benchmark in (
        Benchmark("nas-bench-macro", "nas-bench-macro", "benchmark/nas-bench-macro_cifar10.json"),
        Benchmark("channel-bench-resnet", "channel-bench-resnet", "benchmark/Results_ResNet.json"),
        Benchmark("channel-bench-mobilenet", "channel-bench-mobilenet", "benchmark/Results_MobileNet.json"),
        Benchmark("nas-bench-201-cifar10", "nas-bench-201", "benchmark/nasbench201_cifar10.json"),
        Benchmark("nas-bench-201-cifar100", "nas-bench-201", "benchmark/nasbench201_cifar100.json"),
        Benchmark("nas-bench-201-imagenet16-120", "nas-bench-201", "benchmark/nasbench201_imagenet.json"),
    )
}


def find(name: str) -> Benchmark:
    """The benchmark of this name.

    Raises:
        UsageError: if there is none.
    """
    if name not in BENCHMARKS:
        raise UsageError(f"no table is called {name!r}; there are {', '.join(BENCHMARKS)}")
    return BENCHMARKS[name]


def at_hand(name: str) -> bool:
    """Whether the published file of a table has been fetched."""
    return path_of(find(name).file).exists()


class Standing(NamedTuple):
    """All that a benchmark says of one architecture; accuracies in percent, rank 1 is best.

    `told` is what a search sees, `test` what counts; `ties` are the best and worst rank among equal test accuracies;
    `file_rank` breaks ties as the paper does in tables 7 to 10, `published_rank` as the benchmark itself, if it does.
    """

    told: float
    test: float
    ties: tuple[int, int]
    file_rank: int
    published_rank: int | None


@dataclass(frozen=True)
class Opened:
    """Both sides of a table. A search is handed `table` alone."""

    table: Table
    verdicts: Verdicts

    def standing(self, architecture: Architecture) -> Standing:
        """Look an architecture up."""
        index = self.table.index_of(architecture)
        best, worst = self.verdicts.tie_intervals
        published = self.verdicts.published_rank
        return Standing(
            float(self.table.accuracy[index]),
            float(self.verdicts.test[index]),
            (int(best[index]), int(worst[index])),
            int(self.verdicts.file_rank[index]),
            None if published is None else int(published[index]),
        )


def open_benchmark(name: str) -> Opened:
    """Open a table.

    Raises:
        DataMissing: if its published file has not been fetched.
        TableError: if the file is not what it should be, or the table cannot be built.
    """
    path = table_path(name)
    return Opened(Table.open(path), Verdicts.open(path))


def table_path(name: str) -> Path:
    """The built table; builds it unless it is there, of this schema, and made of the published file."""
    benchmark = find(name)
    folder = home() / "tables"
    path = folder / file_name(name)
    try:
        if Table.open(path).info.source_sha256 == benchmark.file.sha256:
            return path
    except (TableNotFound, SchemaMismatch):
        pass
    content = read_published(benchmark.file)
    if content is None:
        raise DataMissing(benchmark.file.name, purpose=f"the table {name}")
    return build(content, SOURCES[name], folder)


def build_fetched() -> int:
    """Build the tables of all fetched files; returns how many there are."""
    fetched = [name for name in BENCHMARKS if at_hand(name)]
    for name in fetched:
        table_path(name)
    return len(fetched)
