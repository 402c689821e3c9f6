"""The test side: ranks, ties and expectations of whole tables."""

import json
from pathlib import Path

import numpy as np
import pytest

from tables.table import HeldOut, Table
from tests.tables.made_up import CELLS, MACRO, architecture_of, build, published
from tests.tables.published_ranks import file_rank


def test_every_test_figure_is_found(cells: Path) -> None:
    table, held_out = Table.open(cells), HeldOut.open(cells)
    assert held_out.published_rank is not None
    assert (held_out.info, len(held_out)) == (table.info, len(table))
    for key, entry in published(CELLS).items():
        index = table.index_of(architecture_of(key, CELLS))
        assert held_out.test[index] == entry["test_acc_200"]
        assert held_out.published_rank[index] == entry["rank"]


def test_published_ranks_lie_in_their_tie_intervals(cells: Path) -> None:
    held_out = HeldOut.open(cells)
    best, worst = held_out.tie_intervals
    assert held_out.published_rank is not None
    assert np.all((best <= held_out.published_rank) & (held_out.published_rank <= worst))
    assert np.array_equal(held_out.rank, best)


def test_file_rank_breaks_ties_by_the_order_of_the_file(macro: Path) -> None:
    held_out = HeldOut.open(macro)
    best, worst = held_out.tie_intervals
    assert np.any(best < worst)
    assert sorted(file_rank(macro)) == list(range(1, 28))
    assert np.all((best <= file_rank(macro)) & (file_rank(macro) <= worst))
    means = [entry["mean_acc"] for entry in published(MACRO).values()]
    in_file_order = np.argsort(np.array(means, dtype=np.longdouble))[::-1]
    architectures = [architecture_of(key, MACRO) for key in published(MACRO)]
    rows = Table.open(macro).indices_of(architectures)
    assert file_rank(macro)[rows[in_file_order]].tolist() == list(range(1, 28))


def test_optimum_and_top(cells: Path) -> None:
    held_out = HeldOut.open(cells)
    entries = published(CELLS).values()
    tests = sorted(entry["test_acc_200"] for entry in entries)
    best_told = max(entries, key=lambda entry: float(entry["val_acc_200"]))
    assert held_out.optimum == tests[-1]
    assert held_out.test_at_validation_optimum == best_told["test_acc_200"]
    top = held_out.top(5)
    assert held_out.test[top].tolist() == tests[:-6:-1]


def test_where_only_test_is_published_both_sides_agree(macro: Path) -> None:
    table, held_out = Table.open(macro), HeldOut.open(macro)
    assert np.array_equal(table.accuracy, held_out.test)
    assert held_out.published_rank is None
    assert held_out.test_at_validation_optimum == held_out.optimum


def test_several_best_by_validation_count_alike(tmp_path: Path) -> None:
    entries = published(CELLS)
    for entry in entries.values():
        entry["val_acc_200"] = 50
    held_out = HeldOut.open(build(json.dumps(entries).encode(), CELLS, tmp_path))
    assert held_out.test_at_validation_optimum == pytest.approx(held_out.test.mean())
