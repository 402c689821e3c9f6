"""What all packages of this project stand on: that they are found, and how their commands end."""

from __future__ import annotations

import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_HOME = Path(__file__).resolve().parents[1]
PACKAGES = ("baselines", "cache", "harness", "reproduce", "tables")


@cache
def refuse_namesakes() -> None:
    """Let no folder or module of somebody else's stand for a package of this project: their names are common ones.

    Raises:
        ImportError: one does; where `python -m` looks for a command, its one line and exit code 2 instead.
    """
    for name in PACKAGES:
        found = find_spec(name)
        places = [*(found.submodule_search_locations or [str(found.origin)])] if found else ["nothing"]
        if Path(places[0]).resolve() != _HOME / name:
            message = (
                f"expected the package {name} of this project, {_HOME / name}, got {places[0]}; rename that, work in "
                "another folder, or use the command genius-replay, which does not look where you work"
            )
            if sys.argv[0] != "-m":  # so Python calls a command of `python -m` while it is looked for
                raise ImportError(message)
            sys.stderr.write(f"{message}\n")
            raise SystemExit(2)
