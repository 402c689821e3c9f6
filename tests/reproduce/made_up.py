"""Made-up files that stand for the published ones, and how to look at what fetching them left behind."""

from __future__ import annotations

import hashlib
from pathlib import Path

from reproduce.data import Fetched, Published, fetch

CONTENT = bytes(range(256)) * 1000


def made_up(name: str, content: bytes = CONTENT, url: str = "http://127.0.0.1:1") -> Published:
    path = f"folder/{name}.json"
    digest = hashlib.sha256(content).hexdigest()
    return Published(path, f"{url}/{path}", digest, run=None, sample=None)


def fetch_one(entry: Published, mirror: Path | None = None, *, force: bool = False, timeout_s: float = 20.0) -> Fetched:
    (fetched,) = fetch([entry], mirror, force=force, timeout_s=timeout_s)
    return fetched


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def left_in(home: Path) -> set[str]:
    return {path.name for path in home.rglob("*") if path.is_file()}
