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
import json
import os
import sys
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

from cache import cassette
from cache.cassette import Cassette
from cache.errors import CacheError
from cache.key import DIGEST_PREFIX, JSON, canonical
from cache.limits import COLUMNS, keys_in, ledger, read_prices
from cache.nearest import messages, unified
from cache.record import Record
from cache.store import Store

_DIGITS = 12  # of a key in a list; any number of them finds a record
_BEGINNING = 60  # characters of an answer in a list


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except CacheError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 2
    except BrokenPipeError:  # the reader has gone, and with it everything that is left to say
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m cache",
        description="Look at recorded answers, compare, merge and count them.",
        epilog="Exit codes: 0 done, 1 a difference or damage was found, 2 wrong use or missing data.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for run, *names in (
        (_list, "places"),
        (_show, "place", "keys"),
        (_verify, "places"),
        (_diff, "left", "right"),
        (_merge, "cassette", "places"),
        (_sync, "store", "cassettes"),
        (_ledger, "places"),
    ):
        command = commands.add_parser(run.__name__[1:], help=run.__doc__, description=run.__doc__)
        command.set_defaults(run=run)
        for name in names:
            number, kind = "+" if name.endswith("s") else None, str if name == "keys" else Path
            command.add_argument(name, type=kind, metavar=name.rstrip("s").upper(), nargs=number)
    prices = '{"model": {"prompt": 2.5, "completion": 10}}, per million'
    command.add_argument("--prices", type=Path, metavar="FILE", help=prices)
    used_by = "trajectories that name keys"
    command.add_argument("--used-by", nargs="+", type=Path, default=[], metavar="FILE", help=used_by)
    return parser


# -- commands ---


def _list(options: argparse.Namespace) -> int:
    """One line a record: key, sample, model, messages, answer."""
    for record in chain.from_iterable(_read(place).values() for place in options.places):
        said = " ".join(" ".join(_texts(record.answer)[:1]).split())
        beginning = said if len(said) <= _BEGINNING else said[: _BEGINNING - 1] + "…"
        model, number = record.request.get("model"), len(messages(record.request))
        _say(f"{_short(record.key)}  {record.sample:>4}  {model}  {number:>3} messages  {beginning}")
    return 0


def _show(options: argparse.Namespace) -> int:
    """Whole conversations as text."""
    records = _read(options.place)
    found: list[Record] = []
    for beginning in options.keys:
        wanted = DIGEST_PREFIX + beginning.removeprefix(DIGEST_PREFIX)
        keys = [key for key in records if key.startswith(wanted)]
        if len(keys) != 1:
            raise CacheError(f"Expected one key that begins with {beginning}, got {len(keys)}. `list` shows them.")
        found.append(records[keys[0]])
    for record in found:
        _say(_conversation(record))
    return 0


def _verify(options: argparse.Namespace) -> int:
    """Check every byte; nothing is repaired."""
    damaged = False
    for place in options.places:
        if place.is_dir():
            with Store(place, read_only=True) as store:
                count, problems = len(store), store.verify()
        elif place.exists():
            count, problems = _verify_cassette(place)
        else:
            raise CacheError(f"Expected a cassette or a store's folder at {place}, got nothing. Name another.")
        damaged |= bool(problems)
        _say(f"{place}: problems found: {len(problems)}" if problems else f"{place}: {count} records, as written")
        for problem in problems:
            _say(f"  {problem}")
    return int(damaged)


def _diff(options: argparse.Namespace) -> int:
    """Requests on one side only, and answers that differ."""
    left, right = _read(options.left), _read(options.right)
    found = [f"only left  {_short(key)}" for key in left if key not in right]
    found += [f"only right  {_short(key)}" for key in right if key not in left]
    observed_otherwise = 0
    for key in sorted(left.keys() & right.keys()):
        before, after = left[key], right[key]
        if canonical(before.answer) != canonical(after.answer):
            one, other = ("\n".join(_texts(record.answer)) for record in (before, after))
            if one == other:  # something beside the texts differs
                one, other = (_json(record.answer, indent=1) for record in (before, after))
            found.append(f"answer  {_short(key)}\n{unified(one, other, 'left', 'right')}")
        else:
            observed_otherwise += before.to_line() != after.to_line()
    for text in found:
        _say(text)
    if observed_otherwise:
        _say(f"{observed_otherwise} answers are the same, and were observed otherwise")
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
    try:
        return len([*cassette.read(path).values()]), []
    except CacheError as error:
        return 0, [str(error)]


def _conversation(record: Record) -> str:
    """Return a record as text: what is known of it, then every message, then every choice of the answer."""
    known: dict[str, JSON] = {
        "key": record.key,
        "sample": record.sample,
        "request": {name: value for name, value in record.request.items() if name != "messages"},
        "provenance": record.provenance,
        "observed": record.observed,
    }
    lines = [f"{name:<10}  {value if isinstance(value, (str, int)) else _json(value)}" for name, value in known.items()]
    for message in messages(record.request):
        role = message.get("role", "") if isinstance(message, Mapping) else ""
        lines += ["", f"── {role} ──", _said(message)]
    for number, text in enumerate(_texts(record.answer)):
        lines += ["", f"── answer {number} ──" if number else "── answer ──", text]
    return "\n".join(lines) + "\n"


def _texts(answer: Mapping[str, JSON]) -> list[str]:
    """Return what every choice says."""
    choices = answer.get("choices")
    listed = choices if isinstance(choices, (list, tuple)) else []
    return [_said(choice.get("message") if isinstance(choice, Mapping) else choice) for choice in listed]


def _said(message: JSON) -> str:
    """Return the text of a message; where there is none, or something beside it, the message as JSON."""
    match message:
        case {"content": str(text), **others} if not any(value for name, value in others.items() if name != "role"):
            return text
    return _json(message)


def _json(value: JSON, indent: int | None = None) -> str:
    return json.dumps(value, indent=indent, sort_keys=True, ensure_ascii=False)


def _short(key: str) -> str:
    return key.removeprefix(DIGEST_PREFIX)[:_DIGITS]


def _figure(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
