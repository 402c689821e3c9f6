"""`python -m reproduce query`: an architecture, the best of a table or its front; ranks, costs, who proposed it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from genius_replay.options import name_or_infile
from harness import spaces
from harness.constraints import WORDS, Costs
from harness.text.notation import from_any
from reproduce import benchmarks
from reproduce.benchmarks import BENCHMARKS, Opened
from reproduce.errors import UsageError
from reproduce.published.imagenet import embedded
from reproduce.published.trials import best_cells, published_trials
from reproduce.report import BLANK, MISSING, Cell, Column, Report, label, quoted, recomputed, recomputed_millions
from reproduce.report.output import add_output_arguments, show
from reproduce.searching import costs
from tables.space import Architecture, Space

IMAGENET = "mobilenetv2-se"
NETWORK_RANK = "network_rank"
SHOWN = ("macs", "params", "flops")  # costs that always have a column
COLUMNS = (
    Column("architecture", "Architecture"),
    Column("search_sees", "Search sees (%)", "higher"),
    Column("test", "Test (%)", "higher"),
    Column("best_rank", "Rank", "lower"),
    Column("worst_rank", "to", "lower"),
    Column(NETWORK_RANK, "of networks", "lower"),
    Column("macs", "MACs (M)"),
    Column("params", "Params (M)"),
    Column("proposed_by", "Proposed by"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `query`."""
    names = (*BENCHMARKS, IMAGENET)
    tables = f"{', '.join(names)}, or a file of yours, - for standard input"
    parser.add_argument("table", type=name_or_infile, metavar="TABLE", help=tables)
    parser.add_argument("--space", metavar="NAME", help="of the table, where it is FILE.py:NAME of yours")
    notations = "digits, a list, a NAS-Bench-201 string, channel widths"
    parser.add_argument("architectures", nargs="*", metavar="ARCHITECTURE", help=notations)
    parser.add_argument("--top", type=int, metavar="K", help="the K best by test accuracy instead")
    front = "the front of accuracy against a cost instead: macs, macs_thop, params, or a column of the table"
    parser.add_argument("--pareto", metavar="COST", help=front)
    add_output_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Look up and print.

    Raises:
        UsageError: if not exactly one of architectures, `--top` and `--pareto` is given, or the cost is not known.
        InvalidArchitecture: if one is not of this space.
        DataMissing: for `--top` and `--pareto`, if the table has not been fetched.
        TableError: if a table of one's own cannot be read.
    """
    if args.top is not None and args.top < 1:
        raise UsageError(f"query: expected a positive number behind --top, got {args.top}")
    if sum((bool(args.architectures), args.top is not None, args.pareto is not None)) != 1:
        raise UsageError("query: expected architectures, or --top K, or --pareto COST, one of them")
    show(report(args.table, args.architectures, args.top, args.space, args.pareto), args.format, args.out)
    return 0


def report(
    table: str, texts: Sequence[str], top: int | None, named: str | None = None, pareto: str | None = None
) -> Report:
    """A row an architecture."""
    known, opened = BENCHMARKS.get(table), None
    whole = top is not None or pareto is not None
    if whole and table == IMAGENET:
        raise UsageError(f"query: there is no table of {IMAGENET}, so no --top and no front; name an architecture")
    if table != IMAGENET and (whole or known is None or benchmarks.at_hand(table)):
        opened = benchmarks.open_table(table, named)
    space = opened.space if opened else known.space if known else spaces.find(IMAGENET).SPACE
    counted = costs.known(space, opened, known)
    fronts: dict[Architecture, str] = {}
    if pareto is not None and opened is not None:
        fronts = _fronts(opened, costs.named(pareto, counted))
        architectures = [*fronts]
    elif top is not None and opened is not None:
        architectures = [tuple(map(int, row)) for row in opened.table.architectures_at(opened.held_out.top(top))]
    else:
        architectures = [from_any(space, text) for text in texts]
    ranks = benchmarks.network_ranks(opened) if opened else None
    columns = COLUMNS if ranks is not None else tuple(each for each in COLUMNS if each.key != NETWORK_RANK)
    named_costs = (*(opened.table.costs if opened else ()), *([pareto] if pareto else ()))
    further = tuple(dict.fromkeys(name for name in named_costs if name not in SHOWN))
    columns += tuple(Column(name, WORDS.get(name, name), "lower") for name in further)
    columns += (Column("front", "On the front by"),) if fronts else ()
    rows = tuple(
        (
            *_row(space, table, architecture, opened, ranks, counted),
            *(_cost(counted[name](architecture)) for name in further),
            *([label(fronts[architecture])] if fronts else ()),
        )
        for architecture in architectures
    )
    notes = []
    if fronts:
        notes.append(
            f"Nothing in the table is as accurate at a lower cost ({WORDS.get(str(pareto), str(pareto))}); a network "
            "that is there several times is shown once."
        )
    if table == IMAGENET:
        notes.append(f"No table has accuracies of {IMAGENET}, so that they and ranks are blank; costs are computed.")
    elif opened is None:
        notes.append(f"`{benchmarks.find(table).brings}` brings the table with accuracies and ranks.")
    else:
        notes.append(f"A search on this table sees: {opened.table.measure.value}. Equal test accuracies share ranks.")
        notes.append(benchmarks.what_counts(opened))
        lacking = (each for each in architectures if opened.table.row_of(each) is None)
        notes += [f"No accuracy and no rank: {opened.table.no_figure(space.to_native(each))}." for each in lacking]
        if space.networks is not None:
            notes.append(f"Those shown are {len({space.network(each) for each in architectures})} networks.")
    return Report(
        "query",
        f"{opened.name if opened else table}: {space.title}",
        columns,
        rows,
        tuple(notes),
        (),
        *benchmarks.evidence(opened),
    )


def _fronts(opened: Opened, cost: Callable[[Architecture], float | None]) -> dict[Architecture, str]:
    """What is on the front of accuracy against a cost, from the cheapest on, and by which accuracy."""
    space, table = opened.space, opened.table
    every = table.architectures()
    values = np.array([cost(each) for each in every], dtype=np.float64)
    told, test = (costs.front(values, accuracy) for accuracy in (table.accuracy, opened.held_out.test))
    found: dict[object, tuple[Architecture, str]] = {}
    for row in sorted(np.flatnonzero(told | test), key=lambda row: (values[row], -opened.held_out.test[row])):
        by = " and ".join(name for name, on in (("search sees", told), ("test", test)) if on[row])
        same = (space.network(every[row]), values[row], table.accuracy[row], opened.held_out.test[row])
        found.setdefault(same, (every[row], by))
    return dict(found.values())


def _cost(value: float | None) -> Cell:
    return BLANK if value is None else recomputed(int(value) if float(value).is_integer() else value, ",.12g")


def _row(
    space: Space,
    table: str,
    architecture: Architecture,
    opened: Opened | None,
    ranks: NDArray[np.int64] | None,
    counted: Costs,
) -> tuple[Cell, ...]:
    lacks = opened is not None and opened.table.row_of(architecture) is None
    measured: tuple[Cell, ...] = (BLANK if table == IMAGENET or lacks else MISSING,) * 4
    if opened is not None and not lacks:
        standing = opened.standing(architecture)
        measured = (
            recomputed(standing.told, ".2f"),
            recomputed(standing.test, ".2f"),
            *(recomputed(rank) for rank in standing.ties),
            *([] if ranks is None else [recomputed(int(ranks[opened.table.index_of(architecture)]))]),
        )
    by = "macs_thop" if table == IMAGENET else "macs" if "macs" in counted else "flops"
    found = (counted[name](architecture) if name in counted else None for name in (by, "params"))
    spent = (BLANK if value is None else recomputed_millions(int(value), ".4g") for value in found)
    return (
        label(space.to_native(architecture)),
        *measured,
        *spent,
        quoted("; ".join(proposed_by(table, architecture)) or None),
    )


def proposed_by(table: str, architecture: Architecture) -> Iterator[str]:
    """The published results that proposed an architecture."""
    for trials in published_trials().values():
        if trials.space == table:
            for number, trial in enumerate(trials.trials, start=1):
                for iteration, one in enumerate(trial):
                    if one.architecture == architecture:
                        yield f"GENIUS, {trials.name}, trial {number}, T={iteration}"
    for number, best in enumerate(best_cells(table), start=1):
        if best.architecture == architecture:
            yield f"GENIUS, best of trial {number}"
    if table == IMAGENET:
        for run, transcript in embedded().items():
            for iteration, turns in enumerate(transcript.iterations):
                for turn, told in enumerate(turns):
                    if told.design == architecture:
                        yield f"GENIUS, run {run}, iteration {iteration}, turn {turn}"
