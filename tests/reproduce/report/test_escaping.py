"""Whatever a model, a file or an endpoint says is shown as text: in no form does it do anything."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genius_replay.console import printable
from reproduce.report.escaping import as_line, as_markdown
from reproduce.report.output import FORMATS, new_figure, save
from reproduce.report.rendering import render
from reproduce.report.report import Cell, Column, Report, Status, label, replayed

HOSTILE = [
    "\x1b[2J\x1b]52;c;cm0gLXJm\x07",
    "a\x9b31mb",
    "user\u202egnp.exe\u2066",
    "name\n\\immediate\\write18{rm -rf /}",
    "name\r\\write18{x}",
    "name\u2028\\write18{x}",
    "<script>alert(1)</script>",
    "a|b\\|c",
    "![x](http://example.com/track)",
    "\ud800 half",
    "[2pt] & # $ % _ { } ~ ^",
]
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1"]


def report(text: str) -> Report:
    """A report with this text wherever there is text."""
    return Report(text, text, (Column("a", text), Column("b", "B")), ((label(text), label(1)),), (text,))


def harmless(text: str) -> bool:
    """Whether nothing in it controls a terminal or a direction of writing."""
    return all(character == "\n" or unicodedata.category(character) not in ("Cc", "Cs", "Cf") for character in text)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("text", HOSTILE)
def test_no_form_holds_a_control(text: str, form: str) -> None:
    written = render(report(text), form)
    assert harmless(written.replace("\t", ""))
    assert written.encode("utf-8")
    if form in ("text", "md", "latex"):
        assert written.count("\n") == render(report("x"), form).count("\n")


@given(st.text(max_size=12))
def test_whatever_the_text_it_stays_data(text: str) -> None:
    fields = [*csv.reader(io.StringIO(render(report(text), "csv")))][1]
    assert not re.match(r"[=+\-@\t\r\n]", fields[0])
    content = json.loads(render(report(text), "json"))
    assert content["rows"][0]["a"]["value"] == text
    for line in render(report(text), "latex").splitlines():
        assert line.startswith(("%", "\\")) or line.endswith(r"\\")
    for line in render(report(text), "md").splitlines():
        assert not re.search(r"<[A-Za-z/!]|(?<!\\)\]\(", line)


@pytest.mark.parametrize("text", FORMULAS)
def test_a_spreadsheet_calculates_nothing(text: str) -> None:
    (_, (first, *_)) = csv.reader(io.StringIO(render(report(text), "csv")))
    assert first.startswith("'")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a & b, x_1, `code_of <it>`", "a & b, x_1, `code_of &lt;it>`"),
        ("&lt; &#60;", "&amp;lt; &amp;#60;"),
        ("|conv~0|+|skip~1|", "|conv\\~0|+|skip\\~1|"),
        ("__init__ *x* [1, 2]", "\\_\\_init\\_\\_ \\*x* [1, 2]"),
        ("[a](b)", "[a]\\(b)"),
    ],
)
def test_markdown_escapes_what_it_has_to_and_no_more(text: str, written: str) -> None:
    assert as_markdown(text) == written


def test_numbers_stay_numbers_in_csv() -> None:
    text = render(Report("n", "t", (Column("a", "A"),), ((label(-1.5),),), ()), "csv")
    assert text.splitlines()[1] == "-1.5,label"


def test_a_cell_of_markdown_stays_one_cell() -> None:
    (row,) = [line for line in render(report("a|b\\|c"), "md").splitlines() if line.startswith("| a") and "1 |" in line]
    assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) == 3


@pytest.mark.parametrize("suffix", [".svg", ".PNG", ".pdf"])
@pytest.mark.parametrize("name", [r"$\frac{$", "$x^2$", "\x1b]52;c;aGk=\x07", "a_b^c"])
def test_a_figure_draws_names_as_they_are(name: str, suffix: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    figure = new_figure(2)
    axes = figure.subplots()
    axes.plot([1, 100], [1, 100], label=name)
    axes.set_yscale("log")
    axes.set_title(name)
    axes.legend()
    save(figure, tmp_path / f"figure{suffix}")
    assert axes.get_title() == printable(name)
    assert axes.get_yticklabels()[0].get_parse_math()


def test_latex_sets_what_looks_like_an_argument_of_a_line_end() -> None:
    text = render(report("[2pt]*"), "latex")
    assert "\n{[}2pt]{*}" in text


class Elements(HTMLParser):
    """The elements of a page, the names of their attributes, and what is shown as text; refuses what is not closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[tuple[str, ...]] = set()
        self.cells: list[str] = []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add((tag, *(name for name, _ in attrs)))
        if tag != "meta":  # which has no end
            self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & {*self.open}:
            self.cells[-1] += data


@given(st.text(max_size=20) | st.sampled_from(HOSTILE))
def test_whatever_the_text_a_page_has_the_same_elements_and_shows_it(text: str) -> None:
    page, plain = (Elements(render(report(each), "html")) for each in (text, "x"))
    assert page.seen == plain.seen
    assert page.cells[2] == as_line(text)
    assert {tag for tag, *_ in page.seen} & {"script", "img", "link", "a", "iframe"} == set()


def test_a_page_loads_nothing_and_says_what_marks_mean() -> None:
    cells = (label("<a>"), replayed(1.5), Cell(None, "", Status.MISSING))
    page = render(
        Report("n", "T", (Column("a", "A"), Column("b", "B"), Column("c", "C")), (cells,), ("a note",)), "html"
    )
    assert "//" not in page  # no address of anything
    assert '<th scope="col">A</th>' in page
    assert '<th scope="row">&lt;a&gt;</th><td>1.5&nbsp;<abbr title="replayed from stored answers">◐</abbr></td>' in page
    assert "<caption>T</caption>" in page
    assert "<p>a note</p>" in page
