"""Options: given twice, written wrongly, silenced, and with - for standard input and output."""

from __future__ import annotations

import argparse
import gzip
import importlib
import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from genius_replay.options import Parser, infile, name_or_infile
from reproduce.__main__ import COMMANDS, main

MODULES = (
    *(f"{package}.__main__" for package in ("cache", "tables", "harness.training", "harness.digits")),
    "reproduce.published.reconstruct",
)


def parsed(*arguments: str, **options: Any) -> Any:
    parser = Parser(exit_on_error=False)
    parser.add_argument("--it", **options)
    parser.add_argument("places", nargs="*")
    return parser.parse_args(arguments).it


@pytest.mark.parametrize("nargs", ["+", "*"])
@pytest.mark.parametrize("default", [None, [], [0]])
def test_b6_several_add_up_and_replace_the_default(nargs: str, default: list[int] | None) -> None:
    settings = {"type": int, "nargs": nargs, "default": default}
    assert parsed(**settings) == default
    assert parsed("--it", "1", **settings) == [1]
    assert parsed("--it", "1", "2", "--it", "3", **settings) == [1, 2, 3]


@pytest.mark.parametrize("nargs", [None, 2])
def test_b6_a_second_one_is_refused(nargs: int | None) -> None:
    values = ["1"] * (nargs or 1)
    assert parsed("--it", *values, nargs=nargs) == (values if nargs else "1")
    with pytest.raises(argparse.ArgumentError, match="expected it once, got it again"):
        parsed("--it", *values, "--it", *values, nargs=nargs)


def test_a_parser_can_be_used_again() -> None:
    parser = Parser()
    parser.add_argument("--it", nargs="+", default=["none"])
    for _ in range(2):
        assert parser.parse_args(["--it", "a", "--it", "b"]).it == ["a", "b"]
        assert parser.parse_args([]).it == ["none"]


# -- every option there is ---


def options(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                yield from options(sub)
        elif action.option_strings:
            yield action


def declared(monkeypatch: pytest.MonkeyPatch, run: Callable[[], object]) -> argparse.ArgumentParser:
    """The parser that a command line makes."""
    made: list[argparse.ArgumentParser] = []

    def stop(self: argparse.ArgumentParser, *_: object, **__: object) -> None:
        made.append(self)
        raise SystemExit

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", stop)
    with pytest.raises(SystemExit):
        run()
    return made[0]


@pytest.mark.parametrize(
    ("module", "arguments"),
    [*((module, ["-q"]) for module in MODULES), *(("reproduce.__main__", [name]) for name in (*COMMANDS, "table1"))],
)
def test_b6_every_option_of_every_command_loses_nothing(
    module: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = importlib.import_module(module).main
    for action in options(declared(monkeypatch, lambda: run(arguments))):
        if action.nargs == 0:
            continue  # a switch is on or off
        namespace, several = argparse.Namespace(), action.nargs in ("+", "*")
        if isinstance(action, argparse._AppendAction):
            for value in ("one", "two"):
                action(Parser(), namespace, value, action.option_strings[0])
            assert getattr(namespace, action.dest) == [*(action.default or []), "one", "two"]
            continue
        values = [Path("one")] if several else "one"
        action(Parser(), namespace, values, action.option_strings[0])
        if several:
            action(Parser(), namespace, [Path("two")], action.option_strings[0])
            assert getattr(namespace, action.dest) == [Path("one"), Path("two")]
        else:
            with pytest.raises(argparse.ArgumentError, match="got it again"):
                action(Parser(), namespace, values, action.option_strings[0])


# -- what is meant ---


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["compre"], "python -m reproduce: expected a command, got compre; did you mean compare? `"),
        (["Table_2"], "python -m reproduce: expected a command, got Table_2; did you mean table2? `"),
        (["frobnicate"], "python -m reproduce: expected a command, got frobnicate; `python -m reproduce --help` says"),
        (["compare", "--tabel", "x"], "python -m reproduce compare: expected no --tabel; did you mean --table? `"),
        (["compare", "--tabel=x"], "python -m reproduce compare: expected no --tabel; did you mean --table? `"),
        (["search", "--iteration", "3"], "expected no --iteration; did you mean --iterations? `"),  # written whole
        (["table2", "--format", "jsn"], "argument --format: expected one of text, md, csv, json"),
        (["table2", "--format", "jsn"], "got jsn; did you mean json? `python -m reproduce table2 --help` says"),
        (["table2", "surplus"], "python -m reproduce table2: expected no surplus; `"),
        (["jobs", "cancle"], "got cancle; did you mean cancel? `"),
        (["ta\x1b[2Jble2"], r"expected a command, got ta\x1b[2Jble2; did you mean table2? `"),
    ],
)
def test_what_does_not_exist_is_one_line_with_what_was_meant(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    printed = capsys.readouterr()
    assert (stopped.value.code, printed.out, printed.err.count("\n")) == (2, "", 1)
    assert said in printed.err


def test_words_of_a_list_may_stand_on_both_sides_of_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", "nas-bench-201-digits", "000000", "--format", "csv", "--quiet", "111111", "222222"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + 3


# -- quiet ---


@pytest.mark.parametrize("arguments", [["fetch", "-q", "329M"], ["--quiet", "fetch", "329M"]])
def test_f12_quiet_silences_remarks_and_no_error(
    arguments: list[str], mirror: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--mirror", str(mirror)]) == 0
    assert capsys.readouterr() == ("", "")
    assert main(["fetch", "329M", "--mirror", str(mirror)]) == 0
    assert "already here" in capsys.readouterr().err  # what was quiet is so no longer
    assert main([*arguments, "401M", "--mirror", str(Path(__file__).parent)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("failed")


# -- standard input and output ---


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes | None], None]:
    """Lets a command find this on standard input; None closes it."""

    def pipe(content: bytes | None) -> None:
        monkeypatch.setattr("sys.stdin", None if content is None else io.TextIOWrapper(io.BytesIO(content)))

    return pipe


TABLE = b"architecture,accuracy\n00,71\n01,73\n10,70\n11,74\n"


@pytest.mark.parametrize(
    ("content", "suffix"),
    [
        (TABLE, ".csv"),
        (gzip.compress(TABLE, mtime=0), ".csv.gz"),
        (b'\n{"00": 1}', ".json"),
        (gzip.compress(b"[1]", mtime=0), ".json.gz"),
        (b"\x89HDF\r\n", ".h5"),
        (b"\x1f\x8b, and no gzip", ".csv.gz"),
    ],
)
def test_f12_a_dash_is_standard_input(content: bytes, suffix: str, piped: Callable[[bytes], None]) -> None:
    piped(content)
    path = infile("-")
    assert (path.name, path.read_bytes()) == (f"standard-input{suffix}", content)
    assert name_or_infile("a-name") == "a-name"
    assert infile("./-") == Path("-")  # a file of this name


@pytest.mark.parametrize("content", [b"", None])
def test_f12_nothing_on_standard_input_is_wrong_use(
    content: bytes | None, piped: Callable[[bytes | None], None], capsys: pytest.CaptureFixture[str]
) -> None:
    piped(content)
    with pytest.raises(SystemExit) as stopped:
        main(["search", "--from", "-"])
    assert stopped.value.code == 2
    assert "expected a file on standard input, got nothing" in capsys.readouterr().err


RECORDING = (Path(__file__).parents[2] / "cache" / "recorded" / "local-smollm2-free.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("command", "content", "shown"),
    [
        ("reproduce conformance --table -", TABLE, "5 of 5 properties hold"),
        (
            "reproduce compare --table - --methods random --budget 2 --trials 3",
            gzip.compress(TABLE, mtime=0),
            "standard-input",
        ),
        ("reproduce search --method random --table - --budget 2", TABLE, "standard-input"),
        ("reproduce query - 11", TABLE, "standard-input"),
        ("reproduce search --from -", RECORDING, "nas-bench-macro"),
        ("reproduce recordings - --format csv --out -", RECORDING, "smollm2"),
        ("cache list -", RECORDING, "smollm2"),
        ("cache verify -", RECORDING, "as written"),
        ("cache ledger -", RECORDING, "smollm2"),
    ],
)
def test_f12_what_is_read_may_come_from_standard_input(
    command: str, content: bytes, shown: str, piped: Callable[[bytes], None], capsys: pytest.CaptureFixture[str]
) -> None:
    piped(content)
    package, *arguments = command.split()
    assert importlib.import_module(f"{package}.__main__").main(arguments) == 0
    assert shown in capsys.readouterr().out


def test_f12_a_merge_goes_to_standard_output_and_nothing_else_does(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(RECORDING)
    command = [sys.executable, "-m", "cache", "merge", "-", "-", str(tmp_path / "a.jsonl")]
    done = subprocess.run(command, input=RECORDING, capture_output=True, cwd=Path(__file__).parents[2], check=True)
    assert done.stdout == RECORDING
    assert done.stderr.startswith(b"standard output: ")


@pytest.mark.parametrize(
    "command",
    [
        ["search", "--method", "random", "--space", "nas-bench-201", "--into", "-"],
        ["search", "--method", "random", "--space", "nas-bench-201", "--store", "-"],
        ["recordings", "a", "--migrate", "-"],
        ["all", "--out", "-"],
        ["fetch", "--mirror", "-"],
    ],
)
def test_f12_where_a_dash_cannot_be_it_says_so(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(command)
    assert stopped.value.code == 2
    assert "expected the path of a file or folder that stays, got -" in capsys.readouterr().err
