"""Jobs on this machine: one process a GPU, or without GPUs one a core.

A GPU is given to a process by CUDA_VISIBLE_DEVICES, so that a worker sees one device and calls it 0. Without GPUs the
cores are divided: as many threads for each process as there are cores for it.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

from harness.errors import HarnessError
from harness.training.queue import SPEC, WORKER, Attempt, Queue, State, Status, environment

_PATIENCE_S = 10  # between SIGTERM and SIGKILL for workers that are no longer wanted
_POLL_S = 0.05  # between two looks at the processes, and at jobs that run elsewhere


def gpus() -> tuple[str, ...]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them; asks the driver, not torch."""
    if (visible := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return tuple(name for name in visible.replace(" ", "").split(",") if name not in ("", "-1", "NoDevFiles"))
    if shutil.which("nvidia-smi") is None:
        return ()
    # Not by index: the driver counts along the bus, CUDA by speed.
    query = ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"]
    asked = subprocess.run(query, capture_output=True, text=True, check=False)
    return tuple(asked.stdout.split()) if asked.returncode == 0 else ()


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class _Worker:
    """A process at work on a job, and the GPU that it occupies (empty for a share of the cores)."""

    key: str
    gpu: str
    process: subprocess.Popen[bytes]
    attempt: Attempt


class LocalExecutor:
    """Runs jobs in processes of this machine. Two executors at the same time do not know of each other's GPUs."""

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
        self._threads = max(1, cores() // len(self.places))

    def run(self, queue: Queue, keys: Collection[str], each: Callable[[Status], object] = lambda _: None) -> None:
        """Run jobs as `harness.training.queue.Executor` says; when this ends early, so do the processes."""
        waiting = deque(dict.fromkeys(keys))
        free, working = list(self.places), list[_Worker]()
        with _terminated_as_exit():
            try:
                while waiting or working:
                    for _ in range(len(waiting)):
                        if not free:
                            break
                        status = queue.take(waiting.popleft())
                        if status.is_final:
                            each(status)
                        elif status.state is State.RUNNING:  # by another master, or one that died
                            waiting.append(status.key)
                        else:
                            working.append(self._start(queue, status, free.pop()))
                    ended = [worker for worker in working if worker.process.poll() is not None]
                    for worker in ended:
                        working.remove(worker)
                        free.append(worker.gpu)
                        queue.end(worker.key, worker.attempt, _how(worker.process.returncode))
                        waiting.appendleft(worker.key)  # to be looked at: final, or tried again
                    if not ended and (waiting or working):
                        time.sleep(_POLL_S)
            finally:
                _stop(queue, working)

    def _start(self, queue: Queue, status: Status, gpu: str) -> _Worker:
        variables = {**os.environ, **environment(self._threads), **({"CUDA_VISIBLE_DEVICES": gpu} if gpu else {})}
        attempt = queue.begin(status.key, f"{socket.gethostname()} {gpu}".strip())
        try:
            with status.log.open("ab") as log:
                process = subprocess.Popen(
                    [*self._command, SPEC],
                    cwd=status.folder,
                    env=variables,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # Ctrl-C reaches the master alone, which then ends its workers
                )
        except OSError as error:
            queue.withdraw(status.key, attempt)
            raise HarnessError(f"expected to start {' '.join(self._command)}, got {error}; mend the command") from error
        return _Worker(status.key, gpu, process, attempt)


def _how(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


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
    """Let SIGTERM raise SystemExit inside the block, as Ctrl-C raises KeyboardInterrupt; main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
