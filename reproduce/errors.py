"""Every error that `reproduce` raises on purpose; all leave the command with exit code 2.

    ReproduceError            wrong use, missing data, a file that cannot be read or written
    ├── UsageError            what is asked for does not exist, is of a wrong type, or does not fit together
    ├── DataMissing           a published file has not been fetched
    ├── NoHome                there is no folder of the user's to keep files in
    ├── MalformedConversation a conversation is not of the published form
    └── Unreachable           no server answered at all, so asking it for the next file is no use

A message says what was expected, what was found, and the command or action that mends it; a class is where somebody
catches it.
"""

from __future__ import annotations


class ReproduceError(Exception):
    """Wrong use or missing data."""


class UsageError(ReproduceError):
    """What is asked for does not exist, is of a wrong type, or does not fit together."""


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
