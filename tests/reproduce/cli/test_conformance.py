"""`python -m reproduce conformance`: each property with its outcome, and an exit code that a script can use."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.conformance.methods import OF_METHODS, UNEVEN, build_table
from harness.conformance.spaces import OF_SPACES, OF_TABLES
from reproduce.__main__ import main

CSV = "architecture,accuracy\n00,50\n01,60\n10,70\n11,80\n"


def test_every_property_is_printed_with_its_outcome(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conformance", "random"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:-1] == [f"pass  {holds.__name__.replace('_', ' ')}" for holds in OF_METHODS]
    assert lines[-1] == f"{len(OF_METHODS)} of {len(OF_METHODS)} properties hold"


def test_a_method_of_one_s_own_that_fails_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conformance", "tests.harness.conformance.test_methods:InsistsOnWhatWasRejected"]) == 1
    lines = capsys.readouterr().out.splitlines()
    position = lines.index("FAIL  survives rejections")
    assert lines[position + 1].endswith("is told as a `Rejected` trial: propose another")
    assert lines[-1] == f"{len(OF_METHODS) - 1} of {len(OF_METHODS)} properties hold"


def test_a_space(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["conformance", "--space", "nas-bench-201"]) == 0
    assert capsys.readouterr().out.count("pass  ") == len(OF_SPACES)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "too_cheap_space.py").write_text(
        "from harness.spaces.costs import NOTHING\nfrom harness.conformance.methods import TINY as SPACE\n\n"
        "def cost(architecture):\n    return NOTHING\n"
    )
    assert main(["conformance", "--space", "too_cheap_space"]) == 1
    assert "FAIL  costs every architecture\n      expected positive whole numbers" in capsys.readouterr().out


def test_a_table_as_csv_and_as_hdf5(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(CSV)
    build_table(UNEVEN, tmp_path)
    for name in ("mine.csv", "uneven.h5"):
        assert main(["conformance", "--table", str(tmp_path / name)]) == 0
        assert capsys.readouterr().out.count("pass  ") == len(OF_TABLES)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.csv", "uneven.h5"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["randm"], "no method is called 'randm'; there are random, "),
        (["no_such_module:Mine"], "my_module:MyOptimiser for MyOptimiser in my_module.py in this folder"),
        (["--space", "no_such_module"], "no space is called 'no_such_module'; there are mobilenetv2-se, "),
        (["--space", "tables.space"], "tables.space: expected a Space, or a module that holds one as SPACE"),
        (["--table", "absent.csv"], "no table is called 'absent.csv'; there are "),
        (["--table", "absent.h5"], "or a CSV file (.csv, .tsv)"),
        (["--table", "incomplete.csv"], "1 of 4 architectures are missing, the first is '11'"),
    ],
)
def test_what_does_not_exist(
    arguments: list[str],
    says: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("incomplete.csv").write_text(CSV.replace("11,80\n", ""))
    assert main(["conformance", *arguments]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["random", "--space", "nas-bench-201"], ["random", "--table", "b"]])
def test_one_thing_at_a_time(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conformance", *arguments]) == 2
    assert "expected a method, or --space or --table or both" in capsys.readouterr().err
