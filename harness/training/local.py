"""Jobs on this machine: one process a GPU, or without GPUs one a core.

A GPU is given to a process by CUDA_VISIBLE_DEVICES, so that a worker sees one device and calls it 0. Without GPUs
there is a process a core, and each computes with one thread.

A place, a GPU or a core, is a lock that a worker holds as long as it lives, whoever started it: the masters of one
queue on one host share its places, and what a dead master left behind keeps its own.
"""

from __future__ import annotations

import math
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from types import FrameType
from typing import BinaryIO, NamedTuple

from harness.errors import HarnessError
from harness.training.queue import EXIT_CODE, SPEC, WORKER, Attempt, Queue, State, Status, environment
from harness.training.worker import lock

_PATIENCE_S = 10  # between SIGTERM and SIGKILL for workers that are no longer wanted
_POLL_S = 0.05  # between two looks at the processes, and at jobs that run elsewhere
_PLACES = "places"  # folder in the queue's: a lock a place
_ANSWER_S = 30  # within which nvidia-smi answers, unless a GPU hangs
_UUID = re.compile(r"(?:GPU|MIG)-[0-9A-Za-z/-]+")
_CGROUPS, _OWN_CGROUP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def gpus() -> tuple[str, ...]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them; asks the driver, not torch."""
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        return visible_gpus()
    if shutil.which("nvidia-smi") is None:
        return ()
    # Not by index: the driver counts along the bus, CUDA by speed.
    query = ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"]
    try:
        asked = subprocess.run(query, capture_output=True, text=True, errors="replace", check=False, timeout=_ANSWER_S)
    except (subprocess.TimeoutExpired, OSError):
        return ()
    # It says in the same place that there is none, or that one is lost.
    return tuple(line.strip() for line in asked.stdout.splitlines() if _UUID.fullmatch(line.strip()))


def visible_gpus() -> tuple[str, ...]:
    """The GPUs that CUDA_VISIBLE_DEVICES names."""
    names = os.environ.get("CUDA_VISIBLE_DEVICES", "").replace(" ", "").split(",")
    return tuple(name for name in names if name not in ("", "-1", "NoDevFiles"))


def cores() -> int:
    """The cores that this process may use; of a quota that a container gives, a started core counts as one."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([allowed, *(math.ceil(quota) for quota in _quotas())]))


def _quotas() -> Iterator[float]:
    """What the control groups of this process allow, in cores: version 2, in every group around it, then version 1."""
    own = re.search("^0::/(.*)$", _text(_OWN_CGROUP), re.MULTILINE)
    group = PurePosixPath(own[1] if own else "")
    given = [_text(_CGROUPS / each / "cpu.max").split() for each in (group, *group.parents)]
    given.append([_text(_CGROUPS / "cpu" / f"cpu.cfs_{what}_us").strip() for what in ("quota", "period")])
    for quota in given:
        if len(quota) == 2 and all(each.isdecimal() for each in quota):  # not "max", nor -1
            yield int(quota[0]) / int(quota[1])


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(encoding="utf-8")
    return ""


class _Worker(NamedTuple):
    """A process at work on a job."""

    key: str
    process: subprocess.Popen[bytes]
    attempt: Attempt


class LocalExecutor:
    """Runs jobs in processes of this machine."""

    def __init__(
        self, *, processes: int | None = None, devices: Sequence[str] | None = None, command: Sequence[str] = WORKER
    ) -> None:
        """Find out what there is to run on.

        Args:
            processes: at the same time at most; by default one a GPU, or without GPUs one a core.
            devices: GPUs as CUDA_VISIBLE_DEVICES names them, () for none; by default those of this machine.
            command: the worker (see `harness.training.queue`).

        Raises:
            HarnessError: `processes` is below 1.
        """
        if processes is not None and processes < 1:
            raise HarnessError(f"expected at least 1 process, got {processes}: leave it out for as many as fit")
        devices = gpus() if devices is None else devices
        self.places = tuple(devices[:processes]) if devices else ("",) * (processes or cores())
        self._command = tuple(command)

    def run(self, queue: Queue, keys: Collection[str], each: Callable[[Status], object] = lambda _: None) -> None:
        """Run jobs as `harness.training.queue.Executor` says; when this ends early, so do the processes."""
        waiting = deque(dict.fromkeys(keys))
        working = list[_Worker]()
        with _terminated_as_exit():
            try:
                while waiting or working:
                    for _ in range(len(waiting)):
                        if len(working) == len(self.places):
                            break
                        status = queue.take(waiting.popleft())
                        if status.is_final:
                            each(status)
                        elif status.state is State.RUNNING or status.rests:  # by another master, or one that died
                            waiting.append(status.key)
                        elif (started := self._start(queue, status)) is not None:
                            working.append(started)
                        else:  # no place is free
                            waiting.appendleft(status.key)
                            break
                    ended = [worker for worker in working if worker.process.poll() is not None]
                    for worker in ended:
                        working.remove(worker)
                        queue.end(worker.key, worker.attempt, _how(worker.process.returncode))
                        waiting.appendleft(worker.key)  # to be looked at: final, or tried again
                    if not ended and (waiting or working):
                        time.sleep(_POLL_S)
            finally:
                _stop(queue, working)

    def _start(self, queue: Queue, status: Status) -> _Worker | None:
        """A worker at the job, or None if every place is taken."""
        host = socket.gethostname()
        free = self._free(queue.folder / _PLACES, host)
        if free is None:
            return None
        gpu, place = free
        variables = {**os.environ, **environment(), **({"CUDA_VISIBLE_DEVICES": gpu} if gpu else {})}
        attempt = queue.begin(status.key, f"{host} {gpu}".strip())
        try:
            with place, status.log.open("ab") as log:
                process = subprocess.Popen(
                    [*self._command, SPEC],
                    cwd=status.folder,
                    env=variables,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    pass_fds=(place.fileno(),),  # the worker has the place from now on
                    start_new_session=True,  # Ctrl-C reaches the master alone, which then ends its workers
                )
        except OSError as error:
            queue.withdraw(status.key, attempt)
            raise HarnessError(f"expected to start {' '.join(self._command)}, got {error}; mend the command") from error
        return _Worker(status.key, process, attempt)

    def _free(self, folder: Path, host: str) -> tuple[str, BinaryIO] | None:
        """A place that nobody has, as its GPU (empty for a core) and its lock; None if there is none."""
        folder.mkdir(exist_ok=True)
        for number, gpu in enumerate(self.places):
            name = f"{host}-{gpu or number}".replace(os.sep, "-")
            with suppress(BlockingIOError):
                return gpu, lock(folder / name, wait=False)
        return None


def _how(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else EXIT_CODE.format(code)


def _stop(queue: Queue, workers: Collection[_Worker]) -> None:
    """End the processes of workers, and do not count what they were at as an attempt."""
    for send in (signal.SIGTERM, signal.SIGKILL):
        for worker in workers:
            if worker.process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(worker.process.pid, send)
        until = time.monotonic() + _PATIENCE_S
        for worker in workers:
            with suppress(subprocess.TimeoutExpired):
                worker.process.wait(max(0.0, until - time.monotonic()))
    for worker in workers:
        queue.withdraw(worker.key, worker.attempt)


@contextmanager
def _terminated_as_exit() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise SystemExit inside the block, as Ctrl-C raises KeyboardInterrupt; main thread only.

    A command that was started with nohup goes on as it wants to.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    heard = [each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) is not signal.SIG_IGN]
    before = [(each, signal.signal(each, leave)) for each in heard]
    try:
        yield
    finally:
        for each, handler in before:
            signal.signal(each, handler)
