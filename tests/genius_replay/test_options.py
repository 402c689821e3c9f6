"""An option that is given twice: what takes several adds up, what takes one is refused."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from genius_replay.options import Parser
from reproduce.__main__ import COMMANDS

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
        values = [Path("one")] if several else "one"
        action(Parser(), namespace, values, action.option_strings[0])
        if several:
            action(Parser(), namespace, [Path("two")], action.option_strings[0])
            assert getattr(namespace, action.dest) == [Path("one"), Path("two")]
        else:
            with pytest.raises(argparse.ArgumentError, match="got it again"):
                action(Parser(), namespace, values, action.option_strings[0])
