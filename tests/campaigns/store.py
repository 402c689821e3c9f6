"""What happens to a store: kills, damaged logs, power cuts. `python -m tests.campaigns.store N [SEED]`.

Prints what was done and what was found; an assertion ends it where a record is lost in silence or asked for twice.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from cache import cassette
from cache.client import Client, Reply, Request
from cache.errors import CacheError
from cache.record import CHAT, Record
from cache.store import Store
from tests.cache.records import chat_record, chat_request

RECORDS = [chat_record(f"record {number}") for number in range(400)]
SECTOR = 512  # bytes that a disk writes whole


def fork(action: Callable[[], object]) -> int:
    """Do `action` in a process of its own."""
    process = os.fork()
    if process == 0:
        try:
            action()
        except BaseException:
            traceback.print_exc()
        os._exit(0)
    return process


@contextmanager
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="campaign-"))
    yield made
    shutil.rmtree(made)


def until_killed(count: int, seed: int, action: Callable[[int, int], object]) -> list[bytes]:
    """Kill `count` processes that do `action` and report on a pipe, four at a time; return the lines they reported."""
    moments, lines = random.Random(seed), list[bytes]()
    for first in range(0, count, 4):
        workers = []
        for number in range(first, min(first + 4, count)):
            read, write = os.pipe()
            workers.append((fork(partial(action, number, write)), read))
            os.close(write)
        for process, read in workers:
            with os.fdopen(read, "rb") as told:
                lines += [told.readline().strip() for _ in range(moments.choice((0, 0, 1, 2, 5, 40)))]
                time.sleep(moments.uniform(0, 0.01))
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)
                lines += told.read().splitlines()
    return lines


def killed_writers(count: int, seed: int = 0) -> str:
    """Kill writers; no record that was acknowledged is lost, and no witness says more than there is."""
    with folder() as place:

        def write(number: int, pipe: int) -> None:
            with Store(place) as store:
                for record in random.Random(seed + number).sample(RECORDS, 200):
                    store.put(record)
                    os.write(pipe, record.key.encode() + b"\n")
            signal.pause()

        acknowledged = {line.decode() for line in until_killed(count, seed, write)}
        with Store(place) as store:
            assert store.verify() == []
            assert acknowledged <= set(store.keys())
            behind = len(store) - store.witnessed().row
        return f"{count} writers killed: {len(acknowledged)} records acknowledged, none lost, {behind} unwitnessed"


def killed_recorders(count: int, seed: int = 0) -> str:
    """Kill who asks and records; what was answered once is asked of nobody again, and the recording is whole."""
    with folder() as place:
        into = place / "mine.jsonl"

        def record(number: int, pipe: int) -> None:
            def provider(request: Request) -> Reply:
                os.write(pipe, f"asked {request['n']}\n".encode())
                time.sleep(0.002)
                return Reply({"answer": request["n"]})

            with Store(place / "store") as store:
                client, found = Client(store, {CHAT: provider}), list[Record]()
                for n in random.Random(seed + number).sample(range(60), 60):
                    found.append(client.ask(CHAT, {**chat_request("x"), "n": n}))
                    os.write(pipe, f"answered {n}\n".encode())
                    if len(found) % 20 == 0:
                        cassette.grow(into, found)
            signal.pause()

        lines = until_killed(count, seed, record)
        asked = Counter(line for line in lines if line.startswith(b"asked"))
        answered = {line.removeprefix(b"answered ") for line in lines if line.startswith(b"answered")}
        with Store(place / "store") as store:
            assert store.verify() == []
            kept = {str(record.request["n"]).encode() for record in store.export().values()}
            assert answered <= kept
        assert sum(asked.values()) - len(kept) <= count  # each kill cuts off one question at most
        recorded = len(cassette.read(into, exact=True)) if into.exists() else 0
        left = {path.name for path in place.iterdir()} - {"store", "mine.jsonl", ".mine.jsonl.part", ".mine.jsonl.lock"}
        assert not left, left
        again = sum(asked.values()) - len(kept)
        return (
            f"{count} recorders killed: {len(kept)} answers kept, {again} cut off and asked again, {recorded} recorded"
        )


def damaged_logs(count: int, seed: int = 0) -> str:
    """Damage SQLite's log after a kill; either nothing is missing, or it is said, and nothing more is paid for."""
    said, draw = Counter[str](), random.Random(seed)
    with folder() as place:

        def write() -> None:
            store = Store(place / "store")
            for record in RECORDS[:40]:
                store.put(record)
            os.kill(os.getpid(), signal.SIGKILL)

        os.waitpid(fork(write), 0)
        log = (place / "store" / "cache.db-wal").read_bytes()
        for _ in range(count):
            shutil.rmtree(place / "copy", ignore_errors=True)
            shutil.copytree(place / "store", place / "copy")
            (place / "copy" / "cache.db-shm").unlink()
            (place / "copy" / "cache.db-wal").write_bytes(damaged(log, draw))
            problems = problems_of(place / "copy")
            try:
                with Store(place / "copy") as store:
                    whole = set(store.keys()) == {record.key for record in RECORDS[:40]}
                    assert whole, "opened without a word"
                    assert not problems
                said["whole"] += 1
            except CacheError:
                assert problems, "verified without a word"
                said["said"] += 1
    return f"{count} logs damaged: {dict(said)}"


def damaged(data: bytes, draw: random.Random) -> bytes:
    place, size = draw.randrange(len(data)), draw.choice((1, 1, 16, 512, 4096))
    return draw.choice(
        (
            data[:place],
            data[:place] + bytes([data[place] ^ 1 << draw.randrange(8)]) + data[place + 1 :],
            data[:place] + draw.randbytes(size) + data[place + size :],
            data[:place] + bytes(size) + data[place + size :],
            data[:place] + data[place + size :],
        )
    )


def problems_of(place: Path) -> list[str]:
    try:
        with Store(place, read_only=True) as store:
            return store.verify()
    except CacheError as error:
        return [str(error)]


def power_cuts(count: int, seed: int = 0) -> str:
    """Cut the power during a `put`: of what it wrote any sectors are on the disk, of what was written before all are.

    A `put` writes to the log, waits for the disk, and sometimes brings the log into the database; it stays in the log
    until the next one writes. So where both were written, the log is whole. The witness is any that there ever was.
    """
    draw, seen, merged = random.Random(seed), Counter[str](), 0
    names = ("cache.db", "cache.db-wal")
    with folder() as place, Store(place / "store") as store:
        witnesses: list[bytes | None] = [None, b"", bytes(70)]
        keys: list[str] = []

        def now() -> dict[str, bytes]:
            paths = {name: place / "store" / name for name in names}
            return {name: path.read_bytes() if path.exists() else b"" for name, path in paths.items()}

        before = now()
        for number in range(count):
            record = chat_record(f"record {number} " + "long " * draw.randrange(20_000))
            store.put(record)
            after = now()
            both = all(before[name] != after[name] for name in names)
            merged += both
            shutil.rmtree(place / "image", ignore_errors=True)
            (place / "image").mkdir()
            for name in names:
                whole = both and name == "cache.db-wal"
                (place / "image" / name).write_bytes(after[name] if whole else torn(before[name], after[name], draw))
            if (witness := draw.choice(witnesses)) is not None:
                (place / "image" / "cache.db-witness").write_bytes(witness)
            with Store(place / "image") as image:
                assert image.verify() == []
                assert set(keys) <= set(image.keys()), "an acknowledged record is lost"
                seen["kept" if record.key in image.keys() else "not yet"] += 1  # noqa: SIM118 — no mapping
            keys.append(record.key)
            before = after
            witnesses.append((place / "store" / "cache.db-witness").read_bytes())
    return f"{count} power cuts, {merged} of them while the log was merged: none lost, the last one {dict(seen)}"


def torn(before: bytes, after: bytes, draw: random.Random) -> bytes:
    """A file of which any sectors have reached the disk."""
    size = draw.choice((len(before), len(after)))
    sectors = (draw.choice((before, after))[place : place + SECTOR] for place in range(0, size, SECTOR))
    return b"".join(sector.ljust(SECTOR, b"\0") for sector in sectors)[:size]


CAMPAIGNS = (killed_writers, killed_recorders, damaged_logs, power_cuts)

if __name__ == "__main__":
    for campaign in CAMPAIGNS:
        sys.stdout.write(f"{campaign(*map(int, sys.argv[1:]))}\n")
