"""Tables that this project trained, embedded in it; `docs/private-table.md` says what they are good for."""

from __future__ import annotations

from pathlib import Path

from tables.errors import TableNotFound
from tables.schema import file_name


def embedded(name: str) -> Path:
    """The table of this name that comes with this package.

    Raises:
        TableNotFound: there is none.
    """
    path = Path(__file__).with_name(file_name(name))
    if not path.exists():
        present = ", ".join(sorted(each.stem for each in path.parent.glob("*.h5"))) or "none"
        raise TableNotFound(f"no table called {name!r} comes with this package; there are: {present}")
    return path
