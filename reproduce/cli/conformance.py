"""`python -m reproduce conformance`: whether a search method, a search space or a table holds what it has to.

python -m reproduce conformance my_module:MyOptimiser
python -m reproduce conformance --space my_space:SPACE
python -m reproduce conformance --table my.csv --space my_space:SPACE
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from baselines import catalogue
from genius_replay.console import say, warn
from genius_replay.options import name_or_infile
from harness import spaces
from harness.conformance.methods import OF_METHODS, Finding, check
from harness.conformance.spaces import OF_SPACES, OF_TABLES
from reproduce.benchmarks import find_space, open_table
from reproduce.errors import UsageError
from reproduce.report import Report, headed, label, recomputed
from reproduce.report.output import add_output_arguments, show
from tables.files import EXPECTED

COLUMNS = headed("property", "holds", "reason")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `conformance`."""
    names = ", ".join(catalogue.METHODS)
    parser.add_argument("method", nargs="?", metavar="METHOD", help=f"my_module:MyOptimiser, or one of {names}")
    parser.add_argument("--space", metavar="NAME", help=f"my_space:SPACE, or one of {', '.join(spaces.NAMES)}")
    tables = f"{EXPECTED}; of the space, if there is one; - for standard input"
    parser.add_argument("--table", type=name_or_infile, metavar="FILE", help=tables)
    add_output_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print every property with its outcome; 1 if one does not hold.

    Raises:
        HarnessError: if there is no such method.
        UsageError: if there is no such module.
        TableError: if the file is no table.
    """
    if (args.method is None) == (args.space is None and args.table is None):
        raise UsageError("conformance: expected a method, or --space or --table or both")
    said = say if args.format is None and args.out is None else None  # one by one, since some take long
    found = []
    for one in _findings(args.method, args.space, args.table):
        if said:
            said(f"pass  {one.property}" if one.ok else f"FAIL  {one.property}\n      {one.reason}")
        found.append(one)
    held = sum(one.ok for one in found)
    summary = f"{held} of {len(found)} properties hold"
    if said:
        said(summary)
    else:
        rows = tuple((label(one.property), recomputed("yes" if one.ok else "no"), label(one.reason)) for one in found)
        title = f"Conformance of {args.method or args.space or args.table}"
        show(Report("conformance", title, COLUMNS, rows, (summary,)), args.format, args.out)
    return 0 if held == len(found) else 1


def _findings(method: str | None, space: str | None, table: str | None) -> Iterator[Finding]:
    if table is not None:
        opened = open_table(table, space).table
        for remark in opened.info.remarks:
            warn(remark)
        return check(OF_TABLES, opened)
    if space is not None:
        return check(OF_SPACES, find_space(space, sound=False))
    found = catalogue.find(str(method))
    if found.with_model is not None:
        raise UsageError(f"conformance: expected a method that searches by itself, got {method}, which needs a model")
    return check(OF_METHODS, found)
