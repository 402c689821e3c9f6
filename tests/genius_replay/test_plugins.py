"""What a user brings, by module, by file and by entry point; what is broken breaks only who names it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import pytest

from genius_replay import plugins

GROUP = "genius_replay.made_up"


def forget(folder: Path) -> None:
    """Forget the modules that were imported from a folder."""
    for name, module in [*sys.modules.items()]:
        if str(getattr(module, "__file__", "")).startswith(str(folder)):
            del sys.modules[name]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with files, and nothing that is imported from them outlives a test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "brought_beside.py").write_text("NUMBER = 7\n")
    (tmp_path / "brought-by-me.py").write_text("from brought_beside import NUMBER\nclass Holds:\n    inner = 3\n")
    (tmp_path / "broken_one.py").write_text("raise SystemExit('out of order')\n")
    yield tmp_path
    forget(tmp_path)


def find(name: str, **options: Any) -> Any:
    words = {"what": "a number", "example": "my_module:NUMBER", "error": LookupError, **options}
    return plugins.find("number", name, GROUP, ["one"], **words)


def test_a_module_a_file_and_an_attribute_of_an_attribute(here: Path) -> None:
    assert find("brought_beside:NUMBER") == 7
    assert find("brought-by-me.py:NUMBER") == 7
    assert find(f"{here / 'brought-by-me.py'}:Holds.inner") == 3
    assert find("brought-by-me.py").NUMBER == 7
    assert find("brought-by-me.py:Holds") is find(f"{here}/brought-by-me.py:Holds")
    assert find("brought_beside", modules=True).NUMBER == 7


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (
            "on",
            r"no number is called 'on'; there are one, mine, ours, and your own as my_module:NUMBER; did you mean one",
        ),
        ("brought_beside", "no number is called 'brought_beside'"),
        ("brought_beside:NUMBRE", "has no attribute 'NUMBRE'; did you mean NUMBER"),
        ("absent.py:NUMBER", r"my_module:NUMBER for NUMBER in my_module.py in this folder; got: .*No such file"),
        ("absent:NUMBER", "got: No module named 'absent'"),
        (":NUMBER", "got: "),
        ("brought_beside:", "got: |not brought"),
        ("broken_one:NUMBER", "expected 'broken_one:NUMBER' to name a number .* got: out of order"),
        ("broken_one.py:NUMBER", "out of order"),
        ("ours", "expected 'broken_one:NUMBER' to name a number .* got: out of order"),
    ],
)
def test_what_cannot_be_had_is_told_with_what_there_is(name: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    points = [EntryPoint("ours", "broken_one:NUMBER", GROUP), EntryPoint("mine", "brought_beside:NUMBER", GROUP)]
    monkeypatch.setattr(plugins, "entry_points", lambda group: EntryPoints(points).select(group=group))
    assert find("mine") == 7
    assert plugins.offered(GROUP) == {"mine": "brought_beside:NUMBER", "ours": "broken_one:NUMBER"}
    if name == "brought_beside:":
        assert find(name).NUMBER == 7  # the module
        return
    for _ in range(2):  # also when it is tried again
        with pytest.raises(LookupError, match=says):
            find(name)
