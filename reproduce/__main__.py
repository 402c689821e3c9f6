"""The command line: `python -m reproduce COMMAND`. Each command is a module that is imported when it is called."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from cache.errors import CacheError
from harness.errors import HarnessError
from reproduce.cli.catalogue import COMMANDS
from reproduce.errors import ReproduceError
from reproduce.paper.registry import ITEMS
from reproduce.report.output import DRAWN, add_output_arguments, show
from tables.errors import TableError

INTERRUPTED = 130  # what a shell reports for a command that Ctrl-C ended


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 a difference was found, 2 wrong use or missing data."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(
        prog="python -m reproduce",
        description="Replays GENIUS (arXiv 2304.10970) without a key or a network, and prints the paper's tables.",
        epilog="Exit codes: 0 done, 1 a difference was found, 2 wrong use or missing data.",
    )
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
    try:
        if args.command in COMMANDS:
            return int(_module(args.command).run(args))
        item = ITEMS[args.command]
        if item.draws and args.format is None and args.out is not None and args.out.suffix in DRAWN:
            item.draw(item.report(), args.out)
        else:
            show(item.report(), args.format, args.out)
        return 0
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of the pipe has gone, and with it everything that is left to say
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ReproduceError, CacheError, HarnessError, TableError, OSError) as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 2


def _module(command: str) -> Any:
    return import_module(f"reproduce.cli.{'search' if command == 'record' else command}")


if __name__ == "__main__":
    sys.exit(main())
