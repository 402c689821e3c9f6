"""Records of any program: what is there, how places differ, what it cost, and how they are brought together."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import chain
from pathlib import Path

from cache import cassette
from cache.cassette import Cassette
from cache.errors import CacheError
from cache.importing import imported
from cache.key import DIGEST_PREFIX, JSON, canonical, short
from cache.nearest import listed, unified
from cache.provider.limits import COLUMNS, keys_in, ledger, read_prices
from cache.record import CHAT, Record
from cache.store import Store
from genius_replay.console import say, warn

_BEGINNING = 60  # characters of an answer in a list


# -- commands that read; what they return is whether damage or a difference was found ---


def list_records(places: list[Path]) -> None:
    """Print one line a record: key, sample, model, messages and answer; of what no model said its kind."""
    for record in chain.from_iterable(_read(place).values() for place in places):
        said = " ".join(" ".join(texts(record.answer)[:1]).split())
        beginning = said if len(said) <= _BEGINNING else said[: _BEGINNING - 1] + "…"
        what = record.kind
        if record.kind == CHAT:
            what = f"{record.request.get('model')}  {len(listed('messages', record.request)):>3} messages  {beginning}"
        say(f"{short(record.key)}  {record.sample:>4}  {what}")


def show(place: Path, keys: list[str]) -> None:
    """Print whole conversations; the first digits of a key will do."""
    records = _read(place)
    for key in [_whole(key, records) for key in keys]:
        say(conversation(records[key]))


def verify(places: list[Path]) -> bool:
    """Check every byte; nothing is repaired, and exit code 1 if one is not as written."""
    damaged = False
    for place in places:
        found, problems = _verified(place)
        damaged |= bool(problems)
        say(f"{place}: problems found: {len(problems)}" if problems else f"{place}: {found}")
        for problem in problems:
            say(f"  {problem}")
    return damaged


def diff(left: Path, right: Path) -> bool:
    """Print requests on one side only, and answers that differ; exit code 1 if there are some."""
    one, other = _read(left), _read(right)
    found = [f"only left  {short(key)}" for key in one if key not in other]
    found += [f"only right  {short(key)}" for key in other if key not in one]
    observed_otherwise = 0
    for key in sorted(one.keys() & other.keys()):
        pair = one[key], other[key]
        if canonical(pair[0].answer) != canonical(pair[1].answer):
            before, after = ("\n".join(texts(record.answer)) for record in pair)
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


def count(places: list[Path], *, prices: Path | None, used_by: list[Path]) -> None:
    """Count calls, tokens, seconds and money: spent, and saved by using answers again."""
    records = cassette.merge(*map(_read, places))
    say_ledger(ledger(records.values(), read_prices(prices) if prices else {}, keys_in(used_by)))


def say_ledger(entries: Mapping[str, Mapping[str, float]]) -> None:
    """Print what was spent and saved, by name and by `COLUMNS`."""
    rows = [("model", *(name.replace("_", " ") for name in COLUMNS))]
    rows += [(model, *(_figure(entry.get(name)) for name in COLUMNS)) for model, entry in entries.items()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for model, *figures in rows:
        say("  ".join([model.ljust(widths[0]), *map(str.rjust, figures, widths[1:])]).rstrip())


# -- commands that write ---


def merge(path: Path | None, places: list[Path]) -> None:
    """Write all records of several places into a cassette, which is new or one of them, or - for standard output."""
    if path and path.exists() and path.resolve() not in (place.resolve() for place in places):
        raise CacheError(f"Expected a new cassette, got {path}, which is there. Name it among the places as well.")
    records = cassette.merge(*(_read(place, exact=True) for place in places))
    digest = cassette.write(path or Path("/dev/stdout"), records.values())
    (say if path else warn)(f"{path or 'standard output'}: {len(records)} records, {digest}")


def sync(store: Path, cassettes: list[Path]) -> None:
    """Put cassettes into a store, which is made if need be."""
    read = {path: cassette.read(path, exact=True) for path in cassettes}
    with Store(store) as opened:
        for path in cassettes:
            say(f"{path}: {opened.load(read[path])} of {len(read[path])} records were new")


def import_log(log: Path, into: Path, model: str | None) -> None:
    """Make records of a chat log of another program."""
    records = imported(log, model)
    known = cassette.read(into) if into.exists() else Cassette()
    cassette.grow(into, records)
    new = {record.key for record in records if record.key not in known}
    say(f"{into}: {len(records)} answers imported, new: {len(new)}")


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


def conversation(record: Record) -> str:
    """Return a record as text: what is known of it, then every message, then every choice of the answer."""
    known: dict[str, JSON] = {
        "key": record.key,
        "sample": record.sample,
        "request": {name: value for name, value in record.request.items() if name != "messages"},
        **({"rewrites": record.rewrites} if record.rewrites else {}),
        "provenance": record.provenance,
        "observed": record.observed,
    }
    lines = [f"{name:<10}  {value if isinstance(value, (str, int)) else _json(value)}" for name, value in known.items()]
    for message in listed("messages", record.request):
        role = message.get("role", "") if isinstance(message, Mapping) else ""
        lines += ["", f"── {role} ──", _said(message)]
    for number, text in enumerate(texts(record.answer)):
        lines += ["", f"── answer {number} ──" if number else "── answer ──", text]
    return "\n".join(lines) + "\n"


def texts(answer: Mapping[str, JSON]) -> list[str]:
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
