"""Files that are written whole or not at all, whatever stands in their place."""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

THROUGH = ("/dev/std", "/dev/fd/", "/proc/")  # names of what is open already: a file there is somebody's output


def write(path: Path, content: bytes) -> None:
    """Give `path` this content in one step, which is on the disk then.

    A link stays, and what it points to is replaced, with the permissions that it had. What is no regular file, such as
    a device or a pipe, cannot be replaced: it is written through. Those who write the same path wait for each other.

    Raises:
        OSError: it cannot be written; what was there before stays.
    """
    before = None
    with suppress(FileNotFoundError):
        before = path.stat().st_mode
    if before is not None and (not stat.S_ISREG(before) or str(path).startswith(THROUGH)):
        path.write_bytes(content)
        return
    target = Path(os.path.realpath(path))
    draft = target.with_name(f".{target.name}.part")
    with _fresh(draft) as file:
        try:
            if before is not None:
                os.fchmod(file.fileno(), stat.S_IMODE(before))
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            draft.replace(target)
        except BaseException:
            draft.unlink(missing_ok=True)  # while it is locked: later it may be another's
            raise
    sync(target.parent)


def sync(folder: Path) -> None:
    """Bring a folder's entries to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fresh(draft: Path) -> BinaryIO:
    """A new file, locked. It has one name for all who write one path, so what a killed process left is found here."""
    try:
        while True:
            file = lock(draft)
            if file.tell() == 0:
                return file
            with file:
                draft.unlink()
    except OSError:  # perhaps only a disk that knows no locks
        return draft.open("wb")


# -- locks ---


def lock(path: Path, *, wait: bool = True) -> BinaryIO:
    """Wait until nobody holds the file at `path`, which is made if need be, and hold it until it is closed.

    Whoever holds it may remove it or rename it. The operating system lets go for whoever dies.

    Raises:
        BlockingIOError: somebody holds it, where this does not `wait`.
        OSError: it cannot be made, which the error's `filename` tells, or the disk knows no locks.
    """
    while True:
        with ExitStack() as closing:
            file = closing.enter_context(path.open("ab"))
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            with suppress(FileNotFoundError):
                if os.path.samestat(path.stat(), os.fstat(file.fileno())):  # else another one stands there meanwhile
                    closing.pop_all()  # it stays open, and so locked
                    return file


@contextmanager
def holding(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Wait for the lock at `path` as `lock` does, hold it, and remove it at the end.

    Raises:
        OSError: as `lock`.
    """
    with lock(path, wait=wait):
        try:
            yield
        finally:
            with suppress(OSError):
                path.unlink()


def sweep(paths: Iterable[Path], left: Callable[[Path], object]) -> None:
    """Remove the locks at these paths that nobody holds, `left` being told each: whoever held it has died."""
    for path in paths:
        with suppress(OSError), holding(path, wait=False):
            left(path)


def try_locks(folder: Path) -> None:
    """Raise OSError at once if files in a folder cannot be locked, as on some network disks; others would wait long."""
    with tempfile.TemporaryFile(dir=folder) as file:
        for function in (fcntl.flock, fcntl.lockf):  # what is used here, and what SQLite uses
            function(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
