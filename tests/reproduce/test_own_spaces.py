"""Spaces and tables of one's own in every command, and recordings of them that need neither file."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, EntryPoints
from itertools import product
from pathlib import Path

import pytest

import reproduce
from genius_replay import plugins
from harness import spaces
from harness.errors import HarnessError
from harness.specification import Declaration
from reproduce import benchmarks
from reproduce.__main__ import main
from tables.files import build
from tables.space import Group, Notation, Slot, Space
from tests.genius_replay.test_plugins import forget

FILE = """
from harness.spaces import CSV, Benchmark
from harness.spaces.costs import Cost
from tables import Group, Notation, Slot, Space

NAMES = ("8", "16", "32")
WIDTHS = Space(
    "widths",
    "Widths of three layers",
    (Group("Stage 1", (Slot("Layer 1", NAMES), Slot("Layer 2", NAMES))), Group("Stage 2", (Slot("Layer 3", NAMES),))),
    first_symbol=1,
    notation=Notation("{}-{}-{}", names=True),
)

class COSTED:
    SPACE = WIDTHS
    @staticmethod
    def cost(architecture):
        return Cost(1_000_000 * (1 + sum(architecture)), 2_000_000, 3_000_000)

TAKEN = Space("nas-bench-201", "Taken", WIDTHS.groups)
NUMBERS = Space("numbers", "Numbers", (Group("All", (Slot("Width", (8, 16)),)),))
ALIKE = Space("alike", "Alike", WIDTHS.groups, notation=Notation("{}{}{}", names=True))
PATH = "mine.csv"
TABLE = Benchmark("my-widths", WIDTHS, COSTED.cost, "mine.csv", CSV)
"""
ROWS = "".join(
    f"{key},{60 + n}\n" for n, key in enumerate(map("-".join, product(("8", "16", "32"), repeat=3))) if n % 5
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    Path("my.py").write_text(FILE)
    Path("mine.csv").write_text(f"architecture,accuracy\n{ROWS}")
    yield tmp_path
    forget(tmp_path)


@pytest.mark.parametrize(
    "arguments",
    [
        ["conformance", "--space", "my.py:WIDTHS"],
        ["conformance", "--space", "my:COSTED"],
        ["conformance", "--table", "mine.csv", "--space", "my.py:WIDTHS"],
        ["conformance", "--table", "my:TABLE"],
        ["compare", "--table", "mine.csv", "--space", "my.py:WIDTHS", "--method", "random", "--budget", "3"],
        ["compare", "--table", "my.py:TABLE", "--method", "random", "--budget", "3"],
        ["query", "mine.csv", "8-8-16", "--space", "my.py:COSTED"],
        ["query", "my.py:PATH", "--top", "3", "--space", "my.py:WIDTHS"],
        ["search", "--method", "random", "--table", "mine.csv", "--space", "my.py:WIDTHS", "--start", "8-8-16"],
    ],
)
def test_every_command_takes_them(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    assert not re.search("Traceback|FAIL", "".join(capsys.readouterr()))


def test_costs_of_a_space_of_one_s_own_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    for table in (["mine.csv", "8-8-16", "--space", "my.py:COSTED"], ["my.py:TABLE", "8-8-16"]):
        assert main(["query", *table, "--format", "csv"]) == 0
        titles, row = (line.split(",") for line in capsys.readouterr().out.splitlines()[:2])
        shown = dict(zip(titles, row, strict=False))
        assert (shown["search_sees"], shown["macs"], shown["params"]) == ("61.0", "2000000", "3000000")


@pytest.mark.parametrize(
    ("space", "table", "says"),
    [
        ("my.py:WIDTHS", None, "widths: expected a table of the space widths; there are none, and a file of yours"),
        ("my.py:WIDTH", "mine.csv", "has no attribute 'WIDTH'; did you mean WIDTHS"),
        ("my.py:NAMES", "mine.csv", "my.py:NAMES: expected a Space, or a module that holds one as SPACE, got"),
        ("my.py:TAKEN", "mine.csv", "expected a name of its own for a space of one's own, got 'nas-bench-201'"),
        ("my.py:NUMBERS", "mine.csv", "expected texts as the name and the choices of Width"),
        ("my.py:ALIKE", "mine.csv", "conformance --space` tries all of a space|mine.csv, line 2"),
        ("my.py:WIDTHS", "my.py:NAMES", "expected the path of a table, or a Benchmark, got"),
        ("my.py:WIDTHS", "nas-bench-201-digits", "nas-bench-201-digits: expected a table of the space widths"),
        ("nas-bench-201", "mine.csv", "mine.csv, line 2: no architecture of this table"),
        ("nas-bench-201", "my.py:TABLE", "mine.csv, line 2: no architecture of this table"),
        (None, "minecsv", "no table is called 'minecsv'; there are .* your own as my_tables:TABLE, or a CSV file"),
    ],
)
def test_what_does_not_fit_is_named(
    space: str | None, table: str | None, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    named = [*(["--space", space] if space else []), *(["--table", table] if table else [])]
    assert main(["search", "--method", "random", *named]) == 2
    assert re.search(says, capsys.readouterr().err)


def test_a_built_table_is_joined_by_names(here: Path) -> None:
    space = benchmarks.find_space("my.py:WIDTHS").SPACE
    built = build(here / "mine.csv", here / "built", space=space)
    assert reproduce.open_table(built, "my.py:WIDTHS").standing("8-8-16").told == 61
    other = Space("other", "Other", (Group("All", tuple(Slot(f"L{n}", ("8", "16", "64")) for n in range(3))),))
    with pytest.raises(HarnessError, match="mine has the choices 8, 16, 32 in Layer 1, other has 8, 16, 64"):
        reproduce.open_table(built, other)


def test_a_recording_replays_without_the_files(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--space", "my.py:WIDTHS", "--table", "mine.csv", "--method", "random", "--into", "runs.jsonl"]
    assert main(["search", *arguments, "--trials", "2"]) == 0
    for gone in ("my.py", "mine.csv"):
        Path(gone).unlink()
    forget(Path.cwd())
    [run, _] = reproduce.replay_recording("runs.jsonl")
    assert run.setting.space.to_native(run.selected or ()) == run.ended.selected
    assert run.setting.space.from_native("8-8-16") == (0, 0, 1)
    assert [group.name for group in run.setting.space.groups] == ["Stage 1", "Stage 2"]
    assert main(["search", "--from", "runs.jsonl"]) == 0
    assert "16-" in capsys.readouterr().out


def test_a_declaration_that_is_none_is_refused() -> None:
    slots = (Slot("A", ("x", "y")), Slot("B", ("x", "y")))
    good = Declaration(title="Mine", groups=(("All", 2),), first_symbol=1, notation=Notation("{}|{}"))
    assert good.space("mine", slots).to_native((0, 1)) == "1|2"
    for groups, template in (((("All", 3),), "{}{}"), ((("All", 2),), "{}"), ((("All", 2),), "{:>99999999999}{}")):
        with pytest.raises(HarnessError, match="mine: expected groups and a notation of 2 slots"):
            Declaration(title="Mine", groups=groups, notation=Notation(template)).space("mine", slots)


def test_python_takes_the_values_and_packages_offer_names(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("8", "16", "32")
    space = Space("mine", "Mine", (Group("All", tuple(Slot(f"Layer {n}", names) for n in (1, 2, 3))),))
    Path("columns.csv").write_text("Layer 3,Layer 2,Layer 1,accuracy\n8,16,32,50\n16,16,8,70\n")
    opened = reproduce.open_table("columns.csv", space)
    assert opened.standing("32, 16, 8").told == 50
    [run] = reproduce.search("random", "columns.csv", space=space, budget=1, start=["8, 16, 16"])
    assert run.ended.selected == "[0, 1, 1]"
    points = [
        EntryPoint("offered-space", "my:COSTED", spaces.GROUP),
        EntryPoint("offered-table", "my:TABLE", benchmarks.GROUP),
        EntryPoint("broken-table", "no_such_module:TABLE", benchmarks.GROUP),
    ]
    monkeypatch.setattr(plugins, "entry_points", lambda group: EntryPoints(points).select(group=group))
    assert reproduce.open_table("offered-table", "offered-space").name == "mine"
    with pytest.raises(reproduce.UsageError, match="No module named 'no_such_module'"):
        reproduce.open_table("broken-table")
    assert main(["list"]) == 0
    shown = capsys.readouterr().out
    assert (
        "Of installed packages:\n  offered-space        space, my:COSTED\n  broken-table         table, no_such"
        in shown
    )
