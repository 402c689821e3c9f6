"""`python -m reproduce supernets`: where searches with shared weights went; `--out FILE.png` or `.svg` draws them."""

from __future__ import annotations

import argparse

from genius_replay.options import infile
from reproduce.comparison import supernets
from reproduce.report.output import add_output_arguments, show


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `supernets`."""
    parser.add_argument(
        "files", type=infile, nargs="*", metavar="FILE", help="- for standard input (default: the project's own)"
    )
    add_output_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print the searches, or draw them.

    Raises:
        CacheError: a file is damaged.
        BrokenRecording: it holds no search, or one of another form.
        UsageError: drawing needs matplotlib.
    """
    paths = args.files or [supernets.COMMITTED]
    show(supernets.report(paths), args.format, args.out, lambda out: supernets.draw(supernets.read(paths), out))
    return 0
