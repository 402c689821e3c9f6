"""`python -m reproduce calibrate`: what it draws, compares and refuses."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from harness.spaces.nas_bench_macro import SPACE
from reproduce import benchmarks
from reproduce.__main__ import main
from reproduce.cli import calibrate, training
from tests.harness.training.instant import Instant, made_up
from tests.schemas import valid

CIFAR_VARIABLE = "GENIUS_REPLAY_CIFAR_SUBSET"
"""An HDF5 file of CIFAR-10 pictures (`harness.training.data.dataset`); without it a test trains on digits."""


@pytest.fixture
def executor(monkeypatch: pytest.MonkeyPatch) -> Instant:
    """In the place of what would train."""
    instant = Instant()
    monkeypatch.setattr(training, "executor", lambda _: instant)
    return instant


@pytest.fixture
def table(fetched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with the fetched table that may be written to."""
    home = tmp_path / "with-table"
    home.mkdir()
    for name in ("published", "tables"):
        (home / name).symlink_to(fetched / name)
    monkeypatch.setenv("GENIUS_REPLAY_HOME", str(home))
    return home


def calibrated(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["calibrate", *arguments, "--format", "json"]) == 0
    found: dict[str, Any] = valid(capsys.readouterr().out)
    return found


def test_from_the_worst_to_the_best_against_mean_and_spread(
    table: Path, executor: Instant, capsys: pytest.CaptureFixture[str]
) -> None:
    found = calibrated(capsys, "--n", "3", "--scale", "0.1", "--dataset", "digits", "--recipe", "digits")
    assert [row["rank"]["value"] for row in found["rows"]] == [6561, 3276, 1]
    assert found["title"].startswith("No calibration")
    opened = benchmarks.open_benchmark("nas-bench-macro")
    ((worst, *_),) = executor.rounds
    assert worst.recipe.epochs == 1
    assert worst.recipe.split.train == pytest.approx(0.05)
    assert worst.network.width == 0.125
    row = found["rows"][0]
    assert opened.table.runs is not None
    runs = opened.table.runs[opened.table.index_of(SPACE.from_native(row["architecture"]["value"]))]
    difference = made_up(worst).outcome.test - runs.mean()
    assert_allclose(row["published"]["value"], runs.mean(), atol=0.005)
    assert_allclose(row["deviations"]["value"], difference / runs.std(ddof=1), rtol=0.01)


def test_what_was_trained_as_published_is_a_calibration(
    table: Path, executor: Instant, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(calibrate, "gpus", lambda: ("0",))
    monkeypatch.setattr(training, "digest_of", lambda *_: "sha256:" + "0" * 64)
    found = calibrated(capsys, "--n", "2")
    assert found["title"].startswith("Calibration of nas-bench-macro")
    assert "Rank correlation (Spearman): " in str(found["notes"])
    assert "Trained instead" not in str(found["notes"])
    assert "Trained instead" in str(calibrated(capsys, "--n", "2", "--epochs", "1")["notes"])


def test_a_real_rehearsal(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch", reason="it trains: install the extra `train`")
    subset = os.environ.get(CIFAR_VARIABLE)
    data = ("--dataset", "arrays", "--data", subset) if subset else ("--dataset", "digits", "--recipe", "digits")
    found = calibrated(capsys, "--n", "2", "--scale", "0.02", *data)
    assert [row["here"]["value"] > 0 for row in found["rows"]] == [True, True]
    assert "Trained instead" in str(found["notes"])


def test_rank_correlation() -> None:
    rising = np.array([1.0, 2.0, 3.0, 4.0])
    assert calibrate.rank_correlation(rising, rising**3) == pytest.approx(1)
    assert calibrate.rank_correlation(rising, -rising) == pytest.approx(-1)
    assert calibrate.rank_correlation(rising, np.array([1.0, 2.0, 2.0, 3.0])) == pytest.approx(0.9486833)
    assert np.isnan(calibrate.rank_correlation(rising, np.ones(4)))


def test_without_a_gpu_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(calibrate, "gpus", lambda: ())
    assert main(["calibrate"]) == 2
    said = capsys.readouterr().err
    assert "expected a GPU, found none" in said
    assert "--scale" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--space", "mobilenetv2-se"), "expected a space with published trainings"),
        (("--n", "1"), "--n from 2 on"),
        (("--scale", "0"), "--scale above 0"),
        (("--scale", "0.1"), "fetch nas-bench-macro_cifar10"),
    ],
)
def test_wrong_use(arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", *arguments]) == 2
    assert message in capsys.readouterr().err
