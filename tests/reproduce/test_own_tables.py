"""Tables of one's own in the commands: every format, and nothing that only looks like a table."""

from __future__ import annotations

import json
import random
import re
from itertools import product
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.objectives import TabularObjective
from harness.spaces import nas_bench_201
from reproduce import benchmarks
from reproduce.__main__ import main
from tables.__main__ import main as tables_main
from tables.csv import read
from tables.space import Group, Slot, Space
from tables.storage import build
from tables.table import Table

OPERATIONS = ("none", "skip_connect", "nor_conv_3x3")
CELLS = (f"|{a}~0|+|{b}~0|{c}~1|" for a, b, c in product(OPERATIONS, repeat=3))
SMALL_CELLS = "architecture,accuracy,test\n" + "".join(f"{cell},{50 + n},{49 + n}\n" for n, cell in enumerate(CELLS))
SEEDS = "architecture,accuracy\n" + "".join(f"{n:02b},{70 + n}.{seed}\n" for n in range(4) for seed in range(3))
UNITS = "architecture,accuracy,test\n0,70,0.69\n1,71,0.7\n2,72,0.71\n"
MIXED = "architecture,accuracy,test\n0,70,69\n1,0.71,0.7\n2,0.72,0.71\n"
SPREADSHEET = "architecture,accuracy\n" + "".join(f"{int(f'{n:03b}')},{60 + n}\n" for n in range(8))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(SMALL_CELLS, "", id="d1"),
        pytest.param("architecture,accuracy\n00,90.2\n01,90.19999999999999\n10,80\n11,70\n", "", id="d2"),
        pytest.param(MIXED, "2 of 3 figures of test accuracy are at most 1 %", id="d6 mixed"),
        pytest.param(SEEDS, "", id="d11"),
    ],
)
def test_every_command_takes_it(
    text: str, says: str, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(text)
    assert main(["conformance", "--table", str(path)]) == 0
    assert says in capsys.readouterr().err
    assert main(["compare", "--table", str(path), "--methods", "random", "--budget", "2", "--trials", "5"]) == 0
    assert says in capsys.readouterr().out
    assert tables_main(["build", str(path), "--into", str(tmp_path)]) == 0
    assert says in capsys.readouterr().err
    assert main(["conformance", "--table", str(tmp_path / "mine.h5")]) == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(UNITS, "no test accuracy is above 1", id="d6 units"),
        pytest.param(SPREADSHEET, "line 2: expected 3 symbols as in line 6, got 1: '0' seems to have lost", id="d8"),
        pytest.param("architecture,accuracy\nnet-a,6\nnet-b,7\n", "names such as 'net-a' that show none", id="d1 ids"),
        pytest.param("", "expected the header", id="empty"),
        pytest.param("\0", "expected the header|NUL", id="NUL"),
    ],
)
def test_every_command_refuses_it(
    text: str, says: str, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(text)
    for command, arguments in (
        (main, ["conformance", "--table", str(path)]),
        (main, ["compare", "--table", str(path), "--methods", "random", "--trials", "5"]),
        (tables_main, ["build", str(path), "--into", str(tmp_path)]),
    ):
        assert command(arguments) == 2
        assert re.search(f"{path}.*({says})", capsys.readouterr().err)


@pytest.mark.parametrize("name", ["folder", "mine.xlsx", "absent.csv"])
def test_the_formats_are_named(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:  # d9
    (tmp_path / "folder").mkdir()
    (tmp_path / "mine.xlsx").write_bytes(b"PK")
    for arguments in (["conformance", "--table"], ["compare", "--table"]):
        assert main([*arguments, str(tmp_path / name)]) == 2
        said = capsys.readouterr().err
        assert "CSV" in said
        assert "JSON" in said


def test_a_table_from_a_file_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("architecture,accuracy,params,flops\n0,50,10,200\n0,51,10,200\n1,60,20,100\n1,61,20,100\n")
    table = benchmarks.open_file(path).table
    for column, values in ((table.runs, [[50, 51], [60, 61]]), (table.params, [10, 20]), (table.flops, [200, 100])):
        assert column is not None
        assert column.tolist() == values
    assert table.column("training") is None


def test_cells_of_nas_bench_201_are_a_table_of_that_space(tmp_path: Path) -> None:  # d1
    space = nas_bench_201.SPACE
    cells = list(product(range(5), repeat=6))
    random.Random(0).shuffle(cells)
    lines = (f"{space.to_native(cell)},{20 + sum(cell)}" for cell in cells)
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(("architecture,accuracy", *lines)))
    opened = benchmarks.open_file(path)
    assert opened.space is space
    assert opened.figures((4, 3, 2, 1, 0, 4)) == (34, 34)
    path.write_text(json.dumps({space.to_native(cell): {} for cell in cells}))
    assert main(["conformance", "--table", str(path.rename(tmp_path / "mine.json"))]) == 2


def test_names_of_operations_are_compared(tmp_path: Path) -> None:
    def space(*choices: str) -> Space:
        return Space("mine", "Mine", (Group("All", (Slot("A", choices), Slot("B", choices))),))

    data = b"architecture,accuracy\n0 0,50\n0 1,60\n1 0,70\n1 1,80\n"
    named = Table.open(build(*read(data, "mine", space("conv", "skip")), data, tmp_path))
    TabularObjective(space("conv", "skip"), named)
    with pytest.raises(HarnessError, match="has the choices conv, skip in A, mine has skip, conv; name a table"):
        TabularObjective(space("skip", "conv"), named)
    TabularObjective(space("conv", "skip"), Table.open(build(*read(data, "mine"), data, tmp_path)))  # symbols
