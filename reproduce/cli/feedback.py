"""`python -m reproduce feedback`: what GPT-4 did with what it was told, or any model in anybody's runs.

Four parts, each a table and a figure: the trend of accuracies, the first proposal, the answers to cost feedback, and
the distance of proposals. Of other runs than the published ones the trend is shown.
"""

from __future__ import annotations

import argparse
from functools import partial

from genius_replay.options import infile
from reproduce.errors import UsageError
from reproduce.paper.registry import ITEMS
from reproduce.report.output import add_output_arguments, show

PREFIX = "feedback_"
PARTS = tuple(name.removeprefix(PREFIX) for name in ITEMS if name.startswith(PREFIX))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `feedback`."""
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} (default: all)")
    runs = "the trend in runs of your own: recordings, or CSV with run, iteration, told"
    parser.add_argument("--runs", nargs="+", type=infile, default=[], metavar="FILE", help=runs)
    add_output_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print the parts, or draw or write one.

    Raises:
        UsageError: a part is unknown; several are to go into one file; or a file of runs is of another form.
        CacheError, ReplayMiss: a recording is damaged.
    """
    if unknown := [part for part in args.parts if part not in PARTS]:
        raise UsageError(f"feedback: expected some of {', '.join(PARTS)}, got {unknown[0]}")
    if args.runs:
        if args.parts not in ([], ["trend"]):
            raise UsageError("feedback: expected no part but trend beside --runs: it is all that is shown of them")
        from reproduce.paper.feedback import others, trend

        courses = [course for path in args.runs for course in others.read(path)]
        title = "Trend of accuracies over the iterations"
        show(trend.of_courses("feedback_trend", title, courses), args.format, args.out)
        return 0
    parts = args.parts or PARTS
    if len(parts) > 1 and (args.out or args.format):
        raise UsageError(f"feedback: expected one part for --out or --format, of {', '.join(PARTS)}; name it")
    for part in parts:
        item = ITEMS[PREFIX + part]
        report = item.report()
        show(report, args.format, args.out, partial(item.draw, report))
    return 0
