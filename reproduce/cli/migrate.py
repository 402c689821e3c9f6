"""`python -m reproduce migrate`: a recording of the first version, carried over into today's form."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from reproduce.migration import migrate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `migrate`."""
    parser.add_argument("file", type=Path, metavar="FILE.jsonl", help="a recording of the first version")
    parser.add_argument("into", type=Path, metavar="NEW.jsonl", help="where it is written anew")


def run(args: argparse.Namespace) -> int:
    """Write the recording anew; every run in it is performed again first, and must take its course.

    Raises:
        CassetteError: the file is damaged, or cannot be written.
        BrokenRecording: it holds no run of the first version, or one that cannot be carried over.
    """
    found = migrate(args.file, args.into)
    sys.stdout.write(f"{args.into}: {len(found)} runs, each of which took its course again\n")
    return 0
