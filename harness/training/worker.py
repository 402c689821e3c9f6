"""What every worker does with a job: hold it, unless it is done; leave its record whole; end when nobody wants it.

The operating system holds the lock, on a file beside the result, and takes it back from whoever dies. A child that a
worker leaves behind keeps it, so a job is not begun again while parts of it are still at work.
"""

from __future__ import annotations

import fcntl
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeAlias

from cache.errors import CacheError
from cache.record import Record
from genius_replay.console import INTERRUPTED, say, warn
from harness.errors import HarnessError, NotThisJob, Unwell
from harness.training.jobs import S

RESULT = "result.json"  # beside the job, which it is the record of
WRONG = 2  # exit code of a worker whose job cannot be done as it stands: another attempt would end likewise
UNWELL = os.EX_TEMPFAIL  # of one on whose machine something failed that may pass
EVERY_S = 60.0  # seconds between two checkpoints, at least
_WATCH_S = 1.0  # between two looks whether the job is cancelled


def perform(spec: Path, read: Callable[[Path], S], work: Callable[[S, Path], Record]) -> int:
    """Do the job in a file, unless it is done, and leave its record in result.json beside it.

    Args:
        spec: the file that holds the job.
        read: the job in a file.
        work: does a job, and may keep where it stands in the file that it is told.

    Returns:
        0 if the result is there, also from before; 2 if the job cannot be done as it stands; 75 if the machine failed
        it, so that another attempt may do (`Unwell`, a file that cannot be written, memory); 130 after Ctrl-C.
    """
    result = spec.parent / RESULT
    try:
        job = read(spec)
        with claim(result):  # one process a job at a time: the next finds a result
            if result.exists():
                read_result(result, job.key)
                say(f"{result}: the result is there already")
                return 0
            unfinished = result.with_suffix(".checkpoint")
            line = work(job, unfinished).to_line()
            with replacing(result) as temporary:
                temporary.write_bytes(line)
            unfinished.unlink(missing_ok=True)
    except (Unwell, OSError, MemoryError) as error:
        warn(str(error) or "expected more memory than there is")
        return UNWELL
    except (HarnessError, CacheError) as error:
        warn(str(error))
        return WRONG
    except KeyboardInterrupt:
        warn("interrupted: the same command goes on from the last checkpoint")
        return INTERRUPTED
    return 0


Say: TypeAlias = Callable[[str], object]
"""Is told a line of a log."""


def quiet(_line: str) -> None:
    """Tell nobody."""


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


@contextmanager
def replacing(path: Path, draft: str = "") -> Iterator[Path]:
    """A temporary file beside `path` that takes its place, whole and on the disk, once it is written.

    Its name is always the same, so what a killed process left is written over; `draft` sets apart those who may write
    at the same time.
    """
    temporary = path.with_name(f".{path.name}{draft}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


# -- the claim ---


@contextmanager
def claim(result: Path) -> Iterator[None]:
    """Hold the job of the file `result` inside the block: wait for a process that does, and die when it is cancelled.

    Whoever had to wait finds the result, unless the other one died: look for it inside the block.

    Raises:
        HarnessError: the job is cancelled.
        Unwell: its folder allows no lock.
    """
    with ExitStack() as held:
        held.callback(os.close, lock(_lock(result)))
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


def lock(path: Path) -> int:
    """Lock a file, which is made; the lock lasts until all who have its descriptor, which is returned, have closed it.

    Raises:
        Unwell: the file cannot be made, or its disk knows no locks.
    """
    return _locked(path, fcntl.LOCK_EX)


def lock_now(path: Path) -> int | None:
    """The same without waiting: None if somebody has it."""
    try:
        return _locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None


def _locked(path: Path, operation: int) -> int:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise Unwell(f"{path.parent}: expected a folder to lock, got {error}; make it writable") from error
    try:
        _flock(descriptor, operation, path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def is_held(result: Path) -> bool:
    """Whether a worker holds the job; one that comes in this very moment has to wait for less than a millisecond.

    To look takes no leave to write.

    Raises:
        OSError: the lock cannot be read.
        Unwell: its disk knows no locks.
    """
    try:
        descriptor = os.open(path := _lock(result), os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        _flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB, path)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _flock(descriptor: int, operation: int, path: Path) -> None:
    """Lock a file; raises BlockingIOError if somebody has it, Unwell if its disk knows no locks."""
    try:
        fcntl.flock(descriptor, operation)
    except BlockingIOError:
        raise
    except OSError as error:
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
