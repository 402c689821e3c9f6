"""A command line that loses nothing: neither what is given twice, nor without a word what it has no use for."""

from __future__ import annotations

import argparse
import atexit
import shutil
import sys
import tempfile
import textwrap
import zlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from genius_replay.advice import meant
from genius_replay.console import Exit, printable, quieten

EXIT_CODES = "Exit codes: 0 done, 1 a difference or damage was found, 2 wrong use or missing data, 130 interrupted."


def add_command(commands: argparse._SubParsersAction[Parser], name: str, title: str, example: str) -> Parser:
    """One of several commands.

    Args:
        commands: what `add_subparsers` gave.
        name: of the command.
        title: what it does, in a list of commands and, as a sentence, at the beginning of its help.
        example: arguments that show it.
    """
    about = f"{title[:1].upper()}{title[1:]}."
    return commands.add_parser(name, help=title, description=about, epilog=shown(example))


def shown(*arguments: str) -> str:
    """The examples at the end of a command's help, each by the arguments behind its name."""
    title = "Examples:" if len(arguments) > 1 else "Example:"
    return "\n".join([title, *(f"  %(prog)s {each}".rstrip() for each in arguments)])


def given(args: argparse.Namespace, declare: Callable[[argparse.ArgumentParser], None]) -> list[str]:
    """The options, of those that a function declares, that a command line gives another value than they have anyway."""
    parser = argparse.ArgumentParser()
    declare(parser)
    others = [name for name, value in vars(parser.parse_args([])).items() if getattr(args, name) != value]
    return [f"--{name.replace('_', '-')}" for name in others]


# -- what options take ---


def infile(written: str) -> Path:
    """A file to read; "-" is what comes on standard input, in a file while the command runs."""
    return Path(written) if written != "-" else _standard_input()


def name_or_infile(written: str) -> str:
    """The name of something, or the path of a file to read; "-" as in `infile`."""
    return written if written != "-" else str(_standard_input())


def path_only(written: str) -> Path:
    """A file or folder that is read again or goes by its name, such as one that grows; "-" is refused."""
    if written == "-":
        raise argparse.ArgumentTypeError("expected the path of a file or folder that stays, got -")
    return Path(written)


def outfile(written: str) -> Path | None:
    """A file to write once; "-" is standard output, for which there is None."""
    return Path(written) if written != "-" else None


def _standard_input() -> Path:
    """A file with all of standard input, under a suffix that says what it holds."""
    content = sys.stdin.buffer.read() if sys.stdin else b""
    if not content:
        raise argparse.ArgumentTypeError("expected a file on standard input, got nothing, or it is read already")
    packed = content.startswith(b"\x1f\x8b")
    start = content[:64]
    with suppress(zlib.error):  # whoever reads the file says what is wrong with it
        start = zlib.decompressobj(31).decompress(content, 64) if packed else start
    suffix = ".json" if start.lstrip()[:1] in (b"{", b"[") else ".h5" if start.startswith(b"\x89HDF") else ".csv"
    folder = Path(tempfile.mkdtemp(prefix="genius-replay-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / f"standard-input{suffix}{'.gz' * packed}"
    path.write_bytes(content)
    return path


# -- the command line ---


class Parser(argparse.ArgumentParser):
    """A parser whose options of several values add up, and whose others are refused the second time.

    argparse itself takes the last one and forgets the others without a word. What it does not know is one line on
    standard error, with what was meant, and exit code 2. Every command has `--quiet`. Its commands and groups do
    likewise.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"formatter_class": _Formatter, "allow_abbrev": False, **options})
        for name in (None, "store"):  # how argparse calls what `add_argument` makes of an option with a value
            self.register("action", name, _Once)
        self.add_argument(
            "-q", "--quiet", action=_Quiet, nargs=0, default=argparse.SUPPRESS, help="no progress, no remarks"
        )

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

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse; a bare call of what has commands shows them, and ends with exit code 2, since nothing was done."""
        if self._subparsers is not None and not (sys.argv[1:] if args is None else args):
            self.print_help()
            self.exit(2)
        return super().parse_args(args, namespace)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse, and refuse what is left over where it is known what was meant; a command is called for each level.

        Words of a list may stand behind options as well; before Python 3.13 argparse leaves those over.
        """
        parsed, left = super().parse_known_args(args, namespace)
        several = next((one for one in self._actions if one.nargs == "*" and not one.option_strings), None)
        for word in left:
            if several and not word.startswith("-"):
                setattr(parsed, several.dest, [*(getattr(parsed, several.dest) or ()), self._get_value(several, word)])
                continue
            option = word.partition("=")[0]
            known = self._option_string_actions if word.startswith("-") else ()
            self.error(f"expected no {printable(option)}{meant(option, known)}")
        return parsed, []

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
    """Help that stays readable in 60 columns: no usage of many lines, no name cut at a hyphen, examples as they are.

    It says the default of whatever has one, unless the help text does.
    """

    def _get_help_string(self, action: argparse.Action) -> str:
        text, default = action.help or "", action.default
        if default is None or default is False or default in ([], argparse.SUPPRESS) or "default" in text:
            return text
        several = default if isinstance(default, list) else [default]
        return f"{text} (default: {' '.join(f'{one:g}' if isinstance(one, float) else str(one) for one in several)})"

    def _format_usage(self, usage: str | None, actions: Iterable[argparse.Action], *others: Any) -> str:
        needed = [action for action in actions if not action.option_strings or action.required]
        if usage is not None or len(needed) == len([*actions]):
            return super()._format_usage(usage, actions, *others)
        rest = argparse.Action([], "", nargs="*", metavar="OPTION")
        return super()._format_usage(None, [rest, *needed], [], others[-1])

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False, break_long_words=False)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return textwrap.indent("\n".join(self._filled(line, width) for line in text.splitlines()), indent)

    def _filled(self, line: str, width: int) -> str:
        if line.startswith("  "):  # a command, which a shell takes as it is
            return "  " + " \\\n      ".join(self._split_lines(line, width - 8))
        return "\n".join(self._split_lines(line, width))


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
