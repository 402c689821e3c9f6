"""The published files behind the paper's numbers: which there are, where they lie, and reading them verified."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Literal

from reproduce.errors import ReproduceError

HOME_VARIABLE = "GENIUS_REPLAY_HOME"
MANIFEST = Path(__file__).with_name("published.json")
_FETCHED = ContextVar("fetched", default=True)  # False: as if nothing had been


@dataclass(frozen=True)
class Origin:
    """A repository at one commit; `licence` is None where none was found or recorded."""

    repository: str
    commit: str
    licence: str | None


@dataclass(frozen=True)
class Published:
    """One published file, pinned by its sha256.

    Attributes:
        path: relative path in the upstream repository, below the cache directory and in a mirror.
        url: where the pinned commit serves it.
        sha256: of the whole file, in hexadecimal.
        size: in bytes; None where the file has not been seen, only its digest.
        kind: a conversation with GPT-4, or a benchmark table.
        run: short name of a conversation ("329M", "epoch_10_input_224"); None for a table.
        sample: numbers the independent trials; two runs that are one file share it. None for a table.
        origin: where the same bytes were first published, if that is known.
    """

    path: str
    url: str
    sha256: str
    size: int | None
    kind: Literal["conversation", "table"]
    run: str | None
    sample: int | None
    origin: Origin | None

    @property
    def name(self) -> str:
        """What the command line calls the file: its name without folder and suffix."""
        return PurePosixPath(self.path).stem


@cache
def manifest() -> tuple[Published, ...]:
    """Every published file, in the order of `published.json`."""
    files = json.loads(MANIFEST.read_text(encoding="utf-8"))["files"]
    return tuple(Published(**{**entry, "origin": entry["origin"] and Origin(**entry["origin"])}) for entry in files)


def conversations() -> tuple[Published, ...]:
    """The published conversations with GPT-4."""
    return tuple(entry for entry in manifest() if entry.kind == "conversation")


def tables() -> tuple[Published, ...]:
    """The published benchmark tables."""
    return tuple(entry for entry in manifest() if entry.kind == "table")


def home() -> Path:
    """The directory that holds everything fetched: `GENIUS_REPLAY_HOME`, or else the user's cache directory."""
    if chosen := os.environ.get(HOME_VARIABLE):
        return Path(chosen).expanduser()
    import platformdirs  # only here: most commands run without ever asking the platform

    return Path(platformdirs.user_cache_dir("genius-replay"))


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
    """Whether the file is here; it is verified when it is read."""
    return _FETCHED.get() and path_of(entry).exists()


def read_published(entry: Published) -> bytes | None:
    """The content of a fetched file, verified on every read; None if it has not been fetched.

    Raises:
        ReproduceError: the file is there, but is not the published one, or cannot be read.
    """
    path = path_of(entry)
    try:
        content = path.read_bytes() if _FETCHED.get() else None
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ReproduceError(
            f"{path}: {error.strerror}; make it readable, or set {HOME_VARIABLE} to another folder"
        ) from error
    remedy = f"`python -m reproduce fetch {entry.name}` deletes it and fetches it again"
    return None if content is None else verified(content, entry.sha256, path, remedy)
