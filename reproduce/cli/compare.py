"""`python -m reproduce compare`: search methods beside GENIUS, on the same tables under the same budgets."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

from baselines import catalogue
from cache.cassette import Cassette
from cache.client import Records
from cache.errors import CacheError
from genius_replay.options import infile, name_or_infile
from reproduce import benchmarks, recording
from reproduce.benchmarks import BENCHMARKS
from reproduce.comparison.contest import ONE_BY_ONE, Contest, Rules, contest
from reproduce.comparison.contestants import GENIUS_BUDGET, ORACLE_STEPS
from reproduce.comparison.report import draw, report
from reproduce.data import store
from reproduce.errors import ReproduceError, UsageError
from reproduce.recording import Recorded
from reproduce.report.output import add_output_arguments, show

BUDGETS = (10, 50, 100, 200, 300)


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
    parser.add_argument("--methods", nargs="+", metavar="NAME", help=f"{methods} (default: those that run as arrays)")
    parser.add_argument("--optimiser", nargs="+", default=[], metavar="MODULE:CLASS", help="methods of your own, too")
    parser.add_argument(
        "--budget",
        nargs="+",
        type=int,
        default=list(BUDGETS),
        metavar="N",
        help=f"evaluations (default: {' '.join(map(str, BUDGETS))})",
    )
    parser.add_argument(
        "--count",
        choices=("evaluations", "unique"),
        default="evaluations",
        help="what budgets count (default: evaluations)",
    )
    trials = f"default: 1000, {ONE_BY_ONE} for methods whose trials run one by one"
    parser.add_argument("--trials", type=int, metavar="N", help=trials)
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="default: 0")
    parser.add_argument(
        "--recording",
        nargs="+",
        type=infile,
        default=[],
        metavar="FILE",
        help="recorded models of your own, too, - for standard input",
    )
    oracle = f"also the DARTS relaxation of each table ({ORACLE_STEPS} steps), which is given all of it"
    parser.add_argument("--oracle", action="store_true", help=oracle)
    add_output_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Compare and print; with --out FILE.png or .svg the anytime curves are drawn.

    Raises:
        UsageError: if a name is unknown, a number is not positive, or a recording holds no run of a model.
        DataMissing: if a table that is named has not been fetched.
    """
    for number in (*args.budget, *([] if args.trials is None else [args.trials])):
        if number < 1:
            raise UsageError(f"compare: expected positive budgets and trials, got {number}")
    names = args.table or [name for name in BENCHMARKS if benchmarks.at_hand(name)]
    chosen = args.methods or [name for name, method in catalogue.METHODS.items() if method.arrays is not None]
    methods = [catalogue.find(name) for name in dict.fromkeys((*chosen, *args.optimiser))]
    rules = Rules(tuple(sorted(set(args.budget))), args.count, args.trials, args.seed)
    recordings = {"": [run for path in recording.committed() for run in recording.read(path)]}
    named = Counter(path.name for path in args.recording)  # two files of one name keep their folders
    own = {f" ({path.name if named[path.name] == 1 else path})": recording.of_models(path) for path in args.recording}
    with _kept() as records:
        contests = [
            contest(name, methods, rules, records, recordings | own, oracle=args.oracle)
            for name in dict.fromkeys(names)
        ]
    remarks = [*_elsewhere(own, contests), *_no_model(args.recording)]
    quotes = "genius" in chosen and args.table is None and GENIUS_BUDGET in rules.budgets
    compared = report(contests, args.count, quotes=quotes, remarks=remarks)
    show(compared, args.format, args.out, partial(draw, contests, args.count))
    return 0


def _elsewhere(recordings: Mapping[str, Sequence[Recorded]], contests: Sequence[Contest]) -> Iterator[str]:
    """The runs of recordings of one's own that searched something that is not compared here."""
    compared = {each.name for each in contests}
    for source, found in recordings.items():
        for target, count in Counter(run.specification.target for run in found).items():
            if target not in compared:
                yield f"{count} runs{source} searched {target}, which is not compared here, and are left out"


def _no_model(paths: Iterable[Path]) -> Iterator[str]:
    """The runs of recordings of one's own in which no model was asked."""
    for path in paths:
        if others := sum(run.specification.model is None for run in recording.read(path)):
            yield f"{others} runs ({path}) asked no language model and are left out; name their method with --methods"


def _kept() -> AbstractContextManager[Records]:
    """Where results of methods are kept: the user's store, or nowhere if that cannot be written."""
    try:
        return store("contests")
    except (CacheError, ReproduceError):
        return nullcontext(Cassette())
