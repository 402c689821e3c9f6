"""Every error that `reproduce` raises on purpose, each with the exit code of the command that meets it.

    ReproduceError           exit code 2
    ├── UsageError           the command line asks for something that does not exist
    ├── DataMissing          a published file has not been fetched
    ├── NotInMirror          a mirror lacks a file
    ├── MalformedConversation a conversation is not of the published form
    ├── WrongDigest          a file is not the one that was published
    ├── CannotRead           a file is there and cannot be read
    ├── CannotWrite          the disk is full, or the cache directory is read-only
    └── DownloadFailed       a server answered with an error, or a transfer broke off
        └── Unreachable      no server answered at all, so asking it for the next file is no use

A message says what was expected, what was found, and the command or action that mends it.
"""

from __future__ import annotations


class ReproduceError(Exception):
    """Wrong use or missing data."""

    exit_code = 2


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
        self.names = names


class MalformedConversation(ReproduceError):
    """A conversation is not of the published form."""


class NotInMirror(ReproduceError):
    """A mirror lacks a file."""


class WrongDigest(ReproduceError):
    """A file is not the one that was published.

    Args:
        where: the file or URL whose content was hashed.
        expected: the published sha256, in hexadecimal.
        found: the sha256 of what is there.
        remedy: the command or action that mends it.
    """

    def __init__(self, where: str, *, expected: str, found: str, remedy: str) -> None:
        super().__init__(f"{where}: expected sha256 {expected}, found {found}; {remedy}")


class CannotRead(ReproduceError):
    """A file is there and cannot be read."""


class CannotWrite(ReproduceError):
    """The disk is full, or the cache directory is read-only."""


class DownloadFailed(ReproduceError):
    """A server answered with an error, or a transfer broke off."""


class Unreachable(DownloadFailed):
    """No server answered at all, so asking it for the next file is no use."""
