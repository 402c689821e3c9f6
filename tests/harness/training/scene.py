"""What the tests of all executors share: jobs without data, a worker without torch, and what must hold afterwards."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from sysconfig import get_path

from msgspec.structs import replace

from cache.store import Store
from harness.training.jobs import Job, Training
from harness.training.queue import ROOT, Queue, State, Status
from harness.training.recipes import DIGITS
from tests.harness.training import noop

NOOP = ("env", f"PYTHONPATH={ROOT}:{get_path('purelib')}", sys.executable, "-S", noop.__file__)
"""The worker without its arguments; `-S` and the path save half of its start."""

AT_ONCE = (*NOOP, "0", "0")
"""The worker that has nothing to do."""


def jobs(number: int) -> list[Job]:
    """Jobs that differ in their seed."""
    how = Training("nas-bench-macro", "digits", "sha256:" + "0" * 64, DIGITS)
    return [replace(how, seed=seed).job((2,) * 8) for seed in range(number)]


def wait_until(holds: Callable[[], object]) -> None:
    """Wait for something that will happen, unless what is tested is broken."""
    until = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)


def check_done_once(queue: Queue, done: Iterable[Job], store: Path) -> None:
    """Every job has the result of an undisturbed worker, was never worked on twice at once, and is stored once."""
    for job in done:
        status = queue.status(job.key)
        assert status.state is State.DONE, queue.failure(job.key)
        assert all(one[2] <= other[1] for one, other in pairwise(spans(status))), spans(status)
    keys = [job.key for job in done]
    with Store(store) as into:
        assert [into.put(record) for key in keys if (record := queue.result(key)) is not None] == [True] * len(keys)
        assert sorted(into.keys()) == sorted(keys)
        for job in done:
            record = into.get(job.key)
            assert record is not None
            assert record.answer == noop.outcome(job.request())


def spans(status: Status) -> list[tuple[int, float, float]]:
    """Of every worker that was at a job, in order: process, and when it was first and last seen at work."""
    seen: dict[int, tuple[float, float]] = {}
    for line in (status.folder / noop.TOLD).read_text(encoding="utf-8").splitlines():
        process, when, _ = line.split(maxsplit=2)
        first, _ = seen.get(int(process), (float(when), None))
        seen[int(process)] = first, float(when)
    return sorted(((process, *span) for process, span in seen.items()), key=lambda span: span[1])


def children() -> list[int]:
    """The processes that this one has started."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = entry.read_text(encoding="utf-8").rpartition(")")[2].split()[:2]
        except OSError:  # ended in between
            continue
        if int(parent) == os.getpid() and state != "Z":
            found.append(int(entry.parent.name))
    return found


def processes_in(folder: Path) -> list[int]:
    """The processes that are at work in a folder or below."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):  # ended in between
            if entry.readlink().is_relative_to(folder):
                found.append(int(entry.parent.name))
    return found
