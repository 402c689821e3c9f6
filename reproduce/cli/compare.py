"""`python -m reproduce compare`: search methods beside GENIUS, on the same tables under the same budgets.

A method selects the architecture that looks best to a search; what is reported of it is its test accuracy. Where a
benchmark has no validation accuracy the two are the same, and the table says so. GENIUS' trials are the published ones;
recorded models (`reproduce.cli.recording`) stand below them under their own names.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from baselines import catalogue
from cache.cassette import Cassette
from cache.client import Records
from cache.errors import CacheError
from cache.store import Store
from reproduce import benchmarks, runs
from reproduce.benchmarks import BENCHMARKS
from reproduce.cli import supernets
from reproduce.compare import contest as contests_of
from reproduce.compare.contest import (
    GENIUS_BUDGET,
    ONE_BY_ONE,
    ORACLE_STEPS,
    Contest,
    Contestant,
    Printed,
    Rules,
    printed,
    with_oracle,
    with_recorded,
    with_supernets,
)
from reproduce.compare.statistics import bootstrap_mean, superiority, superiority_interval
from reproduce.data import home
from reproduce.errors import UsageError
from reproduce.paper.curves import PALETTE, new_figure, save
from reproduce.report.output import DRAWN, add_output_arguments, show
from reproduce.report.report import BLANK, MISSING, Cell, Column, Report, estimated, label, quoted, recomputed

BUDGETS = (10, 50, 100, 200, 300)
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
MARKS = {"validation": "", "test only": "*", "no split": "†"}
"""Behind a table's name: what a search on it sees."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `compare`."""
    names, methods = ", ".join(BENCHMARKS), ", ".join(catalogue.METHODS)
    parser.add_argument("--table", nargs="+", metavar="NAME", help=f"{names} (default: all at hand), or a CSV")
    parser.add_argument("--methods", nargs="+", metavar="NAME", help=f"of {methods}")
    parser.add_argument("--optimiser", nargs="+", default=[], metavar="MODULE:CLASS", help="one of your own, too")
    parser.add_argument("--budget", nargs="+", type=int, default=list(BUDGETS), metavar="N")
    parser.add_argument("--count", choices=("evaluations", "unique"), default="evaluations", help="what budgets count")
    trials = f"default: 1000, {ONE_BY_ONE} for methods whose trials run one by one"
    parser.add_argument("--trials", type=int, metavar="N", help=trials)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--recording", nargs="+", type=Path, default=[], metavar="FILE", help="a model of your own, too"
    )
    oracle = f"also the DARTS relaxation of each table ({ORACLE_STEPS} steps), which is given all of it"
    parser.add_argument("--oracle", action="store_true", help=oracle)
    add_output_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Compare and print; with --out FILE.png or .svg the anytime curves are drawn.

    Raises:
        UsageError: if a name is unknown or a number is not positive.
        DataMissing: if a table that is named has not been fetched.
    """
    for number in (*args.budget, *([] if args.trials is None else [args.trials])):
        if number < 1:
            raise UsageError(f"compare: expected positive budgets and trials, got {number}")
    names = args.table or [name for name in BENCHMARKS if benchmarks.at_hand(name)]
    chosen = args.methods or [name for name, method in catalogue.METHODS.items() if method.arrays is not None]
    methods = [catalogue.find(name) for name in (*chosen, *args.optimiser)]
    budgets = tuple(sorted(set(args.budget)))
    rules = Rules(budgets, args.count, args.trials, args.seed)
    with kept() as records:
        contests = [contests_of.contest(name, methods, rules, records) for name in names]
    searches = supernets.read([supernets.COMMITTED])
    contests = [with_supernets(each, searches) for each in contests]
    tables = {each.name for each in contests}
    ours = [(path, "") for path in runs.committed()]
    for path, source in (*ours, *((path, f" ({path.name})") for path in args.recording)):
        found = runs.read(path, tables)
        contests = [with_recorded(each, found, budgets, source) for each in contests]
    if args.oracle:
        contests = [with_oracle(each) for each in contests]
    if args.out is not None and args.out.suffix in DRAWN:
        draw(contests, args.count, args.out)
    else:
        show(report(contests, args.count, quotes="genius" in chosen), args.format, args.out)
    return 0


@contextmanager
def kept() -> Iterator[Records]:
    """Where results of methods are kept: the user's store, or nowhere if that cannot be written."""
    try:
        store = Store(home() / "contests")
    except CacheError:
        yield Cassette()
        return
    with store:
        yield store


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
        rows += [_quoted(one) for one in printed() if one.name not in here]
    digests = {contest.name: contest.opened.table.digest for contest in contests}
    title = "Search methods on the benchmark tables: test accuracy of what they select"
    return Report("compare", title, COLUMNS, tuple(rows), tuple(sorted(notes)), tables=digests)


def _row(contest: Contest, contestant: Contestant, budget: int, selected: NDArray[np.int64]) -> tuple[Cell, ...]:
    verdicts = contest.opened.verdicts
    test = verdicts.test[selected]
    mean = float(test.mean())
    regrets = (verdicts.test_at_validation_optimum - mean, verdicts.optimum - mean)
    return (
        label(contest.name + MARKS[contest.opened.table.measure.value]),
        label(contestant.name),
        label(budget),
        label(len(selected)),
        estimated(mean, bootstrap_mean(test)),
        *(recomputed(float(quantile), ".2f") for quantile in np.quantile(test, [0.05, 0.5, 0.95])),
        *(recomputed(regret, ".2f") for regret in regrets),
        recomputed(float(np.median(verdicts.rank[selected])), ".0f"),
        _against_genius(contest, contestant, budget, test),
    )


def _quoted(one: Printed) -> tuple[Cell, ...]:
    """GENIUS on a table that is not at hand, as the paper prints it."""
    accuracies = np.array(one.test)
    return (
        label(one.name),
        label(f"GENIUS, {one.table}"),
        label(GENIUS_BUDGET),
        label(len(accuracies)),
        quoted(float(accuracies.mean()), ".2f"),
        *(MISSING,) * 5,
        quoted(float(np.median(one.rank)), ".0f"),
        BLANK,
    )


def _against_genius(contest: Contest, contestant: Contestant, budget: int, test: NDArray[np.float64]) -> Cell:
    """How a GENIUS trial fares against a method at GENIUS' own budget; all its trials on a table count alike."""
    if budget != GENIUS_BUDGET or not contest.genius or contestant in contest.genius:
        return BLANK
    ours = contest.opened.verdicts.test[np.concatenate([one.selected[GENIUS_BUDGET] for one in contest.genius])]
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
        optimum = contest.opened.verdicts.optimum
        for (name, curve), (colour, line) in zip(contest.curves.items(), styles, strict=False):
            axis.plot(range(1, len(curve) + 1), optimum - curve, color=colour, linestyle=line, linewidth=1, label=name)
        for contestant in contest.genius:
            regret = optimum - contest.opened.verdicts.test[contestant.selected[GENIUS_BUDGET]].mean()
            axis.plot(GENIUS_BUDGET, regret, color="black", marker="*", markersize=5, linestyle="", label="GENIUS")
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.tick_params(axis="y", which="minor", labelleft=False)
        axis.set_title(contest.name.replace("-201-", "-201\n") + MARKS[contest.opened.table.measure.value], fontsize=6)
    for axis in axes[-1]:
        axis.set_xlabel(count)
    for axis in axes[:, 0]:
        axis.set_ylabel("mean regret (points)")
    named = [zip(*axis.get_legend_handles_labels(), strict=True) for axis in axes.flat]
    handles = {label: handle for pairs in named for handle, label in pairs}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=2, frameon=False)
    save(figure, path)
