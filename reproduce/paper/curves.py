"""Figures 2 and 3: courses of GENIUS' trials as data, and how they are drawn.

A figure is a report first: every point that is drawn stands in its table. Drawing needs matplotlib (extra `plots`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from reproduce import benchmarks
from reproduce.benchmarks import Opened
from reproduce.paper.trials import SETTINGS, cells, contradicts
from reproduce.published.replay import ITERATIONS
from reproduce.published.trials import published_trials
from reproduce.report import Cell, Column, Report, headed, label, recomputed
from reproduce.report.output import COLOURS, MARKERS, new_figure, save
from tables.table import expected_best

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REPETITIONS = 10_000  # of the paper's random baseline
SEED = 0
COLUMNS = (
    *headed("panel", "series"),
    Column("iteration", "T"),
    Column("accuracy", "Accuracy (%)"),
    Column("rank", "Rank"),
)
RANDOM = "random, expected best so far"
REPEATED = f"random, best of 10, {REPETITIONS:,} times"
OPTIMUM = "optimum"


def figure2(name: str) -> Report:
    """NAS-Bench-Macro at temperature 1 and 0."""
    title = "Figure 2. NAS-Bench-Macro: accuracy and rank by iteration (arXiv 2304.10970)"
    return _report(name, title, ("table7", "table8"))


def figure3(name: str) -> Report:
    """Channel-Bench-Macro, both of its spaces."""
    title = "Figure 3. Channel-Bench-Macro: accuracy and rank by iteration (arXiv 2304.10970)"
    return _report(name, title, ("table9", "table10"))


def _report(name: str, title: str, tables: Sequence[str]) -> Report:
    """Every point, a panel a table of the paper: trials as printed or looked up, the random baseline, the optimum."""
    rows: list[tuple[Cell, ...]] = []
    notes: list[str] = []
    there: list[Opened | None] = []
    for table in tables:
        panel, trials = SETTINGS[table], published_trials()[table]
        opened = benchmarks.open_if_at_hand(trials.space)
        there.append(opened)
        for number, trial in enumerate(trials.trials, start=1):
            for iteration, one in enumerate(trial):
                truth = opened.standing(one.architecture) if opened else None
                rows.append(_row(panel, f"trial {number}", iteration, *cells(one, truth)))
                if truth is not None and contradicts(one, truth):
                    notes.append(f"{panel}, trial {number}, T={iteration}: drawn as printed, see {table}")
        if opened is None:
            brings = benchmarks.find(trials.space).brings
            notes.append(f"{panel}: `{brings}` adds the random baseline and the optimum.")
        else:
            rows += _baselines(panel, opened)
    return Report(name, title, COLUMNS, tuple(rows), tuple(dict.fromkeys(notes)), (), *benchmarks.evidence(*there))


def _baselines(panel: str, opened: Opened) -> Iterator[tuple[Cell, ...]]:
    """What random search attains after each evaluation, exactly; the paper's own estimate of it; the optimum."""
    test, rank = opened.held_out.test, opened.held_out.rank
    for iteration in range(ITERATIONS):
        accuracy = recomputed(expected_best(test, test, iteration + 1), ".2f")
        expected_rank = recomputed(expected_best(test, rank.astype(np.float64), iteration + 1), ".0f")
        yield _row(panel, RANDOM, iteration, accuracy, expected_rank)
    drawn = np.random.default_rng(SEED).integers(len(test), size=(REPETITIONS, ITERATIONS))
    estimate = recomputed(float(test[drawn].max(axis=1).mean()), ".2f")
    estimated_rank = recomputed(float(rank[drawn].min(axis=1).mean()), ".0f")
    yield _row(panel, REPEATED, ITERATIONS - 1, estimate, estimated_rank)
    yield _row(panel, OPTIMUM, ITERATIONS - 1, recomputed(opened.held_out.optimum, ".2f"), recomputed(1))


def _row(panel: str, series: str, iteration: int, accuracy: Cell, rank: Cell) -> tuple[Cell, ...]:
    return (label(panel), label(series), label(iteration), accuracy, rank)


def draw(report: Report, path: Path) -> None:
    """Draw a report of `report` as PNG or SVG, by the path's suffix: accuracy above, rank below, a column a panel.

    Raises:
        UsageError: if matplotlib is not installed.
    """
    panels = list(dict.fromkeys(row[0].text for row in report.rows))
    figure = new_figure(height=3.9)
    axes = figure.subplots(2, len(panels), sharex=True, squeeze=False)
    for column, panel in enumerate(panels):
        series: dict[str, list[list[float]]] = {}  # T, accuracy, rank
        for row in report.rows:
            if row[0].text == panel:
                series.setdefault(row[1].text, []).append([float(cell.value or 0) for cell in row[2:]])
        for axis, which in ((axes[0, column], 1), (axes[1, column], 2)):
            _draw_panel(axis, series, which)
        axes[0, column].set_title(panel.replace(", ", "\n"))
        axes[1, column].set_xlabel("iteration T")
    lowest = max(float(row[4].value or 0) for row in report.rows)
    for axis in axes[1]:
        axis.set_yscale("log")
        axis.set_ylim(1.4 * lowest, 0.7)
    axes[0, 0].set_ylabel("accuracy (%)")
    axes[1, 0].set_ylabel("rank (1 = best)")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False, columnspacing=1)
    save(figure, path)


def _draw_panel(axis: Axes, series: dict[str, list[list[float]]], which: int) -> None:
    trials = [name for name in series if name.startswith("trial")]
    for name, colour, marker in zip(trials, COLOURS, MARKERS, strict=True):
        points = np.array(series[name])
        axis.plot(points[:, 0], points[:, which], color=colour, marker=marker, markersize=3, linewidth=1, label=name)
    if RANDOM in series:
        points = np.array(series[RANDOM])
        axis.plot(points[:, 0], points[:, which], color="black", linestyle="--", linewidth=1, label=RANDOM)
        last, *estimate = series[REPEATED][0]
        axis.plot(last, estimate[which - 1], color="black", marker="x", markersize=4, linestyle="", label=REPEATED)
        axis.axhline(series[OPTIMUM][0][which], color="grey", linestyle=":", linewidth=1, label=OPTIMUM)
    axis.set_xticks(range(0, ITERATIONS, 3))
