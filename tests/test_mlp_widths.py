"""The page on a perceptron's widths: its commands do what it says, up to the model, whose answers are replayed."""

from __future__ import annotations

import csv
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cache import cassette
from cache.record import CHAT
from reproduce.__main__ import main
from tests.genius_replay.test_plugins import forget

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "mlp-widths.md").read_text(encoding="utf-8")
FILES = ROOT / "docs" / "examples" / "mlp"
COMMANDS = [
    shlex.split(line.removeprefix("python -m reproduce "))
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.replace("\\\n", "").splitlines()
]
LIVE = "serve"
SAYS = {
    "conformance": "properties hold",
    "query": "Ranks count the 360 architectures, of 1,024, that the table has figures of.",
    "search": "climbs.jsonl|local-search on the table widths|smollm2",
    "compare": "of rejected|params|parameters",
    "record": "No figure in the table",
    "recordings": "smollm2@sha256:b179c9523d0e6a0f",
    "check": "",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    here = tmp_path / "mlp"
    shutil.copytree(FILES, here, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(here)
    monkeypatch.setattr(sys, "path", [*sys.path, str(here)])
    yield here
    forget(here)


def test_every_command_of_the_page_does_what_it_says(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (folder / "smollm2.jsonl").read_bytes()
    for words in COMMANDS:
        if words[0] == LIVE:
            continue
        assert main(words) == 0, capsys.readouterr().err
        shown = " ".join(capsys.readouterr().out.split())
        assert re.search(SAYS[words[0]], shown), (words, shown)
    assert (folder / "smollm2.jsonl").read_bytes() == before  # nobody was asked
    assert {words[0] for words in COMMANDS} == {*SAYS, LIVE}


def test_what_the_page_says_of_the_recording_is_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("widths.py", "widths.csv"):
        (folder / name).unlink()
    assert main(["search", "--from", "smollm2.jsonl"]) == 0
    [*asked] = cassette.read(folder / "smollm2.jsonl").of_kind(CHAT)
    said = str(asked[0].request["messages"])
    assert "widths of the five hidden layers of a multi-layer perceptron" in said
    assert "1. Layer 1: 0 = 8, 1 = 16, 2 = 32, 3 = 64" in said
    assert "At most 5 designs are measured." in said
    assert "6,000 parameters" in said


def test_the_program_runs(folder: Path) -> None:
    [program] = re.findall(r'```python title="in the folder of the three files"\n(.*?)```', PAGE, re.DOTALL)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_table_is_what_the_script_trains(folder: Path) -> None:
    done = subprocess.run([sys.executable, "train.py", "2"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines, table = done.stdout.splitlines(), Path("widths.csv").read_text().splitlines()
    assert (lines[0], len(table)) == (table[0], 361)
    for row, kept in zip(csv.DictReader(lines), csv.DictReader(table[:3]), strict=True):
        for column, figure in row.items():
            if column in ("accuracy", "test"):  # another processor may round otherwise
                assert float(figure) == pytest.approx(float(kept[column]), abs=5)
            else:
                assert figure == kept[column]
