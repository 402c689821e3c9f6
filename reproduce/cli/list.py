"""`python -m reproduce list`: what can be reproduced here, and from which data."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import groupby

from baselines import catalogue
from genius_replay import plugins
from harness import spaces
from reproduce.benchmarks import BENCHMARKS, GROUP, at_hand
from reproduce.data import conversations, home, is_damaged, is_fetched, manifest
from reproduce.errors import NoHome
from reproduce.paper.registry import ITEMS
from reproduce.published.imagenet import published_run
from reproduce.report import Report, headed, label
from reproduce.report.output import add_output_arguments, emit, format_of, show

HEADINGS = {
    "table or figure": "Tables and figures (python -m reproduce NAME):",
    "ImageNet run": "ImageNet runs:",
    "benchmark table": "Benchmark tables:",
    "installed": "Of installed packages:",
}
ITEM, RUN, BENCHMARK, INSTALLED = HEADINGS
DAMAGED = "damaged"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `list`."""
    add_output_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print the tables, the runs and the published files."""
    rows, notes = [*_rows()], [*_notes()]
    form = args.format or format_of(args.out) or "text"
    if form != "text":
        columns = headed("kind", "name", "about", "state", "command")
        cells = tuple(tuple(map(label, row)) for row in rows)
        show(Report("list", "What can be reproduced here", columns, cells, tuple(notes)), form, args.out)
        return 0
    lines = []
    for kind, group in groupby(rows, lambda row: row[0]):
        lines.append(HEADINGS[kind])
        for _, name, about, state, command in group:
            then = f"`{command}` {'mends' if state == DAMAGED else 'brings'} it" if command else ""
            said = about if kind == ITEM else ", ".join(filter(None, (state, then, about)))
            lines.append(f"  {name:<{30 if kind == BENCHMARK else 20}} {said}")
    emit("\n".join([*lines, *notes]) + "\n", args.out)
    return 0


def _rows() -> Iterator[tuple[str, str, str, str, str]]:
    """Kind, name, what it is, its state, and the command that mends or brings it."""
    damaged = {entry.path: f"python -m reproduce fetch {entry.name}" for entry in manifest() if is_damaged(entry)}
    for name, item in ITEMS.items():
        yield ITEM, name, item.title, "at hand" if all(map(at_hand, item.benchmarks)) else "in part", ""
    for entry in conversations():
        original = published_run(str(entry.run))
        alias = f"the same file as {original.run}" if original.run != entry.run else ""
        state = "published conversation, fetched" if is_fetched(original) else "reconstructed from published figures"
        command = damaged.get(original.path, "")
        yield RUN, str(entry.run), alias, DAMAGED if command else state, command
    for name, benchmark in BENCHMARKS.items():
        state, command = ("at hand", "") if at_hand(name) else ("not at hand", benchmark.brings)
        mends = damaged.get(str(benchmark.path))
        yield BENCHMARK, name, "", DAMAGED if mends else state, mends or command
    for kind, group in (("method", catalogue.GROUP), ("space", spaces.GROUP), ("table", GROUP)):
        for name, place in plugins.offered(group).items():
            yield INSTALLED, name, place, kind, ""


def _notes() -> Iterator[str]:
    """How much of what is published is here, and where."""
    brought = sum(is_fetched(entry) and not is_damaged(entry) for entry in manifest())
    try:
        where = f"in {home()}"
    except NoHome as error:
        where = f"at hand: {error}"
    yield f"Published files: {brought} of {len(manifest())} {where}"
    if brought < len(manifest()):
        yield "  `python -m reproduce fetch` brings the rest; with --mirror DIR from a folder."
