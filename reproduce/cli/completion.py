"""`genius-replay completion SHELL`: a script by which a shell completes commands, options, names and files (shtab).

    eval "$(genius-replay completion bash)"

It knows what there is when it is printed; a method that is installed later is in the next one.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence

from baselines import catalogue
from genius_replay.advice import install
from genius_replay.options import infile, outfile, path_only
from harness import spaces
from harness.training import data, recipes
from reproduce.benchmarks import BENCHMARKS, PUBLISHED
from reproduce.cli.query import IMAGENET
from reproduce.data import conversations, manifest, scripts
from reproduce.errors import UsageError
from reproduce.paper.registry import ITEMS
from reproduce.report.output import emit
from reproduce.searching.protocols import PRESETS

SHELLS = ("bash", "zsh", "fish", "tcsh")

NAMES: Mapping[str, Sequence[str]] = {
    "--table": tuple(BENCHMARKS),
    "TABLE": (*BENCHMARKS, IMAGENET),
    **dict.fromkeys(("--method", "--methods", "METHOD"), tuple(catalogue.METHODS)),
    "--space": spaces.NAMES,
    "--protocol": tuple(PRESETS),
    "--recipe": tuple(recipes.RECIPES),
    "--dataset": tuple(data.NEEDS),
    **dict.fromkeys(("--run", "audit FILE"), tuple(str(entry.run) for entry in conversations())),
    "fetch NAME": (*(entry.name for entry in (*manifest(), *scripts())), *PUBLISHED),
}
"""What options and arguments take that have no choices, since they also take what is one's own."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `completion`."""
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))


def run(args: argparse.Namespace) -> int:
    """Print the script.

    Raises:
        UsageError: shtab is not installed.
    """
    from reproduce.__main__ import COMMANDS, command_line  # late: it names this module

    try:
        import shtab
    except ImportError as error:
        raise UsageError(f"completion needs shtab; run `{install('shtab')}`") from error
    parser = command_line(*ITEMS, *COMMANDS)
    parser.prog = "genius-replay"
    for command, action in _actions(parser, ""):
        written = (*action.option_strings, str(action.metavar), f"{command} {action.metavar}")
        if action.type in (infile, outfile, path_only):
            action.complete = shtab.DIRECTORY if action.metavar in ("DIR", "FOLDER") else shtab.FILE  # type: ignore[attr-defined]
        elif (name := next((one for one in written if one in NAMES), None)) is not None:
            action.choices = NAMES[name]
    emit(shtab.complete(parser, args.shell), None)
    return 0


def _actions(parser: argparse.ArgumentParser, command: str) -> Iterator[tuple[str, argparse.Action]]:
    """Every option and argument of every command, with the command's name."""
    for action in parser._actions:
        yield command, action
        if isinstance(action, argparse._SubParsersAction):
            action.help = None  # in the help of all commands they are shown otherwise
            for name, sub in action.choices.items():
                yield from _actions(sub, name)
