"""Opening a table and looking up one architecture, against `json.load` of the file it was built from.

    python -m benchmarks.tables FOLDER        # a folder with GENIUS' published files

Prints medians of one run on one machine; the goal is a table at least 20 times faster to open than its source.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reproduce.benchmarks import BENCHMARKS, PUBLISHED, build_table
from tables.table import HeldOut, Table

LOOK_UPS = 1_000_000


def median_ms(action: Callable[[], object], repeats: int) -> float:
    """Median duration of `action` in milliseconds, after one call that warms the file cache."""
    action()
    durations = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        durations.append(time.perf_counter() - start)
    return 1e3 * statistics.median(durations)


def parse(path: Path) -> object:
    """The published file as a dictionary."""
    with path.open() as file:
        return json.load(file)


def look_up(path: Path) -> float:
    """Open the table and ask for one architecture, the way a script that asks once does."""
    table = Table.open(path)
    return float(table.accuracy[table.index_of((1,) * len(table.cardinalities))])


def look_up_all(table: Table, architectures: NDArray[np.int64]) -> NDArray[np.float64]:
    """Accuracies of (k, slots) architectures in an open table."""
    return np.asarray(table.accuracy[table.indices_of(architectures)])


def rank_all(path: Path) -> NDArray[np.int64]:
    """Open the test side and rank every architecture."""
    return HeldOut.open(path).rank


def peak_kib(action: Callable[[], object]) -> float:
    """Most memory that `action` held at once, in KiB."""
    tracemalloc.start()
    action()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 1024


def main() -> None:
    """Build every table into a temporary folder and measure it beside its source."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="a folder with GENIUS' published files")
    folder: Path = parser.parse_args().folder
    rng = np.random.default_rng(0)
    print(
        f"{'table':30} {'json.load':>10} {'open + 1':>10} {'times':>6} {'rank all':>9} {'look-ups/s':>11} {'query':>8}"
    )
    with tempfile.TemporaryDirectory() as built:
        for name in PUBLISHED:
            published = folder / str(BENCHMARKS[name].path)
            path = build_table(name, published.read_bytes(), Path(built))
            parsing = median_ms(partial(parse, published), repeats=7)
            opening = median_ms(partial(look_up, path), repeats=50)
            ranking = median_ms(partial(rank_all, path), repeats=50)
            table = Table.open(path)
            architectures = table.architectures_at(rng.integers(len(table), size=LOOK_UPS))
            many = median_ms(partial(look_up_all, table, architectures), repeats=5)
            query = peak_kib(partial(look_up_all, table, architectures[0]))
            print(
                f"{name:30} {parsing:7.1f} ms {opening:7.2f} ms {parsing / opening:6.0f} {ranking:6.2f} ms "
                f"{LOOK_UPS / many / 1e3:9.1f} M {query:4.1f} KiB"
            )


if __name__ == "__main__":
    main()
