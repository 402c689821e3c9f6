"""What tables 1 and 11 to 13 share: GENIUS' trials on NAS-Bench-201, as far as the printed figures name architectures.

The paper prints validation accuracies by iteration, which many cells share, and for each trial the test accuracy and
the test rank of its best architecture. The benchmark's ranks have no ties, so that this rank names one cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.spaces.nas_bench_201 import SPACE
from reproduce import benchmarks
from reproduce.benchmarks import Opened
from reproduce.paper import printed
from reproduce.published.replay import ITERATIONS
from reproduce.report.report import BLANK, MISSING, Cell, Column, Report, label, quoted, recomputed
from tables.space import Architecture

DATASETS = {"cifar10": "table11", "cifar100": "table12", "imagenet16-120": "table13"}
"""Each data set with the table that prints GENIUS' trials on it."""


@dataclass(frozen=True)
class Best:
    """The best architecture of a trial: as printed, and what the rank names if the table is at hand."""

    validation: float
    test: float
    rank: int
    architecture: Architecture | None = None
    looked_up: tuple[float, float] | None = None  # validation and test


def open_dataset(dataset: str, *, embedded_only: bool) -> Opened | None:
    """The table of a data set, if its file has been fetched."""
    name = f"nas-bench-201-{dataset}"
    return benchmarks.open_benchmark(name) if not embedded_only and benchmarks.at_hand(name) else None


def best_of_trials(dataset: str, opened: Opened | None) -> list[Best]:
    """The best architecture of each of the five trials."""
    paper = printed()[DATASETS[dataset]]
    bests = []
    for course, test, rank in zip(paper["validation"], paper["test"], paper["test_rank"], strict=True):
        best = Best(max(course), test, rank)
        if opened is not None:
            published = opened.verdicts.published_rank
            assert published is not None  # NAS-Bench-201 publishes ranks
            index = int(np.flatnonzero(published == rank)[0])
            looked_up = float(opened.table.accuracy[index]), float(opened.verdicts.test[index])
            best = Best(max(course), test, rank, opened.table.architecture_at(index), looked_up)
        bests.append(best)
    return bests


def candidates(opened: Opened, validation: float) -> int:
    """How many architectures have a validation accuracy that is printed like this."""
    digits = max(2, len(f"{validation}".partition(".")[2]))
    return int(np.count_nonzero(np.round(opened.table.accuracy, digits) == validation))


def report(name: str, title: str, dataset: str, *, embedded_only: bool = False) -> Report:
    """Validation accuracy by iteration, and the best architecture of each trial."""
    courses: Sequence[Sequence[float]] = printed()[name]["validation"]
    opened = open_dataset(dataset, embedded_only=embedded_only)
    bests = best_of_trials(dataset, opened)
    columns = [Column("iteration", "T")]
    for number in range(1, len(courses) + 1):
        columns += [
            Column(f"trial{number}", f"Trial {number} (%)"),
            Column(f"trial{number}_candidates", "Cells"),
        ]
    rows: list[tuple[Cell, ...]] = []
    for iteration in range(ITERATIONS):
        row = [label(iteration)]
        for course in courses:
            count = MISSING if opened is None else recomputed(candidates(opened, course[iteration]))
            row += [quoted(course[iteration], "g"), count]
        rows.append(tuple(row))
    rows.append(_row("best validation", [_either(b.validation, b.looked_up and b.looked_up[0]) for b in bests]))
    rows.append(_row("its test accuracy", [_either(b.test, b.looked_up and b.looked_up[1]) for b in bests]))
    rows.append(_row("its test rank", [quoted(best.rank) for best in bests]))
    if opened is None:
        brings = benchmarks.find(f"nas-bench-201-{dataset}").brings
        note = f"Nothing was looked up: `{brings}` brings the table."
        return Report(name, title, tuple(columns), tuple(rows), (note,))
    notes = ["“Cells” counts the architectures whose validation accuracy is printed like this."]
    notes += [_note(number, best) for number, best in enumerate(bests, start=1)]
    digests = {opened.table.name: opened.table.digest}
    return Report(name, title, tuple(columns), tuple(rows), tuple(notes), tables=digests)


def _row(name: str, cells: Sequence[Cell]) -> tuple[Cell, ...]:
    return (label(name), *(cell for one in cells for cell in (one, BLANK)))


def _either(paper: float, looked_up: float | None) -> Cell:
    """The table's figure where it is printed like the paper's, otherwise the paper's."""
    if looked_up is None or f"{looked_up:.2f}" != f"{paper:.2f}":
        return quoted(paper, ".2f")
    return recomputed(looked_up, ".2f")


def _note(number: int, best: Best) -> str:
    assert best.architecture is not None
    assert best.looked_up is not None
    note = f"Trial {number}: test rank {best.rank} is {SPACE.to_native(best.architecture)}"
    for what, paper, truth in zip(("validation", "test"), (best.validation, best.test), best.looked_up, strict=True):
        if f"{truth:.2f}" != f"{paper:.2f}":
            note += f"; the paper prints {what} {paper:.2f}, the table has {truth:.2f}"
    return note
