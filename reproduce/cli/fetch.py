"""`python -m reproduce fetch`: bring the published files, verified, into the user's cache directory.

They come from the pinned upstream commit, or from a mirror: a directory with the same relative paths. A download grows
in `<file>.part`, which a broken transfer or Ctrl-C leaves behind and the same command continues. Only content whose
sha256 is the published one is renamed to its final name, in one step, so a file under that name is always whole. Two
fetches at once cannot spoil that; at worst they spoil each other's part file, and one asks to be started again.
"""

from __future__ import annotations

import argparse
import difflib
import errno
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from reproduce.benchmarks import build_fetched
from reproduce.data import HOME_VARIABLE, Published, home, manifest, path_of, read_published, sha256_of
from reproduce.errors import CannotWrite, NotInMirror, ReproduceError, Unreachable, UsageError, WrongDigest

if TYPE_CHECKING:
    import rich.progress

TIMEOUT_S = 30.0  # seconds without a single byte
INTERRUPTED = 130  # what a shell reports for a command that Ctrl-C ended


@dataclass(frozen=True)
class Fetched:
    """What became of one file; `problem` says why and what to do if it failed."""

    entry: Published
    outcome: Literal["already here", "copied", "downloaded", "failed"]
    problem: ReproduceError | None = None


class Progress(Protocol):
    """Is told how a fetch gets on."""

    def advance(self, entry: Published, received: int) -> None:
        """`received` bytes of the file have arrived so far."""

    def finish(self, fetched: Fetched) -> None:
        """The file is done with, one way or another."""


def fetch(
    entries: Sequence[Published],
    *,
    mirror: Path | None,
    progress: Progress,
    force: bool = False,
    timeout_s: float = TIMEOUT_S,
) -> list[Fetched]:
    """Bring every entry that is not here yet, file by file: one that fails does not stop the others.

    Args:
        entries: what to bring; entries with one sha256 are transferred once.
        mirror: directory to copy from; None downloads from each entry's URL.
        progress: is told of every block and every file.
        force: bring also what is already here and right. What is here and wrong is always replaced.
        timeout_s: seconds without a byte after which a server counts as silent.

    Returns:
        One result for each entry, in the same order; a failure is a result, not an exception.
    """
    results = []
    here: dict[str, Published] = {}  # sha256 → a verified file of this call
    unreachable = False
    for entry in entries:
        try:
            if not force and _content(entry) is not None:
                fetched = Fetched(entry, "already here")
            elif entry.sha256 in here and (content := _content(here[entry.sha256])) is not None:
                _keep(entry, content)
                fetched = Fetched(entry, "copied")
            elif mirror is not None:
                _keep(entry, _read_mirror(entry, mirror))
                fetched = Fetched(entry, "copied")
            elif unreachable:
                raise Unreachable(f"{entry.path}: not tried, because no server answered for an earlier file")
            else:
                _download(entry, progress, timeout_s)
                fetched = Fetched(entry, "downloaded")
            here[entry.sha256] = entry
        except ReproduceError as problem:
            fetched = Fetched(entry, "failed", problem)
            unreachable = unreachable or isinstance(problem, Unreachable)
        progress.finish(fetched)
        results.append(fetched)
    return results


# -- one file ---------------------------------------------------------------------------------------------------------


def _content(entry: Published) -> bytes | None:
    """The file if it is here and right; what is wrong or unreadable counts as absent, because fetching replaces it."""
    try:
        return read_published(entry)
    except (WrongDigest, OSError):
        return None


def _read_mirror(entry: Published, mirror: Path) -> bytes:
    path = mirror / entry.path
    try:
        content = path.read_bytes()
    except OSError as error:
        raise NotInMirror(
            f"{path}: expected a file with sha256 {entry.sha256}, found none ({error.strerror}); "
            "put it there, or leave out --mirror to download it"
        ) from error
    remedy = "nothing was kept; replace it in the mirror, or leave out --mirror to download it"
    return _verified(content, entry, str(path), remedy)


def _verified(content: bytes, entry: Published, where: str, remedy: str) -> bytes:
    found = sha256_of(content)
    if found != entry.sha256:
        raise WrongDigest(where, expected=entry.sha256, found=found, remedy=remedy)
    return content


def _download(entry: Published, progress: Progress, timeout_s: float) -> None:
    """Download one file by way of its part file, which outlives every failure except a wrong digest."""
    from reproduce.download import receive  # only here: the HTTP client is half of what the command line would load

    target = path_of(entry)
    part = target.with_name(target.name + ".part")
    with _writing(part):
        part.parent.mkdir(parents=True, exist_ok=True)
        complete = part.exists() and sha256_of(part.read_bytes()) == entry.sha256
        if not complete:
            advance = partial(progress.advance, entry)
            receive(entry.url, part, size=entry.size, advance=advance, timeout_s=timeout_s)
        try:
            remedy = "nothing was kept; give the same command again, or bring the file from elsewhere with --mirror DIR"
            content = _verified(part.read_bytes(), entry, entry.url, remedy)
        except WrongDigest:
            part.unlink(missing_ok=True)
            raise
        _keep(entry, content)
        part.unlink(missing_ok=True)


def _keep(entry: Published, content: bytes) -> None:
    """Put verified content in its place in one step, so that no reader ever meets half a file."""
    target = path_of(entry)
    temporary = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    with _writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turn what the operating system says about a file being written into a message that helps."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        wish = "make room there" if full else "make that directory writable"
        raise CannotWrite(
            f"{path}: expected to write it, found: {error.strerror}; {wish}, or set {HOME_VARIABLE} to another "
            "directory, then give the same command again"
        ) from error


# -- the command ------------------------------------------------------------------------------------------------------


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `fetch`."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="what to fetch, such as 329M (default: every file)")
    parser.add_argument("--mirror", type=Path, metavar="DIR", help="copy from this directory, use no network")
    parser.add_argument("--force", action="store_true", help="fetch again what is already here")


def run(args: argparse.Namespace) -> int:
    """Fetch what `args` name and say on stderr what became of each file.

    Returns:
        0 if every file is here and right, 2 if one is not, 130 after Ctrl-C.

    Raises:
        UsageError: a name is in no manifest, or the mirror is not a directory.
    """
    entries = _chosen(args.names)
    if args.mirror is not None and not args.mirror.is_dir():
        raise UsageError(f"--mirror {args.mirror}: expected a directory, found none; name one that exists")
    try:
        with _progress() as progress:
            results = fetch(entries, mirror=args.mirror, force=args.force, progress=progress)
    except KeyboardInterrupt:
        _say("interrupted: what has arrived is kept, the same command goes on from there")
        return INTERRUPTED
    failed = sum(fetched.outcome == "failed" for fetched in results)
    _say(f"{len(results) - failed} of {len(results)} files are verified in {home()}")
    if tables := build_fetched():
        _say(f"{tables} benchmark tables are built")
    return ReproduceError.exit_code if failed else 0


def _chosen(names: Sequence[str]) -> list[Published]:
    known = [entry.name for entry in manifest()]
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            guess = f"did you mean {near[0]}? " if near else ""
            raise UsageError(f"{name}: no published file has this name; {guess}Expected some of {', '.join(known)}")
    return [entry for entry in manifest() if not names or entry.name in names]


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


def _line(fetched: Fetched) -> str:
    return f"{fetched.outcome:<12}  {fetched.problem or fetched.entry.path}"


class _Lines:
    """Progress as one plain line a file on stderr."""

    def advance(self, entry: Published, received: int) -> None:
        """Say nothing: a log file has no use for a moving bar."""

    def finish(self, fetched: Fetched) -> None:
        """Say what became of the file."""
        _say(_line(fetched))


class _Bar:
    """Progress as a moving bar for the current file and a line above it for each finished one."""

    def __init__(self, bars: rich.progress.Progress) -> None:
        self._bars = bars
        self._task = bars.add_task("", total=None, visible=False)

    def advance(self, entry: Published, received: int) -> None:
        """Move the bar."""
        self._bars.update(self._task, description=entry.name, completed=received, total=entry.size, visible=True)

    def finish(self, fetched: Fetched) -> None:
        """Say what became of the file."""
        self._bars.update(self._task, visible=False)
        self._bars.console.print(_line(fetched), markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _progress() -> Iterator[Progress]:
    if not sys.stderr.isatty():
        yield _Lines()
        return
    import rich.console
    import rich.progress

    columns = ("{task.description}", rich.progress.BarColumn(), rich.progress.DownloadColumn())
    with rich.progress.Progress(*columns, console=rich.console.Console(stderr=True), transient=True) as bars:
        yield _Bar(bars)
