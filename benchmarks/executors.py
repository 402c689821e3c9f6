"""What it costs to run a job that does nothing, beside what others take for a function that does nothing.

Run `python -m benchmarks.executors`, with `--slurm` also on a Slurm cluster of one node that is started here. All run
as many jobs at a time. A job of the queue is a process of its own that locks, checks and leaves a verified record;
"its worker alone" is that process without an executor. The processes of a ProcessPoolExecutor do less: they live on
from job to job.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

from cache.store import Store
from harness.training.local import LocalExecutor, cores
from harness.training.queue import SPEC, Executor, Queue
from harness.training.slurm import Resources, SlurmExecutor
from tests.harness.training.cluster import missing, one_node_cluster
from tests.harness.training.scene import AT_ONCE, jobs

PROCESSES = cores()
GPUS = 2  # that the cluster claims to have, and so tasks at a time


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=60, help="of each local measurement (default: 60)")
    parser.add_argument("--tasks", type=int, default=20, help="of each measurement on Slurm (default: 20)")
    parser.add_argument("--slurm", action="store_true", help="also on a Slurm of one node")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(f"on this machine, {asked.jobs} jobs, {PROCESSES} at a time")
        local(Path(folder), asked.jobs)
        if asked.slurm:
            if reason := missing():
                parser.error(reason)
            with one_node_cluster(Path(folder) / "node", gpus=GPUS) as configuration:
                os.environ["SLURM_CONF"] = str(configuration)
                print(f"on Slurm, {asked.tasks} jobs, {GPUS} at a time")
                slurm(Path(folder), asked.tasks)


def local(folder: Path, number: int) -> None:
    """Print the seconds a job on this machine."""
    queue = prepared(folder / "alone", number)
    folders = [status.folder for status in queue.statuses()]
    reference = timed(number, lambda: in_turn([[sys.executable, "-c", ""]] * number, [folder] * number))
    report("a Python process that does nothing", reference, reference)
    report("  its worker alone", timed(number, lambda: in_turn([[*AT_ONCE, SPEC]] * number, folders)), reference)
    run(folder / "queue", number, LocalExecutor(devices=(), command=AT_ONCE), reference)
    report("ProcessPoolExecutor, its start included", timed(number, lambda: pool(number)), reference)


def slurm(folder: Path, number: int) -> None:
    """Print the seconds a job on the cluster."""
    reference = timed(
        number, lambda: in_turn([["srun", "--quiet", "--gres=gpu:1", "true"]] * number, [folder] * number, GPUS)
    )
    report("srun of a command that does nothing", reference, reference)
    run(folder / "tasks", number, SlurmExecutor(Resources(cpus=1), poll_s=0.2, command=AT_ONCE), reference)


def run(folder: Path, number: int, executor: Executor, reference: float) -> None:
    """Print the seconds a job from the queue to the store."""
    queue = Queue(folder)
    report("  Queue.add", timed(number, lambda: [queue.add(job) for job in jobs(number)]), reference)
    report("the queue's executor", timed(number, lambda: executor.run(queue, queue.keys())), reference)
    with Store(folder / "store") as store:
        report(
            "  into a store",
            timed(number, lambda: [store.put(each) for each in map(queue.result, queue.keys()) if each]),
            reference,
        )
        assert len(store) == number


def prepared(folder: Path, number: int) -> Queue:
    """A queue of jobs that nobody has begun."""
    queue = Queue(folder)
    for job in jobs(number):
        queue.add(job)
    return queue


def in_turn(commands: list[list[str]], folders: list[Path], processes: int = PROCESSES) -> None:
    """Run commands, some at a time, each in a session of its own as the executor does, so that they compete alike."""

    def one(command: list[str], folder: Path) -> None:
        subprocess.run(command, cwd=folder, stderr=subprocess.DEVNULL, start_new_session=True, check=True)

    with ThreadPoolExecutor(processes) as threads:
        list(threads.map(one, commands, folders))


def pool(number: int) -> None:
    """Call a function in processes that live on."""
    with ProcessPoolExecutor(PROCESSES) as processes:
        list(processes.map(nothing, range(number)))


def nothing(number: int) -> int:
    """Do nothing."""
    return number


def timed(number: int, action: Callable[[], object]) -> float:
    """Return the seconds that each of `number` jobs takes."""
    start = time.perf_counter()
    action()
    return (time.perf_counter() - start) / number


def report(what: str, seconds: float, reference: float) -> None:
    """Print one figure beside its reference."""
    print(f"{what:45} {seconds * 1e3:9.1f} ms a job   {seconds / reference:7.2f} of the first")


if __name__ == "__main__":
    main()
