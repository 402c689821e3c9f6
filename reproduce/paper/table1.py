"""Table 1: NAS-Bench-201, mean and standard deviation of validation and test accuracy on three data sets.

The GENIUS row follows from the best architecture of each trial (tables 11 to 13); other rows are looked up where their
figures belong to one cell alone. Standard deviations divide by the number of trials.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.spaces.nas_bench_201 import SPACE
from reproduce.benchmarks import Opened
from reproduce.paper import printed
from reproduce.paper.nas_bench_201 import DATASETS, best_of_trials, open_dataset
from reproduce.report.report import Cell, Column, Report, Status, quoted
from tables.space import Architecture

GENIUS = "GENIUS"
SPLITS = ("validation", "test")
TITLES = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "imagenet16-120": "ImageNet16-120"}


def report(*, embedded_only: bool = False) -> Report:
    """Every method, and what the tables say of it."""
    opened = {dataset: open_dataset(dataset, embedded_only=embedded_only) for dataset in DATASETS}
    at_hand = [table for table in opened.values() if table is not None]
    columns = [Column("method", "Method")]
    for dataset in DATASETS:
        key = dataset.replace("-", "_")
        columns += [Column(f"{key}_{split}", f"{TITLES[dataset]} {split} (%)") for split in SPLITS]
    rows, notes = [], []
    for method, figures in printed()["table1"]["rows"].items():
        found: Sequence[tuple[float, float]] | None = None
        if method == GENIUS:
            found = _genius(opened)
        elif len(at_hand) == len(DATASETS) and (cell := _only_cell(figures, at_hand)) is not None:
            found = _figures(cell, at_hand)
            notes.append(f"{method} is one cell: {SPACE.to_native(cell)}")
        if found is not None:
            notes += _differences(method, figures, found, columns)
        rows.append((quoted(method), *_cells(figures, found)))
    if len(at_hand) < len(DATASETS):
        notes.append(
            f"{GENIUS} is computed from the printed figures of tables 11 to 13; `python -m reproduce fetch` brings the "
            "tables in which its trials and the other methods are looked up."
        )
    title = "Table 1. NAS-Bench-201, mean ± standard deviation (arXiv 2304.10970)"
    digests = {table.table.name: table.table.digest for table in at_hand}
    return Report("table1", title, tuple(columns), tuple(rows), tuple(notes), tables=digests)


def _genius(opened: dict[str, Opened | None]) -> list[tuple[float, float]]:
    """Mean and standard deviation of validation and of test accuracy over the trials, data set by data set."""
    found = []
    for dataset, table in opened.items():
        bests = best_of_trials(dataset, table)
        accuracies = np.array([best.looked_up or (best.validation, best.test) for best in bests])  # (trials, 2)
        found += list(zip(accuracies.mean(axis=0).tolist(), accuracies.std(axis=0).tolist(), strict=True))
    return found


def _only_cell(figures: Sequence[tuple[float, float]], opened: Sequence[Opened]) -> Architecture | None:
    """The cell that a method always found: the only one to have the most of its figures, and more than half of them."""
    if any(std != 0 for _, std in figures):
        return None
    sides = [side for one in opened for side in (one.table.accuracy, one.verdicts.test)]
    fits = np.sum([np.round(side, 2) == mean for side, (mean, _) in zip(sides, figures, strict=True)], axis=0)  # (n,)
    best = np.flatnonzero(fits == fits.max())
    if len(best) > 1 or 2 * fits.max() <= len(figures):
        return None
    return opened[0].table.architecture_at(int(best[0]))


def _figures(cell: Architecture, opened: Sequence[Opened]) -> list[tuple[float, float]]:
    standings = [one.standing(cell) for one in opened]
    return [(accuracy, 0.0) for standing in standings for accuracy in (standing.told, standing.test)]


def _cells(figures: Sequence[tuple[float, float]], found: Sequence[tuple[float, float]] | None) -> list[Cell]:
    if found is None:
        return [Cell(mean, _text(mean, std), Status.QUOTED, std) for mean, std in figures]
    return [Cell(mean, _text(mean, std), Status.RECOMPUTED, std) for mean, std in found]


def _differences(
    method: str,
    figures: Sequence[tuple[float, float]],
    found: Sequence[tuple[float, float]],
    columns: Sequence[Column],
) -> list[str]:
    """Where the paper prints something else than what was computed."""
    return [
        f"{method}, {column.title}: the paper prints {_text(*paper)}, computed {_text(*truth)}"
        for paper, truth, column in zip(figures, found, columns[1:], strict=True)
        if _text(*paper) != _text(*truth)
    ]


def _text(mean: float, std: float) -> str:
    return f"{mean:.2f}±{std:.2f}"
