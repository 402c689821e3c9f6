"""Does temperature 1 or 0 find better architectures? (research question 3; the paper has no such figure)

Best rank so far on NAS-Bench-Macro, three trials at each temperature (tables 7 and 8), with their geometric mean, and
their range, which is all the interval that three trials give: it covers the median of all trials with 75 %.
"""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reproduce.comparison.statistics import median_interval
from reproduce.published.replay import ITERATIONS
from reproduce.published.trials import published_trials
from reproduce.report import Column, Report, label, quoted, recomputed
from reproduce.report.output import COLOURS, MARKERS, new_figure, save

TABLES = {1: "table7", 0: "table8"}
COLUMNS = (
    Column("temperature", "Temperature"),
    Column("iteration", "T"),
    *(Column(f"trial{number}_rank", f"Trial {number}, best rank") for number in (1, 2, 3)),
    Column("mean_rank", "Geometric mean"),
    Column("low", "Median, 75 % from"),
    Column("high", "to"),
)


def report(name: str) -> Report:
    """Best rank so far of each trial, as printed, their geometric mean, and an interval of the median."""
    rows = []
    for temperature in TABLES:
        for iteration, ranks in enumerate(best_ranks(temperature).T):
            found = (recomputed(value, ".0f") for value in summary(ranks))
            rows.append((label(temperature), label(iteration), *(quoted(int(rank)) for rank in ranks), *found))
    title = "Temperature 1 against 0 on NAS-Bench-Macro: best rank so far (not in the paper)"
    return Report(name, title, COLUMNS, tuple(rows), (sentence(),), versions={"numpy": np.__version__})


def best_ranks(temperature: int) -> NDArray[np.int64]:
    """(trials, iterations) the best printed rank so far; a trial that ended early keeps its last."""
    courses = []
    for trial in published_trials()[TABLES[temperature]].trials:
        ranks = [one.rank for one in trial]
        courses.append(np.minimum.accumulate(ranks + ranks[-1:] * (ITERATIONS - len(ranks))))
    return np.array(courses)


def summary(ranks: NDArray[np.int64]) -> tuple[float, float, float]:
    """Geometric mean of the ranks, and the interval of their median."""
    low, high, _ = median_interval(ranks.astype(np.float64))
    return float(np.exp(np.mean(np.log(ranks)))), low, high


def permutation_p() -> tuple[float, float]:
    """Exact two-sided p of a permutation test on the mean log rank of the last iteration, and the least it can be."""
    ranks = np.log(np.concatenate([best_ranks(temperature)[:, -1] for temperature in TABLES]))
    size = len(ranks) // 2
    groups = [np.array(chosen) for chosen in combinations(range(len(ranks)), size)]
    gaps = np.array([abs(2 * ranks[chosen].sum() - ranks.sum()) for chosen in groups])
    observed = gaps[0]  # the first combination is the first temperature itself
    return float(np.mean(gaps >= observed - 1e-9)), 2 / len(groups)


def sentence() -> str:
    """What three trials can and cannot show."""
    p, least = permutation_p()
    last = {t: ", ".join(str(rank) for rank in best_ranks(t)[:, -1]) for t in TABLES}
    return (
        f"Best ranks found: {last[1]} at temperature 1; {last[0]} at temperature 0. An exact permutation test of three "
        f"against three trials gives p = {p:.2f}, and could not give less than {least:.2f} whatever the ranks: trials "
        "this few can show that both temperatures find good architectures, and cannot show that one finds better ones."
    )


def draw(report: Report, path: Path) -> None:  # noqa: ARG001
    """Draw each trial's best rank so far, their geometric mean and range, as PNG or SVG."""
    figure = new_figure(height=2.5)
    axis = figure.subplots()
    for temperature, colour, marker in zip(TABLES, COLOURS, MARKERS, strict=False):
        courses = best_ranks(temperature)
        steps = np.arange(ITERATIONS)
        means, lows, highs = np.array([summary(ranks) for ranks in courses.T]).T
        axis.fill_between(steps, lows, highs, color=colour, alpha=0.15, linewidth=0)
        axis.plot(steps, courses.T, color=colour, linewidth=0.5, marker=marker, markersize=2, alpha=0.6)
        axis.plot(
            steps, means, color=colour, linewidth=1.6, marker=marker, markersize=4, label=f"temperature {temperature}"
        )
    axis.set_yscale("log")
    axis.invert_yaxis()
    axis.set_xticks(range(ITERATIONS))
    axis.set_xlabel("iteration T")
    axis.set_ylabel("best rank so far (1 = best)")
    axis.legend(frameon=False)
    axis.set_title(
        "NAS-Bench-Macro; thick: geometric mean of three trials\nband: their range, 75 % for the median of all"
    )
    save(figure, path)
