"""The command line: `genius-replay COMMAND`, or `python -m reproduce COMMAND`.

The commands are named here, tables and figures in `reproduce.paper.registry`. Each command is a module that is imported
when it is called.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from cache.errors import CacheError
from genius_replay.console import Exit, ending
from genius_replay.options import EXIT_CODES, Parser, add_command, shown
from harness.errors import HarnessError
from reproduce import __version__
from reproduce.errors import ReproduceError
from reproduce.paper.registry import ITEMS
from reproduce.report.output import add_output_arguments, show
from tables.errors import TableError


class Command(NamedTuple):
    """A module of `reproduce.cli` with functions `add_arguments` and `run`; `record` is in that of `search`.

    Attributes:
        title: what it does, in one line.
        example: arguments that show it.
    """

    title: str
    example: str = ""


DIGITS = "nas-bench-201-digits"  # the table that is at hand everywhere
ENDPOINT = "--model smollm2 --base-url http://127.0.0.1:8000/v1"

GROUPS = {
    "all of the paper": {
        "list": Command("what can be reproduced, and from which data"),
        "all": Command("every table and figure into a folder", "--out results"),
        "check": Command("fail if any recorded run, digest or number has moved"),
    },
    "look at": {
        "query": Command("look up an architecture, or the best of a table", f"{DIGITS} --top 5"),
        "recordings": Command("recorded models: what became of their answers", "--format csv"),
        "runs": Command("runs of recordings by name: show, split, leave out, compare, count", "show 329M:3.1"),
        "feedback": Command("what GPT-4 did with what it was told, in all its published runs", "trend"),
        "supernets": Command("where DARTS and GDAS with shared weights went, on small pictures", "--format md"),
    },
    "search": {
        "compare": Command(
            "search methods beside GENIUS, same tables, same budgets",
            f"--table {DIGITS} --methods random evolution-autodl --budget 10 50 --trials 100",
        ),
        "search": Command(
            "search with any method, on a table or by real training", f"--method random --table {DIGITS} --budget 20"
        ),
        "conformance": Command("whether a method, space or table of your own holds what it has to", "random"),
    },
    "record a language model": {
        "record": Command(
            "let a live model search as GENIUS did, and keep every answer",
            f"{ENDPOINT} --space nas-bench-macro --into mine.jsonl",
        ),
        "serve": Command("a small language model on this machine, behind an OpenAI-compatible endpoint", "smollm2"),
    },
    "train": {
        "jobs": Command("the queue of trainings: list, log, cancel, retry, and how many hours remain", "list"),
        "calibrate": Command(
            "train published architectures by the published recipe, and compare",
            "--space nas-bench-macro --data cifar-10-python.tar.gz",
        ),
    },
    "evidence": {
        "fetch": Command("bring the published files, verified", "329M nas-bench-macro"),
        "audit": Command("hold the published conversations against the cost model", "329M"),
    },
    "this command line": {
        "completion": Command("a script by which a shell completes commands, options, names and files", "bash"),
    },
}
COMMANDS = {name: command for group in GROUPS.values() for name, command in group.items()}


@ending(ReproduceError, CacheError, HarnessError, TableError)
def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 a difference was found, 2 wrong use or missing data."""
    arguments = sys.argv[1:] if arguments is None else arguments
    called = next((argument for argument in arguments if not argument.startswith("-")), "")
    args = command_line(called).parse_args(arguments)
    if args.command in COMMANDS:
        return int(_module(args.command).run(args))
    item = ITEMS[args.command]
    report = item.report()
    show(report, args.format, args.out, partial(item.draw, report) if item.draws else None)
    return 0


def command_line(*called: str) -> Parser:
    """What parses all commands; only those that are called know their options, for which their modules are imported."""
    script = Path(*sys.argv[:1]).name == "genius-replay"
    parser = Parser(
        prog="genius-replay" if script else "python -m reproduce",
        usage="%(prog)s [OPTION ...] COMMAND ...",
        description="Replays GENIUS (arXiv 2304.10970) without a key or a network, and prints the paper's tables.",
        epilog=f"{shown('table2', 'table2 --format latex --out table2.tex', f'query {DIGITS} --top 5')}\n\n"
        f"`%(prog)s COMMAND --help` says what a command takes, and shows an example.\n{EXIT_CODES}",
    )
    parser.add_argument("--version", action="version", version=f"genius-replay {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, prog=parser.prog)
    items = {name: Command(item.title, f"--format csv --out {name}.csv") for name, item in ITEMS.items()}
    for name, command in (items | COMMANDS).items():
        subparser = add_command(commands, name, *command)
        if name in called:
            add_arguments = add_output_arguments if name in ITEMS else _module(name).add_arguments
            add_arguments(subparser)
    parser.add_argument_group("tables and figures of the paper; `list` says what each is", ", ".join(ITEMS))
    parser.list_commands(commands, GROUPS)
    return parser


def _module(command: str) -> Any:
    return import_module(f"reproduce.cli.{'search' if command == 'record' else command}")


if __name__ == "__main__":
    raise Exit(main())
