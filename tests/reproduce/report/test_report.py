"""A report is one table: no column takes another's place, and every form of it holds every value."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from reproduce.paper import printed
from reproduce.paper.registry import ITEMS
from reproduce.report.output import FORMATS
from reproduce.report.rendering import render
from reproduce.report.report import BLANK, EXTRAS, Cell, Column, Report, Status, label, recomputed
from tests.schemas import valid


@pytest.mark.parametrize(
    "keys",
    [("ap", "ap"), ("ap", "ap_status"), ("ap", "ap_std"), ("ap_low", "ap"), ("ap_high", "x", "ap")],
)
def test_columns_of_one_name_are_refused(keys: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected columns of different names, got ap"):
        Report("name", "Title", tuple(Column(key, key) for key in keys), (), ())


@pytest.mark.parametrize("form", ["json", "csv"])
def test_table_6_writes_every_precision(form: str) -> None:
    text = render(ITEMS["table6"].report(), form)
    rows: list[dict[str, Any]] = json.loads(text)["rows"] if form == "json" else [*csv.DictReader(io.StringIO(text))]
    for row, (backbone, _, *precisions, _) in zip(rows, printed()["table6"]["rows"], strict=True):
        keys = ("backbone", "ap", "ap50", "ap75", "ap_s", "ap_m", "ap_l")
        written = [row[key]["value"] if form == "json" else row[key] for key in keys]
        assert [value or None for value in written] == (
            [backbone, *precisions] if form == "json" else [backbone, *(p and str(p) for p in precisions)]
        )


@pytest.mark.parametrize("form", FORMATS)
def test_f7_a_report_without_rows_has_its_headings(form: str) -> None:
    text = render(Report("name", "Title", (Column("a", "A"), Column("b", "B")), (), ()), form)
    first = {
        "csv": "a,a_status,b,b_status\n",
        "json": "{",
        "md": "## Title",
        "latex": "% genius-replay",
        "text": "Title\n\nA  B\n",
        "html": "<!DOCTYPE html>",
    }
    assert text.startswith(first[form])


def _table(*rows: tuple[str, ...]) -> list[str]:
    columns = tuple(Column(f"c{n}", f"Heading number {n}") for n in range(len(rows[0])))
    cells = tuple(tuple(label(text) if text else BLANK for text in row) for row in rows)
    return render(Report("name", "Title", columns, cells, ()), "text").splitlines()


def test_headings_break_before_cells_and_cells_before_the_table() -> None:
    assert _table(("a", "b"))[2:5] == [
        "Heading number 0  Heading number 1",
        "----------------  ----------------",
        "a                 b",
    ]
    short = _table(*[tuple("x" * 9 for _ in range(7))])
    assert short[2].startswith("Heading")
    assert [line.split() for line in short if "x" in line] == [["x" * 9] * 7]
    words = "words " * 20 + "end"
    long = _table(("a", words))
    assert max(map(len, long)) <= 80
    assert " ".join(" ".join(long[4:]).split()).partition("- a ")[2].startswith(words)


def test_columns_that_do_not_fit_go_below_behind_the_name_of_the_row() -> None:
    columns = [Column(f"c{n}", f"Heading number {n}") for n in range(7)]
    cells = (label("row"), *[recomputed("x" * 18)] * 6)
    lines = render(Report("name", "Title", tuple(columns), (cells,), ()), "text").partition("●\n\n● ")[0].splitlines()
    assert max(map(len, lines)) <= 80
    assert sum(line.startswith("row") for line in lines) == 2
    assert " ".join(lines).count("x" * 18) == 6


def test_rows_whose_names_leave_no_room_are_numbered() -> None:
    lines = _table(*[tuple("x" * 18 for _ in range(7))] * 3)
    assert max(map(len, lines[:-2])) <= 80
    assert [line.split()[0] for line in lines if "x" in line] == ["1", "2", "3"] * 3


@pytest.mark.parametrize("at_hand", [False, True])
@pytest.mark.parametrize("name", ITEMS)
def test_every_table_has_its_schema_and_fits_into_80_columns(
    name: str, at_hand: bool, request: pytest.FixtureRequest
) -> None:
    if at_hand:
        request.getfixturevalue("fetched")
    report = ITEMS[name].report()
    assert valid(render(report, "json"))["table"] == name
    title_and_table = render(report, "text").partition("\n● ")[0].partition("\n○ ")[0]
    assert max(map(len, title_and_table.splitlines())) <= 80
    words = set(title_and_table.split())
    assert words >= {word for row in report.rows for cell in row for word in cell.text.split()}
    assert words >= {word for column in report.columns for word in column.title.split()}


def test_what_stands_beside_a_value_has_a_name_that_columns_keep_free() -> None:
    cell = Cell(1.0, "1", Status.RECOMPUTED, std=0.5, interval=(0.0, 2.0, 0.95))
    assert tuple(cell.extras) == EXTRAS


def test_what_is_no_finite_number_is_null_in_json() -> None:
    rows = ((recomputed(float("nan")), recomputed(float("-inf"))),)
    shown = valid(render(Report("name", "Title", (Column("a", "A"), Column("b", "B")), rows, ()), "json"))["rows"]
    assert shown[0]["a"] == {"value": None, "text": "nan", "status": "recomputed"}
    assert shown[0]["b"] == {"value": None, "text": "-inf", "status": "recomputed"}
