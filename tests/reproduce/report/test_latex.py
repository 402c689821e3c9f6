"""A report as LaTeX: what is aligned, bold, and how large tables stand; no TeX runs here."""

from __future__ import annotations

import re

import pytest

from reproduce.paper.registry import ITEMS
from reproduce.report.latex import latex
from reproduce.report.report import BLANK, Cell, Column, Report, Status, estimated, label, quoted, recomputed


def rows(text: str) -> list[list[str]]:
    """The cells between the rules, without the marks."""
    body = text.partition("\\midrule\n")[2].partition("\\bottomrule")[0]
    return [re.sub(r"\\replaymark\{\w\}", "", line).removesuffix(r" \\").split(" & ") for line in body.splitlines()]


def column(*cells: Cell, better: str | None = None) -> list[str]:
    """How a column of these cells is written."""
    which = Column("a", "A", better)  # type: ignore[arg-type]
    return [row[0] for row in rows(latex(Report("name", "Title", (which,), tuple((cell,) for cell in cells), ())))]


def test_numbers_stand_below_each_other() -> None:
    assert column(recomputed(7), recomputed(12.25), quoted("unknown"), quoted(None)) == [
        r"7\phantom{.00}",
        "12.25",
        "unknown",
        "--",
    ]
    assert column(recomputed(-0.5, "+.2f"), recomputed(1.5, "+.2f")) == ["$-$0.50", "$+$1.50"]


def test_intervals_and_spreads_stand_below_each_other() -> None:
    assert column(estimated(9.5, (9.0, 10.0, 0.95)), estimated(10.5, (9.75, 11.0, 0.75)), BLANK) == [
        r"\phantom{0}9.50 {[}9.00, 10.00]",
        r"10.50 {[}9.75, 11.00] 75 \%",
        "",
    ]
    spread = (Cell(9.0, "9.00±1.50", Status.QUOTED, 1.5), Cell(9.0, "12.00±11.00", Status.QUOTED, 11.0))
    assert column(*spread) == [r"\phantom{0}9.00$\pm$\phantom{0}1.50", r"12.00$\pm$11.00"]


def test_the_best_is_bold_and_so_are_its_equals_as_printed() -> None:
    cells = [recomputed(value, ".1f") for value in (71.24, 71.16, 70.0)]
    assert column(*cells) == ["71.2", "71.2", "70.0"]
    assert column(*cells, better="higher") == [r"\textbf{71.2}", r"\textbf{71.2}", "70.0"]
    assert column(*cells, better="lower") == ["71.2", "71.2", r"\textbf{70.0}"]
    assert column(cells[0], quoted(None), BLANK, better="higher") == ["71.2", "--", ""]  # one alone is the best of none


def test_the_best_is_the_best_of_what_can_be_compared() -> None:
    columns = (Column("table", "Table"), Column("test", "Test", "higher"))
    cells = tuple((label(table), recomputed(test)) for table, test in (("a", 1), ("a", 2), ("b", 9), ("c", 3)))
    text = latex(Report("name", "Title", columns, cells, (), within=("table",)))
    assert rows(text) == [["a", "1"], ["a", r"\textbf{2}"], ["b", "9"], ["c", "3"]]
    assert "bold: best of a table" in text


def test_what_tables_of_the_paper_say_is_best() -> None:
    bold = {name: len(re.findall(r"\\textbf", latex(ITEMS[name].report()))) for name in ("table2", "table6", "table14")}
    assert bold == {"table2": 2, "table6": 7, "table14": 0}


@pytest.mark.parametrize(("count", "place"), [(40, r"\begin{table}"), (41, r"\begin{longtable}")])
def test_a_table_that_is_too_long_for_a_page_goes_on_on_the_next(count: int, place: str) -> None:
    text = latex(Report("name", "Title", (Column("a", "A"),), ((label("x"),),) * count, ()))
    assert place in text
    assert len(rows(text)) == count or place != r"\begin{table}"
    assert "landscape" not in text


def test_one_that_is_also_too_wide_stands_on_its_side() -> None:
    columns = tuple(Column(f"c{n}", f"C{n}") for n in range(12))
    text = latex(Report("name", "Title", columns, ((label("word " * 10),) * 12,) * 41, ("A note.",)))
    assert text.index(r"\begin{landscape}") < text.index(r"\begin{longtable}") < text.index(r"\end{landscape}")
    assert "p{10em}" in text
    assert "pdflscape" in text.splitlines()[1]


@pytest.mark.parametrize("name", ITEMS)
def test_every_table_is_whole(name: str) -> None:
    report = ITEMS[name].report()
    text = latex(report)
    assert rf"\label{{tab:{name}}}" in text
    assert "caption{Table" not in text
    bare = re.sub(r"\\[{}]", "", text)
    assert bare.count("{") == bare.count("}")
    assert text.count(r"\begin{") == text.count(r"\end{")
    written = [line for line in text.splitlines() if line.endswith(r" \\")]
    assert {line.replace(r"\&", "").count("&") for line in written} == {len(report.columns) - 1}
    assert len(written) - len(report.rows) in (1, 2)  # the headings, twice in a long table


def test_a_character_that_latex_has_not_is_named() -> None:
    assert column(label("Zürich 中 – Łódź þ")) == ["Zürich U+4E2D -- Łódź U+00FE"]
