"""`python -m cache`: look at recorded answers, compare, merge and count them. PLACE is a cassette or a store's folder.

python -m cache list PLACE …               one line a record
python -m cache show PLACE KEY …           whole conversations; the first digits of a key will do
python -m cache verify PLACE …             every byte; exit code 1 if one is not as written
python -m cache diff PLACE PLACE           exit code 1 if requests or answers differ
python -m cache merge CASSETTE PLACE …     all records of the places into a cassette: a new one, or one of the places
python -m cache sync STORE CASSETTE …      cassettes into a store, which is made if need be
python -m cache ledger PLACE …             calls, tokens, seconds, money: spent, and saved by using answers again

git merges two recordings with `git config merge.cassette.driver "python -m cache merge %A %A %B"` and a line
`*.jsonl merge=cassette` in .gitattributes.

Exit codes: 0 done, 1 a difference or damage was found, 2 wrong use or missing data.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path

from cache import cassette
from cache.cassette import Cassette
from cache.errors import CacheError
from cache.limits import COLUMNS, keys_in, ledger, read_prices
from cache.reading import conversation, difference, find, line, short
from cache.store import Store


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        run: Callable[[argparse.Namespace], int] = options.run
        return run(options)
    except CacheError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 2
    except BrokenPipeError:  # the reader has gone, and with it everything that is left to say
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m cache",
        description="Look at recorded answers, compare, merge and count them.",
        epilog="Exit codes: 0 done, 1 a difference or damage was found, 2 wrong use or missing data.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(run: Callable[[argparse.Namespace], int], *places: str) -> argparse.ArgumentParser:
        name = run.__name__.strip("_")
        subparser = commands.add_parser(name, help=run.__doc__, description=run.__doc__)
        for place in places:
            number = "+" if place in ("places", "cassettes") else None
            subparser.add_argument(place, type=Path, metavar=place.rstrip("s").upper(), nargs=number)
        subparser.set_defaults(run=run)
        return subparser

    command(_list, "places")
    command(_show, "place").add_argument("keys", nargs="+", metavar="KEY")
    command(_verify, "places")
    command(_diff, "left", "right")
    command(_merge, "cassette", "places")
    command(_sync, "store", "cassettes")
    spent = command(_ledger, "places")
    spent.add_argument(
        "--prices", type=Path, metavar="FILE", help='{"model": {"prompt": 2.5, "completion": 10}}, per million'
    )
    spent.add_argument(
        "--used-by", nargs="+", type=Path, default=[], metavar="FILE", help="trajectories that name keys"
    )
    return parser


# -- commands ---


def _list(options: argparse.Namespace) -> int:
    """One line a record: key, sample, model, messages, answer."""
    for record in chain.from_iterable(_read(place).values() for place in options.places):
        _say(line(record))
    return 0


def _show(options: argparse.Namespace) -> int:
    """Whole conversations as text."""
    records = _read(options.place)
    for text in [conversation(find(records, key)) for key in options.keys]:
        _say(text)
    return 0


def _verify(options: argparse.Namespace) -> int:
    """Check every byte; nothing is repaired."""
    damaged = False
    for place in options.places:
        if place.is_dir():
            with Store(place, read_only=True) as store:
                count, problems = len(store), store.verify()
        else:
            count, problems = _verify_cassette(place)
        damaged |= bool(problems)
        _say(f"{place}: problems found: {len(problems)}" if problems else f"{place}: {count} records, as written")
        for problem in problems:
            _say(f"  {problem}")
    return int(damaged)


def _diff(options: argparse.Namespace) -> int:
    """Requests on one side only, and answers that differ."""
    found = difference(_read(options.left), _read(options.right))
    for side, keys in (("left", found.left), ("right", found.right)):
        for key in keys:
            _say(f"only {side}  {short(key)}")
    for key, diff in found.answers.items():
        _say(f"answer  {short(key)}\n{diff}")
    if found.surroundings:
        _say(f"{len(found.surroundings)} answers are the same, and were observed otherwise")
    return int(bool(found))


def _merge(options: argparse.Namespace) -> int:
    """All records of several places into a cassette, which is new or one of them."""
    path: Path = options.cassette
    if path.exists() and path.resolve() not in (place.resolve() for place in options.places):
        raise CacheError(f"Expected a new cassette, got {path}, which is there. Name it among the places as well.")
    records = cassette.merge(*map(_read, options.places))
    digest = cassette.write(path, records.values())
    _say(f"{path}: {len(records)} records, {digest}")
    return 0


def _sync(options: argparse.Namespace) -> int:
    """Cassettes into a store, which is made if need be."""
    cassettes = [cassette.read(path) for path in options.cassettes]
    with Store(options.store) as store:
        for path, records in zip(options.cassettes, cassettes, strict=True):
            _say(f"{path}: {store.load(records)} of {len(records)} records were new")
    return 0


def _ledger(options: argparse.Namespace) -> int:
    """Calls, tokens, seconds and money: spent, and saved by using answers again."""
    records = cassette.merge(*map(_read, options.places))
    prices = read_prices(options.prices) if options.prices else {}
    entries = ledger(records.values(), prices, keys_in(options.used_by))
    rows = [("model", *(name.replace("_", " ") for name in COLUMNS))]
    for model, entry in entries.items():
        rows.append((model, *(_figure(entry.get(name)) for name in COLUMNS)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for model, *figures in rows:
        cells = [model.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(figures, widths[1:], strict=True))]
        _say("  ".join(cells).rstrip())
    return 0


# -- places and words ---


def _read(place: Path) -> Cassette:
    """Return all records of a cassette or of a store's folder, each verified."""
    if not place.is_dir():
        return cassette.read(place)
    with Store(place, read_only=True) as store:
        return store.export()


def _verify_cassette(path: Path) -> tuple[int, list[str]]:
    if not path.exists():
        raise CacheError(f"Expected a cassette or a store's folder at {path}, got nothing. Name another.")
    try:
        records = cassette.read(path)
        return len([record.key for record in records.values()]), []
    except CacheError as error:
        return 0, [str(error)]


def _figure(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
