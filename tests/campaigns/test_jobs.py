"""The campaign of jobs, in little."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaigns.jobs import campaign


def test_jobs_under_kills_of_masters_and_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.training.queue.ATTEMPTS", 1000)
    assert campaign(12, tmp_path, seed=1).workers >= 0
