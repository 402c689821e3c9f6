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

from collections.abc import Callable, Mapping
from contextlib import suppress
from operator import index
from types import UnionType
from typing import Any, SupportsIndex, get_args, get_origin


class ReproduceError(Exception):
    """Wrong use or missing data."""


class UsageError(ReproduceError):
    """What is asked for does not exist, is of a wrong type, or does not fit together."""


def expect_types(function: Callable[..., Any], given: Mapping[str, Any]) -> None:
    """Refuse arguments of other types than a function is annotated with; of what holds others only the outer type.

    Raises:
        UsageError: one is of another type.
    """
    for name, value in given.items():
        hint = eval(function.__annotations__[name], function.__globals__)
        kinds = [get_origin(one) or one for one in (get_args(hint) if isinstance(hint, UnionType) else [hint])]
        if not isinstance(value, (*kinds, *([SupportsIndex] if {int, float} & {*kinds} else []))):
            said = f"{', '.join('None' if kind is type(None) else kind.__name__ for kind in kinds)}, got {value!r:.80}"
            raise UsageError(f"{function.__name__}: expected {name} as {said}; see `help({function.__name__})`")


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


def positive(number: Any, what: str) -> int:
    """A positive whole number, also one of numpy, as an int.

    Raises:
        UsageError: it is none; the message says `what` was expected.
    """
    with suppress(TypeError):
        if (found := index(number)) > 0:
            return found
    raise UsageError(f"expected {what}, got {number!r}")
