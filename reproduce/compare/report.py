"""A comparison as a table, and drawn.

A method selects the architecture that looks best to a search; what is reported of it is its test accuracy. Where a
benchmark has no validation accuracy the two are the same, and the table says so. GENIUS' trials are the published ones;
recorded models stand below them under their own names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reproduce.compare.contest import GENIUS_BUDGET, Contest, Contestant
from reproduce.compare.statistics import bootstrap_mean, superiority, superiority_interval
from reproduce.published.trials import selections
from reproduce.report.output import PALETTE, new_figure, save
from reproduce.report.report import BLANK, MISSING, Cell, Column, Report, estimated, label, quoted, recomputed

COLUMNS = (
    Column("table", "Table"),
    Column("method", "Method"),
    Column("budget", "Budget"),
    Column("trials", "Trials"),
    Column("test", "Test (%), mean"),
    Column("test_q05", "5 %"),
    Column("test_q50", "50 %"),
    Column("test_q95", "95 %"),
    Column("regret_to_validation_optimum", "Regret to val. optimum"),
    Column("regret_to_best_test", "Regret to best test"),
    Column("rank", "Median rank"),
    Column("genius_better", "GENIUS better"),
)
FLOOR = 1e-3  # points: where curves are drawn that have reached the optimum
MARKS = {"validation": "", "test only": "*", "no split": "†"}
"""Behind a table's name: what a search on it sees."""


def report(contests: Sequence[Contest], count: str, *, quotes: bool = False) -> Report:
    """A row for every contestant at every budget; with `quotes` also GENIUS where a table is not at hand."""
    rows = []
    for contest in contests:
        for contestant in (*contest.genius, *contest.recorded, *contest.methods):
            for budget, selected in contestant.selected.items():
                rows.append(_row(contest, contestant, budget, selected))
    measures = {contest.opened.table.measure for contest in contests}
    notes = [
        f"A budget counts {'architectures evaluated for the first time' if count == 'unique' else 'evaluations'}; "
        "no table here has training times.",
        "“GENIUS better”: the probability that a GENIUS trial beats a trial of the method at ten evaluations, a tie "
        "counting half, with Clopper and Pearson's interval for so few trials; other intervals are bootstraps.",
    ]
    notes += [f"{MARKS[m.value]} a search on this table sees: {m.value}" for m in measures if MARKS[m.value]]
    notes += [f"{contest.name}: {remark}" for contest in contests for remark in contest.remarks]
    if any(contest.recorded for contest in contests):
        notes.append(
            "Recorded models: `python -m reproduce recordings` says what became of their answers. A run whose answers "
            "are used up by repetitions has fewer evaluations than its budget."
        )
    if quotes:
        here = {contest.name for contest in contests}
        rows += [row for row in _quoted() if row[0].value not in here]
    digests = {contest.name: contest.opened.table.digest for contest in contests}
    title = "Search methods on the benchmark tables: test accuracy of what they select"
    return Report("compare", title, COLUMNS, tuple(rows), tuple(sorted(notes)), tables=digests)


def _row(contest: Contest, contestant: Contestant, budget: int, selected: NDArray[np.int64]) -> tuple[Cell, ...]:
    held_out = contest.opened.held_out
    test = held_out.test[selected]
    mean = float(test.mean())
    regrets = (held_out.test_at_validation_optimum - mean, held_out.optimum - mean)
    return (
        label(contest.name + MARKS[contest.opened.table.measure.value]),
        label(contestant.name),
        label(budget),
        label(len(selected)),
        estimated(mean, bootstrap_mean(test)),
        *(recomputed(float(quantile), ".2f") for quantile in np.quantile(test, [0.05, 0.5, 0.95])),
        *(recomputed(regret, ".2f") for regret in regrets),
        recomputed(float(np.median(held_out.rank[selected])), ".0f"),
        _against_genius(contest, contestant, budget, test),
    )


def _quoted() -> Iterator[tuple[Cell, ...]]:
    """GENIUS' trials as the paper prints them, each by its proposal that was told the highest accuracy."""
    for benchmark, table, best in selections():
        yield (
            label(benchmark),
            label(f"GENIUS, {table}"),
            label(GENIUS_BUDGET),
            label(len(best)),
            quoted(float(np.mean([one.accuracy for one in best])), ".2f"),
            *(MISSING,) * 5,
            quoted(float(np.median([one.rank for one in best])), ".0f"),
            BLANK,
        )


def _against_genius(contest: Contest, contestant: Contestant, budget: int, test: NDArray[np.float64]) -> Cell:
    """How a GENIUS trial fares against a method at GENIUS' own budget; all its trials on a table count alike."""
    if budget != GENIUS_BUDGET or not contest.genius or contestant in contest.genius:
        return BLANK
    ours = contest.opened.held_out.test[np.concatenate([one.selected[GENIUS_BUDGET] for one in contest.genius])]
    share = superiority(ours, test)
    return estimated(share, superiority_interval(share, len(ours)))


def draw(contests: Sequence[Contest], count: str, path: Path) -> None:
    """Draw mean regret to the best test accuracy against the budget, a panel a table.

    Raises:
        UsageError: if matplotlib is not installed.
    """
    columns = min(2, len(contests))
    lines = -(-len(contests) // columns)
    figure = new_figure(height=1.9 * lines + 1.2)
    axes = figure.subplots(lines, columns, squeeze=False, sharex=True)
    for axis in axes.flat[len(contests) :]:
        axis.set_visible(False)
    styles = [(colour, line) for line in ("-", "--", ":") for colour in PALETTE]
    for axis, contest in zip(axes.flat, contests, strict=False):
        optimum = contest.opened.held_out.optimum
        for method, (colour, line) in zip(contest.methods, styles, strict=False):
            if method.curve is not None:
                steps, regrets = range(1, len(method.curve) + 1), np.maximum(optimum - method.curve, FLOOR)
                axis.plot(steps, regrets, color=colour, linestyle=line, linewidth=1, label=method.name)
        for contestant in contest.genius:
            regret = optimum - contest.opened.held_out.test[contestant.selected[GENIUS_BUDGET]].mean()
            axis.plot(GENIUS_BUDGET, regret, color="black", marker="*", markersize=5, linestyle="", label="GENIUS")
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.tick_params(axis="y", which="minor", labelleft=False)
        axis.set_title(contest.name.replace("-201-", "-201\n") + MARKS[contest.opened.table.measure.value], fontsize=6)
    for axis in axes.flat[max(len(contests) - columns, 0) : len(contests)]:  # the last of each column
        axis.tick_params(labelbottom=True)
        axis.set_xlabel(count)
    for axis in axes[:, 0]:
        axis.set_ylabel("mean regret (points)")
    named = [zip(*axis.get_legend_handles_labels(), strict=True) for axis in axes.flat]
    handles = {label: handle for pairs in named for handle, label in pairs}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=2, frameon=False)
    save(figure, path)
