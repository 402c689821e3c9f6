"""`python -m reproduce all`: every table and figure that the data at hand allows, in one folder with an index."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path

from cache.errors import CacheError
from genius_replay.advice import install
from genius_replay.console import fail, say
from genius_replay.options import path_only
from reproduce.data import is_fetched, manifest
from reproduce.errors import ReproduceError
from reproduce.paper.registry import ITEMS, Item
from reproduce.report.escaping import as_json, as_markdown
from reproduce.report.output import DRAWN, emit
from reproduce.report.rendering import render
from reproduce.report.report import Status, provenance
from tables.errors import TableError

SHOWN = (Status.RECOMPUTED, Status.REPLAYED, Status.QUOTED, Status.MISSING)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `all`."""
    parser.add_argument("--out", type=path_only, default=Path("results"), metavar="DIR", help="made if need be")
    parser.add_argument("--no-figures", action="store_true", help="write the points of the figures, draw none")


def run(args: argparse.Namespace) -> int:
    """Write everything that can be made.

    Returns:
        0, or 2 if a table or figure could not be made; the others are there.

    Raises:
        ReproduceError: if the folder cannot be made.
    """
    try:
        args.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReproduceError(f"{args.out}: {error.strerror}; name another --out") from error
    draws = not args.no_figures and find_spec("matplotlib") is not None
    lines = ["# GENIUS, reproduced", "", f"| what | {' | '.join(status.value for status in SHOWN)} | files |"]
    lines.append("| --- |" + " --- |" * (len(SHOWN) + 1))
    failed = []
    for name, item in ITEMS.items():
        try:
            counts, links = _write(item, args.out, draws)
        except (ReproduceError, CacheError, TableError) as error:
            failed.append(f"{name}: {error}")
            continue
        lines.append(
            f"| **{name}** {item.title.partition(';')[0]} | {' | '.join(map(str, counts))} | {' '.join(links)} |"
        )
    lines += ["", *(f"Failed: {as_markdown(failure)}" for failure in failed)]
    absent = [entry.name for entry in manifest() if not is_fetched(entry)]
    if absent:
        lines += ["", f"Not fetched, so missing or quoted: {', '.join(absent)}. `python -m reproduce fetch` brings it."]
    if not draws:
        lines += ["", f"No figures were drawn; `{install('matplotlib')}` brings matplotlib."]
    lines += ["", *(f"- {name}: {value}" for name, value in provenance().items())]
    emit("\n".join(lines) + "\n", args.out / "index.md")
    emit(as_json(provenance()), args.out / "provenance.json")
    say(str(args.out / "index.md"))
    fail("\n".join(failed))
    return 2 if failed else 0


def _write(item: Item, out: Path, draws: bool) -> tuple[list[int], list[str]]:
    """Write one table or figure in every form; returns how many cells have which status, and links to the files."""
    report, name = item.report(), item.name
    emit(render(report, "md"), out / f"{name}.md")
    emit(render(report, "json"), out / f"{name}.json")
    links = [f"[table]({name}.md)", f"[JSON]({name}.json)"]
    for suffix in DRAWN if item.draws and draws else ():
        item.draw(report, out / f"{name}{suffix}")
        links.append(f"[{suffix[1:].upper()}]({name}{suffix})")
    statuses = [cell.status for row in report.rows for cell in row]
    return [statuses.count(status) for status in SHOWN], links
