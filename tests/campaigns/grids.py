"""A grid whose command is killed again and again: `python -m tests.campaigns.grids KILLS [SEED]`.

The endpoint answers by the request alone. At the end the recording is the one that nobody interrupts, but for its
times, and whatever the endpoint answered was asked for once, but for what was underway when a command was killed.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from cache import cassette
from cache.record import CHAT, Record
from cache.store import Store
from tests.cache.server import Handler, running
from tests.reproduce.searching.unequal import command, proposing

PARALLEL = 8


def campaign(kills: int, folder: Path, seed: int = 0, trials: int = 40) -> str:
    """Kill the command of a grid so often, then let it end; raises AssertionError."""
    moments, answered = random.Random(seed), Counter[str]()

    def answering(handler: Handler) -> None:
        proposing(handler, wait_s=0.02)
        answered[json.dumps(handler.body, sort_keys=True)] += 1

    with running() as server:
        server.behaviours = [answering]

        def start(place: Path) -> subprocess.Popen[bytes]:
            kept = ["--into", str(place / "grid.jsonl"), "--store", str(place / "store"), "--quiet"]
            asked = command(server.url, "--trials", str(trials), "--seed", "0", "--parallel", str(PARALLEL), *kept)
            arguments = [sys.executable, "-m", "reproduce", *asked]
            return subprocess.Popen(arguments, env={**os.environ, "no_proxy": "127.0.0.1"}, stdout=subprocess.DEVNULL)

        place, done = folder / "killed", 0
        place.mkdir()
        for _ in range(kills):
            before, process = len(server.asked), start(place)
            some = moments.randrange(1, 3 * PARALLEL)
            while process.poll() is None and len(server.asked) < before + some:
                time.sleep(0.002)
            if process.poll() is None:
                time.sleep(moments.uniform(0, 0.05))
                process.send_signal(signal.SIGKILL)
            done += process.wait() == -signal.SIGKILL
        assert start(place).wait() == 0
        repaid = sum(answered.values()) - len(answered)
        assert repaid <= done * PARALLEL, f"{repaid} answers were paid for again, by {done} kills of {PARALLEL} at once"
        requests = {*answered}
        with Store(place / "store") as store:
            assert store.verify() == []
            kept = [record for record in store.export().values() if record.kind == CHAT]
        assert len(kept) == len(requests)
        calm = folder / "calm"
        calm.mkdir()
        assert start(calm).wait() == 0
        assert {*answered} == requests
    killed, undisturbed = (_said(each / "grid.jsonl") for each in (place, calm))
    assert killed == undisturbed
    return f"{done} commands killed: {len(kept)} answers, none lost, {repaid} that were underway asked again"


def _said(path: Path) -> list[tuple[str, str]]:
    """What a recording says, without when and how fast it came."""
    records: list[Record] = [*cassette.read(path, exact=True).values()]
    return [(record.key, json.dumps(record.answer, sort_keys=True)) for record in records]


if __name__ == "__main__":
    number, drawn = [*map(int, sys.argv[1:]), 0][:2] if len(sys.argv) > 1 else (20, 0)
    with TemporaryDirectory() as temporary:
        sys.stdout.write(f"{campaign(number, Path(temporary), drawn)}\n")
