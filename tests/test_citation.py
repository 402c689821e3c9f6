"""CITATION.cff and the page on citing name this version, the paper, and its authors, alike."""

from __future__ import annotations

import re
from pathlib import Path

from reproduce import __version__

ROOT = Path(__file__).parents[1]
CITATION = (ROOT / "CITATION.cff").read_text("utf-8")
PAGE = (ROOT / "docs" / "citing.md").read_text("utf-8")


def test_both_name_this_version() -> None:
    assert re.findall(r"^version: (.*)$", CITATION, re.M) == [__version__]
    assert re.findall(r"version = \{(.*)\}", PAGE) == [__version__]


def test_both_name_the_paper_and_its_authors() -> None:
    named = re.findall(r"family-names: (\w+)\n +given-names: (\w+)", CITATION)
    assert [f"{family}, {given}" for family, given in named] == re.findall(r"(\w+, \w+)(?= and |\},\n)", PAGE)
    assert len(named) == 7
    assert CITATION.count("2304.10970") == 3
    assert "arXiv:2304.10970" in PAGE
