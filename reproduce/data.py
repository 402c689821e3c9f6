"""The published files behind the paper's numbers: which there are, where they lie, reading and fetching them.

Only content whose sha256 is the published one is read, or written: a fetch renames it to its name in one step, so that
a file under that name is always whole, whatever ended the fetch. The files are small (at most 2.8 MB): a transfer that
broke off starts anew.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import msgspec

from cache.errors import CacheError
from cache.provider.address import is_loopback
from reproduce.errors import DataMissing, NoHome, ReproduceError, Unreachable
from reproduce.report.output import write

if TYPE_CHECKING:
    from cache.store import Store
    from harness.training.queue import Queue

HOME_VARIABLE = "GENIUS_REPLAY_HOME"
MANIFEST = Path(__file__).with_name("published.json")
_FETCHED = ContextVar("fetched", default=True)  # False: as if nothing had been


@dataclass(frozen=True)
class Published:
    """One published file, pinned by its sha256: a conversation with GPT-4, a benchmark table, or a script.

    Attributes:
        path: relative path in the upstream repository, below the cache directory and in a mirror.
        url: where the pinned commit serves it.
        sha256: of the whole file, in hexadecimal.
        run: short name of a conversation ("329M", "epoch_10_input_224"); None for others.
        sample: numbers the independent trials; two runs that are one file share it. None for others.
    """

    path: str
    url: str
    sha256: str
    run: str | None
    sample: int | None

    @property
    def name(self) -> str:
        """What the command line calls the file: its name without folder and suffix."""
        return PurePosixPath(self.path).stem


def manifest() -> tuple[Published, ...]:
    """Every published file behind a number, in the order of `published.json`."""
    return _listed("files")


def scripts() -> tuple[Published, ...]:
    """GENIUS' scripts, whose wording can be read (`reproduce.published.scripts`); no number needs them."""
    return _listed("scripts")


@cache
def _listed(kind: str) -> tuple[Published, ...]:
    # what else the file says of each is for readers
    return msgspec.convert(msgspec.json.decode(MANIFEST.read_bytes())[kind], tuple[Published, ...])


def conversations() -> tuple[Published, ...]:
    """The published conversations with GPT-4."""
    return tuple(entry for entry in manifest() if entry.run is not None)


def home() -> Path:
    """The directory that holds everything fetched: `GENIUS_REPLAY_HOME`, or else the user's cache directory.

    Raises:
        ReproduceError: the variable begins with the home of a user who is not known here.
        NoHome: it is not set, and the user has no home, as in many containers.
    """
    chosen = os.environ.get(HOME_VARIABLE)
    try:
        return Path(chosen or _users_cache()).expanduser().absolute()
    except RuntimeError as error:
        if chosen:
            raise ReproduceError(
                f"{HOME_VARIABLE}={chosen}: expected a folder, got an unknown user's; name another"
            ) from error
        raise NoHome(
            f"expected a user with a home, got none; set {HOME_VARIABLE} to a folder that may be written"
        ) from error


def _users_cache() -> str:
    import platformdirs  # only here: most commands run without ever asking the platform

    return platformdirs.user_cache_dir("genius-replay")


def store(name: str) -> Store:
    """The user's store of this name, which is made if need be.

    Raises:
        CacheError: it cannot be opened.
        ReproduceError: see `home`.
    """
    from cache.store import Store  # only here: most commands need no store

    try:
        return Store(home() / name)
    except CacheError as error:
        raise CacheError(f"{error} Or set {HOME_VARIABLE} to another folder.") from error


def queue() -> Queue:
    """The user's queue of trainings; raises as `home`."""
    from harness.training.queue import Queue  # only here: most commands train nothing

    return Queue(home() / "jobs")


def path_of(entry: Published) -> Path:
    """Where the file lies once it is fetched; `home() / "published"` can serve as a mirror for another machine."""
    return home() / "published" / entry.path


def sha256_of(content: bytes) -> str:
    """The sha256 of `content`, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def verified(content: bytes, sha256: str, where: object, remedy: str) -> bytes:
    """The content, if it is what was published.

    Raises:
        ReproduceError: it is another; the message names `where` it is from and the `remedy`.
    """
    found = sha256_of(content)
    if found != sha256:
        raise ReproduceError(f"{where}: expected sha256 {sha256}, found {found}; {remedy}")
    return content


@contextmanager
def embedded_only() -> Iterator[None]:
    """Inside, everything is as if nothing had been fetched."""
    token = _FETCHED.set(False)
    try:
        yield
    finally:
        _FETCHED.reset(token)


def is_fetched(entry: Published) -> bool:
    """Whether the file is here; it is verified when it is read. A user without a home has nothing here."""
    try:
        return _FETCHED.get() and path_of(entry).exists()
    except (NoHome, PermissionError):
        return False


def is_damaged(entry: Published) -> bool:
    """Whether the file is here, and is not the published one or cannot be read; a fetch replaces it."""
    return is_fetched(entry) and not _is_here(entry)


def read_published(entry: Published) -> bytes | None:
    """The content of a fetched file, verified on every read; None if it has not been fetched.

    Raises:
        ReproduceError: the file is there, but is not the published one, or cannot be read.
    """
    if not is_fetched(entry):
        return None
    path = path_of(entry)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ReproduceError(
            f"{path}: {error.strerror}; make it readable, or set {HOME_VARIABLE} to another folder"
        ) from error
    return verified(
        content, entry.sha256, path, f"`python -m reproduce fetch {entry.name}` deletes it and fetches it again"
    )


def needed(entry: Published, purpose: str) -> bytes:
    """As `read_published`, of a file that is `needed for …`.

    Raises:
        DataMissing: if it has not been fetched.
    """
    found = read_published(entry)
    if found is None:
        raise DataMissing(entry.name, purpose=purpose)
    return found


# -- fetching ---

TIMEOUT_S = 30.0  # seconds without a single byte
FULL = (
    f"make room there, make that directory writable, or set {HOME_VARIABLE} to another directory, "
    "then give the same command again"
)
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
            write(contents[entry.sha256], path_of(entry), FULL, folders=True)
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
        # A proxy reaches itself where the address says this machine.
        direct = [urllib.request.ProxyHandler({})] if is_loopback(urlsplit(entry.url).hostname or "") else []
        with urllib.request.build_opener(*direct).open(entry.url, timeout=timeout_s) as response:
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
