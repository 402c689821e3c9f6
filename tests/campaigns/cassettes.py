"""Edited cassettes: every edit is noticed, none ends in a traceback. `python -m tests.campaigns.cassettes N [SEED]`.

Bytes are changed, lost, added and moved; and values inside lines, under a manifest that fits them.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from cache import cassette
from cache.errors import CacheError
from cache.key import canonical, digest_bytes
from cache.record import Record
from harness.errors import HarnessError
from reproduce import recording
from reproduce.errors import ReproduceError

SOURCE = Path(__file__).parents[2] / "cache" / "recorded" / "local-gemma3-270m-free.jsonl"
VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1.5, 2**60, "", "x", [], {}, [[[]]]),
    *({"$list": 1}, {"$text": 3}, ["$+0"], "$0123456789abcdef", {"$text": ["$+a"]}),
)


def campaign(count: int, seed: int = 0) -> Counter[str]:
    """How many edits were noticed, by kind; and how many hostile records, written as they should be, were used."""
    draw, noticed = random.Random(seed), Counter[str]()
    data = SOURCE.read_bytes()
    records = [*cassette.read(SOURCE).values()]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "edited.jsonl"
        for _ in range(count):
            for kind, edit in (("bytes", edited), ("values under a fitting manifest", revalued)):
                changed = edit(data, draw)
                if changed == data:
                    continue
                path.write_bytes(changed)
                _use(path)
                try:
                    cassette.read(path, exact=True)
                except CacheError:
                    noticed[kind] += 1
                    continue
                raise AssertionError(f"{kind}: not noticed, {changed!r}")
            try:
                cassette.write(path, [*records[1:], hostile(records[0], draw)])
            except CacheError:
                noticed["hostile records refused"] += 1
                continue
            _use(path)
            noticed["hostile records used"] += 1
    return noticed


def _use(path: Path) -> None:
    """Whatever reads a recording either does, or says what is wrong."""
    for read in (
        lambda: [*cassette.read(path).values()],
        lambda: recording.report(recording.of_models(path)),
        lambda: recording.replay_recording(path),
    ):
        try:
            read()
        except (CacheError, HarnessError, ReproduceError):
            continue


def edited(data: bytes, draw: random.Random) -> bytes:
    place, other, size = draw.randrange(len(data)), draw.randrange(len(data)), draw.choice((1, 2, 40, 4000))
    first, last = sorted((place, other))
    lines = data.splitlines(keepends=True)
    one, two = draw.randrange(len(lines)), draw.randrange(len(lines))
    swapped = [*lines]
    swapped[one], swapped[two] = lines[two], lines[one]
    return draw.choice(
        (
            data[:place],
            data[:place] + data[place + size :],
            data[:place] + bytes([data[place] ^ 1 << draw.randrange(8)]) + data[place + 1 :],
            data[:place] + draw.randbytes(size) + data[place:],
            data[:place] + data[other : other + size] + data[place:],
            data[:first] + data[last:],
            b"".join(swapped),
            b"".join([*lines[:one], *lines[one + 1 :]]),
            b"".join([*lines[: one + 1], *lines[one:]]),
        )
    )


def revalued(data: bytes, draw: random.Random) -> bytes:
    lines = [json.loads(line) for line in data.splitlines()[1:]]
    number = draw.randrange(len(lines))
    lines[number] = other(lines[number], draw)
    body = b"".join(
        json.dumps(line, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode() + b"\n" for line in lines
    )
    count = sum(isinstance(line, dict) and "key" in line for line in lines)
    return canonical({"cassette": 2, "digest": digest_bytes(body), "records": count}) + b"\n" + body


def hostile(record: Record, draw: random.Random) -> Record:
    parts = {name: getattr(record, name) for name in ("request", "answer", "provenance", "observed")}
    name = draw.choice(tuple(parts))
    value = other(parts[name], draw)
    return Record(
        **{**parts, name: value if isinstance(value, dict) else {"x": value}}, kind=draw.choice((record.kind, "run"))
    )


def other(value: Any, draw: random.Random) -> Any:
    """The value with one part of it otherwise."""
    places: list[list[Any]] = []

    def walk(inner: Any, path: list[Any]) -> None:
        places.append(path)
        for key in inner if isinstance(inner, dict) else range(len(inner)) if isinstance(inner, list) else ():
            walk(inner[key], [*path, key])

    copy = json.loads(json.dumps(value))
    walk(copy, [])
    path = draw.choice(places)
    if not path:
        return draw.choice(VALUES)
    holder = copy
    for key in path[:-1]:
        holder = holder[key]
    if draw.random() < 0.3:
        del holder[path[-1]]
    else:
        holder[path[-1]] = draw.choice(VALUES)
    return copy


if __name__ == "__main__":
    sys.stdout.write(f"{dict(campaign(*map(int, sys.argv[1:])))}\n")
