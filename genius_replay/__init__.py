"""What all packages of this project stand on: that they are found, and how their commands end."""

from __future__ import annotations

import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_HOME = Path(__file__).resolve().parents[1]
PACKAGES = ("baselines", "cache", "harness", "reproduce", "tables")


def _is_command() -> bool:
    """Whether a command of this project runs: `python -m` calls it so while it is looked for, then by its file."""
    called = Path(*sys.argv[:1])
    return called.name in ("-m", "genius-replay") or any(called.is_relative_to(_HOME / name) for name in PACKAGES)


def _uncaught(kind: type[BaseException], *error: Any) -> None:
    """Say of Ctrl-C while modules are imported what commands say later (`genius_replay.console.ending`)."""
    if issubclass(kind, KeyboardInterrupt):
        sys.stderr.write("interrupted\n")
    else:
        sys.__excepthook__(kind, *error)


if _is_command():
    sys.excepthook = _uncaught


@cache
def refuse_namesakes() -> None:
    """Let no folder or module of somebody else's stand for a package of this project: their names are common ones.

    Raises:
        ImportError: one does; for a command of this project it is one line and exit code 2.
    """
    for name in PACKAGES:
        found = find_spec(name)
        places = [*(found.submodule_search_locations or [str(found.origin)])] if found else ["nothing"]
        if Path(places[0]).resolve() != _HOME / name:
            message = (
                f"expected the package {name} of this project, {_HOME / name}, got {places[0]}; rename that, work in "
                "another folder, or use the command genius-replay, which does not look where you work"
            )
            if not _is_command():
                raise ImportError(message)
            sys.stderr.write(f"{message}\n")
            raise SystemExit(2)
