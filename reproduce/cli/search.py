"""`python -m reproduce search` and `record`: any method, a language model among them, on a table or by real training.

What a search asks a model, and what it has trained, is kept under its key before it is used: the same command asks and
trains nothing twice, and goes on where it was interrupted. `--into` writes what was used into a cassette, which
`--from` performs again with nothing else; one that is there grows, and what it holds stays in it.
`record` is a search with a model whose answers go into a file.
"""

from __future__ import annotations

import argparse

from baselines import catalogue
from cache.client import Client, Shelf
from genius_replay.console import warn
from genius_replay.options import given, infile, name_or_infile, path_only
from harness import spaces
from harness.loop import Budget
from harness.training import estimates
from reproduce import benchmarks, data, recording
from reproduce.benchmarks import BENCHMARKS
from reproduce.cli import model, training
from reproduce.errors import UsageError
from reproduce.published.replay import ITERATIONS
from reproduce.report import Report, recomputed
from reproduce.report.output import add_output_arguments, show
from reproduce.searching import forecast, planning, searches
from reproduce.searching import report as search_report
from reproduce.searching.costs import BOUNDS
from reproduce.searching.planning import GENIUS, WINDOWED


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `search` and `record`."""
    what = parser.add_argument_group("search")
    methods = f"{', '.join(catalogue.METHODS)}, or MODULE:CLASS of your own (default with --model or --run: genius)"
    what.add_argument("--method", metavar="NAME", help=methods)
    what.add_argument("--run", metavar="NAME", help="of genius: a published ImageNet run, such as 329M")
    what.add_argument(
        "--space", nargs="+", default=[], metavar="NAME", help=f"{', '.join(spaces.NAMES)}, or FILE.py:NAME of yours"
    )
    what.add_argument("--objective", choices=("table", "train"), default="table", help="look accuracies up, or train")
    tables = f"{', '.join(BENCHMARKS)}, or a file of yours, - for standard input (default: one at hand)"
    what.add_argument("--table", type=name_or_infile, nargs="+", default=[], metavar="NAME", help=tables)
    what.add_argument("--budget", "--iterations", type=int, default=ITERATIONS, metavar="N", help="evaluations a trial")
    trials = "independent ones, of all else that there are several of; or which of them, such as 11-20"
    what.add_argument("--trials", type=_trials, default=1, metavar="N", help=trials)
    what.add_argument(
        "--seed", type=int, metavar="N", help="of the method (default: 0); a model is sent N plus the trial"
    )
    proposals = "of a trial, rejected ones too (default with --model: twice the budget)"
    what.add_argument("--proposals", type=int, metavar="N", help=proposals)
    what.add_argument("--start", nargs="+", default=[], metavar="ARCHITECTURE", help="what each trial begins with")
    limit = f"repeatable; bounds of a cost, in quotes: {BOUNDS}"
    what.add_argument("--constraint", action="append", default=[], metavar="BOUNDS", dest="constraints", help=limit)
    model.add_arguments(parser)
    training.add_arguments(parser)
    what.add_argument("--arm", nargs="+", default=[], metavar="NAME", help="of what is not to be pooled with others")
    what.add_argument(
        "--parallel", type=int, default=1, metavar="N", help="requests at a time, of as many trials or more"
    )
    output = parser.add_argument_group("output")
    output.add_argument("--into", type=path_only, metavar="FILE.jsonl", help="keep what was used; a file grows")
    output.add_argument("--store", type=path_only, metavar="FOLDER", help="of all answers (default: the user's)")
    output.add_argument("--dry-run", action="store_true", help="train and ask nothing: print what it will take")
    output.add_argument("--from", type=infile, metavar="FILE.jsonl", dest="source", help="replay one; names all else")
    add_output_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Search and print what was found.

    Raises:
        UsageError: if an argument does not fit.
        DataMissing: if the table has not been fetched.
        HarnessError: if a training fails; the others are kept, and the same command goes on from there.
        CacheError: if the endpoint gives no answer, a ceiling is reached, or an answer cannot be kept.
    """
    _check(args)
    show(search_report.again(args.source) if args.source else _searched(args), args.format, args.out)
    return 0


def _searched(args: argparse.Namespace) -> Report:
    """Search as the command line says, and report it."""
    tables = benchmarks.open_tables(args.table, args.space) if args.objective == "table" and not args.run else []
    how = training.described(args, args.space[0]) if args.objective == "train" else None
    budget = args.budget
    if args.proposals is not None:
        budget = Budget(evaluations=args.budget, proposals=args.proposals)
    fixed = {name: value for name, value in vars(args).items() if name in planning.AXES}
    fixed |= {"budget": budget, "window": args.window and tuple(args.window)}
    fixed |= {"parameters": model.parameters(args.parameter)}
    limits = model.limits(args)
    if args.dry_run and args.model:
        planned = planning.grid(catalogue.find(args.method), tables, how, args.model, **fixed)
        return forecast.report(planned, searches.ahead(planned, tables, limits, args.into, args.store), limits)
    if args.dry_run and how:
        method = catalogue.find(args.method)
        each = (budget, args.trials, args.seed, args.start)
        planned = planning.plan(method, None, how, *each, run=args.run, constraints=args.constraints)
        pace = estimates.pace(data.queue(), on_gpu=training.on_gpu(args))
        with searches.keeping(args.store) as kept:
            records = Shelf((searches.known(args.run), kept), new=kept) if args.run else kept
            return search_report.ahead(planned, Client(records), how, pace, args.run)
    found = searches.search(
        args.method,
        tables,
        training=how,
        trainer=training.provider(args) if how else None,
        limits=limits,
        **fixed,
        **{name: getattr(args, name) for name in ("model", "fresh", "into", "store", "parallel")},
    )
    if args.into is not None:
        warn(f"{args.into}: replay it with `python -m reproduce search --from {args.into}`")
    if args.model:
        return recording.report([recording.Recorded.of(one.record()) for one in found])
    if tables:
        notes = [f"What the search of {each.name} sees: {each.table.measure.value}." for each in tables]
        notes += dict.fromkeys(remark for each in tables for remark in each.table.info.remarks)
        return search_report.report(found, recomputed, {each.name: each.table.digest for each in tables}, notes)
    assert how is not None  # a table or a training
    return search_report.report(found, recomputed, {how.dataset: how.digest}, run=args.run)


def _trials(written: str) -> int | range:
    """A number of trials, or the first and the last of some, as they are printed: from 1."""
    first, dash, last = written.partition("-")
    try:
        return range(int(first) - 1, int(last)) if dash and first else int(written)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number, or two such as 11-20, got {written}") from None


def _check(args: argparse.Namespace) -> None:
    """Refuse options that do not fit together, and fill in what follows from the rest."""
    me, args.model = args.command, model.endpoints(args)
    if args.proposals is not None and args.proposals < 1:
        raise UsageError(f"{me}: expected a positive --proposals, got {args.proposals}")
    if args.source is not None:
        rest = set(given(args, add_arguments)) - {"--source", "--format", "--out"}
        if rest:
            raise UsageError(
                f"{me}: --from FILE.jsonl says by itself what is searched; leave out {', '.join(sorted(rest))}"
            )
        return
    if not args.model and (options := given(args, model.add_arguments)):
        raise UsageError(f"{me}: {', '.join(options)} is for a language model: add --model NAME, or leave it out")
    if me == "record" and not (args.model and args.into):
        raise UsageError("record: expected --model NAME --space NAME --into FILE.jsonl")
    args.method = args.method or (GENIUS if args.model or args.run else None)
    if args.run:
        args.space = args.space or [WINDOWED]
    if args.method is None or not (args.space or (args.table and args.objective == "table")):
        raise UsageError(
            f"{me}: expected --method NAME --space NAME, or --model NAME --space NAME, or --method genius --run NAME, "
            "or --from FILE"
        )
    if args.objective == "table" and (options := given(args, training.add_arguments)):
        raise UsageError(f"{me}: {', '.join(options)} is for trainings: add --objective train, or leave it out")
    if args.objective == "train" and len(args.space) > 1:
        raise UsageError(f"{me}: expected one --space to train architectures of, got {len(args.space)}")
    if args.dry_run and args.objective == "table" and not args.model:
        raise UsageError(f"{me}: --dry-run says what a model or trainings will take: add --model or --objective train")
