"""Bringing published files into the user's cache directory, from where they were published or from a mirror.

Only content whose sha256 is the published one is written, and renamed to its name in one step: a file under that name
is always whole, whatever ended a fetch. The files are small (at most 2.8 MB): a transfer that broke off starts anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from reproduce.data import HOME_VARIABLE, Published, path_of, sha256_of, verified
from reproduce.errors import ReproduceError, Unreachable

TIMEOUT_S = 30.0  # seconds without a single byte
ADVICE = "try again later, or bring the file from elsewhere with --mirror DIR"


@dataclass(frozen=True)
class Fetched:
    """What became of one file; `problem` says why and what to do if it failed."""

    entry: Published
    outcome: Literal["already here", "copied", "downloaded", "failed"]
    problem: ReproduceError | None = None


def fetch(
    entries: Iterable[Published], mirror: Path | None = None, *, force: bool = False, timeout_s: float = TIMEOUT_S
) -> Iterator[Fetched]:
    """Bring every entry that is not here yet, and say of each what became of it: a failure does not stop the others.

    Args:
        entries: what to bring; entries with one sha256 are transferred once.
        mirror: directory with the same relative paths to copy from; None downloads from each entry's URL.
        force: bring also what is already here and right. What is here and wrong is always replaced.
        timeout_s: seconds without a byte after which a server counts as silent.
    """
    contents: dict[str, bytes] = {}  # sha256 → verified content of this call
    unreachable = False
    for entry in entries:
        try:
            if not force and _is_here(entry):
                yield Fetched(entry, "already here")
                continue
            if unreachable and entry.sha256 not in contents:
                raise Unreachable(f"{entry.path}: not tried, because no server answered for an earlier file")
            copied = mirror is not None or entry.sha256 in contents
            if entry.sha256 not in contents:
                contents[entry.sha256] = _copied(entry, mirror) if mirror else _downloaded(entry, timeout_s)
            _keep(entry, contents[entry.sha256])
            yield Fetched(entry, "copied" if copied else "downloaded")
        except ReproduceError as problem:
            unreachable = unreachable or isinstance(problem, Unreachable)
            yield Fetched(entry, "failed", problem)


def _is_here(entry: Published) -> bool:
    """Whether the file is here and right; what is wrong or unreadable is not, because fetching replaces it."""
    try:
        return sha256_of(path_of(entry).read_bytes()) == entry.sha256
    except OSError:
        return False


def _copied(entry: Published, mirror: Path) -> bytes:
    path = mirror / entry.path
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ReproduceError(
            f"{path}: expected a file with sha256 {entry.sha256}, found none ({error.strerror}); "
            "put it there, or leave out --mirror to download it"
        ) from error
    remedy = "nothing was kept; replace it in the mirror, or leave out --mirror to download it"
    return verified(content, entry.sha256, path, remedy)


def _downloaded(entry: Published, timeout_s: float) -> bytes:
    import http.client  # only here: it is half of what the command line would load
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(entry.url, timeout=timeout_s) as response:
            content: bytes = response.read()
    except urllib.error.HTTPError as error:
        error.close()
        raise ReproduceError(
            f"{entry.url}: expected the file, found status {error.code} {error.reason}; {ADVICE}"
        ) from error
    except (urllib.error.URLError, TimeoutError) as error:
        reason = getattr(error, "reason", error)
        raise Unreachable(
            f"{entry.url}: expected an answer, found none ({reason}); check the connection, {ADVICE}"
        ) from error
    except (OSError, http.client.HTTPException) as error:
        raise ReproduceError(f"{entry.url}: expected the whole file, found {error!r}; {ADVICE}") from error
    remedy = "nothing was kept; give the same command again, or bring the file from elsewhere with --mirror DIR"
    return verified(content, entry.sha256, entry.url, remedy)


def _keep(entry: Published, content: bytes) -> None:
    """Put verified content in its place in one step, so that no reader ever meets half a file."""
    target = path_of(entry)
    temporary = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(content)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise ReproduceError(
            f"{target}: expected to write it, found: {error.strerror}; make room there, make that directory writable, "
            f"or set {HOME_VARIABLE} to another directory, then give the same command again"
        ) from error
