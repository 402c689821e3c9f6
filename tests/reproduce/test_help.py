"""`--help` of every command: it fits, it shows an example that can be given, and a bare call shows the commands."""

from __future__ import annotations

import argparse
import importlib
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from genius_replay.options import Parser
from reproduce.__main__ import COMMANDS, GROUPS, command_line, main
from reproduce.paper.registry import ITEMS

ROOT = Path(__file__).parents[2]
OTHERS = ("cache", "tables", "harness.digits")


def parsers(name: str) -> dict[str, argparse.ArgumentParser]:
    """What parses the commands of `python -m NAME`, by name; the whole of it under an empty one."""
    if name == "reproduce":
        made: argparse.ArgumentParser = command_line(*ITEMS, *COMMANDS)
    else:
        caught: list[argparse.ArgumentParser] = []

        def stop(self: argparse.ArgumentParser, *_: object) -> None:
            caught.append(self)
            raise SystemExit

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Parser, "parse_args", stop)
            with pytest.raises(SystemExit):
                importlib.import_module(f"{name}.__main__").main(["-q"])
        (made,) = caught
    (commands,) = (action for action in made._actions if isinstance(action, argparse._SubParsersAction))
    return {"": made, **commands.choices}


@pytest.mark.parametrize("name", ["reproduce", *OTHERS])
@pytest.mark.parametrize("columns", [60, 80])
def test_help_fits_and_shows_an_example_that_parses(
    name: str, columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    every = parsers(name)
    for command, parser in every.items():
        text = parser.format_help()
        wide = [line for line in text.splitlines() if len(line) > columns - 2 and len(line.split()) > 2]
        assert [line for line in wide if not line.lstrip().startswith("--")] == [], command
        assert "Example" in text or (name != "reproduce" and not command)
        examples = text.partition("Example")[2].replace("\\\n", " ").splitlines()
        given = [line.partition(parser.prog)[2] for line in examples if line.startswith(f"  {parser.prog}")]
        for arguments in map(shlex.split, given):
            every[""].parse_args([command, *arguments] if command else arguments)
    assert capsys.readouterr() == ("", "")


def test_what_stands_under_a_heading_is_indented(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    named = parsers("reproduce")[""].format_help().partition("`list` says what each is:\n")[2].partition("\n\n")[0]
    assert [line[:3].rstrip() for line in named.splitlines()] == ["  t", "  t", "  f", "  f"]


def test_every_command_is_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    words = capsys.readouterr().out.replace(",", " ").split()
    assert {*ITEMS, *COMMANDS} <= set(words)
    assert sum(len(group) for group in GROUPS.values()) == len(COMMANDS)


@pytest.mark.parametrize("name", ["reproduce", *OTHERS])
def test_a_bare_call_shows_the_commands_and_is_wrong_use(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    package = importlib.import_module(f"{name}.__main__")
    with pytest.raises(SystemExit) as stopped:
        package.main([])
    bare = capsys.readouterr()
    assert (stopped.value.code, bare.err) == (2, "")
    with pytest.raises(SystemExit) as asked:
        package.main(["--help"])
    assert (asked.value.code, capsys.readouterr().out) == (0, bare.out)


@pytest.mark.parametrize(
    "variables", [{"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "cp1252"}, {"LC_ALL": "POSIX", "PYTHONUTF8": "0"}]
)
def test_help_in_any_encoding(variables: dict[str, str]) -> None:
    code = (
        "from reproduce.__main__ import COMMANDS, main\n"
        "for name in COMMANDS:\n"
        "    try: main([name, '--help'])\n"
        "    except SystemExit as ended: assert ended.code == 0, name\n"
    )
    environment = {**os.environ, "PYTHONCOERCECLOCALE": "0", **variables}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=ROOT, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("command", ["list", "query", "supernets", "recordings", "search", "table2"])
def test_examples_run(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    example = COMMANDS[command].example if command in COMMANDS else f"--format csv --out {command}.csv"
    assert main([command, *shlex.split(example)]) == 0
    assert capsys.readouterr().out or (tmp_path / f"{command}.csv").stat().st_size
