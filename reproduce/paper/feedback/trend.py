"""Did accuracy rise over the iterations? Kendall's tau-b of each run, against permutations of the run's own order.

The null is that the accuracies within a run are exchangeable. Novelty, cost windows and the maxims of GENIUS' own
prompt break that as well as learning does, so that a rejection shows a trend and nothing about its cause.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import combinations
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reproduce.comparison.statistics import LEVEL, holm
from reproduce.errors import UsageError
from reproduce.paper.feedback.courses import TITLES, Course, published
from reproduce.report import Cell, Column, Report, label, recomputed
from reproduce.report.output import COLOURS, new_figure, save

PERMUTATIONS = 10_000
TEST = f"two-sided permutation test of the mean tau-b, {PERMUTATIONS:,} orders of each run"
ALPHA = 1 - LEVEL
POOLED = "all runs"
LISTED = 10  # runs of which it is listed when their best came
COLUMNS = (
    Column("runs", "Runs of"),
    Column("count", "n"),
    Column("tau", "Mean tau-b"),
    Column("p", "p"),
    Column("tau_later", "Without the first"),
    Column("p_later", "p"),
    Column("best_at", "Best came at T"),
)


class Trend(NamedTuple):
    """Mean tau-b over clusters of runs, the p of `TEST`, and the central share `LEVEL` of the null."""

    tau: float
    p: float
    null: tuple[float, float]


def trend(courses: Sequence[tuple[str, Sequence[float]]]) -> Trend:
    """The trend of runs: the cluster of each, and its accuracies in order.

    Runs of one cluster count as one, and are put into one random order together.

    >>> found = trend([("a", [1.0, 2.0, 3.0]), ("b", [3.0, 2.0, 1.0])])
    >>> found.tau, found.p
    (0.0, 1.0)
    """
    clusters: dict[str, list[tuple[float, ...]]] = {}
    for cluster, values in courses:
        clusters.setdefault(cluster, []).append(tuple(values))
    found = [_shuffled(cluster, tuple(runs)) for cluster, runs in clusters.items()]
    observed, null = (sum(each) / len(found) for each in zip(*found, strict=True))
    p = (1 + np.count_nonzero(np.abs(null) >= abs(observed) - 1e-9)) / (1 + PERMUTATIONS)
    low, high = np.quantile(null, (ALPHA / 2, 1 - ALPHA / 2))
    return Trend(observed, float(p), (float(low), float(high)))


@cache  # a table's runs are among all runs
def _shuffled(cluster: str, runs: tuple[tuple[float, ...], ...]) -> tuple[float, NDArray[np.float64]]:
    """Mean tau-b of the runs of a cluster, and in `PERMUTATIONS` random orders, the same for all of them."""
    rng = np.random.default_rng([*cluster.encode()])
    keys = rng.random((PERMUTATIONS, max(map(len, runs))), dtype=np.float32)
    rows = [np.unique(run, return_inverse=True)[1].astype(np.int8) for run in runs]
    observed = float(np.mean([tau_b(row[None])[0] for row in rows]))
    return observed, np.mean([tau_b(row[np.argsort(keys[:, : len(row)], axis=1)]) for row in rows], axis=0)


def tau_b(values: NDArray[np.float64] | NDArray[np.int8]) -> NDArray[np.float64]:
    """Kendall's tau-b between position and value of each row; 0 where all values are equal (Kendall 1945).

    >>> tau_b(np.array([[1.0, 2.0, 2.0], [3.0, 2.0, 1.0]])).round(3).tolist()
    [0.816, -1.0]
    """
    pairs = [*combinations(range(values.shape[1]), 2)]
    rising, untied = np.zeros((2, len(values)), dtype=np.int64)
    for earlier, later in pairs:
        signs = np.sign(values[:, later] - values[:, earlier])
        rising += signs.astype(np.int64)
        untied += signs != 0
    return rising / np.sqrt(np.maximum(1, len(pairs) * untied))


def report(name: str) -> Report:
    """Tables 2 to 13: the trend of each and of all."""
    title = "What GPT-4 did with accuracies: trend over the iterations"
    why = "each design has to be new, and costs and maxims stand in the prompts"
    return of_courses(name, title, published(), TITLES, why)


def of_courses(
    name: str,
    title: str,
    courses: Iterable[Course],
    titles: Mapping[str, str] = MappingProxyType({}),
    why: str = "whatever else changes over a run moves its accuracies, too",
) -> Report:
    """The trend of every group of runs, and of all together.

    Args:
        name: of the report.
        title: of the report.
        courses: the runs.
        titles: what the groups are called in print, where they are not called by their names.
        why: a trend is no sign of learning.

    Raises:
        UsageError: no run is long enough to have an order without its first proposal.
    """
    runs = [course for course in courses if len(course.accuracies) > 2]
    if not runs:
        raise UsageError("expected a run with at least three evaluated proposals, got none: shorter ones have no trend")
    groups = {group: [run for run in runs if run.group == group] for group in dict.fromkeys(run.group for run in runs)}
    if len(groups) > 1:
        groups[POOLED] = runs
    found = {group: (_of(members, 0), _of(members, 1)) for group, members in groups.items()}
    pooled = [*found][-1]
    primary = found[pooled][1]
    family = [(group, n) for group in found for n in (0, 1) if (group, n) != (pooled, 1)]
    corrected = dict(zip(family, holm([found[group][n].p for group, n in family]), strict=True))
    corrected[pooled, 1] = primary.p
    rows = tuple(_row(group, titles, groups[group], found[group], corrected) for group in groups)
    shown = [group for group, n in family if corrected[group, n] <= ALPHA]
    notes = (
        _primary(pooled, groups[pooled], primary),
        f"All other p are of the same test, corrected for being {len(family)} (Holm 1979); "
        + (f"at most {ALPHA:.2f}: {', '.join(dict.fromkeys(shown))}." if shown else f"none is at most {ALPHA:.2f}."),
        f"A trend is no sign of learning: {why}.",
    )
    return Report(name, title, COLUMNS, rows, notes, versions={"numpy": np.__version__})


def _of(runs: Sequence[Course], start: int) -> Trend:
    return trend([(run.cluster, run.accuracies[start:]) for run in runs])


def _row(
    group: str,
    titles: Mapping[str, str],
    runs: Sequence[Course],
    found: tuple[Trend, Trend],
    corrected: Mapping[tuple[str, int], float],
) -> tuple[Cell, ...]:
    best = [int(np.argmax(run.accuracies)) for run in runs]
    came = ", ".join(map(str, best)) if len(best) <= LISTED else f"median {np.median(best):g}"
    what = f"{group}: {titles[group]}" if group in titles else group
    taus = [recomputed(one.tau, "+.2f") for one in found]
    ps = [recomputed(corrected[group, n], ".4f") for n in (0, 1)]
    return (label(what), label(len(runs)), taus[0], ps[0], taus[1], ps[1], recomputed(came))


def _primary(group: str, runs: Sequence[Course], found: Trend) -> str:
    """What was decided beforehand to be looked at, in a sentence."""
    clusters = len({run.cluster for run in runs})
    counted = f"{len(runs)} runs" + (f" ({clusters} independent)" if clusters < len(runs) else "")
    says = "no trend is shown"
    if found.p <= ALPHA:
        says = f"accuracies {'rise' if found.tau > 0 else 'fall'} over the iterations"
    return (
        f"Primary: {group}, {counted}, the first proposal removed: mean tau-b {found.tau:+.3f}, "
        f"{with_p(found.p)} ({TEST}): {says}."
    )


def with_p(p: float) -> str:
    """A p as a sentence says it.

    >>> with_p(0.03), with_p(0.00001)
    ('p = 0.0300', 'p < 0.0001')
    """
    return f"p = {p:.4f}" if p >= 0.0001 else "p < 0.0001"


def draw(report: Report, path: Path) -> None:  # noqa: ARG001
    """Draw the tau-b of every run without its first proposal, their mean, and where the null lies, a line a table."""
    groups = {group: [run for run in published() if run.group == group] for group in TITLES}
    groups[POOLED] = [*published()]
    figure = new_figure(height=3.0)
    axis = figure.subplots()
    for place, runs in enumerate(groups.values()):
        found = _of(runs, 1)
        axis.fill_betweenx([place - 0.35, place + 0.35], *found.null, color="grey", alpha=0.25, linewidth=0)
        taus = [float(tau_b(np.array([run.accuracies[1:]]))[0]) for run in runs]
        axis.plot(taus, [place] * len(taus), "o", color=COLOURS[0], markersize=2.5, alpha=0.6)
        axis.plot(found.tau, place, "D", color=COLOURS[1], markersize=4)
    axis.axvline(0, color="black", linewidth=0.6)
    axis.set_yticks(range(len(groups)), [*groups])
    axis.invert_yaxis()
    axis.set_xlabel("Kendall's tau-b, first proposal removed")
    axis.set_title("dots: runs; diamonds: their mean\ngrey: 95 % of means in random order")
    save(figure, path)
