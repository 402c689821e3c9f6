"""A comparison as a table, and drawn.

A method selects the architecture that looks best to a search; what is reported of it is its test accuracy. Where a
benchmark has no validation accuracy the two are the same, and the table says so. GENIUS' trials are the published ones;
recorded models stand below them under their own names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle, product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.loop import PATIENCE
from reproduce import benchmarks
from reproduce.comparison.contest import Contest
from reproduce.comparison.contestants import GENIUS_BUDGET, Contestant
from reproduce.comparison.statistics import LEVEL, TEST, holm, mann_whitney, median_interval, superiority
from reproduce.published.trials import selections
from reproduce.report import BLANK, MISSING, Cell, Column, Report, Status, estimated, headed, label, quoted, recomputed
from reproduce.report.output import PALETTE, new_figure, panels, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = (
    *headed("table", "method", "budget", "reached", "trials"),
    Column("test", "Test (%), mean", "higher"),
    Column("test_q05", "5 %"),
    Column("test_q50", "Median"),
    Column("test_q95", "95 %"),
    Column("regret_to_validation_optimum", "Regret to val. optimum", "lower"),
    Column("regret_to_best_test", "Regret to best test", "lower"),
    Column("rank", "Median rank", "lower"),
)
AGAINST_GENIUS = (Column("genius_better", "GENIUS better"), Column("p", "p"))
"""More columns, where GENIUS searched one of the tables."""
LEAST = 1e-3  # points: what is less is no regret in a picture
MANY = 20  # trials; of fewer the outermost 5 % cannot be told
WIDEST = 34  # characters of a name in a picture, of which two fit side by side
SIGNIFICANT = 0.05
MARKS = {"validation": "", "test only": "*", "no split": "†"}
"""Behind a table's name: what a search on it sees."""


def report(contests: Sequence[Contest], count: str, *, quotes: bool = False, remarks: Sequence[str] = ()) -> Report:
    """A row for every contestant at every budget; with `quotes` also GENIUS where a table is not at hand.

    `remarks` are added to those of the contests.
    """
    rows = []
    for contest in contests:
        for contestant in (*contest.genius, *contest.recorded, *contest.methods):
            for budget, selected in contestant.selected.items():
                rows.append(_row(contest, contestant, budget, selected))
    if quotes:
        here = {contest.name for contest in contests}
        rows += [row for row in _quoted() if row[0].value not in here]
    digests = {contest.name: contest.opened.table.digest for contest in contests}
    versions = dict(benchmarks.VERSIONS)
    for contest in contests:
        for contestant in contest.methods:
            versions |= contestant.packages
    title = "Search methods on the benchmark tables: test accuracy of what they select"
    notes = (*_legend(contests, count), *_claims(contests), *_remarks(contests), *remarks)
    with_genius = quotes or any(contest.genius for contest in contests)
    columns = (*COLUMNS, *AGAINST_GENIUS) if with_genius else COLUMNS
    cut = tuple(row[: len(columns)] for row in rows)
    within = ("table", "budget")
    return Report("compare", title, columns, cut, notes, tables=digests, versions=versions, within=within)


def _row(contest: Contest, contestant: Contestant, budget: int, selected: NDArray[np.int64]) -> tuple[Cell, ...]:
    held_out = contest.opened.held_out
    test = held_out.test[selected]
    mean = float(test.mean())
    regrets = (held_out.test_at_validation_optimum - mean, held_out.optimum - mean)
    alike = bool((test == test[0]).all())
    low, high = (recomputed(float(np.quantile(test, q)), ".2f") if len(test) >= MANY else BLANK for q in (0.05, 0.95))
    median = float(np.median(test))
    return (
        label(contest.name + MARKS[contest.opened.table.measure.value]),
        label(contestant.name),
        label(budget),
        _reached(budget, contestant.reached.get(budget)),
        Cell(len(selected), f"{len(selected)}{', all alike' if alike and len(selected) > 1 else ''}", Status.LABEL),
        recomputed(mean, ".2f"),
        low,
        recomputed(median, ".2f") if alike else estimated(median, median_interval(test)),
        high,
        *(recomputed(regret, ".2f") for regret in regrets),
        recomputed(float(np.median(held_out.rank[selected])), ".0f"),
        *_against_genius(contest, contestant, budget, test),
    )


def _reached(budget: int, reached: NDArray[np.int64] | None) -> Cell:
    """How much of a budget the trials spent: from least to most, with the median as value."""
    if reached is None:
        return label(budget)
    least, most = int(reached.min()), int(reached.max())
    return Cell(float(np.median(reached)), f"{least}" if least == most else f"{least}–{most}", Status.LABEL)


def _quoted() -> Iterator[tuple[Cell, ...]]:
    """GENIUS' trials as the paper prints them, each by its proposal that was told the highest accuracy."""
    for benchmark, table, best in selections():
        yield (
            label(benchmark),
            label(f"GENIUS, {table}"),
            *(label(GENIUS_BUDGET),) * 2,
            label(len(best)),
            quoted(float(np.mean([one.accuracy for one in best])), ".2f"),
            *(MISSING,) * 5,
            quoted(float(np.median([one.rank for one in best])), ".0f"),
            *(BLANK,) * 2,
        )


def _ours(contest: Contest) -> NDArray[np.float64]:
    """(trials,) the test accuracies of what GENIUS' trials select; all its trials on a table count alike."""
    selected = np.concatenate([one.selected[GENIUS_BUDGET] for one in contest.genius])
    return np.asarray(contest.opened.held_out.test[selected])


def _against_genius(
    contest: Contest, contestant: Contestant, budget: int, test: NDArray[np.float64]
) -> tuple[Cell, Cell]:
    """How a GENIUS trial fares against a method at GENIUS' own budget, and the p of the test."""
    if budget != GENIUS_BUDGET or not contest.genius or contestant in contest.genius:
        return BLANK, BLANK
    once = contestant in contest.recorded and (test == test[0]).all()  # asked again, a model may just repeat itself
    p = mann_whitney(_ours(contest), test[:1] if once else test)
    cell = Cell(p, _p(p).removeprefix("= "), Status.RECOMPUTED)
    return recomputed(superiority(_ours(contest), test), ".2f"), cell


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


# -- what is said below ---


def _legend(contests: Sequence[Contest], count: str) -> Iterator[str]:
    first = "architectures (keys, not networks) evaluated for the first time" if count == "unique" else "evaluations"
    yield f"A budget counts {first}, “reached” what the trials spent of it; no table here has training times."
    yield (
        f"In brackets: an interval of the median that covers it with at least {100 * LEVEL:.0f} % whatever the "
        "distribution, of few trials with what stands behind it. Trials that are all alike have none, and runs of a "
        "model count as one."
    )
    if any(contest.genius for contest in contests):
        yield (
            f"“GENIUS better”: the share of pairs of trials in which GENIUS' is better; p: {TEST}. The verdicts below "
            f"have this p corrected for the number of tables (Holm), and hold at {SIGNIFICANT}."
        )
    if any(contest.rejects for contest in contests):
        yield (
            "What is not allowed, or has no figure in the table, is rejected: a method is told so, it counts as a "
            f"proposal and not as an evaluation; a trial ends after {PATIENCE} proposals for each evaluation of its "
            "budget. Ranks and regrets are among what is left."
        )
    measures = dict.fromkeys(contest.opened.table.measure.value for contest in contests)
    yield from (
        f"A table marked {MARKS[measure]}: a search on it sees {measure}" for measure in measures if MARKS[measure]
    )
    for contest in contests:
        held_out = contest.opened.held_out
        if (gap := held_out.optimum - held_out.test_at_validation_optimum) >= 0.005:
            yield (
                f"{contest.name}: the best by validation tests at {held_out.test_at_validation_optimum:.2f}, the best "
                f"test accuracy is {held_out.optimum:.2f}; a search that sees validation is not expected to gain the "
                f"{gap:.2f} points between."
            )
    if any(contest.recorded for contest in contests):
        yield "Recorded models: `python -m reproduce recordings` says what became of their answers."


def _claims(contests: Sequence[Contest]) -> Iterator[str]:
    """For each method what GENIUS' trials show against it over all tables."""
    against: dict[str, list[tuple[Contest, NDArray[np.float64]]]] = {}
    for contest in contests:
        for method in contest.methods if contest.genius else ():
            if GENIUS_BUDGET in method.selected:
                test = contest.opened.held_out.test[method.selected[GENIUS_BUDGET]]
                against.setdefault(method.name, []).append((contest, test))
    for name, faced in against.items():
        gaps = ", ".join(
            f"{contest.name} {_ours(contest).mean() - test.mean():+.2f}".replace("-0.00", "+0.00")
            for contest, test in faced
        )
        yield f"GENIUS less {name}, mean test accuracy at {GENIUS_BUDGET} evaluations in points: {gaps}."
        whole = _verdict(faced, [mann_whitney(_ours(contest), test) for contest, test in faced])
        once = _verdict(faced, [_counted_once(contest, test) for contest, test in faced])
        also = f" Trials that are not independent counted once: {once}." if once != whole else ""
        yield f"Against {name} GENIUS is {whole}.{also}"


def _verdict(faced: Sequence[tuple[Contest, NDArray[np.float64]]], values: Sequence[float]) -> str:
    """On which tables the test decides at `SIGNIFICANT`, the p corrected for how many tables there are."""
    decided: dict[str, list[str]] = {"better on": [], "worse on": [], "not told apart on": []}
    for (contest, test), p in zip(faced, holm(values), strict=True):
        better = superiority(_ours(contest), test) > 0.5
        what = "not told apart on" if p >= SIGNIFICANT else "better on" if better else "worse on"
        decided[what].append(f"{contest.name} (p {_p(p)})")
    return "; ".join(f"{what} {', '.join(tables)}" for what, tables in decided.items() if tables)


def _counted_once(contest: Contest, test: NDArray[np.float64]) -> float:
    """The largest p if of trials that are not independent only one is taken, whichever."""
    groups: dict[tuple[int, int], list[float]] = {}
    places = [(n, group) for n, one in enumerate(contest.genius) for group in one.group]
    for place, accuracy in zip(places, _ours(contest), strict=True):
        groups.setdefault(place, []).append(accuracy)
    in_order = [groups[place] for place in sorted(groups)]
    return max(mann_whitney(np.array(chosen), test) for chosen in product(*in_order))


def _remarks(contests: Sequence[Contest]) -> Iterator[str]:
    """What is to be said of the contests; what holds for all of them is said once."""
    where: dict[str, list[str]] = {}
    for contest in contests:
        for remark in contest.remarks:
            where.setdefault(remark, []).append(contest.name)
    for remark, names in where.items():
        yield remark if len(names) == len(contests) > 1 else f"{', '.join(names)}: {remark}"


# -- drawn ---


def draw(contests: Sequence[Contest], count: str, path: Path) -> None:
    """Draw the regret to the best test accuracy against the budget, a panel a table: means, and the spread of trials.

    What ran here is a line in a band from quartile to quartile; GENIUS' trials are a line in their range where their
    courses are published, and like recorded models a mark with their range at their budget.

    Raises:
        UsageError: if matplotlib is not installed.
    """
    shown = list(dict.fromkeys(one.name for contest in contests for one in (*contest.methods, *contest.recorded)))
    figure = new_figure(height=1.9 * -(-len(contests) // 2) + 0.14 * len(shown) + 0.6)
    axes = panels(figure, len(contests), count, "regret (points)", sharex=True)
    styles = dict(zip(shown, cycle(product(("-", "--", ":"), PALETTE[:-1])), strict=False))
    for axis, contest in zip(axes, contests, strict=True):
        _draw_panel(axis, contest, styles)
    named = [zip(*axis.get_legend_handles_labels(), strict=True) for axis in axes]
    handles = {label: handle for pairs in named for handle, label in pairs}
    columns = 1 if max(map(len, handles), default=0) > WIDEST else 2
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=columns, frameon=False, fontsize=5)
    save(figure, path)


def _draw_panel(axis: Axes, contest: Contest, styles: Mapping[str, tuple[str, str]]) -> None:
    held_out = contest.opened.held_out
    drawn = [*((one, *styles[one.name]) for one in (*contest.methods, *contest.recorded))]
    drawn += [(one, line, PALETTE[-1]) for one, line in zip(contest.genius, cycle(("-", "--", ":")), strict=False)]
    # Where a regret of nothing is drawn on a logarithmic axis: half a step from the best accuracy to the next.
    test = np.unique(held_out.test[np.isfinite(held_out.test)])
    floor = max(float(test[-1] - test[-2]) / 2 if len(test) > 1 else 0.0, LEAST)
    for one, line, colour in drawn:
        mark = "*" if one in contest.genius else "o"
        # A label that begins with an underscore would stand in no legend: that of a class in a notebook.
        name = "GENIUS" if [one] == [*contest.genius] else one.name.removeprefix("__main__:")
        if one.curve is not None:
            most, mean, least = np.maximum(held_out.optimum - one.curve, floor)
            steps = range(1, len(mean) + 1)
            axis.fill_between(steps, least, most, color=colour, alpha=0.08, linewidth=0)
            axis.plot(steps, mean, color=colour, linestyle=line, linewidth=1, label=name)
            if one in contest.genius:
                axis.plot(steps[-1], mean[-1], color=colour, marker=mark, markersize=4)
        elif 0 not in one.selected:  # what evaluated nothing has no place on this axis
            for budget, selected in one.selected.items():
                regret = np.maximum(held_out.optimum - held_out.test[selected], floor)
                spread = [[regret.mean() - regret.min()], [regret.max() - regret.mean()]]
                mean = float(regret.mean())
                axis.errorbar(budget, mean, spread, fmt=mark, color=colour, markersize=4, linewidth=0.6, label=name)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_ylim(bottom=0.8 * floor)
    axis.tick_params(axis="y", which="minor", labelleft=False)
    axis.set_title(contest.name.replace("-201-", "-201\n") + MARKS[contest.opened.table.measure.value], fontsize=6)
