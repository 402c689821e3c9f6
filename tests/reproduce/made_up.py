"""Made-up files that stand for the published ones, and how to look at what fetching them left behind."""

from __future__ import annotations

import hashlib
from pathlib import Path

from reproduce.cli.fetch import Fetched, fetch
from reproduce.data import Published, path_of

CONTENT = bytes(range(256)) * 1000  # 256,000 bytes: several blocks


def made_up(name: str, content: bytes = CONTENT, url: str = "http://127.0.0.1:1") -> Published:
    path = f"folder/{name}.json"
    digest = hashlib.sha256(content).hexdigest()
    return Published(path, f"{url}/{path}", digest, len(content), kind="table", run=None, sample=None, origin=None)


class Recorder:
    """Progress that remembers."""

    def __init__(self) -> None:
        self.received: list[tuple[str, int]] = []
        self.finished: list[Fetched] = []

    def advance(self, entry: Published, received: int) -> None:
        self.received.append((entry.name, received))

    def finish(self, fetched: Fetched) -> None:
        self.finished.append(fetched)


def fetch_one(entry: Published, *, mirror: Path | None = None, force: bool = False, timeout_s: float = 20.0) -> Fetched:
    (fetched,) = fetch([entry], mirror=mirror, force=force, progress=Recorder(), timeout_s=timeout_s)
    return fetched


def part_of(entry: Published) -> Path:
    return path_of(entry).with_name(path_of(entry).name + ".part")


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def left_in(home: Path) -> set[str]:
    return {path.name for path in home.rglob("*") if path.is_file()}
