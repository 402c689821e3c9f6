"""Every error that `reproduce` raises on purpose; all leave the command with exit code 2.

    ReproduceError            wrong use, missing data, a file that cannot be read or written
    ├── UsageError            the command line asks for something that does not exist
    ├── DataMissing           a published file has not been fetched
    ├── NoHome                there is no folder of the user's to keep files in
    ├── MalformedConversation a conversation is not of the published form
    └── Unreachable           no server answered at all, so asking it for the next file is no use

A message says what was expected, what was found, and the command or action that mends it; a class is where somebody
catches it.
"""

from __future__ import annotations

from contextlib import suppress
from operator import index
from typing import Any


class ReproduceError(Exception):
    """Wrong use or missing data."""


class UsageError(ReproduceError):
    """The command line asks for something that does not exist."""


class DataMissing(ReproduceError):
    """Published files that a command needs have not been fetched.

    Args:
        names: the names of the files, as `python -m reproduce fetch` takes them.
        purpose: what they are needed for, completing "needed for …".
    """

    def __init__(self, *names: str, purpose: str) -> None:
        listed = ", ".join(names)
        command = " ".join(("python -m reproduce fetch", *names))
        super().__init__(f"{listed}: needed for {purpose}, but not fetched yet; bring it with `{command}`")


class NoHome(ReproduceError):
    """There is no folder of the user's to keep files in."""


class MalformedConversation(ReproduceError):
    """A conversation is not of the published form."""


class Unreachable(ReproduceError):
    """No server answered at all, so asking it for the next file is no use."""


def whole(number: Any, what: str, least: float = 1) -> int:
    """A number that a person gave, as an int: one of numpy is one, too.

    Raises:
        UsageError: it is not whole, or below the `least`; the message says `what` was expected.
    """
    with suppress(TypeError):
        if (found := index(number)) >= least:
            return found
    raise UsageError(f"expected {what}, got {number!r}")
