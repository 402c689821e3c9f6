"""Figures 2 and 3, and temperature 1 against 0: the points, and that they are drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reproduce.__main__ import main
from reproduce.comparison import statistics
from reproduce.errors import UsageError
from reproduce.paper import curves, temperature
from reproduce.paper.registry import ITEMS
from reproduce.report.output import new_figure
from reproduce.report.report import Report


def _points(report: Report, panel: str, series: str) -> list[float]:
    return [float(row[3].value or 0) for row in report.rows if (row[0].text, row[1].text) == (panel, series)]


@pytest.mark.parametrize(
    ("name", "panel", "expected"),
    [
        ("figure2", "NAS-Bench-Macro, temperature 1", 92.4323),
        ("figure3", "Channel-Bench-Macro, ResNet", 93.5236),
        ("figure3", "Channel-Bench-Macro, MobileNet", 91.3796),
    ],
)
def test_the_random_baseline_is_exact_and_the_papers_estimate_is_near(
    name: str, panel: str, expected: float, fetched: Path
) -> None:
    report = ITEMS[name].report()
    exact = _points(report, panel, curves.RANDOM)
    assert round(exact[-1], 4) == expected
    assert exact == sorted(exact)
    (estimate,) = _points(report, panel, curves.REPEATED)
    assert abs(estimate - expected) < 0.02  # five standard errors of 10,000 repetitions are less


def test_without_tables_the_trials_are_there_and_the_rest_is_said() -> None:
    report = ITEMS["figure2"].report()
    assert {row[1].text for row in report.rows} == {"trial 1", "trial 2", "trial 3"}
    assert any("python -m reproduce fetch" in note for note in report.notes)


@pytest.mark.parametrize("suffix", [".png", ".svg"])
@pytest.mark.parametrize("name", [name for name, item in ITEMS.items() if item.draws])
def test_a_figure_is_drawn_the_same_twice(name: str, suffix: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    first, second = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    assert main([name, "--out", str(first)]) == 0
    assert main([name, "--out", str(second)]) == 0
    assert first.read_bytes() == second.read_bytes()
    assert len(first.read_bytes()) > 10_000


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(UsageError, match="python -m pip install matplotlib"):
        new_figure(1)


def test_best_ranks_only_improve_and_keep_what_a_short_trial_found() -> None:
    for degree in temperature.TABLES:
        courses = temperature.best_ranks(degree)
        assert courses.shape == (3, 10)
        assert np.all(np.diff(courses, axis=1) <= 0)
    assert temperature.best_ranks(0)[:, -1].tolist() == [8, 27, 61]
    assert temperature.best_ranks(1)[:, -1].tolist() == [19, 50, 65]


def test_the_interval_of_three_is_their_range_and_says_what_it_covers() -> None:
    mean, low, high = temperature.summary(np.array([8, 27, 64]))
    assert statistics.median_interval(np.arange(3.0)).level == 0.75
    assert [column.title for column in temperature.COLUMNS][-2:] == ["Median, 75 % from", "to"]
    assert mean == pytest.approx(24.0, abs=0.01)
    assert [low, high] == pytest.approx([8, 64])


def test_three_trials_cannot_show_a_difference() -> None:
    p, least = temperature.permutation_p()
    assert least == pytest.approx(0.1)
    assert least <= p <= 1
    assert "cannot show that one finds better ones" in temperature.sentence()
