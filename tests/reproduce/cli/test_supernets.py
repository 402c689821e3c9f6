"""Recorded searches with shared weights: read without torch, reported with what was computed, drawn the same twice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from cache import cassette
from cache.errors import CacheError
from cache.key import DIGEST_PREFIX
from cache.record import Record
from harness.errors import BrokenRecording
from harness.spaces.nas_bench_201 import SPACE
from harness.training.jobs import Epoch, Observed, Search, Searched, SupernetJob, SupernetOutcome
from harness.training.recipes import Recipe, Split
from reproduce.__main__ import main
from reproduce.comparison import supernets

SPLIT = Split(0.4, 0.4, 0.2)
RECIPE = Recipe(SPLIT, input_size=8, epochs=1, batch_size=64, learning_rate=0.025, weight_decay=5e-4)
JOB = SupernetJob("digits", DIGEST_PREFIX + "0" * 64, RECIPE, search=Search("darts-first-order"))
OBSERVED = Observed(finished="2030-01-01T00:00:00+00:00", seconds=1.5, device="cpu", peak_memory_bytes=1)


def searched(seed: int, choice: int, search: Search = JOB.search) -> Searched:
    """A search whose logits go from 0 to 2 for one operation on all edges."""
    last = tuple(2.0 if number == choice else 0.0 for number in range(5))
    outcome = SupernetOutcome(
        SPACE.to_native((choice,) * 6), (((0.0,) * 5,) * 6, (last,) * 6), (Epoch(1.0, 50 + seed, 1.0),)
    )
    return Searched(replace(JOB, seed=seed, search=search), outcome, OBSERVED)


@pytest.fixture
def made_up(tmp_path: Path) -> Path:
    path = tmp_path / "searches.jsonl"
    gdas = Search("gdas", tau=(10.0, 0.1))
    searches = [searched(1, 1), searched(0, 3), searched(2, 1), searched(0, 2, gdas)]
    cassette.write(path, [each.to_record() for each in searches])
    return path


def test_searches_are_grouped_and_in_the_order_of_their_seeds(made_up: Path) -> None:
    first, second = supernets.read([made_up])
    assert first.title == "DARTS, first order, digits, 8×8, rate 0.0003"
    assert [each.job.seed for each in first.searches] == [0, 1, 2]
    assert [len(second.searches), second.job.search.method] == [1, "gdas"]


def test_weights_are_the_softmax() -> None:
    weights = supernets.weights(searched(0, 1))
    assert weights.shape == (2, 6, 5)
    np.testing.assert_allclose(weights[0], 0.2)
    np.testing.assert_allclose(weights[1, :, 1], np.exp(2) / (np.exp(2) + 4))
    np.testing.assert_allclose(weights.sum(axis=2), 1)


def test_a_report_counts_what_collapsed(made_up: Path) -> None:
    report = supernets.report([made_up])
    assert [row[5].text for row in report.rows] == ["3 33 333", "1 11 111", "1 11 111", "2 22 222"]
    assert [row[7].text for row in report.rows] == ["0.088", "0.649", "0.649", "0.088"]
    assert [row[11].value for row in report.rows] == [50, 51, 52, 50]
    assert {row[12].value for row in report.rows} == {None}
    notes = "\n".join(report.notes)
    assert "weigh most in 2 of 3 seeds (0.09, 0.65, 0.65) and are on 0, 6, 6 of 6 edges" in notes
    assert "2 of 4 searches end in the cell of skip connections alone; `python -m reproduce fetch" in notes
    assert report.tables == {"searches": cassette.read(made_up).digest}


def test_the_torch_that_trained_stands_below_the_report() -> None:
    """d12."""
    (version,) = {each.observed.versions["torch"] for each in supernets.read([supernets.COMMITTED])[0].searches}
    assert f"trained with torch {version}" in supernets.report().origin


def test_cells_are_looked_up_where_the_table_is_at_hand(made_up: Path, fetched: Path) -> None:
    report = supernets.report([made_up])
    assert [row[12].text for row in report.rows][1:3] == ["54.30", "54.30"]
    assert "tests at 54.30 % on CIFAR-10, rank " in report.notes[-1]
    assert "nas-bench-201-cifar10" in report.tables


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_the_weights_are_drawn_the_same_twice(made_up: Path, suffix: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    drawn = [tmp_path / f"{number}{suffix}" for number in (0, 1)]
    for path in drawn:
        assert main(["supernets", str(made_up), "--out", str(path)]) == 0
    assert drawn[0].read_bytes() == drawn[1].read_bytes()
    assert len(drawn[0].read_bytes()) > 5_000


def test_what_holds_no_search_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CacheError, match="Expected a cassette"):
        supernets.read([tmp_path / "none.jsonl"])
    other = tmp_path / "other.jsonl"
    cassette.write(other, [Record({"a": 1}, {}, kind="training")])
    with pytest.raises(BrokenRecording, match="no record of kind supernet"):
        supernets.read([other])
    cassette.write(other, [Record({"a": 1}, {}, kind="supernet")])
    with pytest.raises(BrokenRecording, match="a search of another form"):
        supernets.read([other])


# -- the committed searches ---


def test_the_committed_searches_are_whole() -> None:
    """The keys are those of the jobs, no seed is left out, and each cell has the largest logits."""
    groups = supernets.read([supernets.COMMITTED])
    recorded = cassette.read(supernets.COMMITTED)
    assert {group.job.search.method for group in groups} == set(supernets.METHODS)
    for group in groups:
        assert [each.job.seed for each in group.searches] == list(range(len(group.searches)))
        for each in group.searches:
            assert Searched.from_record(recorded[each.job.key]) == each
            logits = np.array(each.outcome.logits)
            assert logits.shape == (group.job.recipe.epochs + 1, 6, 5)
            assert SPACE.to_native(tuple(logits[-1].argmax(axis=1).tolist())) == each.outcome.architecture
            assert len(each.outcome.curve) == group.job.recipe.epochs


def test_the_committed_searches_are_shown_without_torch(capfd: pytest.CaptureFixture[str]) -> None:
    code = "import sys; sys.modules['torch'] = None; from reproduce.__main__ import main; sys.exit(main(['supernets']))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert "skip connections weigh most in" in capfd.readouterr().out
