"""A command line that loses nothing: neither what is given twice, nor without a word what it has no use for."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, NoReturn

from genius_replay.console import printable


def given(args: argparse.Namespace, declare: Callable[[argparse.ArgumentParser], None]) -> list[str]:
    """The options, of those that a function declares, that a command line gives another value than they have anyway."""
    parser = argparse.ArgumentParser()
    declare(parser)
    others = [name for name, value in vars(parser.parse_args([])).items() if getattr(args, name) != value]
    return [f"--{name.replace('_', '-')}" for name in others]


class Parser(argparse.ArgumentParser):
    """A parser whose options of several values add up, and whose others are refused the second time.

    argparse itself takes the last one and forgets the others without a word. Its commands and groups do likewise.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name in (None, "store"):  # how argparse calls what `add_argument` makes of an option with a value
            self.register("action", name, _Once)

    def error(self, message: str) -> NoReturn:
        """End with exit code 2; what was given is quoted without what a terminal obeys."""
        super().error(printable(message))


class _Once(argparse.Action):
    _filled: argparse.Namespace | None = None  # what was given the option last

    def __call__(
        self, _: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        again, self._filled = option is not None and self._filled is namespace, namespace
        if again and self.nargs not in ("*", "+"):
            raise argparse.ArgumentError(self, "expected it once, got it again; leave one out")
        setattr(namespace, self.dest, [*getattr(namespace, self.dest), *values] if again else values)
