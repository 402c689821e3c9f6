"""What every worker does with a job: hold it, unless it is done; leave its record whole; end when nobody wants it.

The operating system holds the lock, on a file beside the result, and takes it back from whoever dies. A child that a
worker leaves behind keeps it, so a job is not begun again while parts of it are still at work.
"""

from __future__ import annotations

import fcntl
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from cache.errors import CacheError
from cache.key import JSON
from cache.record import Record
from genius_replay import files
from genius_replay.console import INTERRUPTED, fail, say
from harness.errors import HarnessError, NotThisJob, Unwell
from harness.training.jobs import S, read

RESULT = "result.json"  # beside the job, which it is the record of
WRONG = 2  # exit code of a worker whose job cannot be done as it stands: another attempt would end likewise
UNWELL = os.EX_TEMPFAIL  # of one on whose machine something failed that may pass
EVERY_S = 60.0  # seconds between two checkpoints, at least
_WATCH_S = 1.0  # between two looks whether the job is cancelled


def perform(spec: Path, job_of: Callable[[Mapping[str, JSON]], S], work: Callable[[S, Path], Record]) -> int:
    """Do the job in a file, unless it is done, and leave its record in result.json beside it.

    Args:
        spec: the file that holds the job.
        job_of: the job of a request.
        work: does a job, and may keep where it stands in the file that it is told.

    Returns:
        0 if the result is there, also from before; 2 if the job cannot be done as it stands; 75 if the machine failed
        it, so that another attempt may do (`Unwell`, a file that cannot be written, memory); 130 after Ctrl-C.
    """
    result = spec.parent / RESULT
    try:
        job = job_of(read(spec))
        with claim(result):  # one process a job at a time: the next finds a result
            if result.exists():
                read_result(result, job.key)
                say(f"{result}: the result is there already")
                return 0
            unfinished = result.with_suffix(".checkpoint")
            files.write(result, work(job, unfinished).to_line())
            unfinished.unlink(missing_ok=True)
    except (Unwell, OSError, MemoryError) as error:
        fail(str(error) or "expected more memory than there is")
        return UNWELL
    except (HarnessError, CacheError) as error:
        fail(str(error))
        return WRONG
    except KeyboardInterrupt:
        fail("interrupted: the same command goes on from the last checkpoint")
        return INTERRUPTED
    return 0


def read_result(path: Path, key: str) -> Record:
    """The verified record of a job in the file that a worker left.

    Raises:
        NotThisJob: the file is damaged, or of another job; what to do is in the message.
        OSError: it cannot be read.
    """
    try:
        return Record.from_line(path.read_bytes(), expected_key=key)
    except CacheError as error:
        raise NotThisJob(f"{path}: expected the result of {key}, got: {error} Or delete it, to train again.") from error


# -- the claim ---


@contextmanager
def claim(result: Path) -> Iterator[None]:
    """Hold the job of the file `result` inside the block: wait for a process that does, and die when it is cancelled.

    Whoever had to wait finds the result, unless the other one died: look for it inside the block.

    Raises:
        HarnessError: the job is cancelled.
        Unwell: its folder allows no lock.
    """
    with lock(_lock(result)):
        mark = cancellation(result)
        if mark.exists():
            raise HarnessError(f"{mark}: expected a job to do, got one that was cancelled; retry it to have it done")
        over = threading.Event()
        watch = threading.Thread(target=_die_when_there, args=(mark, over), daemon=True)
        watch.start()
        try:
            yield
        finally:
            over.set()
            watch.join()  # an interpreter that ends under a running thread may crash


def lock(path: Path, *, wait: bool = True) -> BinaryIO:
    """Lock a file, which is made; the lock lasts until all who have it open, children included, have closed it.

    Raises:
        BlockingIOError: somebody has it, where this does not `wait`.
        Unwell: the file cannot be made, or its disk knows no locks.
    """
    with _locking(path):
        return files.lock(path, wait=wait)


def is_held(result: Path) -> bool:
    """Whether a worker holds the job; one that comes in this very moment has to wait for less than a millisecond.

    To look takes no leave to write.

    Raises:
        OSError: the lock cannot be read.
        Unwell: its disk knows no locks.
    """
    path = _lock(result)
    try:
        with path.open("rb") as file, _locking(path):
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


@contextmanager
def _locking(path: Path) -> Iterator[None]:
    """Say what to do where a file cannot be locked: raises Unwell for it, and BlockingIOError if somebody has it."""
    try:
        yield
    except BlockingIOError:
        raise
    except OSError as error:
        if error.filename is not None:
            raise Unwell(f"{path.parent}: expected a folder to lock, got {error}; make it writable") from error
        raise Unwell(
            f"{path}: expected a disk that knows locks (flock), got: {error.strerror}; without them a dead worker "
            "looks like a living one: mount it with them, or name another disk with GENIUS_REPLAY_HOME"
        ) from error


def cancellation(result: Path) -> Path:
    """The file that says, by being there, that nobody wants the result any more."""
    return result.with_suffix(".cancelled")


def _die_when_there(mark: Path, over: threading.Event) -> None:
    while not over.wait(_WATCH_S):
        if mark.exists():
            os.kill(os.getpid(), signal.SIGTERM)


def _lock(result: Path) -> Path:
    return result.with_suffix(".lock")
