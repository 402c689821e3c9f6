"""The commands as a user calls them: what they print, in which form, and how they fail."""

from __future__ import annotations

import csv
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from reproduce import __version__
from reproduce.__main__ import COMMANDS, main
from reproduce.benchmarks import PUBLISHED
from reproduce.paper.registry import ITEMS
from reproduce.published.imagenet import cassette_path
from reproduce.report.output import FORMATS
from reproduce.report.rendering import render
from reproduce.report.report import Cell, Column, Report, Status
from tests.schemas import valid

STATUSES = {"recomputed", "replayed", "quoted", "missing", "label"}


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert main([*arguments, "--format", "json"]) == 0
    content: dict[str, object] = valid(capsys.readouterr().out)
    return content


def test_table2_has_26_rows_and_two_of_them_are_computed(capsys: pytest.CaptureFixture[str]) -> None:
    content = _json(capsys, "table2")
    rows = content["rows"]
    assert isinstance(rows, list)
    assert len(rows) == 26
    genius = {row["method"]["value"]: row for row in rows if row["flops"]["status"] == "recomputed"}
    assert {
        name: (row["flops"]["value"], row["params"]["value"], row["flops"]["text"], row["params"]["text"])
        for name, row in genius.items()
    } == {
        "GENIUS-329": (329_412_864, 6_967_464, "329", "7.0"),
        "GENIUS-401": (401_495_296, 7_452_328, "401", "7.5"),
    }
    assert content["replay"] == {"source": "reconstructed", "requests": 43, "hits": 43, "misses": 0}


def test_fetched_conversations_are_replayed_instead(fetched: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = _json(capsys, "table2")
    assert content["replay"] == {"source": "published", "requests": 43, "hits": 43, "misses": 0}
    assert "replayed from published answers" in str(content["notes"])


@pytest.mark.parametrize("name", ITEMS)
def test_every_cell_has_a_status_and_every_output_its_digests(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    content = _json(capsys, name)
    rows, provenance = content["rows"], content["provenance"]
    assert isinstance(rows, list)
    assert isinstance(provenance, dict)
    assert rows
    assert all(cell["status"] in STATUSES for row in rows for cell in row.values())
    assert provenance["code"].startswith("sha256:")


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", ITEMS)
def test_every_form_of_every_table(name: str, form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--format", form]) == 0
    printed = capsys.readouterr().out
    out = tmp_path / "out"
    assert main([name, "--format", form, "--out", str(out)]) == 0
    assert out.read_text(encoding="utf-8") == printed
    assert capsys.readouterr().out == ""


def test_csv_keeps_exact_values(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table2", "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(rows) == 26
    assert {row["flops"] for row in rows if row["flops_status"] == "recomputed"} == {"329412864", "401495296"}


def test_what_fetching_would_add_is_said_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table7"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "reproduce fetch" in line]
    assert lines == ["Nothing was looked up: `python -m reproduce fetch nas-bench-macro_cifar10` brings the table."]


def test_list_names_every_table_and_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in ITEMS)
    assert "epoch_20_input_196   reconstructed from published figures, the same file as 329M" in text
    assert "not at hand, `python -m reproduce fetch nas-bench-macro_cifar10` brings it" in text


def test_every_published_table_is_what_some_item_is_about() -> None:
    assert {name for item in ITEMS.values() for name in item.benchmarks} == set(PUBLISHED)


def test_no_such_table(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["table99"])
    assert stopped.value.code == 2
    assert "table99" in capsys.readouterr().err


def test_out_into_a_folder_that_does_not_exist(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table2", "--out", str(tmp_path / "no" / "file")]) == 2
    assert "name another file" in capsys.readouterr().err


def test_a_dash_is_standard_output(capsys: pytest.CaptureFixture[str]) -> None:  # f12
    assert main(["table6", "--format", "csv", "--out", "-"]) == 0
    assert capsys.readouterr().out.startswith("backbone,")
    assert not Path("-").exists()


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:  # f12
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert (stopped.value.code, capsys.readouterr().out) == (0, f"genius-replay {__version__}\n")


@pytest.mark.parametrize("damage", ["truncated", "edited"])
def test_a_damaged_cassette_is_named(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    content = cassette_path("329M").read_bytes()
    path = tmp_path / "genius-imagenet-329M.jsonl"
    path.write_bytes(content[:-100] if damage == "truncated" else content.replace(b"[1, 0, 0", b"[2, 0, 0", 1))
    monkeypatch.setattr("reproduce.published.imagenet.RECORDED", tmp_path)
    assert main(["table2"]) == 2
    message = capsys.readouterr().err
    assert str(path) in message
    assert message.count("\n") == 1


def _python(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "GENIUS_REPLAY_HOME": str(home)}
    root = Path(__file__).parents[2]
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, cwd=root, env=environment, check=False
    )


def test_as_a_process_with_a_pipe_that_closes(home: Path) -> None:
    done = _python("-m", "reproduce", "--help", home=home)
    assert done.returncode == 0
    assert all(name in done.stdout for name in (*ITEMS, *COMMANDS))
    closing = "import subprocess, sys; p = subprocess.Popen([sys.executable, '-m', 'reproduce', 'table2'], stdout=subprocess.PIPE, stderr=subprocess.PIPE); p.stdout.close(); print(p.stderr.read().decode(), p.wait())"  # noqa: E501
    assert _python("-c", closing, home=home).stdout.strip() == "0"


def test_nothing_heavy_is_imported_for_a_replay(home: Path) -> None:
    heavy = ["torch", "openai", "matplotlib", "numpy", "h5py", "rich", "diskcache", "platformdirs"]
    code = (
        "import sys; from reproduce.__main__ import main; main(['table2']);"
        f"print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)"
    )
    assert _python("-c", code, home=home).stderr.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("table2", "--out", "table.svg"), "expected a suffix among"),
        (("figure2", "--out", "figure.jpg"), ".png, .svg, .pdf"),
        (("figure2", "--out", "no/such/folder/figure.png"), "name another file"),
    ],
)
def test_files_that_cannot_be_written(
    arguments: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(list(arguments)) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


FORMS = [(".md", "## "), (".csv", "method,"), (".json", "{"), (".tex", "% "), (".html", "<!DOCTYPE html>")]


@pytest.mark.parametrize(("suffix", "start"), FORMS)
def test_a_suffix_stands_for_a_form(suffix: str, start: str, tmp_path: Path) -> None:
    out = tmp_path / f"table{suffix}"
    assert main(["table2", "--out", str(out)]) == 0
    assert out.read_text("utf-8").startswith(start)


@pytest.mark.parametrize("form", FORMATS)
def test_every_status_has_every_form(form: str) -> None:
    cells = tuple(Cell(1, "1", status) for status in Status)
    columns = tuple(Column(status.value, status.value) for status in Status)
    text = render(Report("name", "Title", columns, (cells,), ()), form)
    assert all(status.value in text for status in Status)
    assert (r"\replaymark{d}" in text) == (form == "latex")


def test_means_keep_their_standard_deviation(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table1", "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    (genius,) = [row for row in rows if row["method"] == "GENIUS"]
    assert round(float(genius["cifar10_test_std"]), 2) == 0.09


@pytest.mark.parametrize("columns", [0, 1, 60, 80, 300])
def test_nothing_is_cut_on_a_terminal(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main(["table1"]) == 0
    text = capsys.readouterr().out
    assert "…" not in text
    assert "30.87±16.40" in text


@pytest.mark.parametrize("name", ["table3", "table4"])
def test_the_ablations_are_whole_without_a_fetch(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows = _json(capsys, name)["rows"]
    assert isinstance(rows, list)
    assert len(rows) == 5
    assert all(cell["status"] != "missing" for row in rows for cell in row.values())


def test_a_terminal_shows_whole_words_of_every_heading(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main(["table4"]) == 0
    text = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    assert {word for column in ITEMS["table4"].report().columns for word in column.title.split()} <= set(text.split())
    assert all(len(line) <= 80 for line in text.splitlines())


def test_a_home_that_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GENIUS_REPLAY_HOME", str(tmp_path / "file"))
    assert main(["table2"]) == 0
    assert main(["fetch", "--mirror", str(tmp_path), "401M"]) == 2
    assert "Traceback" not in capsys.readouterr().err
