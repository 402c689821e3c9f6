"""The examples in docstrings: each runs from embedded data, and prints what it shows."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("baselines", "cache", "genius_replay", "harness", "reproduce", "tables")
SHOWN = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for package in PACKAGES
    for path in ROOT.joinpath(package).rglob("*.py")
    if ">>> " in path.read_text("utf-8")
}


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_examples_print_what_they_show(name: str) -> None:
    done = doctest.testmod(import_module(name), optionflags=doctest.ELLIPSIS)
    assert done.attempted
    assert not done.failed  # what was expected and what came stands on standard output


def test_examples_show_what_users_begin_with() -> None:
    assert len(SHOWN) >= 15
    assert {"cache.client", "harness.loop", "reproduce.published.imagenet", "tables.space"} <= SHOWN
