"""Every command on every hostile machine: an exit code and words, never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from reproduce.__main__ import COMMANDS

ROOT = Path(__file__).parents[2]
RECORDED = str(ROOT / "cache" / "recorded" / "supernets.jsonl")
DIGITS = str(ROOT / "tables" / "trained" / "nas-bench-201-digits.h5")
PACKAGES = ("reproduce", "cache", "tables", "harness.digits", "harness.training")
IMAGENET = "0" * 30

HELP = [
    *(("reproduce", name) for name in ("", "table2", *COMMANDS)),
    *(
        ("cache", name)
        for name in ("", "list", "show", "verify", "diff", "merge", "sync", "import", "ledger", "serve", "run")
    ),
    *(("tables", name) for name in ("", "build", "info", "quality")),
    *(("harness.digits", name) for name in ("", "train", "check", "work")),
    ("harness.training", ""),
]

RIGHT = [
    "reproduce table2",  # the others are in `all`
    "reproduce list",
    "reproduce recordings",
    "reproduce recordings --format json --out recordings.json",
    "reproduce supernets",
    "reproduce jobs",
    f"reproduce query mobilenetv2-se {IMAGENET}",
    "reproduce query nas-bench-201-digits --top 3",
    "reproduce search --method random --space nas-bench-201",
    "reproduce compare --budget 10 --trials 5 --methods random genius",
    "reproduce all --no-figures --out results",
    f"cache list {RECORDED}",
    f"cache show {RECORDED} 0",
    f"cache verify {RECORDED}",
    f"cache diff {RECORDED} {RECORDED}",
    f"cache ledger {RECORDED}",
    f"tables info {DIGITS}",
    f"tables quality {DIGITS}",
]
"""What needs no home, no network and no other package."""

SEARCH = "reproduce search --method random --space nas-bench-201"
TRAIN = f"{SEARCH} --objective train --dry-run"
RECORD = "reproduce record --model a --base-url http://127.0.0.1:1/v1 --space nas-bench-201 --into new.jsonl"

TAKES_A_FILE = f"""
cache list
cache show
cache ledger --prices
cache sync new
cache merge new.jsonl
tables build --into new
harness.digits work
harness.training
reproduce audit
reproduce recordings
reproduce supernets
reproduce search --from
{RECORD} --prices
reproduce conformance
reproduce conformance --table
reproduce conformance --space
reproduce compare --table
reproduce compare --recording
"""
WITH_OPTIONS = {
    SEARCH: """
--budget 0
--budget x
--trials -1
--seed x
--model
--epochs 3
--processes 2
--max-calls 3
--temperature 1
--from new.jsonl
""",
    TRAIN: """
--epochs 0
--width nan
--width -1
--validation 2
--train-seed -1
--input-size 0
--batch-size 0
--cells-per-stage 0
--answers free --parameter a=1
""",
    RECORD: """
--temperature -1
--temperature nan
--temperature inf
--max-calls 0
--max-calls -1
--max-tokens 0
--max-cost nan
--proposals 0
--parameter a
--window 3 1
--epochs 3
""",
    "reproduce": """
table2 --out .
table2 --out no/a
figure2 --out no/a.svg
recordings --out .
all --out binary
query mobilenetv2-se 0
query mobilenetv2-se --top 3
query nas-bench-201-digits
query nas-bench-201-digits --top 0
compare --budget 0
compare --trials 0
compare --seed x
compare --methods none
conformance genius
conformance no.module:Class
jobs cancel 0
jobs list 0
fetch no
fetch --mirror no
serve smollm2 --port 0
calibrate --n 1
calibrate --scale nan
table99
""",
    "harness.digits": """
check --n 0
train --into binary --seeds 0
""",
    "harness.training": """
--digest no
--digest cifar10
""",
}
WRONG = [
    "harness.training",  # the others show their commands
    *(f"{command} {path}" for command in TAKES_A_FILE.split("\n")[1:-1] for path in (".", "no", "binary")),
    *(f"{command} {rest}" for command, options in WITH_OPTIONS.items() for rest in options.split("\n")[1:-1]),
]
"""Wrong use of every kind: folders for files, numbers out of their range, options that would be ignored."""

MACHINES = {
    "ascii": {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "COLUMNS": "0", "TERM": "dumb", "NO_COLOR": "1"},
    "cp1252 terminal": {"PYTHONIOENCODING": "cp1252", "COLUMNS": "1", "WALK_ON_A_TERMINAL": "1", "FORCE_COLOR": "1"},
    "optimised": {"PYTHONOPTIMIZE": "2", "COLUMNS": "many", "MPLBACKEND": "none", "SOURCE_DATE_EPOCH": "none"},
    "home is a file": {"GENIUS_REPLAY_HOME": "binary", "HOME": "/dev/null", "TZ": "nowhere", "PYTHONDEVMODE": "1"},
    "relative home": {"GENIUS_REPLAY_HOME": "home", "CUDA_VISIBLE_DEVICES": "none", "TMPDIR": "no"},
}


def _walk(lines: list[list[str]], folder: Path, machine: str) -> list[tuple[str, str]]:
    (folder / "binary").write_bytes(bytes(range(256)))
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **MACHINES[machine]}
    variables.pop("OPENAI_API_KEY", None)
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "reproduce" / "walk.py"],
        input=json.dumps(lines),
        capture_output=True,
        text=True,
        cwd=folder,
        env=variables,
        check=True,
    )
    ended: list[tuple[str, str]] = json.loads(done.stdout)
    return ended


def _otherwise(lines: list[list[str]], ended: list[tuple[str, str]], code: str) -> dict[str, tuple[str, str]]:
    """The command lines that did not end with this code, and a word where there is something to say."""
    return {
        " ".join(line): end
        for line, end in zip(lines, ended, strict=True)
        if end[0] != code or "Traceback" in end[1] or (code == "2" and not end[1].strip())
    }


@pytest.mark.parametrize("machine", MACHINES)
def test_f4_b8_help_and_what_needs_nothing_work_everywhere(machine: str, tmp_path: Path) -> None:
    lines = [[*filter(None, line), "--help"] for line in HELP] + [line.split() for line in RIGHT]
    assert _otherwise(lines, _walk(lines, tmp_path, machine), "0") == {}


@pytest.mark.parametrize("machine", MACHINES)
def test_b8_wrong_use_is_said_and_is_exit_code_2(machine: str, tmp_path: Path) -> None:
    lines = [line.split() for line in WRONG]
    ended = _walk(lines, tmp_path, machine)
    assert _otherwise(lines, ended, "2") == {}
    assert not [said for _, said in ended if "requests sent" in said]
    assert {path.name for path in tmp_path.iterdir()} <= {"binary", "home", "new"}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_command_line_ends_as_all_do(package: str) -> None:
    assert hasattr(import_module(f"{package}.__main__").main, "__wrapped__")
