"""Every cell that is quoted and every figure that is embedded is the paper's, held against a second copy of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from reproduce.paper import printed
from reproduce.paper.registry import ITEMS
from reproduce.published.trials import PROPOSALS
from reproduce.report.report import Report, Status, Value

Cells: TypeAlias = dict[tuple[int, str], Value]
"""What the paper prints, by the number of the row, from 0, and the key of the column; counts in ones, not millions."""

CELLS = {"table11": "cifar10", "table12": "cifar100", "table13": "imagenet16-120"}
COUNTS = {"flops_m": "flops", "params_m": "params"}
RESTS = {"figure2": ("table7", "table8"), "figure3": ("table9", "table10")}
TABLES = [name for name in ITEMS if name.startswith("table")]


@pytest.fixture(scope="module")
def paper(mirror: Path) -> dict[str, Any]:
    """The tables as somebody else copied them out of the paper."""
    folder = mirror.parents[1] / "paper"
    if not folder.is_dir():
        pytest.skip(f"needs {folder}, the tables copied out of the paper")
    tables: dict[str, Any] = json.loads((folder / "published_tables.json").read_text("utf-8"))
    return {**tables, "proposals": json.loads((folder / "genius_proposals.json").read_text("utf-8"))}


def expected(name: str, paper: Mapping[str, Any]) -> Cells:
    """All cells of a table."""
    if name in paper["proposals"]:
        return {
            (one["T"], f"trial{one['trial']}_{what}"): one[what]
            for one in paper["proposals"][name]["proposals"]
            for what in ("accuracy", "rank")
        }
    table = paper[name]
    if name == "table1":
        return {
            **{(n, "method"): method for n, method in enumerate(table["rows"])},
            **{
                (n, key.replace("_val", "_validation")): mean
                for n, figures in enumerate(table["rows"].values())
                for key, (mean, _) in zip(table["columns"], figures, strict=True)
            },
        }
    if name in CELLS:
        best = paper["proposals"]["nas-bench-201-best-of-trial"][CELLS[name]]
        cells: Cells = {
            (n, f"trial{trial}"): accuracy
            for trial, course in enumerate(table["validation"], start=1)
            for n, accuracy in enumerate(course)
        }
        for one, test, rank in zip(best, table["test"], table["test_rank"], strict=True):
            for n, value in enumerate((one["best_validation"], test, rank), start=10):
                cells[n, f"trial{one['trial']}"] = value
        return cells
    if "rows" in table:
        return {
            (n, COUNTS.get(key, key)): value if value is None or key not in COUNTS else round(value * 1e6)
            for n, row in enumerate(table["rows"])
            for key, value in zip(table["columns"], row, strict=True)
        }
    columns = {key: values for key, values in table.items() if key != "title"}
    return {(n, key): value for key, values in columns.items() for n, value in enumerate(values)}


def cells_of(report: Report, *statuses: Status) -> Cells:
    return {
        (n, column.key): cell.value
        for n, row in enumerate(report.rows)
        for column, cell in zip(report.columns, row, strict=True)
        if cell.status in statuses
    }


@pytest.mark.parametrize("at_hand", [False, True])
@pytest.mark.parametrize("name", TABLES)
def test_every_quoted_cell_is_the_papers(
    name: str, at_hand: bool, paper: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    if at_hand:
        request.getfixturevalue("fetched")
    report, cells = ITEMS[name].report(), expected(name, paper)
    found = cells_of(report, Status.QUOTED)
    assert {place: cells.get(place) for place in found} == found
    assert cells.keys() <= cells_of(report, Status.QUOTED, Status.RECOMPUTED).keys()
    keys = [column.key for column in report.columns]
    for (n, key), value in found.items():
        text = report.rows[n][keys.index(key)].text
        if isinstance(value, str) or value is None:
            assert text == (value or "–")
        else:
            unit = 1e6 if key in COUNTS.values() else 1
            assert float(text.partition("±")[0]) * unit == pytest.approx(value, rel=1e-12)


def test_the_quoted_standard_deviations_are_the_papers(paper: dict[str, Any]) -> None:
    for row, figures in zip(ITEMS["table1"].report().rows, paper["table1"]["rows"].values(), strict=True):
        quotes = [(cell.value, cell.std) for cell in row[1:] if cell.status is Status.QUOTED]
        assert quotes == ([] if row[0].text == "GENIUS" else [tuple(figure) for figure in figures])


@pytest.mark.parametrize("name", RESTS)
def test_the_figures_quote_the_tables(name: str, paper: dict[str, Any]) -> None:
    accuracies = [row[3].value for row in ITEMS[name].report().rows if row[3].status is Status.QUOTED]
    proposals = (one for table in RESTS[name] for one in paper["proposals"][table]["proposals"])
    assert accuracies == [one["accuracy"] for one in proposals]


def test_the_embedded_figures_are_the_papers(paper: dict[str, Any]) -> None:
    for name, table in printed().items():
        if name != "source":
            told = {key for key in table if key != "title"}
            assert {key: table[key] for key in told} == {key: paper[name][key] for key in told}, name
    embedded = json.loads(PROPOSALS.read_text("utf-8"))
    for name in ("table7", "table8", "table9", "table10"):
        proposals = paper["proposals"][name]["proposals"]
        ours = [
            (number, iteration, one["accuracy"], one["rank"], one["architecture"])
            for number, trial in enumerate(embedded[name]["trials"], start=1)
            for iteration, one in enumerate(trial)
        ]
        theirs = [(one["trial"], one["T"], one["accuracy"], one["rank"], one["arch"]) for one in proposals]
        assert ours == theirs
    for name, bests in paper["proposals"]["nas-bench-201-best-of-trial"].items():
        found = [tuple(one.values()) for one in embedded["best_of_trial"][f"nas-bench-201-{name}"]]
        assert found == [(one["arch"], one["test"], one["test_rank"]) for one in bests]


def test_the_embedded_winners_are_the_papers(paper: dict[str, Any]) -> None:
    winners = {found.run: found.describe()["winner"] for found in ITEMS["table2"].report().replays}
    assert winners["329M"]["architecture"] == paper["genius_329"]
    assert winners["401M"]["architecture"] == paper["genius_401"]


def test_table_14_is_printed_whole_beside_what_is_true() -> None:
    report = ITEMS["table14"].report()
    assert len(report.rows) == 11
    cells = {column.key: [row[n].value for row in report.rows] for n, column in enumerate(report.columns)}
    stages = slice(2, 7)
    wrong = [
        (printed_as, true)
        for key in ("input", "stride")
        for printed_as, true in zip(cells[key][stages], cells[f"true_{key}"][stages], strict=True)
        if printed_as != true
    ]
    assert len(wrong) == 7
    notes = "\n".join(report.notes)
    assert "GENIUS-329 would cost 182.6 M FLOPs" in notes
    assert "GENIUS-401 would cost 217.2 M FLOPs" in notes
    assert "GENIUS-329 as appendix B.2 prints it is the winner of run 329M" in notes
    assert "GENIUS-401 as appendix B.2 prints it is the winner of run 401M" in notes


def test_a_network_of_appendix_b_that_is_not_the_winner_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    networks = printed()["appendix_b2"]
    monkeypatch.setitem(networks, "genius_329", networks["genius_401"])
    assert any("GENIUS-329 as appendix B.2 prints it is not the" in note for note in ITEMS["table14"].report().notes)
