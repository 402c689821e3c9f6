"""The command line: `python -m reproduce COMMAND`. Each command is a module that is imported when it is called.

The commands are named here, tables and figures in `reproduce.paper.registry`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import Any

from cache.errors import CacheError
from genius_replay.console import ending
from genius_replay.options import Parser
from harness.errors import HarnessError
from reproduce import __version__
from reproduce.errors import ReproduceError
from reproduce.paper.registry import ITEMS
from reproduce.report.output import add_output_arguments, show
from tables.errors import TableError

COMMANDS = {
    "list": "what can be reproduced, and from which data",
    "all": "every table and figure into a folder",
    "compare": "search methods beside GENIUS, same tables, same budgets",
    "query": "look up an architecture, or the best of a table",
    "conformance": "whether a method, space or table of your own holds what it has to",
    "fetch": "bring the published files, verified",
    "audit": "hold the published conversations against the cost model",
    "serve": "a small language model on this machine, behind an OpenAI-compatible endpoint",
    "record": "let a live model search as GENIUS did, and keep every answer",
    "recordings": "recorded models: what became of their answers",
    "search": "search a table or by real training, any method; GENIUS' ImageNet runs with their designs trained",
    "jobs": "the queue of trainings: list, log, cancel, retry, and how many hours remain",
    "calibrate": "train published architectures by the published recipe, and compare",
    "supernets": "where searches with shared weights went: DARTS and GDAS on small pictures, recorded",
    "check": "fail if any recorded run, digest or number has moved",
}
"""Modules of `reproduce.cli` with functions `add_arguments` and `run`; `record` is in that of `search`."""


@ending(ReproduceError, CacheError, HarnessError, TableError)
def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 a difference was found, 2 wrong use or missing data."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = Parser(
        prog="python -m reproduce",
        description="Replays GENIUS (arXiv 2304.10970) without a key or a network, and prints the paper's tables.",
        epilog="Exit codes: 0 done, 1 a difference was found, 2 wrong use or missing data.",
    )
    parser.add_argument("--version", action="version", version=f"genius-replay {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    called = next((argument for argument in arguments if not argument.startswith("-")), None)
    for name, item in ITEMS.items():
        subparser = subparsers.add_parser(name, help=item.title, description=item.title)
        if name == called:
            add_output_arguments(subparser)
    for name, title in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=title, description=title)
        if name == called:
            _module(name).add_arguments(subparser)
    args = parser.parse_args(arguments)
    if args.command in COMMANDS:
        return int(_module(args.command).run(args))
    item = ITEMS[args.command]
    report = item.report()
    show(report, args.format, args.out, partial(item.draw, report) if item.draws else None)
    return 0


def _module(command: str) -> Any:
    return import_module(f"reproduce.cli.{'search' if command == 'record' else command}")


if __name__ == "__main__":
    sys.exit(main())
