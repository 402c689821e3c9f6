"""What it takes to perform many runs of a model side by side, beside what no order of them can beat.

Run `python -m benchmarks.grids`. The endpoint is a process of its own on this machine, which takes half a second for
every answer; runs are of unequal length. No order takes less than the longest run, nor less than a share of all.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import time
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from reproduce import search
from tests.cache.server import running
from tests.reproduce.searching.unequal import TABLE, proposing


def endpoint(ready: Connection, wait_s: float) -> None:
    """Answer until nobody listens any more."""
    with running() as server:
        server.behaviours = [partial(proposing, wait_s=wait_s)]
        ready.send(server.url)
        ready.poll(None)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=160)
    parser.add_argument("--parallel", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=0.5, help="of an answer (default: 0.5)")
    asked = parser.parse_args()
    os.environ["no_proxy"] = "127.0.0.1"
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=endpoint, args=(theirs, asked.seconds), daemon=True)
    process.start()
    with tempfile.TemporaryDirectory() as folder:
        perform = partial(search, table=TABLE, model="made-up", base_url=ours.recv(), seed=0, budget=6)
        perform(trials=1, store=Path(folder) / "before")  # what is imported is no part of it
        began = time.perf_counter()
        found = perform(trials=asked.runs, parallel=asked.parallel, store=folder, into=Path(folder) / "grid.jsonl")
        took = time.perf_counter() - began
    process.terminate()
    lengths = [len(run.answers) for run in found]
    longest, share = max(lengths) * asked.seconds, sum(lengths) * asked.seconds / asked.parallel
    floor = max(longest, share)
    print(f"{len(found)} runs of {min(lengths)} to {max(lengths)} answers, {asked.seconds:g} s each")
    print(f"one after the other           {sum(lengths) * asked.seconds:8.1f} s")
    print(f"the longest run               {longest:8.1f} s")
    print(f"all of them by {asked.parallel:<3}            {share:8.1f} s")
    print(f"--parallel {asked.parallel:<3}                {took:8.1f} s, {took / floor:.3f} of what no order can beat")


if __name__ == "__main__":
    main()
