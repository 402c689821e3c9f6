"""`python -m reproduce runs`: the runs of recordings by name: list, show, split, drop, diff and ledger.

A run goes by any parts of its name that no other has, such as `smollm2/nas-bench-macro:2`, an answer by its iteration
and turn behind that, such as `smollm2:2:3.1`; published runs by theirs, without a file. No recording is changed: what
is written is a new file.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from cache import cassette
from cache.cli.records import conversation, say_ledger
from cache.provider.limits import PRICES, read_prices, usage_of
from cache.record import Record
from genius_replay.console import say
from genius_replay.options import Parser, add_command, infile, path_only
from harness.specification import RUN
from reproduce import named, recording
from reproduce.named import Opened
from reproduce.report.output import refuse_existing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `runs`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=Parser)
    named_so = {"nargs": "+", "metavar": "NAME", "help": "of a run; in part where no other has these parts"}
    made = add_command(actions, "list", "runs by name, and what they found", "mine.jsonl")
    made.add_argument("files", type=infile, nargs="+", metavar="FILE")
    made = add_command(actions, "show", "answers of a run, whole", "mine.jsonl smollm2/nas-bench-macro:2:3.1")
    made.add_argument(
        "names", nargs="+", metavar="NAME", help="RUN or RUN:ITERATION.TURN, behind the FILE; a published one without"
    )
    made = add_command(actions, "split", "a file for each run, model, table or label", "mine.jsonl --into parts")
    made.add_argument("file", type=infile, metavar="FILE")
    made.add_argument("--by", choices=named.BY, default="run", help="what is kept together")
    made.add_argument("--into", type=path_only, required=True, metavar="FOLDER", help="where the files are written")
    made = add_command(actions, "drop", "leave out runs, and what only they need", "a.jsonl smollm2:2 --into b.jsonl")
    made.add_argument("file", type=infile, metavar="FILE")
    made.add_argument("names", **named_so)  # type: ignore[arg-type]
    made.add_argument("--into", type=path_only, required=True, metavar="NEW.jsonl", help="what is left is written here")
    made = add_command(actions, "diff", "two recordings of one plan, side by side", "mine.jsonl yours.jsonl")
    made.add_argument("left", type=infile, metavar="LEFT")
    made.add_argument("right", type=infile, metavar="RIGHT")
    made = add_command(actions, "ledger", "what answers cost, by model and arm", "mine.jsonl --prices prices.json")
    made.add_argument("file", type=infile, metavar="FILE")
    made.add_argument("--prices", type=infile, metavar="FILE", help=PRICES)


def run(args: argparse.Namespace) -> int:
    """Do it.

    Returns:
        1 if `diff` finds a difference, else 0.

    Raises:
        UsageError: if a name means nothing, a run that stays needs what is dropped, or what is written is there.
        CacheError, HarnessError: if a recording is damaged or does not replay.
    """
    if args.action == "list":
        runs = [one for path in args.files for one in recording.read(path)]
        names = named.names((one.specification, one.record.key) for one in runs)
        for name, one in zip(names, runs, strict=True):
            best = "nothing evaluated" if one.ended.told is None else f"best {one.ended.told:.2f} %"
            say(f"{name}  {one.ended.answers} answers, {one.ended.evaluated} evaluated, {best}")
    elif args.action == "show":
        file, names = Path(args.names[0]), args.names[1:]
        if not (file.is_file() and names):
            found = [named.published(name) for name in args.names]
        else:
            found = [*map(Opened(file).show, names)]
        shown = (f"== {place} ==\n{conversation(record)}" for each in found for place, record in each.items())
        say("\n".join(shown))
    elif args.action == "split":
        groups = Opened(args.file).split(args.by)
        _write({args.into / (re.sub(r"[^\w.=-]+", "-", group) + ".jsonl"): one for group, one in groups.items()})
    elif args.action == "drop":
        left, gone = Opened(args.file).without(args.names)
        _write({args.into: left})
        billed = sum(usage.tokens for record in gone if (usage := usage_of(record.answer)))
        count = sum(record.kind == RUN for record in gone)
        say(f"left out: {count} runs, {len(gone)} records, billed for {billed:,} tokens; {args.file} still has them")
    elif args.action == "diff":
        differs = named.difference(Opened(args.left), Opened(args.right))
        say("\n".join(differs) or "no run differs")
        return int(bool(differs))
    else:
        say_ledger(Opened(args.file).spent(read_prices(args.prices) if args.prices else {}))
    return 0


def _write(files: Mapping[Path, Sequence[Record]]) -> None:
    """Write recordings, none of which is there yet."""
    for path in files:
        refuse_existing(path)
    for path, records in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        cassette.write(path, records)
        say(f"{path}: {len(records)} records")
