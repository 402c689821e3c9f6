"""A command line that loses nothing: neither what is given twice, nor without a word what it has no use for."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

from genius_replay.advice import meant
from genius_replay.console import Exit, printable, quieten


def given(args: argparse.Namespace, declare: Callable[[argparse.ArgumentParser], None]) -> list[str]:
    """The options, of those that a function declares, that a command line gives another value than they have anyway."""
    parser = argparse.ArgumentParser()
    declare(parser)
    others = [name for name, value in vars(parser.parse_args([])).items() if getattr(args, name) != value]
    return [f"--{name.replace('_', '-')}" for name in others]


class Parser(argparse.ArgumentParser):
    """A parser whose options of several values add up, and whose others are refused the second time.

    argparse itself takes the last one and forgets the others without a word. What it does not know is one line on
    standard error, with what was meant, and exit code 2. Every command has `--quiet`. Its commands and groups do
    likewise.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"formatter_class": _Formatter, **options})
        for name in (None, "store"):  # how argparse calls what `add_argument` makes of an option with a value
            self.register("action", name, _Once)
        quiet = "no progress and no remarks on standard error; results and errors stay"
        self.add_argument("-q", "--quiet", action=_Quiet, nargs=0, default=argparse.SUPPRESS, help=quiet)

    def list_commands(self, commands: Any, groups: Mapping[str, Iterable[str]]) -> None:
        """Show the commands under headings, instead of one list.

        Args:
            commands: what `add_subparsers` gave.
            groups: the names under each heading; a command that is in none of them is not shown.
        """
        listed = {command.dest: command for command in commands._get_subactions()}
        commands.help = argparse.SUPPRESS
        for title, names in groups.items():
            self.add_argument_group(title)._group_actions.extend(listed[name] for name in names)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse, and refuse what is left over where it is known what was meant; a command is called for each level."""
        parsed, left = super().parse_known_args(args, namespace)
        for word in left:
            option = word.partition("=")[0]
            known = self._option_string_actions if word.startswith("-") else ()
            self.error(f"expected no {printable(option)}{meant(option, known)}")
        return parsed, left

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Name the nearest choice; argparse lists all alone, and quotes what was given as Python writes it."""
        if action.choices is None or value in action.choices:
            return
        choices = [str(choice) for choice in action.choices]
        commands = isinstance(action, argparse._SubParsersAction)
        expected = "a command" if commands else f"one of {', '.join(choices)}"
        raise argparse.ArgumentError(
            None if commands else action, f"expected {expected}, got {value}{meant(str(value), choices)}"
        )

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """End with this exit code."""
        self._print_message(message or "", sys.stderr)
        raise Exit(status)

    def error(self, message: str) -> NoReturn:
        """End with exit code 2; what was given is quoted without what a terminal obeys."""
        end = "" if message.endswith("?") else ";"
        self.exit(2, printable(f"{self.prog}: {message}{end} `{self.prog} --help` says what there is\n"))


class _Formatter(argparse.HelpFormatter):
    """Help that stays readable in 60 columns: no usage of many lines, no name cut at a hyphen, examples as they are."""

    def _format_usage(self, usage: str | None, actions: Iterable[argparse.Action], *others: Any) -> str:
        needed = [action for action in actions if not action.option_strings or action.required]
        if usage is not None or len(needed) == len([*actions]):
            return super()._format_usage(usage, actions, *others)
        short: str = super()._format_usage(None, needed, [], others[-1])
        return short.replace(self._prog, f"{self._prog} [OPTION ...]", 1)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False, break_long_words=False)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines = [[line] if line[:1] == " " else self._split_lines(line, width) for line in text.splitlines()]
        return "\n".join(f"{indent}{each}" for line in lines for each in line or [""])


class _Once(argparse.Action):
    _filled: argparse.Namespace | None = None  # what was given the option last

    def __call__(
        self, _: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        again, self._filled = option is not None and self._filled is namespace, namespace
        if again and self.nargs not in ("*", "+"):
            raise argparse.ArgumentError(self, "expected it once, got it again; leave one out")
        setattr(namespace, self.dest, [*getattr(namespace, self.dest), *values] if again else values)


class _Quiet(argparse.Action):
    def __call__(self, *_: Any) -> None:
        quieten()
