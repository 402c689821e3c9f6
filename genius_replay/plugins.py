"""What a user brings: an object of a module, of a file, or of an installed package, by its name.

A name is "module:NAME", "FILE.py:NAME", or that of an entry point, which stands for one of these. Nothing is imported
before it is named, so that what is broken breaks no command that does not name it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import import_module, util
from importlib.metadata import entry_points
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any

from genius_replay.advice import meant, unknown

FILE = ".py"


def offered(group: str) -> dict[str, str]:
    """What installed packages offer in an entry-point group: where it stands, by name."""
    return {entry.name: entry.value for entry in sorted(entry_points(group=group))}


def find(
    kind: str,
    name: str,
    group: str,
    known: Iterable[str],
    *,
    what: str,
    example: str,
    error: type[Exception],
    others: str = "",
    otherwise: str = "",
    modules: bool = False,
) -> Any:
    """What a name stands for, if it is none of those that are `known` here.

    Args:
        kind: of what is named, in a word.
        name: as it was given.
        group: of the entry points.
        known: what there is besides.
        what: what the name has to stand for, in words.
        example: such a name, "my_module:NAME".
        error: is raised.
        others: what else is taken, said where nothing has the name.
        otherwise: what else there is to be done, said at the end of every error.
        modules: whether a module may be named alone.

    Raises:
        `error`: nothing has this name, or what has it cannot be imported.
    """
    brought, (module, _, attribute) = offered(group), example.partition(":")
    if name not in brought and ":" not in name and not name.endswith(FILE) and not (modules and _is_module(name)):
        raise error(unknown(kind, name, [*known, *brought], f", and your own as {example}{others}{otherwise}"))
    value = brought.get(name, name)
    try:
        return load(value)
    except (Exception, SystemExit) as problem:  # whatever code of others raises when it is imported
        raise error(
            f"expected {value!r} to name {what} in a module that can be imported or in a file, such as {example} for "
            f"{attribute} in {module}.py in this folder; got: {problem or type(problem).__name__}{otherwise}"
        ) from problem


def load(place: str) -> Any:
    """The object that stands at "module:NAME" or "FILE.py:NAME"; raises whatever importing it does."""
    where, _, attribute = (place, "", "") if place.endswith(FILE) or ":" not in place else place.rpartition(":")
    module = _file(Path(where)) if where.endswith(FILE) else own_module(where)
    try:
        return attrgetter(attribute)(module) if attribute else module
    except AttributeError as error:
        names = [name for name in vars(module) if not name.startswith("_")]
        raise AttributeError(f"{error}{meant(attribute, names)}") from None


def own_module(name: str) -> Any:
    """Import a user's module, which may lie in the folder where the command is called.

    Python looks there by itself, except for a console script. It is looked in last: a file there is in nobody's way.
    """
    _look_in(Path.cwd())
    return import_module(name)


def _is_module(name: str) -> bool:
    _look_in(Path.cwd())
    try:
        return util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _file(path: Path) -> ModuleType:
    """The module of a file, whatever the file is called; once it is imported, the same one."""
    name = str(path.resolve())
    if name in sys.modules:
        return sys.modules[name]
    spec = util.spec_from_file_location(name, name)
    assert spec is not None  # as of every file of this suffix
    assert spec.loader is not None
    _look_in(path.resolve().parent)  # for what the file imports from beside it
    module = sys.modules[name] = util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _look_in(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
