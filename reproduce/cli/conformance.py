"""`python -m reproduce conformance`: whether a search method, a search space or a table holds what it has to.

python -m reproduce conformance my_module:MyOptimiser
python -m reproduce conformance --space my_space          # a module with SPACE and cost
python -m reproduce conformance --table my.csv
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from baselines import catalogue
from genius_replay.advice import meant
from genius_replay.console import say, warn
from genius_replay.lazy import own_module
from genius_replay.options import infile
from harness import spaces
from harness.conformance.methods import OF_METHODS, Finding, check
from harness.conformance.spaces import OF_SPACES, OF_TABLES
from harness.spaces import SpaceModule
from reproduce.benchmarks import open_file
from reproduce.errors import UsageError
from reproduce.report import Report, headed, label, recomputed
from reproduce.report.output import add_output_arguments, show
from tables.files import EXPECTED

COLUMNS = headed("property", "holds", "reason")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `conformance`."""
    subject = parser.add_mutually_exclusive_group(required=True)
    names = ", ".join(catalogue.METHODS)
    subject.add_argument("method", nargs="?", metavar="METHOD", help=f"my_module:MyOptimiser, or one of {names}")
    subject.add_argument("--space", metavar="MODULE", help=f"my_space, or one of {', '.join(spaces.NAMES)}")
    subject.add_argument("--table", type=infile, metavar="FILE", help=f"{EXPECTED}; - for standard input")
    add_output_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print every property with its outcome; 1 if one does not hold.

    Raises:
        HarnessError: if there is no such method.
        UsageError: if there is no such module.
        TableError: if the file is no table.
    """
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


def _findings(method: str, space: str | None, table: Path | None) -> Iterator[Finding]:
    if space is not None:
        return check(OF_SPACES, _space(space))
    if table is not None:
        opened = open_file(table).table
        for remark in opened.info.remarks:
            warn(remark)
        return check(OF_TABLES, opened)
    found = catalogue.find(method)
    if found.with_model is not None:
        raise UsageError(f"conformance: expected a method that searches by itself, got {method}, which needs a model")
    return check(OF_METHODS, found)


def _space(name: str) -> SpaceModule:
    """A space of this project, or any module that can be imported."""
    if name in spaces.NAMES:
        return spaces.find(name)
    try:
        module = own_module(name)
    except Exception as error:  # whatever a module of others raises when it is imported
        raise UsageError(
            f"conformance: expected --space to name a module, such as my_space for my_space.py in this folder, "
            f"or one of {', '.join(spaces.NAMES)}; got {name!r} ({error}){meant(name, spaces.NAMES)}"
        ) from error
    if not hasattr(module, "SPACE") or not hasattr(module, "cost"):
        raise UsageError(f"conformance: expected {name} to hold SPACE and cost(architecture), as harness/spaces/ do")
    return cast(SpaceModule, module)
