"""What public functions take: values of the annotated types, positive numbers, one value where several may stand."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from operator import index
from types import UnionType
from typing import Any, SupportsIndex, get_args, get_origin

from reproduce.errors import UsageError


def expect_types(function: Callable[..., Any], given: Mapping[str, Any]) -> None:
    """Refuse arguments of other types than a function is annotated with; of what holds others only the outer type.

    Raises:
        UsageError: one is of another type.
    """
    hints = inspect.get_annotations(function, eval_str=True)
    for name, value in given.items():
        hint = hints[name]
        kinds = [get_origin(one) or one for one in (get_args(hint) if isinstance(hint, UnionType) else [hint])]
        if not isinstance(value, (*kinds, *([SupportsIndex] if {int, float} & {*kinds} else []))):
            said = f"{', '.join('None' if kind is type(None) else kind.__name__ for kind in kinds)}, got {value!r:.80}"
            raise UsageError(f"{function.__name__}: expected {name} as {said}; see `help({function.__name__})`")


def positive(number: Any, what: str) -> int:
    """A positive whole number, also one of numpy, as an int.

    Raises:
        UsageError: it is none; the message says `what` was expected.
    """
    with suppress(TypeError):
        if (found := index(number)) > 0:
            return found
    raise UsageError(f"expected {what}, got {number!r}")


def several(given: Any) -> list[Any]:
    """The values that were given, which may be a single one; a text and a path are one."""
    return [given] if isinstance(given, str) or not isinstance(given, Iterable) else [*given]
