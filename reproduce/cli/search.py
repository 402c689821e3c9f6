"""`python -m reproduce search` and `record`: any method, a language model among them, on a table or by real training.

What a search asks a model, and what it has trained, is kept under its key before it is used: the same command asks and
trains nothing twice, and goes on where it was interrupted. `--into` writes what was used into a cassette, which
`--from` performs again with nothing else; one that is there grows, and what it holds stays in it.
`record` is a search with a model whose answers go into a file.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from math import inf
from pathlib import Path

from msgspec import structs

from baselines import catalogue
from cache import cassette
from cache.cassette import Cassette
from cache.client import Client, Provider, Queue, Records
from cache.endpoint import OpenAITransport
from cache.errors import CacheError
from cache.key import DIGEST_PREFIX, JSON, SAFE_INTEGER
from cache.limits import PRICES, Limits, read_prices
from cache.record import CHAT
from cache.store import Store
from genius_replay.console import warn
from genius_replay.options import given, infile, path_only
from harness import spaces
from harness.loop import Before, Budget
from harness.objectives import FIGURES, Measure
from harness.run import Run, perform_all
from harness.spaces import mobilenetv2_se
from harness.specification import Model, Specification
from harness.training import estimates
from harness.training.jobs import KIND as TRAINING
from harness.training.jobs import Training
from reproduce import benchmarks, recording, runs, searches
from reproduce.cli import training
from reproduce.data import store
from reproduce.errors import UsageError
from reproduce.published import imagenet
from reproduce.published.imagenet import embedded
from reproduce.published.replay import ITERATIONS
from reproduce.report.output import add_output_arguments, show
from reproduce.report.report import Report, recomputed

GENIUS = "genius"
WINDOWED = mobilenetv2_se.SPACE.name  # the space whose problem states a window of costs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `search` and `record`."""
    what = parser.add_argument_group("search")
    methods = ", ".join(catalogue.METHODS)
    what.add_argument(
        "--method",
        metavar="NAME",
        help=f"{methods}, or MODULE:CLASS of your own (default with --model or --run: genius)",
    )
    what.add_argument("--run", metavar="NAME", help="of genius: a published ImageNet run, such as 329M")
    what.add_argument("--space", metavar="NAME", help=", ".join(spaces.NAMES))
    what.add_argument(
        "--objective", choices=("table", "train"), default="table", help="look accuracies up, or train (default: table)"
    )
    what.add_argument(
        "--table", metavar="NAME", help=f"of the space (default: one at hand): {', '.join(benchmarks.BENCHMARKS)}"
    )
    what.add_argument(
        "--budget", "--iterations", type=int, default=ITERATIONS, metavar="N", help="evaluations a trial (default: 10)"
    )
    what.add_argument(
        "--trials", type=int, default=1, metavar="N", help="independent ones, for each temperature (default: 1)"
    )
    what.add_argument(
        "--seed", type=int, metavar="N", help="of the method (default: 0); sent to a model as N plus the trial"
    )
    what.add_argument(
        "--proposals",
        type=int,
        metavar="N",
        help="of a trial, rejected ones too (default with --model: twice the budget)",
    )
    _add_model_arguments(parser)
    training.add_arguments(parser)
    output = parser.add_argument_group("output")
    output.add_argument(
        "--into", type=path_only, metavar="FILE.jsonl", help="keep what was used; one that is there grows"
    )
    output.add_argument(
        "--store", type=path_only, metavar="FOLDER", help="where answers are kept meanwhile (default: the user's)"
    )
    output.add_argument(
        "--dry-run",
        action="store_true",
        help="train nothing: print what is trained already, and the hours that the rest takes",
    )
    output.add_argument(
        "--from",
        type=infile,
        metavar="FILE.jsonl",
        dest="source",
        help="replay what --into kept; says by itself what is searched",
    )
    add_output_arguments(parser)


def _add_model_arguments(parser: argparse.ArgumentParser) -> None:
    model = parser.add_argument_group("language model, for genius", "Its key is taken from OPENAI_API_KEY.")
    model.add_argument("--model", metavar="NAME", help="as the endpoint calls it")
    model.add_argument("--base-url", metavar="URL", help="such as http://127.0.0.1:8000/v1; else OPENAI_BASE_URL")
    model.add_argument("--fresh", action="store_true", help="use no answer that another endpoint gave before")
    model.add_argument("--temperature", type=float, nargs="+", default=[0.0], metavar="T", help="default: 0")
    model.add_argument(
        "--window", type=int, nargs=2, metavar=("LOW", "HIGH"), help=f"of the cost in millions; {WINDOWED} needs one"
    )
    model.add_argument(
        "--answers",
        choices=runs.ANSWERS,
        default="free",
        help="free, or held to the space by the server (default: free)",
    )
    model.add_argument(
        "--parameter", nargs="+", default=[], metavar="NAME=JSON", help="sent with every request, e.g. max_tokens=512"
    )
    ceiling = parser.add_argument_group("ceilings", "What was answered before one is reached is kept.")
    ceiling.add_argument("--max-calls", type=int, metavar="N", help="requests, of the whole command")
    ceiling.add_argument("--max-tokens", type=int, metavar="N", help="prompt and completion, of the whole command")
    ceiling.add_argument("--max-cost", type=float, metavar="MONEY", help="of the whole command; needs --prices")
    ceiling.add_argument("--prices", type=infile, metavar="FILE", help=PRICES)


def run(args: argparse.Namespace) -> int:
    """Search and print what was found.

    Raises:
        UsageError: if an argument does not fit.
        DataMissing: if the table has not been fetched.
        HarnessError: if a training fails; the others are kept, and the same command goes on from there.
        CacheError: if the endpoint gives no answer, a ceiling is reached, or an answer cannot be kept.
    """
    _check(args)
    show(searches.again(args.source) if args.source else _searched(args), args.format, args.out)
    return 0


def _searched(args: argparse.Namespace) -> Report:
    """Search as the command line says, keep what was used, and report it."""
    opened = how = None
    providers: dict[str, Provider | Queue]
    if args.objective == "table":
        opened = benchmarks.open_benchmark(benchmarks.of_space(args.space, args.table))
        evidence = {opened.table.name: opened.table.digest}
        providers = {FIGURES: runs.figures(opened, spaces.find(args.space).SPACE)}
    else:
        how = training.described(args, args.space)
        evidence = {how.dataset: how.digest}
        providers = {TRAINING: training.provider(args)}
    planned = _planned(args, runs.measure(opened) if opened else None, how)
    kept = _kept(args.into)
    with ExitStack() as stack:
        costs = how or args.model
        transport = stack.enter_context(_transport(args)) if args.model else None
        apart = transport.endpoint.removeprefix(DIGEST_PREFIX) if transport and args.fresh else ""
        if transport and args.fresh:
            _refuse_others(args.into, kept, transport.endpoint)
        records: Records = stack.enter_context(_store(args.store, apart)) if costs else Cassette()
        if transport:
            providers[CHAT] = stack.enter_context(_counted(transport)).send
        if args.run:
            records = runs.Overlay(cassette.read(imagenet.cassette_path(args.run)), records)
        records = runs.Overlay(kept, records)
        client = Client(records, providers)
        if args.dry_run and how:
            pace = estimates.pace(training.queue(), on_gpu=training.on_gpu(args))
            return searches.ahead(planned, client, how, pace, args.run)
        found = perform_all(planned, client, runs.setting, *([_progress(planned)] if args.model else []))
        for one in found:
            records.put(one.record())
        if transport:
            _warn_of_others(found, transport.endpoint)
    if args.into is not None:
        cassette.grow(args.into, (record for one in found for record in one.records))
        warn(f"{args.into}: replay it with `python -m reproduce search --from {args.into}`")
    if args.model:
        return recording.report([recording.Recorded.of(one.record()) for one in found])
    notes = [f"What the search sees: {opened.table.measure.value}."] if opened else []
    return searches.report(found, recomputed, evidence, notes, args.run)


def _planned(args: argparse.Namespace, table: Measure | None, how: Training | None) -> list[Specification]:
    """The runs of a command line, temperature by temperature."""
    if args.run:
        published = imagenet.specification(embedded()[args.run])
        return [structs.replace(published, training=how)]
    window = tuple(args.window) if args.window and args.model else None
    one = Specification(
        method=args.method,
        space=args.space,
        table=table,
        training=how,
        version=catalogue.find(args.method).version,
        budget=Budget(evaluations=args.budget, proposals=args.proposals or (2 * args.budget if args.model else None)),
        window=window,
        seed=0 if args.model else args.seed or 0,
    )
    trials = [structs.replace(one, number=number) for number in range(args.trials)]
    if not args.model:
        return trials
    parameters = _parameters(args.parameter)

    def model(temperature: float, number: int) -> Model:
        drawn = {} if args.seed is None else {"seed": args.seed + number}
        sent = {**parameters, "temperature": temperature, **drawn}
        return runs.model(args.model, args.space, args.answers, sent, window, how or (table.table if table else None))

    return [
        structs.replace(each, model=model(temperature, each.number))
        for temperature in dict.fromkeys(args.temperature)
        for each in trials
    ]


def _kept(into: Path | None) -> Cassette:
    """The recording that is to grow: what it holds is asked of nobody, and stays in it."""
    if into is None or not into.is_file():
        return Cassette()
    try:
        return cassette.read(into, exact=True)
    except CacheError as error:
        raise UsageError(
            f"{into}: expected a new file, or a recording that grows, found another; it was left as it is: name "
            f"another with --into, or mend it. {error}"
        ) from None


def _check(args: argparse.Namespace) -> None:
    """Refuse what does not fit together, and fill in what follows from the rest."""
    me = args.command
    for name in ("budget", "trials", "proposals", "max_calls", "max_tokens", "max_cost"):
        number = getattr(args, name)
        if number is not None and not 0 < number < inf:
            raise UsageError(f"{me}: expected a positive --{name.replace('_', '-')}, got {number}")
    if not all(0 <= temperature < inf for temperature in args.temperature):
        raise UsageError(f"{me}: expected every --temperature from 0 on, got {' '.join(map(str, args.temperature))}")
    if args.source is not None:
        rest = set(given(args, add_arguments)) - {"--source", "--format", "--out"}
        if rest:
            raise UsageError(
                f"{me}: --from FILE.jsonl says by itself what is searched; leave out {', '.join(sorted(rest))}"
            )
        return
    if not args.model and (options := given(args, _add_model_arguments)):
        raise UsageError(f"{me}: {', '.join(options)} is for a language model: add --model NAME, or leave it out")
    if me == "record" and not (args.model and args.into):
        raise UsageError("record: expected --model NAME --space NAME --into FILE.jsonl")
    args.method = args.method or (GENIUS if args.model or args.run else None)
    if args.run:
        args.run, args.space = str(imagenet.published_run(args.run).run), args.space or WINDOWED
    if args.space is None and args.table is not None:
        args.space = benchmarks.find(args.table).space.name
    if args.method is None or args.space is None:
        raise UsageError(
            f"{me}: expected --method NAME --space NAME, or --model NAME --space NAME, or --method genius --run NAME, "
            "or --from FILE"
        )
    if args.run and (args.method, args.space, args.objective, args.model) != (GENIUS, WINDOWED, "train", None):
        raise UsageError(
            f"{me}: --run names a published run, for --method genius on mobilenetv2-se with --objective train; what "
            "GPT-4 did on tables is replayed by `table1` and `table7` to `table13`"
        )
    if args.run and (args.trials, args.budget) != (1, ITERATIONS):
        raise UsageError(f"{me}: a published run is one trial and has its own budget; leave out --trials and --budget")
    if args.objective == "table":
        training.refuse(args)
    if args.dry_run and (args.objective == "table" or args.model):
        raise UsageError(f"{me}: --dry-run says what trainings will take: for --objective train without a model")
    if args.model and (args.space == WINDOWED) != (args.window is not None):
        raise UsageError(
            f"{me}: expected --window LOW HIGH for {WINDOWED}, whose problem states it, and for no other space; "
            "GENIUS' own was 270 330"
        )
    if not abs((args.seed or 0) + args.trials) <= SAFE_INTEGER:
        raise UsageError(f"{me}: expected --seed with its trials within ±{SAFE_INTEGER}, got {args.seed}")
    if args.max_cost is not None and args.prices is None:
        raise UsageError(f"{me}: --max-cost needs --prices FILE, the price of a million tokens of each model")
    if args.into is not None and args.into.is_dir():
        raise UsageError(f"{me}: expected a file for --into, got the folder {args.into}; name a file in it")
    if args.into is not None and not args.into.parent.is_dir():
        raise UsageError(f"{me}: expected a folder {args.into.parent} for {args.into.name}, got none; make it first")


def _parameters(written: Sequence[str]) -> Mapping[str, JSON]:
    parameters: dict[str, JSON] = {}
    for one in written:
        name, equals, value = one.partition("=")
        try:
            known = {**parameters, "model": 0, "messages": 0, "temperature": 0, "seed": 0}
            parameters[name] = json.loads(value)
        except (ValueError, RecursionError):
            equals = ""
        if not name or not equals or name in known:
            raise UsageError(
                f"expected --parameter NAME=JSON such as top_p=0.9, each once and for what no other option gives, got "
                f"{one}"
            )
    return parameters


# -- the endpoint ---


def _transport(args: argparse.Namespace) -> OpenAITransport:
    """The endpoint with its ceilings."""
    prices = read_prices(args.prices) if args.prices else {}
    return OpenAITransport(args.base_url, limits=Limits(args.max_calls, args.max_tokens, args.max_cost, prices))


def _store(folder: Path | None, apart: str) -> Store:
    """Where answers are kept: the user's store or a named one, or one in it for an endpoint alone."""
    return Store(folder / apart) if folder else store(f"answers/{apart}" if apart else "answers")


@contextmanager
def _counted(transport: OpenAITransport) -> Iterator[OpenAITransport]:
    """An endpoint of which it is said at the end what was spent on it, and which models answered."""
    kept = "; what was answered is kept, the same command goes on from here"
    try:
        yield transport
        kept = ""
    finally:
        spent = transport.spent
        cost = f", {spent.cost:.4f} in money" if spent.cost else ""
        models = f", answered by {' and '.join(sorted(spent.models))}" if spent.models else ""
        warn(f"{spent.calls} requests sent, {spent.usage.tokens} tokens{cost}{models}{kept}")


def _refuse_others(into: Path | None, kept: Cassette, endpoint: str) -> None:
    """Refuse to use the answers of another endpoint where a recording that grows holds some."""
    if any(record.provenance.get("endpoint") != endpoint for record in kept.of_kind(CHAT)):
        raise UsageError(
            f"{into}: expected answers of the endpoint named with --fresh alone, got others, or it is not known whose; "
            "it was left as it is: name another file with --into"
        )


def _warn_of_others(found: Sequence[Run], endpoint: str) -> None:
    """Say how many answers are not from this endpoint, or not known to be: equal requests have equal keys anywhere."""
    answers = [record.provenance.get("endpoint") for one in found for record in one.answers]
    if others := sum(name != endpoint for name in answers):
        warn(
            f"{others} of {len(answers)} answers were kept before, from another endpoint than the one named, or it is "
            "not known from which; to ask this one, give the same command with --fresh"
        )


def _progress(planned: Sequence[Specification]) -> Callable[[int], Before]:
    """Says which run goes on, a line each; on a terminal also which turn, always in one line."""
    live = sys.stderr.isatty()

    def before(number: int) -> Before:
        def told(iteration: int, turn: int) -> None:
            if iteration == turn == 0:
                warn(f"{number + 1} of {len(planned)}: {planned[number].name}")
            if live:
                sys.stderr.write(f"\riteration {iteration + 1}, turn {turn + 1} \r")

        return told

    return before
