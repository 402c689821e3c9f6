"""`compare`: GENIUS' published trials beside search methods."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from baselines import catalogue
from reproduce.__main__ import main

SMALL = ("--trials", "40", "--budget", "10", "20")


def _rows(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, dict[str, object]]]:
    assert main(["compare", *SMALL, *arguments, "--format", "json"]) == 0
    rows: list[dict[str, dict[str, object]]] = json.loads(capsys.readouterr().out)["rows"]
    return rows


def _select(rows: list[dict[str, dict[str, object]]], method: str, budget: int) -> dict[str, dict[str, object]]:
    (row,) = [row for row in rows if (row["method"]["value"], row["budget"]["value"]) == (method, budget)]
    return row


def test_genius_stands_beside_the_methods_at_its_own_budget(fetched: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = _rows(capsys, "--table", "nas-bench-macro", "--methods", "random", "evolution-autodl")
    assert _select(rows, "GENIUS, table8", 10)["rank"]["text"] == "27"  # of 8, 27, 61
    assert _select(rows, "GENIUS, table7", 10)["trials"]["value"] == 3
    random = _select(rows, "random", 10)
    assert random["genius_better"]["status"] == "recomputed"
    assert _select(rows, "random", 20)["genius_better"]["status"] == "label"
    low, share, high = (random["genius_better"][key] for key in ("low", "value", "high"))
    assert isinstance(low, float)
    assert isinstance(share, float)
    assert isinstance(high, float)
    assert 0 <= low <= share <= high <= 1


def test_selection_is_by_validation_and_the_report_by_test(fetched: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = _rows(capsys, "--table", "nas-bench-201-imagenet16-120", "--methods", "random")
    row = _select(rows, "random", 20)
    to_validation, to_best = (row[f"regret_to_{key}"]["value"] for key in ("validation_optimum", "best_test"))
    assert isinstance(to_validation, float)
    assert isinstance(to_best, float)
    assert to_best - to_validation == pytest.approx(47.311 - 46.2, abs=1e-3)
    assert _select(rows, "GENIUS, table13", 10)["test"]["value"] == pytest.approx(44.96, abs=0.005)


def test_the_same_twice_and_another_with_another_seed(fetched: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--table", "channel-bench-resnet", "--methods", "random-distinct", "--count", "unique")
    assert _rows(capsys, *arguments) == _rows(capsys, *arguments)
    assert _rows(capsys, *arguments) != _rows(capsys, *arguments, "--seed", "1")


def test_an_optimiser_of_ones_own(
    fetched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "constant_module.py").write_text(
        "from harness.protocol import Proposal\n"
        "class Constant:\n"
        "    def __init__(self, space, stream):\n"
        "        self.space = space\n"
        "    def ask(self):\n"
        "        return Proposal((2,) * 8)\n"
        "    def tell(self, trial):\n"
        "        assert trial.accuracy > 90\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    rows = _rows(capsys, "--table", "nas-bench-macro", "--methods", "random", "--optimiser", "constant_module:Constant")
    assert _select(rows, "constant_module:Constant", 20)["rank"]["text"] == "21"


def test_the_curves_are_drawn(fetched: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    out = tmp_path / "curves.png"
    tables = ("--table", "nas-bench-macro", "channel-bench-resnet", "nas-bench-201-cifar10")
    assert main(["compare", *SMALL, *tables, "--methods", "random", "--out", str(out)]) == 0
    assert len(out.read_bytes()) > 10_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--table", "nas-bench-102"), "expected one of nas-bench-201-digits"),
        (("--methods", "evolutoin"), "there are random"),
        (("--optimiser", "no_such_module:Mine"), "no_such_module"),
        (("--budget", "0"), "positive"),
        (("--trials", "0"), "positive"),
    ],
)
def test_wrong_use(arguments: tuple[str, ...], message: str, fetched: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_before_anything_is_fetched_the_tables_of_the_project_are_searched(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "--methods", "random", "--budget", "10", "--trials", "10"]) == 0
    assert "nas-bench-201-digits" in (printed := capsys.readouterr().out)
    assert "nas-bench-macro" not in printed


def test_a_table_that_is_named_has_to_be_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "--table", "nas-bench-macro"]) == 2
    assert "python -m reproduce fetch" in capsys.readouterr().err


def test_methods_that_run_one_by_one_are_left_to_be_named() -> None:
    assert {"random", "random-distinct", "evolution-autodl"} <= catalogue.METHODS.keys()


def test_a_table_that_is_a_csv_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.csv"
    lines = [f"{a}{b}{c},{50 + a + b + c}" for a in range(4) for b in range(4) for c in range(4)]
    path.write_text("architecture,accuracy\n" + "\n".join(lines) + "\n")
    rows = _rows(capsys, "--table", str(path), "--methods", "random", "local-search", "--oracle")
    assert _select(rows, "local-search", 20)["test"]["value"] == 59
    assert _select(rows, "DARTS relaxation (oracle)", 64)["rank"]["value"] == 1
    assert rows[0]["table"]["value"] == "mine†"
    assert main(["compare", *SMALL, "--table", str(path)]) == 0
    assert "left out: local-search-max" in capsys.readouterr().out
    path.write_text("architecture,accuracy\n" + "\n".join(lines[:-1]) + "\n")
    assert main(["compare", "--table", str(path)]) == 2
    assert "333" in capsys.readouterr().err
