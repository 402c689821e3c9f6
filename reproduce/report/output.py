"""Where output goes: the terminal, a pipe, or a file that is written whole or not at all; and how figures look."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from genius_replay import files
from genius_replay.advice import install
from genius_replay.console import printable, say
from genius_replay.options import outfile
from reproduce.errors import ReproduceError, UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from reproduce.report.report import Report

STAMPS = {".png": "Software", ".svg": "Date", ".pdf": "CreationDate"}  # what tells one drawing from the next
DRAWN = tuple(STAMPS)
SUFFIXES = {".txt": "text", ".md": "md", ".csv": "csv", ".json": "json", ".tex": "latex", ".html": "html"}
FORMATS = tuple(SUFFIXES.values())
TEXT_OR_JSON = ("text", "json")  # the forms of what is no table

WIDTH = 3.4  # inches: one column of a two-column page
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito 2008, without yellow: told apart with any colour vision."""
COLOURS = PALETTE[:3]
MARKERS = ("o", "s", "^")


def add_output_arguments(parser: argparse.ArgumentParser, forms: Sequence[str] = FORMATS) -> None:
    """Declare `--format` and `--out`."""
    parser.add_argument("--format", choices=forms, help="default: by the suffix of --out, else text")
    parser.add_argument("--out", type=outfile, metavar="FILE", help="write here, - for standard output")


def refuse_existing(path: Path) -> None:
    """Refuse to write over a file; raises UsageError if it is there."""
    if path.exists():
        raise UsageError(f"{path}: expected a new file, found one that is there; name another")


def show(report: Report, form: str | None, out: Path | None, draw: Callable[[Path], None] | None = None) -> None:
    """Print a report, or write it to a file; on a terminal without `form` it is drawn in colour.

    Without `form` a file's suffix says which one; a file without a suffix gets text, a picture what `draw` draws.

    Raises:
        UsageError: if the file's suffix stands for no form.
        ReproduceError: if the file cannot be written; what was there before stays.
    """
    if draw is not None and form is None and out is not None and out.suffix.lower() in DRAWN:
        draw(out)
        return
    form = form or format_of(out)
    from reproduce.report.rendering import on_terminal, render

    if out is None and form is None and sys.stdout.isatty():
        on_terminal(report)
    else:
        emit(render(report, form or "text"), out)


def format_of(out: Path | None, forms: Sequence[str] = FORMATS) -> str | None:
    """The form, of those that there are, that a file's suffix stands for; text without a suffix, None without a file.

    Raises:
        UsageError: if it stands for none.
    """
    if out is None:
        return None
    suffix = out.suffix.lower()
    known = [each for each, form in SUFFIXES.items() if form in forms]
    if suffix and suffix not in known:
        figures = f" (figures: {', '.join(DRAWN)})" if forms == FORMATS else ""
        raise UsageError(f"--out {out}: expected a suffix among {', '.join(known)}{figures}, or --format")
    return SUFFIXES.get(suffix, "text")


def emit(text: str, out: Path | None) -> None:
    """Write text to standard output, or to a file as a whole; without what a terminal obeys, for files are shown too.

    Raises:
        OSError: if standard output cannot be written.
        ReproduceError: if a file cannot be written; what was there before stays.
    """
    if out is None:
        say(text)
    else:
        write(printable(text).encode(), out)


def write(
    content: bytes, out: Path, mend: str = "name another file, or make room for it", *, folders: bool = False
) -> None:
    """Write a file as a whole or not at all, with `folders` also the folders above it.

    Raises:
        ReproduceError: if it cannot be written; what was there before stays. The message ends with how to `mend` that.
    """
    try:
        if folders:
            out.parent.mkdir(parents=True, exist_ok=True)
        files.write(out, content)
    except OSError as error:
        raise ReproduceError(f"{out}: expected a file that can be written, got: {error.strerror}; {mend}") from error


def new_figure(height: float) -> Figure:
    """An empty figure of one column's width, in inches.

    Raises:
        UsageError: if matplotlib is not installed, or refuses a setting of the environment.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise UsageError(f"drawing needs matplotlib; run `{install('matplotlib')}`") from error
    except ValueError as error:  # such as a backend that does not exist
        raise UsageError(f"drawing needs matplotlib, which refuses its settings: {error}") from error
    mpl.rcParams.update({"font.size": 7, "axes.titlesize": 7, "legend.fontsize": 6.5, "svg.hashsalt": "genius-replay"})
    return Figure(figsize=(WIDTH, height), dpi=300, layout="constrained")


def panels(
    figure: Figure, count: int, xlabel: str, ylabel: str, *, sharex: bool = False, sharey: bool = False
) -> list[Axes]:
    """So many panels, two beside each other, of which the last of each column and the first of each row are labelled.

    They share an axis, so that one label serves several; what is left of the last row stays empty.
    """
    columns = min(2, count)
    axes = figure.subplots(-(-count // columns), columns, squeeze=False, sharex=sharex, sharey=sharey)
    for axis in axes.flat[count:]:
        axis.set_visible(False)
    for axis in axes.flat[count - columns : count]:  # the last of each column
        axis.tick_params(labelbottom=True)
        axis.set_xlabel(xlabel)
    for axis in axes[:, 0]:
        axis.set_ylabel(ylabel)
    return list(axes.flat[:count])


def save(figure: Figure, path: Path) -> None:
    """Write PNG, SVG or PDF, by the path's suffix; the same figure gives the same bytes.

    Raises:
        UsageError: if the suffix is none of theirs.
        ReproduceError: if it cannot be drawn or the file cannot be written; what was there before stays.
    """
    from matplotlib.text import Text  # there, since there is a figure

    if (form := path.suffix.lower()) not in STAMPS:
        raise UsageError(f"{path}: expected a picture, with a suffix among {', '.join(DRAWN)}")
    ticks = {
        text for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) for text in axis.get_ticklabels(which="both")
    }
    for text in figure.findobj(Text):
        if isinstance(text, Text) and text not in ticks:  # a dollar sign in a name begins no formula
            text.set_parse_math(False)
            text.set_text(printable(text.get_text()))
    drawn = io.BytesIO()
    try:
        figure.savefig(drawn, format=form[1:], metadata={STAMPS[form]: None})
    except ValueError as error:  # such as a date in SOURCE_DATE_EPOCH that is none
        raise ReproduceError(f"{path}: matplotlib refuses to draw it: {error}") from error
    write(drawn.getvalue(), path)
