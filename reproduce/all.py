"""`python -m reproduce all`: every table and figure that the data at hand allows, in one folder with an index."""

from __future__ import annotations

import argparse
import json
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from reproduce.catalogue import FIGURES, REPORTS
from reproduce.data import manifest, path_of
from reproduce.errors import CannotWrite
from reproduce.output import DRAWN, emit
from reproduce.rendering import render
from reproduce.report import Status, provenance


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `all`."""
    parser.add_argument("--out", type=Path, default=Path("results"), metavar="DIR", help="default: results")
    parser.add_argument("--no-figures", action="store_true", help="write the points of the figures, draw none")


def run(args: argparse.Namespace) -> int:
    """Write everything.

    Raises:
        CannotWrite: if the folder cannot be made or written.
    """
    try:
        args.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(f"{args.out}: {error.strerror}; name another --out") from error
    draws = not args.no_figures and find_spec("matplotlib") is not None
    lines = ["# GENIUS, reproduced", "", "| | computed, replayed, quoted, missing | |", "| --- | --- | --- |"]
    for name, title in {**REPORTS, **FIGURES}.items():
        module = import_module(f"reproduce.{name}")
        report = module.report()
        emit(render(report, "md"), args.out / f"{name}.md")
        emit(render(report, "json"), args.out / f"{name}.json")
        links = [f"[table]({name}.md)", f"[JSON]({name}.json)"]
        if name in FIGURES and draws:
            for suffix in DRAWN:
                module.draw(report, args.out / f"{name}{suffix}")
            links += [f"[{suffix[1:].upper()}]({name}{suffix})" for suffix in DRAWN]
        statuses = [cell.status for row in report.rows for cell in row if cell.text or cell.status is Status.MISSING]
        counts = ", ".join(str(statuses.count(status)) for status in Status)
        lines.append(f"| **{name}** {title.partition(';')[0]} | {counts} | {' '.join(links)} |")
    absent = [entry.name for entry in manifest() if not path_of(entry).exists()]
    if absent:
        lines += [
            "",
            f"Not fetched, and so missing or quoted: {', '.join(absent)}. `python -m reproduce fetch` brings it.",
        ]
    if not draws:
        lines += ["", "No figures were drawn; `pip install 'genius-replay[plots]'` brings matplotlib."]
    lines += ["", *(f"- {name}: {value}" for name, value in provenance().items())]
    emit("\n".join(lines) + "\n", args.out / "index.md")
    emit(json.dumps(provenance(), indent=1) + "\n", args.out / "provenance.json")
    sys.stdout.write(f"{args.out / 'index.md'}\n")
    return 0
