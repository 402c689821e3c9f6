"""`python -m reproduce compare`: search methods beside GENIUS, on the same tables under the same budgets.

A method selects the architecture that looks best to a search; what is reported of it is its test accuracy. Where a
benchmark has no validation accuracy the two are the same, and the table says so. GENIUS' trials are the published ones.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from baselines import catalogue, darts
from harness import engine, spaces
from harness.loop import Budget
from harness.method import Method, UnfitMethod
from harness.space import Group, Slot, Space
from reproduce import benchmarks, nas_bench_201
from reproduce.benchmarks import BENCHMARKS, Opened
from reproduce.curves import PALETTE, new_figure, save
from reproduce.errors import DataMissing, UsageError
from reproduce.output import DRAWN, add_output_arguments, show
from reproduce.report import BLANK, Cell, Column, Report, estimated, label, recomputed
from reproduce.statistics import bootstrap_mean, superiority, superiority_interval
from reproduce.trials import published_trials

BUDGETS = (10, 50, 100, 200, 300)
GENIUS_BUDGET = 10
ORACLE_STEPS = 5000  # at which the relaxation's most probable architecture has settled
ONE_BY_ONE = 50  # trials of a method that cannot run as arrays, unless --trials says otherwise
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


@dataclass(frozen=True)
class Contestant:
    """A method on a table: for each budget the dense index of what every trial selects."""

    name: str
    selected: dict[int, NDArray[np.int64]]  # (trials,)


@dataclass(frozen=True)
class Arena:
    """A table with everybody who searched it; the first contestants are GENIUS' published trials."""

    name: str
    opened: Opened
    genius: tuple[Contestant, ...]
    methods: tuple[Contestant, ...]
    curves: dict[str, NDArray[np.float64]]  # mean test accuracy after each unit of the budget, by method
    left_out: tuple[str, ...]  # methods that cannot search this space, and why


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
    oracle = f"also the DARTS relaxation of each table ({ORACLE_STEPS} steps), which is given all of it"
    parser.add_argument("--oracle", action="store_true", help=oracle)
    add_output_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Compare and print; with --out FILE.png or .svg the anytime curves are drawn.

    Raises:
        UsageError: if a name is unknown or a number is not positive.
        DataMissing: if no table has been fetched.
    """
    for number in (*args.budget, *([] if args.trials is None else [args.trials])):
        if number < 1:
            raise UsageError(f"compare: expected positive budgets and trials, got {number}")
    names = args.table or [name for name in BENCHMARKS if benchmarks.at_hand(name)]
    if not names:
        raise DataMissing("nas-bench-macro_cifar10", purpose="compare, or any other table")
    chosen = args.methods or [name for name, method in catalogue.METHODS.items() if method.arrays is not None]
    try:
        methods = [catalogue.find(name) for name in (*chosen, *args.optimiser)]
    except catalogue.UnknownMethod as error:
        raise UsageError(f"compare: {error}") from error
    budgets = sorted(set(args.budget))
    arenas = [contest(name, methods, budgets, args.count, args.trials, args.seed) for name in names]
    if args.oracle:
        arenas = [replace(arena, methods=(*arena.methods, _oracle(arena))) for arena in arenas]
    if args.out is not None and args.out.suffix in DRAWN:
        draw(arenas, args.count, args.out)
    else:
        show(report(arenas, args.count), args.format, args.out)
    return 0


def contest(
    name: str, methods: Sequence[Method], budgets: Sequence[int], count: str, trials: int | None, seed: int
) -> Arena:
    """Let every method search a table once with the largest budget, and see what it selects at each."""
    opened, space = _open(name)
    budget = Budget(**{count: max(budgets)})
    contestants, curves, left_out = [], {}, []
    for method in methods:
        number = trials or (1000 if method.arrays is not None else ONE_BY_ONE)
        try:
            courses = engine.search(method, space, opened.table, budget, range(number), seed)
        except UnfitMethod as error:
            left_out.append(str(error))
            continue
        contestants.append(Contestant(method.name, {b: courses.incumbents[:, b - 1].astype(np.int64) for b in budgets}))
        curves[method.name] = opened.verdicts.test[courses.incumbents].mean(axis=0)
    genius = tuple(_genius(name, space, opened)) if GENIUS_BUDGET in budgets else ()
    return Arena(opened.table.name, opened, genius, tuple(contestants), curves, tuple(left_out))


def _open(name: str) -> tuple[Opened, Space]:
    """A table with its space: one of `BENCHMARKS`, or a CSV file of architectures and accuracies.

    Raises:
        UsageError: if there is no table and no file of this name.
        TableError: if the file is no complete table.
    """
    if name in BENCHMARKS:
        return benchmarks.open_benchmark(name), spaces.find(benchmarks.find(name).space).SPACE
    if not Path(name).is_file():
        raise UsageError(f"compare: expected one of {', '.join(BENCHMARKS)} or a CSV file, got {name}")
    opened = benchmarks.open_file(Path(name))
    slots = tuple(Slot(slot.name, slot.choices) for slot in opened.table.info.slots)
    return opened, Space(opened.table.name, name, (Group("Slots", slots),))


def _oracle(arena: Arena) -> Contestant:
    """Where gradient ascent on the exact expected accuracy leads; its cost is the whole table."""
    table = arena.opened.table
    found = darts.relax(np.asarray(table.accuracy), table.cardinalities, steps=ORACLE_STEPS)
    return Contestant("DARTS relaxation (oracle)", {len(table): np.array([table.index_of(found.architecture)])})


def _genius(name: str, space: Space, opened: Opened) -> Iterator[Contestant]:
    """What GENIUS' published trials select: the proposal that looked best to them."""
    for table, trials in published_trials().items():
        if trials.space == name:
            proposals = [[space.index_of(one.architecture) for one in trial] for trial in trials.trials]
            selected = [max(trial, key=lambda index: opened.table.accuracy[index]) for trial in proposals]
            yield Contestant(f"GENIUS, {table}", {GENIUS_BUDGET: np.array(selected)})
    for dataset, table in nas_bench_201.DATASETS.items():
        if name == f"nas-bench-201-{dataset}":
            bests = nas_bench_201.best_of_trials(dataset, opened)
            selected = [space.index_of(best.architecture) for best in bests if best.architecture is not None]
            yield Contestant(f"GENIUS, {table}", {GENIUS_BUDGET: np.array(selected)})


def report(arenas: Sequence[Arena], count: str) -> Report:
    """A row for every contestant at every budget."""
    rows = []
    for arena in arenas:
        for contestant in (*arena.genius, *arena.methods):
            for budget, selected in contestant.selected.items():
                rows.append(_row(arena, contestant, budget, selected))
    measures = {arena.opened.table.measure for arena in arenas}
    notes = [
        f"A budget counts {'architectures evaluated for the first time' if count == 'unique' else 'evaluations'}; "
        "no table here has training times.",
        "“GENIUS better”: the probability that a GENIUS trial beats a trial of the method at ten evaluations, a tie "
        "counting half, with Clopper and Pearson's interval for so few trials; other intervals are bootstraps.",
    ]
    notes += [f"{MARKS[m.value]} a search on this table sees: {m.value}" for m in measures if MARKS[m.value]]
    notes += [f"left out: {reason}" for arena in arenas for reason in arena.left_out]
    digests = {arena.name: arena.opened.table.digest for arena in arenas}
    title = "Search methods on the benchmark tables: test accuracy of what they select"
    return Report("compare", title, COLUMNS, tuple(rows), tuple(sorted(notes)), tables=digests)


def _row(arena: Arena, contestant: Contestant, budget: int, selected: NDArray[np.int64]) -> tuple[Cell, ...]:
    verdicts = arena.opened.verdicts
    test = verdicts.test[selected]
    mean = float(test.mean())
    regrets = (verdicts.test_at_validation_optimum - mean, verdicts.optimum - mean)
    return (
        label(arena.name + MARKS[arena.opened.table.measure.value]),
        label(contestant.name),
        label(budget),
        label(len(selected)),
        estimated(mean, bootstrap_mean(test)),
        *(recomputed(float(quantile), ".2f") for quantile in np.quantile(test, [0.05, 0.5, 0.95])),
        *(recomputed(regret, ".2f") for regret in regrets),
        recomputed(float(np.median(verdicts.rank[selected])), ".0f"),
        _against_genius(arena, contestant, budget, test),
    )


def _against_genius(arena: Arena, contestant: Contestant, budget: int, test: NDArray[np.float64]) -> Cell:
    """How a GENIUS trial fares against a method at GENIUS' own budget; all its trials on a table count alike."""
    if budget != GENIUS_BUDGET or not arena.genius or contestant in arena.genius:
        return BLANK
    ours = arena.opened.verdicts.test[np.concatenate([one.selected[GENIUS_BUDGET] for one in arena.genius])]
    share = superiority(ours, test)
    return estimated(share, superiority_interval(share, len(ours)))


def draw(arenas: Sequence[Arena], count: str, path: Path) -> None:
    """Draw mean regret to the best test accuracy against the budget, a panel a table.

    Raises:
        UsageError: if matplotlib is not installed.
    """
    columns = min(2, len(arenas))
    lines = -(-len(arenas) // columns)
    figure = new_figure(height=1.9 * lines + 1.2)
    axes = figure.subplots(lines, columns, squeeze=False, sharex=True)
    for axis in axes.flat[len(arenas) :]:
        axis.set_visible(False)
    styles = [(colour, line) for line in ("-", "--", ":") for colour in PALETTE]
    for axis, arena in zip(axes.flat, arenas, strict=False):
        optimum = arena.opened.verdicts.optimum
        for (name, curve), (colour, line) in zip(arena.curves.items(), styles, strict=False):
            axis.plot(range(1, len(curve) + 1), optimum - curve, color=colour, linestyle=line, linewidth=1, label=name)
        for contestant in arena.genius:
            regret = optimum - arena.opened.verdicts.test[contestant.selected[GENIUS_BUDGET]].mean()
            axis.plot(GENIUS_BUDGET, regret, color="black", marker="*", markersize=5, linestyle="", label="GENIUS")
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.tick_params(axis="y", which="minor", labelleft=False)
        axis.set_title(arena.name.replace("-201-", "-201\n") + MARKS[arena.opened.table.measure.value], fontsize=6)
    for axis in axes[-1]:
        axis.set_xlabel(count)
    for axis in axes[:, 0]:
        axis.set_ylabel("mean regret (points)")
    named = [zip(*axis.get_legend_handles_labels(), strict=True) for axis in axes.flat]
    handles = {label: handle for pairs in named for handle, label in pairs}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=2, frameon=False)
    save(figure, path)
