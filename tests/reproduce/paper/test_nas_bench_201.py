"""Tables 1 and 11 to 13: what the printed figures name, and what follows from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.spaces.nas_bench_201 import SPACE
from reproduce import benchmarks
from reproduce.paper.nas_bench_201 import candidates
from reproduce.paper.registry import ITEMS
from reproduce.published.trials import CELLS, best_cells
from reproduce.report.report import Status

GENIUS = ["91.05±0.20", "93.79±0.09", "70.96±0.33", "70.91±0.72", "45.29±0.81", "44.96±1.02"]


@pytest.mark.parametrize("at_hand", [False, True])
def test_the_genius_row_follows_from_its_trials(at_hand: bool, request: pytest.FixtureRequest) -> None:
    if at_hand:
        request.getfixturevalue("fetched")
    report = ITEMS["table1"].report()
    (row,) = [row for row in report.rows if row[0].text == "GENIUS"]
    assert [cell.text for cell in row[1:]] == GENIUS
    assert {cell.status for cell in row[1:]} == {Status.RECOMPUTED}
    assert "GENIUS, CIFAR-10 validation (%): the paper prints 91.07±0.20, computed 91.05±0.20" in report.notes
    assert sum(note.startswith("GENIUS, ") for note in report.notes) == 1
    slips = [note for note in report.notes if "is read as" in note]
    assert slips == ["91.07±0.20 in CIFAR-10 validation (%) follows if trial 4's 91.01 is read as 91.10"]


def test_methods_that_always_found_one_cell_are_looked_up(fetched: Path) -> None:
    report = ITEMS["table1"].report()
    rows = {row[0].text: row[1:] for row in report.rows}
    looked_up = {name for name, cells in rows.items() if cells[0].status is Status.RECOMPUTED}
    assert looked_up == {"DARTS", "DrNAS", "beta-DARTS", "Lambda-DARTS", "GENIUS"}
    assert f"DARTS is one cell: {SPACE.to_native((1,) * 6)}" in report.notes
    cells = {note.partition(": ")[2] for note in report.notes if "DARTS is one" in note or "DrNAS is one" in note}
    assert len(cells) == 2
    assert [cell.text for cell in rows["DrNAS"]][:2] == ["91.55±0.00", "94.36±0.00"]
    assert "DARTS, CIFAR-100 validation (%): the paper prints 38.57±0.00, computed 15.03±0.00" in report.notes


def test_a_row_of_two_cells_is_looked_up(fetched: Path) -> None:
    mixed = [note for note in ITEMS["table1"].report().notes if "mixes two cells" in note]
    assert mixed == [
        "DARTS mixes two cells: CIFAR-100 validation 38.57, ImageNet16-120 validation 18.87 are those of "
        "|skip_connect~0|+|skip_connect~0|none~1|+|skip_connect~0|skip_connect~1|skip_connect~2| alone, whose test "
        "accuracies are 70.92, 38.97, 18.41"
    ]


def test_ranks_name_the_embedded_architectures(fetched: Path) -> None:
    for benchmark in CELLS:
        opened = benchmarks.open_benchmark(benchmark)
        ranks = opened.held_out.published_rank
        assert ranks is not None
        for best in best_cells(benchmark):
            assert ranks[opened.table.index_of(best.architecture)] == best.rank


@pytest.mark.parametrize("name", CELLS.values())
def test_every_printed_validation_could_be_some_cell(name: str, fetched: Path) -> None:
    report = ITEMS[name].report()
    counts = [cell.value for row in report.rows[:10] for cell in row[2::2]]
    assert len(counts) == 50
    assert all(isinstance(count, int) and count >= 1 for count in counts)
    assert {cell.status for row in report.rows[10:12] for cell in row[1::2]} == {Status.RECOMPUTED}


def test_a_figure_with_three_digits_is_matched_at_three_digits(fetched: Path) -> None:
    opened = benchmarks.open_benchmark("nas-bench-201-imagenet16-120")
    assert 0 < candidates(opened, 39.667) <= candidates(opened, 39.67)


@pytest.mark.parametrize("name", CELLS.values())
def test_without_the_table_nothing_is_invented(name: str) -> None:
    report = ITEMS[name].report()
    assert {cell.status for row in report.rows for cell in row} == {
        Status.QUOTED,
        Status.MISSING,
        Status.LABEL,
    }
