"""What all tests share: a home of their own, and the published files where a mirror is named."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from reproduce.benchmarks import build_fetched
from reproduce.data import HOME_VARIABLE, fetch, manifest

settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
settings.load_profile("untimed")

MIRROR_VARIABLE = "GENIUS_REPLAY_MIRROR"
"""A folder with the published files; tests that need them are skipped without it."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, so that no test reads or writes the user's."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The folder with the published files."""
    folder = os.environ.get(MIRROR_VARIABLE)
    if not folder:
        pytest.skip(f"needs the published files: set {MIRROR_VARIABLE} to a folder that holds them")
    return Path(folder)


@pytest.fixture(scope="session")
def _fetched_home(mirror: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("fetched")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(HOME_VARIABLE, str(folder))
        here = [entry for entry in manifest() if (mirror / entry.path).exists()]
        assert {fetched.outcome for fetched in fetch(here, mirror)} == {"copied"}
        build_fetched()
        yield folder


@pytest.fixture
def fetched(_fetched_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home into which everything that the mirror holds has been fetched; tests must not write to it."""
    monkeypatch.setenv(HOME_VARIABLE, str(_fetched_home))
    return _fetched_home
