"""`python -m reproduce record`: let a live model search as GENIUS did, and keep every answer.

Any endpoint that speaks OpenAI's chat completions will do. Each answer is stored before it is used, so the same command
goes on where an interrupted one stopped, and asks nothing twice.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from cache import cassette
from cache.client import Client
from cache.endpoint import OpenAITransport
from cache.key import JSON
from cache.limits import Limits, Spent, read_prices
from cache.record import CHAT, Record
from cache.store import Store
from harness import spaces
from harness.objectives import TrainedObjective
from reproduce import benchmarks
from reproduce.cli import local_models, recordings, training
from reproduce.cli.recording import ANSWERS, Figures, Plan, perform, read
from reproduce.data import home
from reproduce.errors import UsageError
from reproduce.published.replay import ITERATIONS, Watch
from reproduce.report.output import add_output_arguments, show
from tables.space import Architecture

WINDOWED = "mobilenetv2-se"  # the space whose problem states a window of costs


class Source(Protocol):
    """What measures architectures that no run has measured yet."""

    def figures(self, architecture: Architecture) -> tuple[float, float]:
        """What a search is told and what it is not: validation and test accuracy in percent."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `record`."""
    endpoint = parser.add_argument_group("endpoint; the key is taken from OPENAI_API_KEY")
    endpoint.add_argument("--model", required=True, help="as the endpoint calls it")
    endpoint.add_argument("--base-url", metavar="URL", help="such as http://127.0.0.1:8000/v1; else OPENAI_BASE_URL")
    search = parser.add_argument_group("search")
    search.add_argument("--space", required=True, metavar="NAME", help=", ".join(spaces.NAMES))
    search.add_argument("--objective", choices=("table", "train"), default="table", help="look accuracies up, or train")
    search.add_argument("--table", metavar="NAME", help=f"of the space, one of {', '.join(benchmarks.BENCHMARKS)}")
    search.add_argument("--trials", type=int, default=1, metavar="N", help="runs for each temperature")
    search.add_argument("--temperature", type=float, nargs="+", default=[0.0], metavar="T")
    search.add_argument("--iterations", type=int, default=ITERATIONS, metavar="N", help="architectures evaluated a run")
    search.add_argument(
        "--proposals", type=int, metavar="N", help="answers a run, rejected ones too (default: twice the iterations)"
    )
    search.add_argument(
        "--window", type=int, nargs=2, metavar=("LOW", "HIGH"), help=f"of the cost in millions; {WINDOWED} needs one"
    )
    search.add_argument("--answers", choices=ANSWERS, default="free", help="free, or held to the space by the server")
    search.add_argument("--seed", type=int, metavar="N", help="sent as N plus the number of the run")
    search.add_argument(
        "--parameter", nargs="+", default=[], metavar="NAME=JSON", help="sent with every request, e.g. max_tokens=512"
    )
    ceiling = parser.add_argument_group("ceilings; what was answered before one is reached is kept")
    ceiling.add_argument("--max-calls", type=int, metavar="N")
    ceiling.add_argument("--max-tokens", type=int, metavar="N", help="prompt and completion, of the whole command")
    ceiling.add_argument("--max-cost", type=float, metavar="MONEY", help="needs --prices")
    ceiling.add_argument(
        "--prices", type=Path, metavar="FILE", help='{"model": {"prompt": 2.5, "completion": 10}}, per million tokens'
    )
    training.add_arguments(parser)
    output = parser.add_argument_group("output")
    output.add_argument("--into", type=Path, required=True, metavar="FILE.jsonl", help="the recording")
    output.add_argument("--store", type=Path, metavar="FOLDER", help="of all answers (default: the user's)")
    add_output_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Record every run that is asked for, write the recording, and print what became of the answers.

    Raises:
        UsageError: if an argument does not fit.
        DataMissing: if the table has not been fetched.
        CacheError: if the endpoint gives no answer, a ceiling is reached, or an answer cannot be kept.
    """
    if not args.into.parent.is_dir():
        raise UsageError(f"record: expected a folder {args.into.parent} for {args.into.name}, got none; make it first")
    limits = _limits(args)
    with measured(args) as (measure, source):
        plans = planned(args, measure)
        _record(args, plans, source, limits)
        if isinstance(source, TrainedObjective):  # the trainings are evidence too
            trained = [source.record(architecture) for run in read(args.into) for architecture in run.figures]
            cassette.write(args.into, [*cassette.read(args.into).values(), *trained])
    _say(f"{args.into}: replay it with `python -m reproduce recordings {args.into}`")
    show(recordings.report(read(args.into)), args.format, args.out)
    return 0


@contextmanager
def measured(args: argparse.Namespace) -> Iterator[tuple[dict[str, JSON], Source]]:
    """What accuracies are of, and what gives them: a table, or trainings.

    Raises:
        UsageError, DataMissing: the table is of another space, or not fetched.
        HarnessError: see `reproduce.cli.training.described`.
    """
    if args.objective == "train":
        how = training.described(args, args.space)
        with training.opened(args, how) as objective:
            yield {"training": how.to_json()}, objective
        return
    table = benchmarks.of_space(args.space, args.table)
    opened = benchmarks.open_benchmark(table)
    yield {"table": table, "digest": opened.table.digest}, opened


def _record(args: argparse.Namespace, plans: Sequence[Plan], source: Source, limits: Limits) -> None:
    """Perform every run and write the recording; what was answered before an error is kept."""
    known = local_models.describe_served(args.base_url, args.model)
    provenance = {"source": "an OpenAI-compatible endpoint", **known}
    with (
        Store(args.store or home() / "answers") as store,
        OpenAITransport(args.base_url, limits=limits, provenance=provenance) as transport,
        progress(plans) as watches,
    ):
        client = Client(store, {CHAT: transport.send})
        records: dict[str, Record] = {}
        try:
            for plan, watch in zip(plans, watches, strict=True):
                figures = Figures(plan, store, source.figures)
                records |= {record.key: record for record in perform(plan, client, figures, watch)}
        except BaseException:
            _say(f"{_spent(transport.spent)}; all of it is kept, the same command goes on from here")
            raise
        _say(f"{_spent(transport.spent)}; {client.tally.hits} answers were there")
    cassette.write(args.into, records.values())


def planned(args: argparse.Namespace, measure: Mapping[str, JSON]) -> list[Plan]:
    """The runs of a command line, temperature by temperature.

    Raises:
        UsageError: if an argument does not fit.
    """
    for name in ("trials", "iterations", "proposals"):
        number = getattr(args, name)
        if number is not None and number < 1:
            raise UsageError(f"record: expected a positive --{name}, got {number}")
    if (args.space == WINDOWED) != (args.window is not None):
        raise UsageError(
            f"record: expected --window LOW HIGH for {WINDOWED}, whose problem states it, and for no other space; "
            "GENIUS' own was 270 330"
        )
    parameters = _parameters(args.parameter)
    return [
        Plan(
            args.model,
            args.space,
            measure,
            args.answers,
            {
                **parameters,
                "temperature": temperature,
                **({} if args.seed is None else {"seed": args.seed + number}),
            },
            number,
            args.iterations,
            args.proposals or 2 * args.iterations,
            tuple(args.window) if args.window else None,
        )
        for temperature in dict.fromkeys(args.temperature)
        for number in range(args.trials)
    ]


def _parameters(written: Sequence[str]) -> Mapping[str, JSON]:
    parameters: dict[str, JSON] = {}
    for one in written:
        name, equals, value = one.partition("=")
        try:
            parameters[name] = json.loads(value)
        except ValueError:
            equals = ""
        if not name or not equals or name in ("model", "messages", "temperature", "seed"):
            raise UsageError(
                f"record: expected --parameter NAME=JSON such as top_p=0.9, for what no other option gives, got {one}"
            )
    return parameters


def _limits(args: argparse.Namespace) -> Limits:
    if args.max_cost is not None and args.prices is None:
        raise UsageError("record: --max-cost needs --prices FILE, the price of a million tokens of each model")
    prices = read_prices(args.prices) if args.prices else {}
    return Limits(args.max_calls, args.max_tokens, args.max_cost, prices)


@contextmanager
def progress(plans: Sequence[Plan]) -> Iterator[list[Watch]]:
    """A line a run on a terminal, redrawn at every request; elsewhere a line when a run begins."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.fields[turn]}"), console=console, disable=not console.is_terminal) as bar:
        overall = bar.add_task("runs", total=len(plans), turn="")

        def watch(number: int, plan: Plan) -> Watch:
            def told(iteration: int, turn: int) -> None:
                if iteration == turn == 0:
                    bar.update(overall, completed=number, description=plan.name)
                    if not console.is_terminal:
                        _say(f"{number + 1} of {len(plans)}: {plan.name}")
                bar.update(overall, turn=f"iteration {iteration + 1}, turn {turn + 1}")

            return told

        yield [watch(number, plan) for number, plan in enumerate(plans)]


def _spent(spent: Spent) -> str:
    cost = f", {spent.cost:.4f} in money" if spent.cost else ""
    return f"{spent.calls} requests sent, {spent.usage.tokens} tokens{cost}"


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
