"""The published benchmarks themselves, where GENIUS_REPLAY_MIRROR names a folder that holds GENIUS' repository.

The ranks are from GENIUS' tables 7 to 10 (arXiv 2304.10970v4). Each was printed within an interval of equal accuracies;
the architectures are those that numpy 1.23's sort has there, which is the reading that makes the proposals regular.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from reproduce.benchmarks import PUBLISHED, build_table
from tables.equality import RESOLUTION
from tables.table import HeldOut, Table, expected_best, tie_intervals
from tests.tables.made_up import PUBLISHED as SOURCES
from tests.tables.made_up import architecture_of
from tests.tables.published_ranks import file_rank

MIRROR = os.environ.get("GENIUS_REPLAY_MIRROR")
PRINTED_RANKS = {  # every one among at least four equals
    "nas-bench-macro": {
        "10201101": 3440,
        "11211202": 590,
        "21111112": 766,
        "21112102": 394,
        "21221121": 189,
        "12211221": 352,
    },
    "channel-bench-resnet": {
        "1441324": 9862,
        "3343314": 1205,
        "2244434": 411,
        "3344344": 173,
        "1222322": 12457,
        "2333434": 2813,
    },
    "channel-bench-mobilenet": {
        "2223222": 5383,
        "3334333": 630,
        "3434334": 1383,
        "4434433": 318,
        "2234222": 5271,
        "4434434": 871,
    },
}

Built = Callable[[str], Path]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Builds a published table once and returns its path."""
    if MIRROR is None:
        pytest.skip("set GENIUS_REPLAY_MIRROR to a folder with GENIUS' published files")
    folder = tmp_path_factory.mktemp("published")

    def path_of(name: str) -> Path:
        path = folder / f"{name}.h5"
        data = (Path(MIRROR) / SOURCES[name].origin.path).read_bytes()
        return path if path.exists() else build_table(name, data, folder)

    return path_of


@pytest.mark.parametrize(
    ("name", "optimum", "of_validation_optimum"),
    [
        ("nas-bench-macro", 93.127, 93.127),
        ("channel-bench-resnet", 93.893, 93.893),
        ("channel-bench-mobilenet", 91.887, 91.887),
        ("nas-bench-201-cifar10", 94.373, 94.373),
        ("nas-bench-201-cifar100", 73.513, 73.513),
        ("nas-bench-201-imagenet16-120", 47.311, 46.200),
    ],
)
def test_optima(built: Built, name: str, optimum: float, of_validation_optimum: float) -> None:
    held_out = HeldOut.open(built(name))
    assert round(held_out.optimum, 3) == optimum
    assert round(held_out.test_at_validation_optimum, 3) == of_validation_optimum


@pytest.mark.parametrize(
    ("name", "expected"),
    [("nas-bench-macro", 92.4323), ("channel-bench-resnet", 93.5236), ("channel-bench-mobilenet", 91.3796)],
)
def test_expected_best_of_ten(built: Built, name: str, expected: float) -> None:
    test = HeldOut.open(built(name)).test
    assert round(expected_best(test, test, 10), 4) == expected


@pytest.mark.parametrize("name", PRINTED_RANKS)
def test_printed_ranks_among_equals(built: Built, name: str) -> None:
    table, held_out = Table.open(built(name)), HeldOut.open(built(name))
    indices = table.indices_of([architecture_of(key, SOURCES[name]) for key in PRINTED_RANKS[name]])
    assert file_rank(built(name))[indices].tolist() == list(PRINTED_RANKS[name].values())
    best, worst = held_out.tie_intervals
    assert np.all(worst[indices] - best[indices] >= 3)


@pytest.mark.parametrize("name", [name for name in PUBLISHED if name.startswith("nas-bench-201")])
def test_published_ranks_order_test_accuracies(built: Built, name: str) -> None:
    held_out = HeldOut.open(built(name))
    best, worst = held_out.tie_intervals
    assert held_out.published_rank is not None
    assert np.all((best <= held_out.published_rank) & (held_out.published_rank <= worst))


@pytest.mark.parametrize("name", [name for name in PUBLISHED if not name.startswith("nas-bench-201")])
def test_accuracy_is_the_mean_of_the_runs(built: Built, name: str) -> None:
    """And equal exactly where the runs, which have two decimals, have equal sums: their late digits do not count."""
    table = Table.open(built(name))
    assert table.runs is not None
    assert np.abs(table.accuracy - table.runs.mean(axis=1)).max() < RESOLUTION
    hundredths = np.rint(100 * table.runs.sum(axis=1))
    assert np.array_equal(tie_intervals(table.accuracy), tie_intervals(hundredths))


@pytest.mark.parametrize(
    ("name", "written", "test", "ties"),
    [
        ("nas-bench-201-cifar100", ("320133", "323132"), 72.74667, (16, 17)),
        ("nas-bench-201-cifar10", ("223103", "333102"), 94.09, (24, 25)),
    ],
)
def test_equal_means_share_their_ranks(
    built: Built, name: str, written: tuple[str, str], test: float, ties: tuple[int, int]
) -> None:  # d2
    table, held_out = Table.open(built(name)), HeldOut.open(built(name))
    for index in table.indices_of([tuple(map(int, each)) for each in written]):
        assert held_out.test[index] == pytest.approx(test, abs=RESOLUTION)
        assert tuple(int(rank[index]) for rank in held_out.tie_intervals) == ties
