"""The claim on a job: one worker at a time, on whatever machine, and an end to work that nobody wants any more.

The operating system holds the lock, on a file beside the result, and takes it back from whoever dies. A child that a
worker leaves behind keeps it, so a job is not begun again while parts of it are still at work.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import HarnessError

if TYPE_CHECKING:
    from filelock import BaseFileLock

_WATCH_S = 1.0  # between two looks whether the job is cancelled


class ClaimRefused(HarnessError):
    """A job that cannot be worked on: it was cancelled, or nothing can be locked in its folder."""


@contextmanager
def claim(result: Path) -> Iterator[None]:
    """Hold the job of the file `result` inside the block: wait for a process that does, and die when it is cancelled.

    Whoever had to wait finds the result, unless the other one died: look for it inside the block.

    Raises:
        ClaimRefused: the job is cancelled, its folder allows no lock, or `filelock` is not installed.
    """
    try:
        held = _lock(result).acquire()
    except OSError as error:
        raise ClaimRefused(f"{result.parent}: expected a folder to lock, got {error}; make it writable") from error
    with held:
        mark = cancellation(result)
        if mark.exists():
            raise ClaimRefused(f"{mark}: expected a job to do, got one that was cancelled; retry it to have it done")
        over = threading.Event()
        watch = threading.Thread(target=_die_when_there, args=(mark, over), daemon=True)
        watch.start()
        try:
            yield
        finally:
            over.set()
            watch.join()  # an interpreter that ends under a running thread may crash


def is_held(result: Path) -> bool:
    """Whether a worker holds the job; one that comes in this very moment has to wait for less than a millisecond.

    Raises:
        ClaimRefused: as in `claim`.
    """
    lock = _lock(result)
    if not Path(lock.lock_file).exists():
        return False
    try:
        with lock.acquire(blocking=False):
            return False
    except TimeoutError:
        return True


def cancellation(result: Path) -> Path:
    """The file that says, by being there, that nobody wants the result any more."""
    return result.with_suffix(".cancelled")


def _die_when_there(mark: Path, over: threading.Event) -> None:
    while not over.wait(_WATCH_S):
        if mark.exists():
            os.kill(os.getpid(), signal.SIGTERM)


def _lock(result: Path) -> BaseFileLock:
    try:
        from filelock import FileLock  # late: only training needs it
    except ImportError:
        raise ClaimRefused("expected the package filelock, got none; install it: `pip install '.[train]'`") from None
    return FileLock(result.with_suffix(".lock"))
