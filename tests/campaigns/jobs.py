"""`python -m tests.campaigns.jobs NUMBER`: so many jobs while workers and masters are killed; each has one result.

With 575 jobs it takes some minutes. The worker needs no torch (`tests.harness.training.noop`).
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from harness.training import queue as queues
from harness.training.local import LocalExecutor
from harness.training.queue import Queue, State
from tests.cache.test_store_processes import fork
from tests.harness.training.scene import AT_ONCE, check_done_once, jobs, processes_in

MASTERS, PLACES = 2, 4
PAUSE_S = (0.1, 0.6)  # between two kills


class Kills(NamedTuple):
    """How many processes were killed."""

    workers: int
    masters: int


def campaign(number: int, folder: Path, seed: int = 0) -> Kills:
    """Have jobs done below a folder by masters that are killed, and their workers; raises AssertionError."""
    queues.ATTEMPTS = 1000  # here it is for a kill to be survived, not for a job to be given up
    queue, todo, drawn = Queue(folder / "jobs"), jobs(number), random.Random(seed)
    keys = [queue.add(job) for job in todo]

    def master() -> None:
        mine = keys[:]
        random.Random(os.getpid()).shuffle(mine)
        LocalExecutor(processes=PLACES, devices=(), command=AT_ONCE).run(queue, mine)

    masters = [fork(master) for _ in range(MASTERS)]
    workers_killed = masters_killed = 0
    while masters:
        time.sleep(drawn.uniform(*PAUSE_S))
        for process in [each for each in masters if os.waitpid(each, os.WNOHANG) != (0, 0)]:
            masters.remove(process)
        if masters and drawn.random() < 0.2:
            victim = drawn.choice(masters)
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
                os.waitpid(victim, 0)
                masters_killed += 1
            masters[masters.index(victim)] = fork(master)
        elif working := processes_in(queue.folder):
            with suppress(ProcessLookupError):
                os.kill(drawn.choice(working), signal.SIGKILL)
                workers_killed += 1
    assert {queue.status(key).state for key in keys} == {State.DONE}
    check_done_once(queue, todo, folder / "store")
    return Kills(workers_killed, masters_killed)


def main() -> int:
    """Run the campaign of a command line."""
    parser = argparse.ArgumentParser(description="Jobs under kills of masters and workers; each has one result.")
    parser.add_argument("number", type=int, nargs="?", default=575, help="of jobs; default: 575")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with TemporaryDirectory() as folder:
        kills = campaign(args.number, Path(folder), args.seed)
    sys.stdout.write(
        f"{args.number} jobs, {kills.workers} workers and {kills.masters} masters killed: one result each\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
