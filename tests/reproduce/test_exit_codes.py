"""How commands end, in one table: 0 done, 1 a difference or damage was found, 2 wrong use or what is missing, 130."""

from __future__ import annotations

import importlib
import shlex
from pathlib import Path

import pytest

from genius_replay.options import Parser
from reproduce.__main__ import COMMANDS, main
from reproduce.data import HOME_VARIABLE
from reproduce.paper.registry import ITEMS
from tables.files import build

RECORDED = Path(__file__).parents[2] / "cache" / "recorded"
MINE = "architecture,accuracy,test\n00,71,70\n01,73,72\n10,70,69\n11,74,73\n"
PACKAGES = ("reproduce", "cache", "tables", "harness.digits", "harness.training")

CASES = """
0  reproduce table6
2  reproduce table6 --out no/such/folder
2  reproduce table6 --format jso
2  reproduce table6 surplus
2  reproduce table66
0  reproduce --version
0  reproduce list
2  reproduce list surplus
2  reproduce all --out my.csv/results
2  reproduce all --out -
2  reproduce check --reason none
2  reproduce check --updat
0  reproduce query nas-bench-201-digits --top 1
2  reproduce query nas-bench-macro --top 1
2  reproduce query nas-bench-201-digits 0
0  reproduce recordings
2  reproduce recordings damaged.jsonl
2  reproduce recordings table7.jsonl
0  reproduce runs show 329M:3.1
0  reproduce runs diff runs.jsonl runs.jsonl
1  reproduce runs diff runs.jsonl table7.jsonl
2  reproduce runs show 329M:99.1
2  reproduce runs list damaged.jsonl
2  reproduce runs
0  reproduce feedback cost
2  reproduce feedback --runs runs.jsonl
2  reproduce feedback --runs my.csv
2  reproduce feedback luck
0  reproduce supernets
2  reproduce supernets nothing.jsonl
0  reproduce compare --table my.csv --methods random --budget 2 --trials 5
2  reproduce compare --table my.tsv
2  reproduce compare --table nas-bench-macro
2  reproduce compare --methods rando
2  reproduce compare --budget 0
0  reproduce search --method random --table nas-bench-201-digits --budget 2
2  reproduce search --method random --table nas-bench-macro
2  reproduce search --method random
2  reproduce search --from damaged.jsonl
2  reproduce search --method random --space nas-bench-201 --into -
0  reproduce conformance --table my.csv
1  reproduce conformance broken:Broken
2  reproduce conformance --table damaged.csv
2  reproduce conformance nowhere:Nothing
2  reproduce record --model m
2  reproduce serve smollm
2  reproduce serve smollm2 --port 0
0  reproduce jobs
2  reproduce jobs log
2  reproduce jobs log 0000
2  reproduce calibrate --n 1
2  reproduce calibrate --space mobilenetv2-se
2  reproduce fetch 329M --mirror nowhere
2  reproduce fetch 329M --mirror .
2  reproduce fetch 330M
2  reproduce audit
2  reproduce audit 329M
2  reproduce audit my.csv
2  reproduce completion csh
0  cache list table7.jsonl
2  cache list nothing.jsonl
2  cache show table7.jsonl xyz
0  cache verify table7.jsonl
1  cache verify damaged.jsonl
2  cache verify nothing.jsonl
0  cache diff table7.jsonl table7.jsonl
1  cache diff table7.jsonl table8.jsonl
2  cache diff table7.jsonl damaged.jsonl
0  cache merge both.jsonl table7.jsonl table8.jsonl
2  cache merge table7.jsonl table8.jsonl
0  cache sync store table7.jsonl
2  cache sync - table7.jsonl
2  cache serve
2  cache serve nothing.jsonl
2  cache run nothing.jsonl -- true
2  cache run table7.jsonl
0  cache import log.jsonl --into imported.jsonl
2  cache import log.jsonl --into damaged.jsonl
2  cache import table7.jsonl --into imported.jsonl
2  cache import log.jsonl
0  cache ledger table7.jsonl
2  cache ledger table7.jsonl --prices damaged.jsonl
0  tables build my.csv --into built
2  tables build damaged.csv --into built
2  tables build my.csv
0  tables info my.h5
1  tables info damaged.h5
2  tables info my.csv
2  tables info nothing.h5
2  tables quality my.h5
2  harness.digits train
2  harness.digits check --n 0
1  harness.digits check --table damaged.h5
2  harness.training
2  harness.training nothing.json
2  harness.training --digest mnist
"""
PARSED = [(int(line[0]), line[3:]) for line in CASES.strip().splitlines()]

BROKEN = """
from harness.protocol import Proposal
class Broken:
    def __init__(self, space, stream): pass
    def ask(self): return Proposal((99,))
    def tell(self, trial): pass
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files that are whole, and files that are not."""
    path = tmp_path_factory.mktemp("exit_codes")
    for name in ("table7", "table8"):
        (path / f"{name}.jsonl").write_bytes((RECORDED / f"genius-{name}.jsonl").read_bytes())
    runs = RECORDED / "local-gemma3-270m-free.jsonl"
    (path / "runs.jsonl").write_bytes(runs.read_bytes())
    (path / "damaged.jsonl").write_bytes((path / "table7.jsonl").read_bytes()[:-9])
    (path / "log.jsonl").write_text('{"messages": [{"role": "user"}], "answer": "Yes.", "parameters": {"model": "m"}}')
    (path / "my.csv").write_text(MINE)
    (path / "damaged.csv").write_text(MINE.rpartition("11,")[0])
    build(path / "my.csv", path)
    (path / "damaged.h5").write_bytes((path / "my.h5").read_bytes()[:-9])
    (path / "broken.py").write_text(BROKEN)
    return path


@pytest.mark.parametrize(("code", "command"), PARSED, ids=[command for _, command in PARSED])
def test_exit_code(
    code: int, command: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    package, *arguments = shlex.split(command)
    try:
        ended = importlib.import_module(f"{package}.__main__").main(arguments)
    except SystemExit as stopped:
        ended = stopped.code
    said = capsys.readouterr()
    assert ended == code, said
    assert said.err or code != 2
    assert "Traceback" not in said.err


def test_every_command_is_in_the_table() -> None:
    named = {tuple(command.split()[:2]) for _, command in PARSED}
    assert {("reproduce", name) for name in COMMANDS} <= named
    assert named & {("reproduce", name) for name in ITEMS}
    every = ("list", "show", "verify", "diff", "merge", "sync", "import", "ledger", "serve", "run")
    assert {("cache", name) for name in every} | {("tables", name) for name in ("build", "info", "quality")} <= named


@pytest.mark.parametrize("package", PACKAGES)
def test_interrupted(package: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Parser, "parse_args", interrupt)
    assert importlib.import_module(f"{package}.__main__").main([]) == 130
    assert capsys.readouterr().err.startswith("interrupted")


def test_a_failure_of_one_file_is_2_once_the_others_are_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    (tmp_path / "not_a_conversation.txt").write_text("?")
    assert main(["-q", "audit", str(tmp_path / "not_a_conversation.txt")]) == 2
    assert "not audited" in capsys.readouterr().err  # errors are never silenced
