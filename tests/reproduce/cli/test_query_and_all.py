"""`query` and `all`."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import spaces
from reproduce.__main__ import main
from reproduce.cli.query import proposed_by
from reproduce.paper.registry import ITEMS
from tests.schemas import valid


def _rows(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, dict[str, object]]]:
    assert main(["query", *arguments, "--format", "json"]) == 0
    rows: list[dict[str, dict[str, object]]] = valid(capsys.readouterr().out)["rows"]
    return rows


@pytest.mark.parametrize(
    "arguments",
    [
        ("nas-bench-macro", "22221222"),
        ("nas-bench-macro", "[2, 2, 2, 2, 1, 2, 2, 2]"),
        ("channel-bench-resnet", "256,256,256,512,512,512,512"),
        ("nas-bench-201-cifar10", "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|"),
    ],
)
def test_any_notation(arguments: tuple[str, str], fetched: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = _rows(capsys, *arguments)
    assert row["test"]["status"] == "recomputed"
    assert isinstance(row["best_rank"]["value"], int)


def test_who_proposed_it(fetched: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = _rows(capsys, "nas-bench-macro", "22221222")
    assert row["proposed_by"]["value"] == "GENIUS, table8, trial 1, T=3"
    assert row["best_rank"]["value"] == 8
    assert list(proposed_by("channel-bench-mobilenet", (0,) * 7)) == []


def test_the_best_of_a_table(fetched: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = _rows(capsys, "nas-bench-201-imagenet16-120", "--top", "3")
    assert [row["best_rank"]["value"] for row in rows] == [1, 2, 3]
    assert rows[0]["test"]["text"] == "47.31"


@pytest.mark.parametrize(
    ("table", "macs", "params"),
    [  # d3
        ("nas-bench-201-cifar10", (15_647_360, "15.65"), (129_306, "0.1293")),
        ("nas-bench-201-imagenet16-120", (3_919_360, "3.919"), (136_456, "0.1365")),
        ("nas-bench-201-cifar100", (15_653_120, "15.65"), (135_156, "0.1352")),
        ("nas-bench-201-digits", (6_816, "0.006816"), (1_242, "0.001242")),
    ],
)
def test_costs_are_those_of_the_table(
    table: str, macs: tuple[int, str], params: tuple[int, str], capsys: pytest.CaptureFixture[str]
) -> None:
    (row,) = _rows(capsys, table, "[4, 1, 2, 0, 4, 2]")
    assert (row["macs"]["value"], row["macs"]["text"]) == macs
    assert (row["params"]["value"], row["params"]["text"]) == params


@pytest.mark.parametrize(
    ("arguments", "rank", "says"),
    [
        (
            ("nas-bench-macro", "22221222"),
            7,
            "6,561 architectures (keys), which are 3,969 networks; architectures of one",
        ),
        (("nas-bench-201-digits", "[3, 3, 3, 3, 3, 3]"), 1, "15,625 architectures (keys), which are 5,044 networks; "),
        (("nas-bench-201-cifar10", "[3, 3, 3, 3, 3, 3]"), None, "which are 5,044 networks; each was trained by itself"),
        (("channel-bench-resnet", "4444444"), None, "16,384 architectures, each a network of its own"),
    ],
)
def test_ranks_say_what_they_count(
    fetched: Path, arguments: tuple[str, str], rank: int | None, says: str, capsys: pytest.CaptureFixture[str]
) -> None:  # d7
    assert main(["query", *arguments, "--format", "json"]) == 0
    shown = valid(capsys.readouterr().out)
    assert shown["rows"][0].get("network_rank", {"value": None})["value"] == rank
    assert any(says in note for note in shown["notes"])


def test_without_the_table_costs_are_still_computed(capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = _rows(capsys, "channel-bench-resnet", "4444444")
    assert row["params"]["value"] == spaces.find("channel-bench-resnet").cost((3,) * 7).params
    assert row["test"]["status"] == "missing"


def test_a_table_of_one_s_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "mine.csv"
    mine.write_text("architecture,accuracy,test\n00,71.25,70.50\n01,73.00,72.75\n10,70.50,69.50\n11,74.25,73.00\n")
    assert [row["test"]["value"] for row in _rows(capsys, str(mine), "--top", "2")] == [73.0, 72.75]
    (row,) = _rows(capsys, str(mine), "10")
    assert [row[key]["value"] for key in ("search_sees", "best_rank", "macs")] == [70.5, 4, None]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nas-bench-102", "22"), "no table is called 'nas-bench-102'; there are nas-bench-201-digits"),
        (("nas-bench-marco", "22"), "did you mean nas-bench-macro?"),
        (("nas-bench-macro",), "one of them"),
        (("nas-bench-macro", "2222"), "expected 8 entries"),
        (("mobilenetv2-se", "--top", "3"), "no --top"),
        (("nas-bench-macro", "--top", "-1"), "positive"),
        (("nas-bench-macro", "--top", "3"), "python -m reproduce fetch"),
    ],
)
def test_wrong_use(arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("at_hand", [False, True])
def test_all_writes_everything(at_hand: bool, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if at_hand:
        request.getfixturevalue("fetched")
    out = tmp_path / "results"
    assert main(["all", "--out", str(out), "--no-figures"]) == 0
    assert {path.name for path in out.iterdir()} == {
        *(f"{name}{suffix}" for name in ITEMS for suffix in (".md", ".json")),
        "index.md",
        "provenance.json",
    }
    index = (out / "index.md").read_text("utf-8")
    assert all(f"[table]({name}.md)" in index for name in ITEMS)
    assert ("nas-bench-macro_cifar10" in index) is not at_hand


def test_all_into_what_is_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["all", "--out", str(tmp_path / "file")]) == 2
    assert "name another --out" in capsys.readouterr().err


def test_one_bad_table_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("reproduce.published.trials.cassette_path", lambda name: tmp_path / name)
    out = tmp_path / "results"
    assert main(["all", "--out", str(out), "--no-figures"]) == 2
    assert (out / "table14.md").exists()
    assert "Failed: table7: " in (out / "index.md").read_text("utf-8")
    assert "table7" in capsys.readouterr().err
