"""Time the store beside raw diskcache holding the same bytes, and a miss that is explained.

Run `python -m benchmarks.store`. Every figure is the best of several rounds, in the same process and the same folder.
A raw get hands out bytes that nobody has looked at; parsing them costs two raw gets more, hashing them half of one, and
the key of a request two. What is compared with fairness is the line "the same, and the key from rfc8785".
"""

from __future__ import annotations

import argparse
import functools
import gc
import hashlib
import itertools
import json
import random
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import diskcache
import rfc8785

from cache import cassette
from cache.cassette import Cassette
from cache.client import Client
from cache.errors import ReplayMiss
from cache.key import JSON, SCHEME
from cache.record import CHAT, Record
from cache.store import Store

ROUNDS = 5


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=10_000, help="records in the store (default 10000)")
    parser.add_argument("--gets", type=int, default=5_000, help="gets a round (default 5000)")
    parser.add_argument("--puts", type=int, default=200, help="puts a round (default 200)")
    arguments = parser.parse_args()
    words = random.Random(0)
    records = [chat(words, turn) for turn in range(arguments.records)]
    gc.freeze()  # or every collection walks through the records that only the benchmark holds in memory
    size = sum(len(record.question) for record in records[:100]) / 100
    print(f"{len(records)} records, {size:.0f} bytes a request, {len(records[0].to_line())} bytes a line")
    with tempfile.TemporaryDirectory() as folder:
        gets(Path(folder), records, arguments.gets)
        puts(Path(folder), records, arguments.puts)
        misses(Path(folder), records)


def chat(words: random.Random, turn: int) -> Record:
    """Return a record with a request of about 4 KB that shares its system message with all others."""
    system = prose(random.Random(1), 500)
    request: dict[str, JSON] = {
        "model": "gpt-4",
        "temperature": 0.7,
        "messages": [
            {"role": "system", "content": system},
            {"role": "user", "content": f"Iteration {turn}.\n" + prose(words, 3_300)},
        ],
    }
    return Record(
        request, {"choices": [{"index": 0, "message": {"role": "assistant", "content": prose(words, 1_000)}}]}
    )


def prose(words: random.Random, characters: int) -> str:
    """Return lines of words and numbers."""
    text = ""
    while len(text) < characters:
        text += " ".join(f"{words.choice(VOCABULARY)} {words.randrange(7)}" for _ in range(6)) + "\n"
    return text


VOCABULARY = [f"{first}{second}{third}" for first in "con re in" for second in "vol for mit" for third in "ution ing"]


def fresh(request: Mapping[str, JSON]) -> dict[str, Any]:
    """Return a request of new objects, as another process would parse it: no string has its hash yet."""
    parsed: dict[str, Any] = json.loads(json.dumps(dict(request)))
    return parsed


def gets(folder: Path, records: list[Record], count: int) -> None:
    """Print the time of a get: raw bytes, a verified record, and with the key built from the request."""
    chosen = [random.Random(2).choice(records) for _ in range(count)]
    keys = [record.key for record in chosen]
    requests = [record.request for record in chosen]
    with raw_cache(folder / "raw get") as raw, Store(folder / "store") as store:
        with raw.transact():
            for record in records:
                raw[record.key] = record.to_line()
        store.load(Cassette(records))
        client = Client(store)
        reference = best(raw.get, keys)
        report("raw diskcache get: bytes, not verified", reference, reference)
        report("  the same, then json.loads", best(lambda key: json.loads(raw.get(key)), keys), reference)
        report("  the same, and the key from rfc8785", best(lambda asked: by_hand(raw, asked), requests), reference)
        report("Store.get: verified and parsed", best(store.get, keys), reference)
        report("Client.ask: request seen before", best(lambda asked: client.ask(CHAT, asked), requests), reference)
        new = itertools.chain.from_iterable([fresh(request) for request in requests] for _ in range(ROUNDS))
        report(
            "Client.ask: request new to the process",
            best(lambda asked: client.ask(CHAT, asked), list(new), parts=ROUNDS),
            reference,
        )


def by_hand(raw: diskcache.Cache, request: Mapping[str, JSON]) -> object:
    """Do with diskcache and rfc8785 what the client does, but for the verification."""
    asked: Any = {"kind": CHAT, "request": request, "sample": 0, "scheme": SCHEME}
    return json.loads(raw.get("sha256:" + hashlib.sha256(rfc8785.dumps(asked)).hexdigest()))


def puts(folder: Path, records: list[Record], count: int) -> None:
    """Print the time of a put: raw, raw with the same promise of durability, and the store; every put is a new row."""
    few = records[: count * ROUNDS]
    rows = [(record.key, record.to_line()) for record in few]
    with (
        raw_cache(folder / "raw put") as raw,
        raw_cache(folder / "full put", sqlite_synchronous=2) as full,
        Store(folder / "store put") as store,
    ):
        reference = best(lambda row: raw.add(*row), rows, parts=ROUNDS)
        report("raw diskcache put: may be lost with the power", reference, reference)
        report("  the same, synchronous=FULL", best(lambda row: full.add(*row), rows, parts=ROUNDS), reference)
        report("Store.put: built, checked, synchronous=FULL", best(store.put, few, parts=ROUNDS), reference)
        report("  of which Record.to_line", best(Record.to_line, few, parts=ROUNDS), reference)


def misses(folder: Path, records: list[Record]) -> None:
    """Print the time from asking for a request that is not there to the exception that explains it."""
    path = folder / "records.jsonl"
    cassette.write(path, records)
    reading = best(cassette.read, [path])
    print(f"{'cassette.read, verified as a whole':50} {reading * 1e3:10.1f} ms")
    with Store(folder / "store", read_only=True) as store:
        for name, place in (("cassette", cassette.read(path)), ("store", store)):
            seconds = best(functools.partial(explain, Client(place)), records[:1])
            print(f"{f'explained miss, {name}':50} {seconds * 1e3:10.1f} ms")


def explain(client: Client, record: Record) -> None:
    """Ask for `record` with one word more and take the exception; the record must be the nearest one."""
    request = fresh(record.request)
    request["messages"][-1]["content"] += "different"
    try:
        client.ask(CHAT, request, where="benchmark")
    except ReplayMiss as error:
        miss = error
    assert miss.nearest == record
    assert "different" in miss.diff


def raw_cache(folder: Path, **settings: int) -> diskcache.Cache:
    """Return diskcache as it comes, but for eviction, which would make it forget."""
    return diskcache.Cache(str(folder), eviction_policy="none", cull_limit=0, size_limit=2**62, **settings)


def best(action: Callable[[Any], object], items: Sequence[Any], *, parts: int = 1) -> float:
    """Return the seconds that `action` takes for an item, in the fastest of `ROUNDS`.

    Every round goes through all items, or, where an action can be done to an item once only, through one of `parts`.
    """
    size = len(items) // parts
    seconds = []
    for turn in range(ROUNDS):
        first = turn % parts * size
        start = time.perf_counter()
        for item in items[first : first + size]:
            action(item)
        seconds.append((time.perf_counter() - start) / size)
    return min(seconds)


def report(what: str, seconds: float, reference: float) -> None:
    """Print one figure beside its reference."""
    print(f"{what:50} {seconds * 1e6:10.1f} us   {reference / seconds:5.2f} of raw")


if __name__ == "__main__":
    main()
