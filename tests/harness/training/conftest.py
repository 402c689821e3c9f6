"""A cluster for all tests that ask for one; they are marked `slow`, and `enable_socket` to find free ports."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.training import cluster


@pytest.fixture(scope="session")
def _cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    if reason := cluster.missing():
        pytest.skip(reason)
    with cluster.one_node_cluster(tmp_path_factory.mktemp("slurm") / "node") as configuration:
        yield configuration


@pytest.fixture
def slurm(_cluster: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Slurm of one node with two GPUs that are only files."""
    monkeypatch.setenv("SLURM_CONF", str(_cluster))
