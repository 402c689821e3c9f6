"""Refuses, when it is imported, what stands for a package of this project and is somebody else's.

The packages have common names; this module has one that nobody else has, so that it is found where they are not.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parent
PACKAGES = ("baselines", "cache", "genius_replay", "harness", "reproduce", "tables")
MARK = b"genius_replay"  # in what each of them begins with


def _is_command() -> bool:
    """Whether a command of this project runs: `python -m` calls it so while it is looked for, then by its file."""
    called = Path(*sys.argv[:1])
    return called.name in ("-m", "genius-replay") or any(called.is_relative_to(HOME / name) for name in PACKAGES)


def _uncaught(kind: type[BaseException], *error: Any) -> None:
    """Say of Ctrl-C while modules are imported what commands say later (`genius_replay.console.ending`)."""
    if issubclass(kind, KeyboardInterrupt):
        sys.stderr.write("interrupted\n")
    else:
        sys.__excepthook__(kind, *error)


def _found_instead(name: str) -> str | None:
    """What is found under the name of a package and is not this project's, and what to do; None if all is well."""
    found = find_spec(name)
    alone = "install genius-replay into an environment of its own"
    if found is None:
        return f"nothing; {alone}"
    place = Path(next(iter(found.submodule_search_locations or [str(found.origin)])))
    if place.resolve() == HOME / name:
        if found.origin is None:
            return f"a folder without its __init__.py, as another project leaves that is removed; {alone}"
        if MARK in Path(found.origin).read_bytes():
            return None
        from importlib.metadata import packages_distributions  # late: only this error needs it

        others = [each for each in packages_distributions().get(name, ()) if each != "genius-replay"]
        return f"that of {' and '.join(others) or 'another project'}, installed over it; {alone}"
    if place.parent.name in ("site-packages", "dist-packages"):
        return f"{place}; {alone}"
    return (
        f"{place}; rename that, work in another folder, or use the command genius-replay, which does not look where "
        "you work"
    )


if _is_command():
    sys.excepthook = _uncaught
for _name in PACKAGES:
    if (_instead := _found_instead(_name)) is not None:
        _message = f"expected the package {_name} of this project, {HOME / _name}, got {_instead}"
        if not _is_command():
            raise ImportError(_message)
        sys.stderr.write(f"{_message}\n")
        raise SystemExit(2)
