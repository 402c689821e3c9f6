"""`python -m cache`: look at recorded answers, compare, merge and count them, and answer any program with them.

PLACE is a cassette or a store's folder.

git merges two recordings with `git config merge.cassette.driver "python -m cache merge %A %A %B"` and a line
`*.jsonl merge=cassette` in .gitattributes.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from threading import Event
from typing import Any

from cache import cassette
from cache.cassette import Cassette
from cache.errors import CacheError
from cache.key import DIGEST_PREFIX, JSON, canonical, short
from cache.nearest import listed, unified
from cache.provider.credentials import NO_KEY
from cache.provider.endpoint import OpenAITransport
from cache.provider.limits import COLUMNS, PRICES, Limits, keys_in, ledger, read_prices
from cache.record import CHAT, Record
from cache.serving import server
from cache.serving.transport import responding
from cache.store import Store
from genius_replay.console import Exit, ending, say, warn
from genius_replay.options import EXIT_CODES, Parser, add_command, infile, outfile, path_only, shown

_BEGINNING = 60  # characters of an answer in a list
_RECORD = "--record --upstream https://api.openai.com/v1"


_ARGUMENTS: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "keys": (str, "its first digits will do"),
    "path": (outfile, "the cassette that is written, - for standard output"),
    "store": (path_only, "its folder"),
    "cassettes": (infile, "- for one on standard input"),
}
"""How the arguments of commands are read, and what is said of them; what is not here is a place."""


@ending(CacheError)
def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    words = [*(sys.argv[1:] if arguments is None else arguments)]
    behind = words.index("--") + 2 if words[:1] == ["run"] and "--" in words else len(words)
    options = vars(_parser().parse_args(words[:behind]))
    options.get("command", []).extend(words[behind:])  # as they are: argparse would drop another --
    run: Callable[..., int | None] = options.pop("run")
    return int(run(**options) or 0)


def _parser() -> Parser:
    about = "Look at recorded answers, compare, merge and count them, and answer any program with them."
    parser = Parser(prog="python -m cache", description=about, epilog=EXIT_CODES)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(run: Callable[..., int | None], example: str, *names: str) -> argparse.ArgumentParser:
        """A command that is handed these arguments, of which those in the plural are several."""
        title = (run.__doc__ or run.__name__[1:]).rstrip(".")  # no docstring under python -OO
        made = add_command(commands, run.__name__[1:], f"{title[:1].lower()}{title[1:]}", example)
        made.set_defaults(run=run)
        for name in names:
            number = "+" if name.endswith("s") else None
            kind, about = _ARGUMENTS.get(name, (infile, "a cassette, - for one on standard input, or a store's folder"))
            made.add_argument(name, type=kind, metavar=name.rstrip("s").upper(), nargs=number, help=about)
        return made

    command(_list, "mine.jsonl", "places")
    command(_show, "mine.jsonl 03f5ff", "place", "keys")
    command(_verify, "mine.jsonl", "places")
    command(_diff, "mine.jsonl yours.jsonl", "left", "right")
    command(_merge, "ours.jsonl mine.jsonl yours.jsonl", "path", "places")
    command(_sync, "store mine.jsonl", "store", "cassettes")
    spent = command(_ledger, "mine.jsonl --prices prices.json", "places")
    used_by = "trajectories that name the keys to count"
    spent.add_argument("--prices", type=infile, metavar="FILE", help=PRICES)
    spent.add_argument("--used-by", type=infile, metavar="FILE", help=used_by, nargs="+", default=[])
    served = command(_serve, "mine.jsonl --port 8001")
    served.epilog = shown("mine.jsonl --port 8001", f"--into mine.jsonl {_RECORD}")
    served.add_argument("places", type=path_only, metavar="PLACE", nargs="*", help="a cassette, or a store's folder")
    served.add_argument("--port", type=int, default=8001, metavar="N", help="on loopback; 0 for one that is free")
    served.add_argument("--into", type=path_only, metavar="FILE", help="a cassette that grows by what is recorded")
    served.add_argument("--store", type=path_only, metavar="FOLDER", help="a store that does, for several at once")
    ran = command(_run, "mine.jsonl -- python my_program.py")
    ran.epilog = shown("mine.jsonl -- python my_program.py", f"mine.jsonl {_RECORD} -- python my_program.py")
    ran.add_argument("place", type=path_only, metavar="FILE", help="a cassette; with --record it may be a new one")
    ran.add_argument("command", metavar="COMMAND", nargs="+", help="behind --, with its arguments")
    for made in (served, ran):
        made.add_argument("--record", action="store_true", help="ask upstream what is not recorded, and keep it")
        made.add_argument("--upstream", metavar="URL", help="base URL of who is asked (default: $OPENAI_BASE_URL)")
        made.add_argument("--max-calls", dest="calls", type=int, metavar="N", help="that are asked upstream")
        made.add_argument("--max-tokens", dest="tokens", type=int, metavar="N", help="prompt and completion")
        made.add_argument("--max-cost", dest="cost", type=float, metavar="MONEY", help="needs --prices")
        made.add_argument("--prices", type=infile, metavar="FILE", help=PRICES)
    return parser


# -- commands: each returns whether a difference or damage was found; `run` returns what the program does ---


def _list(places: list[Path]) -> None:
    """Print one line a record: key, sample, model, messages and answer; of what no model said its kind."""
    for record in chain.from_iterable(_read(place).values() for place in places):
        said = " ".join(" ".join(_texts(record.answer)[:1]).split())
        beginning = said if len(said) <= _BEGINNING else said[: _BEGINNING - 1] + "…"
        what = record.kind
        if record.kind == CHAT:
            what = f"{record.request.get('model')}  {len(listed('messages', record.request)):>3} messages  {beginning}"
        say(f"{short(record.key)}  {record.sample:>4}  {what}")


def _show(place: Path, keys: list[str]) -> None:
    """Print whole conversations; the first digits of a key will do."""
    records = _read(place)
    for key in [_whole(key, records) for key in keys]:
        say(_conversation(records[key]))


def _verify(places: list[Path]) -> bool:
    """Check every byte; nothing is repaired, and exit code 1 if one is not as written."""
    damaged = False
    for place in places:
        found, problems = _verified(place)
        damaged |= bool(problems)
        say(f"{place}: problems found: {len(problems)}" if problems else f"{place}: {found}")
        for problem in problems:
            say(f"  {problem}")
    return damaged


def _diff(left: Path, right: Path) -> bool:
    """Print requests on one side only, and answers that differ; exit code 1 if there are some."""
    one, other = _read(left), _read(right)
    found = [f"only left  {short(key)}" for key in one if key not in other]
    found += [f"only right  {short(key)}" for key in other if key not in one]
    observed_otherwise = 0
    for key in sorted(one.keys() & other.keys()):
        pair = one[key], other[key]
        if canonical(pair[0].answer) != canonical(pair[1].answer):
            before, after = ("\n".join(_texts(record.answer)) for record in pair)
            if before == after:  # something beside the texts differs
                before, after = (_json(record.answer, indent=1) for record in pair)
            found.append(f"answer  {short(key)}\n{unified(before, after, 'left', 'right')}")
        else:
            observed_otherwise += pair[0].to_line() != pair[1].to_line()
    for text in found:
        say(text)
    if observed_otherwise:
        say(f"{observed_otherwise} answers are the same, and were observed otherwise")
    return bool(found)


def _merge(path: Path | None, places: list[Path]) -> None:
    """Write all records of several places into a cassette, which is new or one of them, or - for standard output."""
    if path and path.exists() and path.resolve() not in (place.resolve() for place in places):
        raise CacheError(f"Expected a new cassette, got {path}, which is there. Name it among the places as well.")
    records = cassette.merge(*(_read(place, exact=True) for place in places))
    digest = cassette.write(path or Path("/dev/stdout"), records.values())
    (say if path else warn)(f"{path or 'standard output'}: {len(records)} records, {digest}")


def _sync(store: Path, cassettes: list[Path]) -> None:
    """Put cassettes into a store, which is made if need be."""
    read = {path: cassette.read(path, exact=True) for path in cassettes}
    with Store(store) as opened:
        for path in cassettes:
            say(f"{path}: {opened.load(read[path])} of {len(read[path])} records were new")


def _ledger(places: list[Path], *, prices: Path | None, used_by: list[Path]) -> None:
    """Count calls, tokens, seconds and money: spent, and saved by using answers again."""
    records = cassette.merge(*map(_read, places))
    entries = ledger(records.values(), read_prices(prices) if prices else {}, keys_in(used_by))
    rows = [("model", *(name.replace("_", " ") for name in COLUMNS))]
    rows += [(model, *(_figure(entry.get(name)) for name in COLUMNS)) for model, entry in entries.items()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for model, *figures in rows:
        say("  ".join([model.ljust(widths[0]), *map(str.rjust, figures, widths[1:])]).rstrip())


def _serve(places: list[Path], *, port: int, into: Path | None, store: Path | None, **asked: Any) -> None:
    """Answer programs that speak OpenAI's protocol, on a port of this machine."""
    upstream = _upstream(**asked)
    if bool(upstream) != bool(into or store) or (into and store) or not (upstream or places):
        raise CacheError("Expected places to answer from, or --record with one of --into and --store. Name these.")
    records = responding(places, into=into, store=store, upstream=upstream)
    with records as responder, suppress(KeyboardInterrupt), server.serving(responder, port=port) as url:
        missing = "asked upstream and kept" if upstream else "an error that explains itself"
        say(f"base URL  {url}/v1\nsessions  {url}/s/NAME/v1\nWhat is not recorded is {missing}. Ctrl-C stops this.")
        Event().wait()


def _run(place: Path, command: list[str], **asked: Any) -> int:
    """Run a program that speaks OpenAI's protocol, and answer it; the exit code is its own, 1 after a miss."""
    return server.run(place, command, upstream=_upstream(**asked))


def _upstream(*, record: bool, upstream: str | None, prices: Path | None, **ceilings: Any) -> OpenAITransport | None:
    """Return who is asked, and how much, by the options of a command that records; None without --record."""
    if record:
        limits = Limits(**ceilings, prices=read_prices(prices) if prices else {})
        return OpenAITransport(upstream, NO_KEY, limits=limits)
    if upstream or prices or {*ceilings.values()} != {None}:
        raise CacheError("Expected --record beside what is asked upstream, got none. Add it, or leave the rest out.")
    return None


# -- places and words ---


def _read(place: Path, *, exact: bool = False) -> Cassette:
    """Return all records of a cassette or of a store's folder, each verified."""
    if not place.is_dir():
        return cassette.read(place, exact=exact)
    with Store(place, read_only=True) as store:
        return store.export()


def _whole(beginning: str, records: Cassette) -> str:
    """Return the only key that begins so, with or without `sha256:`; raises CacheError."""
    wanted = DIGEST_PREFIX + beginning.removeprefix(DIGEST_PREFIX)
    keys = [key for key in records if key.startswith(wanted)]
    if len(keys) != 1:
        raise CacheError(f"Expected one key that begins with {beginning}, got {len(keys)}. `list` shows them.")
    return keys[0]


def _verified(place: Path) -> tuple[str, list[str]]:
    """Return how many records there are, and what is wrong with them."""
    if not place.exists():
        raise CacheError(f"Expected a cassette or a store's folder at {place}, got nothing. Name another.")
    opened = Store(place, read_only=True) if place.is_dir() else None
    try:
        if opened is not None:
            with opened as store:
                count, seen = len(store), store.witnessed().row
                behind = f"; the witness beside the log has seen {seen} of them, which is the least there were"
                return f"{count} records, as written{behind if seen < count else ''}", store.verify()
        return f"{len(cassette.read(place, exact=True))} records, as written", []
    except CacheError as error:
        return "", [str(error)]


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
    for message in listed("messages", record.request):
        role = message.get("role", "") if isinstance(message, Mapping) else ""
        lines += ["", f"── {role} ──", _said(message)]
    for number, text in enumerate(_texts(record.answer)):
        lines += ["", f"── answer {number} ──" if number else "── answer ──", text]
    return "\n".join(lines) + "\n"


def _texts(answer: Mapping[str, JSON]) -> list[str]:
    """Return what every choice says."""
    choices = listed("choices", answer)
    return [_said(choice.get("message") if isinstance(choice, Mapping) else choice) for choice in choices]


def _said(message: JSON) -> str:
    """Return the text of a message; where there is none, or something beside it, the message as JSON."""
    match message:
        case {"content": str(text), **others} if not any(value for name, value in others.items() if name != "role"):
            return text
    return _json(message)


def _json(value: JSON, indent: int | None = None) -> str:
    return json.dumps(value, indent=indent, sort_keys=True, ensure_ascii=False)


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what is recorded is brought to its place, as by Ctrl-C
    raise Exit(main())
