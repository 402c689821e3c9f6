"""The programs under docs/examples: short, and run as users run them, in an empty folder with nothing fetched."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
SAID = {
    "rank_architecture.py": ["70.98 % validation, 70.47 % test", "rank 305 to 308 of 15,625", "the best has 72.90 %"],
    "replay_329m.py": [
        "T=1 turn 0: 362.420 M MACs, above the MACs window",
        "T=3 turn 2: 329.413 M MACs, told 72.61 %",
        "run 329M, iteration 1, turn 2: FLOPs in millions told as 317, in truth 312.203072",
        "winner: (1, 0, 0,",
    ],
    "compare_methods.py": ["random", "evolution-autodl", "__main__:Climber", "50", "sha256 of code"],
    "check_recording.py": ["moved: nothing\nmoved:\nclimbs.jsonl: local-search on nas-bench-201-digits, seed 0, run 4"],
    "model_search.py": ["<Step 0.0", "72.98 %", "(3, 3, 3, 3, 3, 3)>", "replayed: True best: "],
}
LINES, IMPORTS = 20, 3


def run(name: str, folder: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GENIUS", "PYTHON"))}
    environment["GENIUS_REPLAY_HOME"] = str(folder / "home")
    command = [sys.executable, str(EXAMPLES / name)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_example_is_run() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(SAID)


@pytest.mark.parametrize("name", SAID)
def test_an_example_is_short_and_prints_what_matters(name: str, tmp_path: Path) -> None:
    source = (EXAMPLES / name).read_text(encoding="utf-8")
    assert len(source.splitlines()) <= LINES
    assert sum(isinstance(each, ast.Import | ast.ImportFrom) for each in ast.walk(ast.parse(source))) <= IMPORTS
    printed = run(name, tmp_path)
    assert [said for said in SAID[name] if said not in printed] == []
    if name == "compare_methods.py":
        assert sum("[" in line and "] ●" in line for line in printed.splitlines()) >= 3  # intervals


def test_a_search_with_a_model_asks_nothing_twice(tmp_path: Path) -> None:
    first = run("model_search.py", tmp_path)
    recorded = (tmp_path / "mine.jsonl").read_bytes()
    assert run("model_search.py", tmp_path) == first
    assert (tmp_path / "mine.jsonl").read_bytes() == recorded
    assert b'"a Python function"' in recorded
