"""Where output goes: the terminal, a pipe, or a file that is written whole or not at all."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from reproduce.errors import CannotWrite, UsageError

if TYPE_CHECKING:
    from reproduce.report import Report

DRAWN = (".png", ".svg", ".pdf")
FORMATS = ("text", "md", "csv", "json", "latex")


def add_output_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `--format` and `--out`."""
    parser.add_argument("--format", choices=FORMATS, help="default: colour on a terminal, text otherwise")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write here instead of printing")


def show(report: Report, form: str | None, out: Path | None) -> None:
    """Print a report, or write it to a file; on a terminal without `form` it is drawn in colour.

    Raises:
        UsageError: if the file's suffix asks for a picture.
        CannotWrite: if the file cannot be written; what was there before stays.
    """
    if out is not None and out.suffix in DRAWN:
        raise UsageError(f"--out {out}: a table is no picture; name a file for --format {', '.join(FORMATS)}")
    if out is None and form is None and sys.stdout.isatty():
        from reproduce.terminal import draw

        draw(report)
        return
    from reproduce.rendering import render

    emit(render(report, form or "text"), out)


def emit(text: str, out: Path | None) -> None:
    """Write text to standard output, or to a file as a whole.

    Raises:
        CannotWrite: if the file cannot be written; what was there before stays.
    """
    if out is None:
        sys.stdout.buffer.write(text.encode())  # UTF-8 wherever it goes: the marks are not ASCII
        sys.stdout.flush()
        return
    write(text.encode(), out)


def write(content: bytes, out: Path) -> None:
    """Write a file as a whole or not at all.

    Raises:
        CannotWrite: if it cannot be written; what was there before stays.
    """
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        part.replace(out)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise CannotWrite(f"{out}: {error.strerror}; name another file, or make room for it") from error
