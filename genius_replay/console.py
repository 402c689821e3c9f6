"""What every command prints, and how it ends: an exit code and at most one message, whatever terminal, pipe or disk."""

from __future__ import annotations

import codecs
import io
import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import ParamSpec, TypeAlias

INTERRUPTED = 130  # what a shell reports for a command that Ctrl-C ended

# C0 and C1 without tab and line feed, the controls of writing direction, halves of surrogate pairs.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

_READABLE = str.maketrans("●◐◔○·–—−─×→±…“”‘’⟦⟧", "crdqm----x>/.\"\"''[]")
"""One letter of ASCII for each that this project prints beside it; a mark of a report is the letter that LaTeX has."""

Errors: TypeAlias = tuple[type[Exception], ...]


def printable(text: str) -> str:
    """Return text from outside without what moves a terminal's cursor or writing direction, each as its escape.

    A tab and a line feed stay; a half of a surrogate pair, which no stream can write, is escaped too.
    """
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def say(text: str) -> None:
    """Print a line, or lines, to standard output, at once: what is printed grows while it is read.

    Raises:
        OSError: it cannot be written; the error names standard output.
    """
    try:
        sys.stdout.write(_ended(printable(text)))
        sys.stdout.flush()
    except OSError as error:
        error.filename = "standard output"
        raise


def warn(text: str) -> None:
    """Print a line, or lines, of progress or a remark to standard error; nothing after `quieten`."""
    if not is_quiet():
        fail(text)


def fail(text: str) -> None:
    """Print a line, or lines, about what went wrong to standard error, in any case."""
    sys.stderr.write(_ended(printable(text)))


def quieten() -> None:
    """Let the command that runs print no progress and no remarks, in any of its threads, until it ends."""
    _Remarks.silent = True


def is_quiet() -> bool:
    """Whether progress and remarks are unwanted."""
    return _Remarks.silent


class _Remarks:
    silent = False


def _ended(text: str) -> str:
    return text if text.endswith("\n") or not text else f"{text}\n"


class Exit(SystemExit):
    """The end of a command with an exit code, which a notebook shows in place of a traceback."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows."""
        return [f"exit code {self.code}"]


Arguments = ParamSpec("Arguments")


def ending(
    *wrong: type[Exception], damage: Errors = (), interrupted: str = "interrupted"
) -> Callable[[Callable[Arguments, int]], Callable[Arguments, int]]:
    """Make a function that runs a command, and returns its exit code, end as all commands do.

    Args:
        wrong: errors of wrong use, missing data or failed writing, beside OSError: printed, exit code 2.
        damage: errors of damage or difference: printed, exit code 1.
        interrupted: what is printed after Ctrl-C, exit code 130.

    A reader of standard output that goes away ends the command with 0; output that cannot be written with 2.
    """

    def decorate(main: Callable[Arguments, int]) -> Callable[Arguments, int]:
        @wraps(main)
        def ended(*arguments: Arguments.args, **options: Arguments.kwargs) -> int:
            _make_writable()
            _Remarks.silent = False
            handled: Errors = (OSError, *wrong)
            try:
                try:
                    return main(*arguments, **options)
                finally:
                    _Remarks.silent = False
                    sys.stdout.flush()  # here, because what fails when Python ends is reported by Python
            except KeyboardInterrupt:
                code, said = INTERRUPTED, interrupted
            except BrokenPipeError:
                code, said = 0, ""
            except damage as error:
                code, said = 1, str(error)
            except handled as error:
                code, said = 2, str(error)
            try:
                sys.stdout.flush()
            except OSError as error:  # it was the output; what is left of it must not fail again when Python ends
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                if code:
                    said = f"standard output: {error.strerror}; give the command another place to print to"
            with suppress(OSError):
                if said:
                    fail(said)
            return code

        return ended

    return decorate


def _make_writable() -> None:
    """Print what the encoding of a terminal does not have in other letters, and let a closed stream fail when written.

    All writing is text: the output of a notebook takes no bytes.
    """
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_READABLY)


_READABLY = "genius_replay.readably"


def _readably(error: UnicodeError) -> tuple[str, int]:
    """Letters of ASCII for what an encoding does not have, escapes for what has none; see `codecs.register_error`."""
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start : error.end].translate(_READABLE)
    return text.encode("ascii", "backslashreplace").decode(), error.end


codecs.register_error(_READABLY, _readably)
