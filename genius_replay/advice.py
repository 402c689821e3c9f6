"""What an error advises: the name that was meant, and the command that installs what is missing."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.machinery import PathFinder
from pathlib import Path

ALIKE = 0.6  # of 1, how much of a name has to be there, in this order
MEANT = 3  # names at most that are offered


def unknown(kind: str, name: str, known: Iterable[str], others: str = "") -> str:
    """Say that nothing of this kind has the name, what there is, and which of that was meant.

        >>> unknown("fruit", "aple", ["apple", "pear"])
        "no fruit is called 'aple'; there are apple, pear; did you mean apple?"

    Args:
        kind: what was named, in one word or two.
        name: what was written.
        known: every name there is.
        others: what is taken beside them, such as `", and a path"`.
    """
    known = list(known)
    return f"no {kind} is called {name!r}; there are {', '.join(known)}{others}{meant(name, known)}"


def meant(name: str, known: Iterable[str]) -> str:
    """The question after the known names that are most like this one, behind a semicolon; empty if none is.

    >>> meant("Table-2", ["table1", "table2"])
    '; did you mean table2?'
    """
    from difflib import SequenceMatcher  # late: only errors need it

    alike = {one: SequenceMatcher(None, str(name).lower(), one.lower()).ratio() for one in known}
    nearest = max(alike.values(), default=0.0)
    found = [one for one, ratio in alike.items() if ratio == nearest >= ALIKE][:MEANT]
    return f"; did you mean {' or '.join(found)}?" if found else ""


def install(*packages: str) -> str:
    """The command that installs packages for the Python that runs, whoever made its environment.

    They are named themselves and never as an extra of this project, which may have come from a file or a checkout.
    Environments of uv have no pip; outside an environment that is active, `python` is another Python or none.
    """
    names = " ".join(map(shlex.quote, packages))
    python = shlex.quote(sys.executable or "python")
    has_pip = PathFinder.find_spec("pip")  # past setuptools, which changes what is imported when pip is looked for
    if not has_pip and shutil.which("uv"):
        return f"uv pip install --python {python} {names}"
    found = shutil.which("python")
    if found and Path(found).absolute() == Path(sys.executable).absolute().with_name("python"):
        python = "python"
    pip = f"{python} -m pip install {names}"
    return pip if has_pip else f"{python} -m ensurepip && {pip}"


@contextmanager
def needing(*packages: str, what: str) -> Iterator[None]:
    """Around the import of packages that an installation may lack.

    Raises:
        ImportError: one is not there; the message says what needs them, and how they are installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ImportError(f"{what} needs {packages[0]}, which is not installed; {install(*packages)}") from error
