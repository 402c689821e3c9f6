"""Tables with figures of a part of their space: every method goes on, every command says what it has no figure of."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

import reproduce
from baselines import catalogue
from harness import arrays
from harness.conformance import OF_TABLES
from harness.loop import Budget
from harness.protocol import Reason, Rejected
from reproduce import benchmarks
from reproduce.__main__ import main
from tables.errors import InvalidArchitecture, TableError
from tables.files import build
from tables.table import HeldOut, Table

WIDTHS = (8, 16, 32, 64)
ROWS = [each for each in product(range(4), repeat=3) if sum(each) % 2]
"""Half of 64 architectures: no neighbour that differs by one step is among them."""
DOOMED = "genius"


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.csv"
    lines = (f"{','.join(str(WIDTHS[n]) for n in each)},{50 + sum(each)},{40 + each[0]}" for each in ROWS)
    path.write_text("a,b,c,accuracy,test\n" + "\n".join(lines) + "\n")
    return path


@pytest.fixture
def table(mine: Path) -> Table:
    return benchmarks.open_file(mine).table


def test_rows_are_found_by_their_place(table: Table) -> None:
    assert repr(table) == f"<Table mine: 32 of 64 architectures, validation, {table.digest[:12]}>"
    assert table.accuracy.shape == (32,)
    assert table.architectures_at(range(32)).tolist() == [list(each) for each in ROWS]
    assert table.indices_of(ROWS).tolist() == list(range(32))
    assert [table.accuracy[table.index_of(each)] for each in ROWS] == [50 + sum(each) for each in ROWS]
    assert table.row_of((0, 0, 0)) is None
    assert table.rows_of([0, 1, 63]).tolist() == [-1, 0, 31]
    with pytest.raises(TableError, match=r"mine: the table has no figure of \[0, 0, 2\]; it has those of 32 others"):
        table.indices_of([ROWS[0], (0, 0, 2)])
    with pytest.raises(InvalidArchitecture):
        table.row_of((0, 0, 4))
    for beyond in (-1, 32):
        with pytest.raises(InvalidArchitecture, match="from 0 to 31"):
            table.architecture_at(beyond)


def test_it_is_conformant(table: Table) -> None:
    assert [holds(table) for holds in OF_TABLES] == [None] * len(OF_TABLES)


def test_ranks_are_among_those_present(mine: Path, tmp_path: Path) -> None:
    opened = benchmarks.open_file(mine)
    assert opened.standing("64 8 8").ties == (1, 8)
    with pytest.raises(TableError, match="no figure"):
        opened.standing("8 8 8")
    built = build(mine, tmp_path / "built")
    assert Table.open(built).digest == opened.table.digest
    assert HeldOut.open(built).rank.max() == 25


@pytest.mark.parametrize("name", [name for name in catalogue.METHODS if name != DOOMED])
@pytest.mark.parametrize("budget", [Budget(unique=6), Budget(proposals=12)])
def test_every_method_goes_on(name: str, budget: Budget, table: Table) -> None:
    space = replace(table.space, largest=(3, 3, 3))
    courses = arrays.search(catalogue.METHODS[name], space, table, budget, range(3), 0)
    limit = budget.unique or budget.evaluations or budget.proposals or 0
    assert courses.incumbents.shape == (3, limit)
    assert courses.proposals.max() < len(table)
    best = [table.accuracy[row[row >= 0]].max() for row in courses.proposals]
    assert table.accuracy[courses.incumbents[:, -1]].tolist() == best


def test_a_proposal_without_a_figure_is_told_and_counted_and_replays(mine: Path, tmp_path: Path) -> None:
    into = tmp_path / "runs.jsonl"
    found = reproduce.search("random", mine, budget=Budget(proposals=20), trials=2, into=into)
    for run in found:
        assert len(run.trajectory.steps) == 20
        rejected = [step.told for step in run.trajectory.steps if isinstance(step.told, Rejected)]
        assert {each.rejection.reason for each in rejected} == {Reason.NO_FIGURE}
        assert run.ended.rejected == {"no figure in the table": 20 - run.ended.evaluated}
    mine.unlink()
    assert [run.ended for run in reproduce.replay_recording(into)] == [run.ended for run in found]


def test_a_model_is_told_so(mine: Path) -> None:
    answers = iter(["Design: [0, 0, 0]", "Design: [0, 0, 1]"])
    said: list[str] = []

    def model(messages: Sequence[Mapping[str, str]]) -> str:
        said.append(messages[-1]["content"])
        return next(answers)

    [run] = reproduce.search(model="mine", complete=model, table=mine, budget=1)
    assert said[1] == "This design is not among those that can be measured. Propose another one."
    assert run.ended.rejected == {"no figure in the table": 1}
    assert run.ended.evaluated == 1


def test_query_and_compare_say_so(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", str(mine), "8,8,8"]) == 0
    shown_as_text = " ".join(capsys.readouterr().out.split())
    assert "No accuracy and no rank: the table has no figure of [0, 0, 0]; it has those of 32 others." in shown_as_text
    assert "Ranks count the 32 architectures, of 64, that the table has figures of." in shown_as_text
    arguments = ["--budget", "5", "100", "--count", "unique", "--oracle", "--trials", "5", "--method", "random"]
    assert main(["compare", "--table", str(mine), *arguments]) == 0
    compared = " ".join(capsys.readouterr().out.split())
    assert "32 of 64 architectures have no figure, the first is '[0, 0, 0]': a proposal of one is rejected" in compared
    assert "there are 32 architectures, and no budget of different ones is larger" in compared
    assert "left out: the oracle, which needs a figure of every architecture" in compared


def test_a_space_of_a_trillion_with_few_rows(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    titles = ",".join(f"layer {n}" for n in range(12))
    rng = np.random.default_rng(0)
    rows = {tuple(row) for row in rng.integers(0, 10, (500, 12)).tolist()} | {(n,) * 12 for n in range(10)}
    path.write_text("\n".join([f"{titles},accuracy", *(f"{','.join(map(str, row))},{50 + row[0]}" for row in rows)]))
    opened = reproduce.open_table(path)
    assert (opened.space.size, len(opened.table)) == (10**12, len(rows))
    [run] = reproduce.search("random", opened, budget=1, start=["1 1 1 1 1 1 1 1 1 1 1 1"])
    assert run.ended.evaluated == 1
    compared = reproduce.compare(["random", "local-search"], opened, budgets=5, trials=2)
    assert "evaluated nothing and are left out" in " ".join(compared.report().notes)


def test_a_grid_of_somebody_else(mirror: Path, tmp_path: Path) -> None:
    """A grid of hyper-parameters of which searches saw a part: LLAMBO's evaluations of one data set and model."""
    runs = sorted(mirror.parent.glob("llambo/exp_hpo_bench/results_discriminative/australian/rf/*.csv"))
    if not runs:
        pytest.skip("needs LLAMBO's published files beside the others")
    rows: dict[tuple[str, ...], str] = {}
    for path in runs:
        for row in csv.DictReader(path.read_text().splitlines()):
            slots = [*row][: [*row].index("acc")]
            rows.setdefault(tuple(row[slot] for slot in slots), f"{100 * float(row['score'])}")
    mine = tmp_path / "mine.csv"
    mine.write_text("\n".join([",".join([*slots, "accuracy"]), *(f"{','.join(key)},{rows[key]}" for key in rows)]))
    opened = reproduce.open_table(mine)
    assert (len(opened.table), opened.space.size) == (len(rows), 9000)
    assert [float(choice) for choice in opened.space.slots[-1].choices] == sorted(
        float(choice) for choice in opened.space.slots[-1].choices
    )
    started = reproduce.search("local-search", opened, budget=3, start=[", ".join(next(iter(rows)))])
    assert 1 <= started[0].ended.evaluated <= 3
