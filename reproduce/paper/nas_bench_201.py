"""Tables 1 and 11 to 13: GENIUS' trials on NAS-Bench-201, as far as the printed figures name architectures.

The paper prints validation accuracies by iteration, which many cells share, and for each trial the test accuracy and
the test rank of its best architecture. The benchmark's ranks have no ties, so that this rank names one cell. The
GENIUS row of table 1 follows from these cells; other rows are looked up where their figures belong to one cell alone.
Standard deviations divide by the number of trials.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.spaces.nas_bench_201 import SPACE
from reproduce import benchmarks
from reproduce.benchmarks import Opened
from reproduce.paper import printed
from reproduce.published.replay import ITERATIONS
from reproduce.published.trials import CELLS, Proposed, best_cells
from reproduce.report import BLANK, MISSING, Cell, Column, Report, Status, label, quoted, recomputed
from tables.space import Architecture

TITLES = {
    "nas-bench-201-cifar10": "CIFAR-10",
    "nas-bench-201-cifar100": "CIFAR-100",
    "nas-bench-201-imagenet16-120": "ImageNet16-120",
}
GENIUS = "GENIUS"
SPLITS = ("validation", "test")


class Best(NamedTuple):
    """The best cell of a trial: validation and test accuracy as printed, and as looked up if the table is at hand."""

    cell: Proposed
    printed: tuple[float, float]
    looked_up: tuple[float, float] | None


def best_of_trials(benchmark: str, opened: Opened | None) -> list[Best]:
    """The best cell of each of the five trials: the one at the printed rank, as it is embedded."""
    courses = printed()[CELLS[benchmark]]["validation"]
    return [
        Best(cell, (max(course), cell.accuracy), opened.figures(cell.architecture) if opened else None)
        for cell, course in zip(best_cells(benchmark), courses, strict=True)
    ]


# -- tables 11 to 13 ---


def trials(name: str) -> Report:
    """Validation accuracy by iteration, how many cells each could be, and the best of each trial looked up."""
    benchmark = next(benchmark for benchmark, table in CELLS.items() if table == name)
    title = f"Table {name[5:]}. NAS-Bench-201, {TITLES[benchmark]}: validation accuracy by iteration (arXiv 2304.10970)"
    courses: Sequence[Sequence[float]] = printed()[name]["validation"]
    opened = benchmarks.open_if_at_hand(benchmark)
    bests = best_of_trials(benchmark, opened)
    columns = [Column("iteration", "T")]
    for number in range(1, len(courses) + 1):
        columns += [Column(f"trial{number}", f"Trial {number} (%)"), Column(f"trial{number}_candidates", "Cells")]
    rows: list[tuple[Cell, ...]] = []
    for iteration in range(ITERATIONS):
        row = [label(iteration)]
        for course in courses:
            count = MISSING if opened is None else recomputed(candidates(opened, course[iteration]))
            row += [quoted(course[iteration], "g"), count]
        rows.append(tuple(row))
    for n, what in enumerate(("best validation", "its test accuracy")):
        rows.append(_row(what, [_either(best.printed[n], best.looked_up and best.looked_up[n]) for best in bests]))
    rows.append(_row("its test rank", [quoted(best.cell.rank) for best in bests]))
    if opened is None:
        note = f"Nothing was looked up: `{benchmarks.find(benchmark).brings}` brings the table."
        return Report(name, title, tuple(columns), tuple(rows), (note,))
    notes = ["“Cells” counts the architectures whose validation accuracy is printed like this."]
    for number, best in enumerate(bests, start=1):
        note = f"Trial {number}: test rank {best.cell.rank} is {SPACE.to_native(best.cell.architecture)}"
        for split, paper, truth in zip(SPLITS, best.printed, best.looked_up or (), strict=True):
            if f"{truth:.2f}" != f"{paper:.2f}":
                note += f"; the paper prints {split} {paper:.2f}, the table has {truth:.2f}"
        notes.append(note)
    return Report(name, title, tuple(columns), tuple(rows), tuple(notes), (), *benchmarks.evidence(opened))


def candidates(opened: Opened, validation: float) -> int:
    """How many architectures have a validation accuracy that is printed like this."""
    digits = max(2, len(f"{validation}".partition(".")[2]))
    return int(np.count_nonzero(np.round(opened.table.accuracy, digits) == validation))


def _row(name: str, cells: Sequence[Cell]) -> tuple[Cell, ...]:
    return (label(name), *(cell for one in cells for cell in (one, BLANK)))


def _either(paper: float, looked_up: float | None) -> Cell:
    """The table's figure where it is printed like the paper's, otherwise the paper's."""
    if looked_up is None or f"{looked_up:.2f}" != f"{paper:.2f}":
        return quoted(paper, ".2f")
    return recomputed(looked_up, ".2f")


# -- table 1 ---


def table1(name: str) -> Report:
    """Mean and standard deviation of every method on three data sets, and what the tables say of it."""
    opened = {benchmark: benchmarks.open_if_at_hand(benchmark) for benchmark in CELLS}
    at_hand = [table for table in opened.values() if table is not None]
    columns = [Column("method", "Method")]
    for benchmark, dataset in TITLES.items():
        key = benchmark.removeprefix("nas-bench-201-").replace("-", "_")
        columns += [Column(f"{key}_{split}", f"{dataset} {split} (%)", "higher") for split in SPLITS]
    rows, notes = [], []
    for method, figures in printed()[name]["rows"].items():
        found: Sequence[tuple[float, float]] | None = None
        if method == GENIUS:
            found = [*_genius(opened)]
        elif len(at_hand) == len(CELLS) and (cell := _only_cell(figures, at_hand)) is not None:
            found = [(accuracy, 0.0) for one in at_hand for accuracy in one.figures(cell)]
            notes.append(f"{method} is one cell: {SPACE.to_native(cell)}")
        if found is not None:
            odd = [n for n, figure in enumerate(figures) if _text(*figure) != _text(*found[n])]
            notes += [
                f"{method}, {columns[1 + n].title}: the paper prints {_text(*figures[n])}, computed {_text(*found[n])}"
                for n in odd
            ]
            if method == GENIUS:
                notes += [note for n in odd for note in _misread(columns[1 + n].title, n, figures[n])]
            elif len(odd) > 1 and len(fit := np.flatnonzero(_fits(figures, at_hand)[odd].all(axis=0))) == 1:
                other = at_hand[0].table.architecture_at(int(fit[0]))
                tests = ", ".join(f"{one.figures(other)[1]:.2f}" for one in at_hand)
                which = ", ".join(f"{columns[1 + n].title.removesuffix(' (%)')} {figures[n][0]:.2f}" for n in odd)
                notes.append(
                    f"{method} mixes two cells: {which} are those of {SPACE.to_native(other)} alone, whose test "
                    f"accuracies are {tests}"
                )
        status = Status.QUOTED if found is None else Status.RECOMPUTED
        cells = (Cell(mean, _text(mean, std), status, std) for mean, std in found or figures)
        rows.append((quoted(method), *cells))
    if len(at_hand) < len(CELLS):
        notes.append(
            f"{GENIUS} is computed from the printed figures of tables 11 to 13; `python -m reproduce fetch` brings the "
            "tables in which its trials and the other methods are looked up."
        )
    title = "Table 1. NAS-Bench-201, mean ± standard deviation (arXiv 2304.10970)"
    digests = {table.table.name: table.table.digest for table in at_hand}
    return Report(name, title, tuple(columns), tuple(rows), tuple(notes), tables=digests, versions=benchmarks.VERSIONS)


def _genius(opened: Mapping[str, Opened | None]) -> Iterator[tuple[float, float]]:
    """Mean and standard deviation of validation and of test accuracy over the trials, data set by data set."""
    for benchmark, table in opened.items():
        bests = best_of_trials(benchmark, table)
        accuracies = np.array([best.looked_up or best.printed for best in bests])  # (trials, 2)
        yield from zip(accuracies.mean(axis=0).tolist(), accuracies.std(axis=0).tolist(), strict=True)


def _only_cell(figures: Sequence[tuple[float, float]], opened: Sequence[Opened]) -> Architecture | None:
    """The cell that a method always found: the only one to have the most of its figures, and more than half of them."""
    if any(std != 0 for _, std in figures):
        return None
    fits = _fits(figures, opened).sum(axis=0)
    best = np.flatnonzero(fits == fits.max())
    if len(best) > 1 or 2 * fits.max() <= len(figures):
        return None
    return opened[0].table.architecture_at(int(best[0]))


def _fits(figures: Sequence[tuple[float, float]], opened: Sequence[Opened]) -> NDArray[np.bool_]:
    """(figures, n) which of the printed means each cell has."""
    sides = [side for one in opened for side in (one.table.accuracy, one.held_out.test)]
    return np.array([np.round(side, 2) == mean for side, (mean, _) in zip(sides, figures, strict=True)])


def _misread(what: str, number: int, printed: tuple[float, float]) -> Iterator[str]:
    """From which slips of two digits of one trial's figure a printed mean and deviation of GENIUS follow.

    Args:
        what: the figure is called.
        number: of the figure in its row.
        printed: mean and standard deviation.
    """
    table, split = divmod(number, len(SPLITS))
    told = [best.printed[split] for best in best_of_trials(tuple(CELLS)[table], None)]
    for trial, figure in enumerate(told):
        digits = f"{figure:.2f}"
        for at in range(len(digits) - 1):
            slip = float(digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :])
            read = [*told[:trial], slip, *told[trial + 1 :]]
            if slip != figure and _text(float(np.mean(read)), float(np.std(read))) == _text(*printed):
                yield f"{_text(*printed)} in {what} follows if trial {trial + 1}'s {figure:.2f} is read as {slip:.2f}"


def _text(mean: float, std: float) -> str:
    return f"{mean:.2f}±{std:.2f}"
