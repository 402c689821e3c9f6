"""`python -m reproduce compare`: search methods beside GENIUS, on the same tables under the same budgets."""

from __future__ import annotations

import argparse

from baselines import catalogue
from genius_replay.options import infile, name_or_infile
from reproduce.benchmarks import BENCHMARKS
from reproduce.comparison.comparison import AS_ARRAYS, BUDGETS, COUNTS, compare
from reproduce.comparison.contest import ONE_BY_ONE
from reproduce.comparison.contestants import ORACLE_STEPS
from reproduce.report.output import add_output_arguments, show
from reproduce.searching.costs import BOUNDS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `compare`."""
    names, methods = ", ".join(BENCHMARKS), ", ".join(catalogue.METHODS)
    parser.add_argument(
        "--table",
        type=name_or_infile,
        nargs="+",
        metavar="NAME",
        help=f"{names}, or a file, - for standard input (default: all at hand)",
    )
    parser.add_argument("--space", metavar="NAME", help="of the tables, where it is FILE.py:NAME of yours")
    parser.add_argument(
        "--methods", "--method", nargs="+", metavar="NAME", help=f"{methods} (default: those that run as arrays)"
    )
    parser.add_argument("--optimiser", nargs="+", default=[], metavar="MODULE:CLASS", help="methods of your own, too")
    parser.add_argument("--budget", nargs="+", type=int, default=list(BUDGETS), metavar="N", help="evaluations")
    parser.add_argument("--count", choices=COUNTS, default=COUNTS[0], help="what budgets count")
    trials = f"default: 1000, {ONE_BY_ONE} for methods whose trials run one by one"
    parser.add_argument("--trials", type=int, metavar="N", help=trials)
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of all methods")
    parser.add_argument(
        "--recording", nargs="+", type=infile, default=[], metavar="FILE", help="models of your own, too"
    )
    oracle = f"also the DARTS relaxation of each table ({ORACLE_STEPS} steps), which is given all of it"
    parser.add_argument("--oracle", action="store_true", help=oracle)
    limit = f"repeatable; bounds of a cost, in quotes: {BOUNDS}"
    parser.add_argument("--constraint", action="append", default=[], metavar="BOUNDS", dest="constraints", help=limit)
    add_output_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Compare and print; with --out FILE.png or .svg the anytime curves are drawn.

    Raises:
        UsageError: if a name is unknown, a number is not positive, or a recording holds no run of a model.
        DataMissing: if a table that is named has not been fetched.
    """
    methods = [*(args.methods or AS_ARRAYS), *args.optimiser]
    as_given = {name: getattr(args, name) for name in ("space", "count", "trials", "seed", "oracle", "constraints")}
    compared = compare(methods, args.table, budgets=args.budget, recordings=args.recording, **as_given)
    show(compared.report(), args.format, args.out, compared.draw)
    return 0
