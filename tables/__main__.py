"""`python -m tables`: build tables from published files, and see what a built table is.

python -m tables build NAME --source FILE --into FOLDER
python -m tables info FILE …                                          # verified whole
python -m tables quality FILE …                                       # how far its accuracies rank architectures

Exit codes: 0 done, 1 a table that is damaged or another than its digest says, 2 wrong use or missing data.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from tables.build import SOURCES, build
from tables.errors import DamagedTable, SourceNotFound, TableError
from tables.quality import measure, report
from tables.schema import Source, cardinalities
from tables.storage import digest_of, load


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tables", description="Build benchmark tables, and describe them.")
    commands = parser.add_subparsers(dest="command", required=True)
    building = commands.add_parser("build", help="build one table from its published file")
    building.add_argument("name", choices=SOURCES)
    building.add_argument("--source", type=Path, metavar="FILE", help="the published file")
    building.add_argument("--into", type=Path, metavar="FOLDER", required=True)
    measuring = commands.add_parser("quality", help="what differs between architectures, and what between seeds")
    measuring.add_argument("tables", nargs="+", type=Path, metavar="FILE")
    describing = commands.add_parser("info", help="verify tables and say what they hold")
    describing.add_argument("tables", nargs="+", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    try:
        if options.command == "build":
            source = SOURCES[options.name]
            path = build(_published(source, options.source), source, options.into)
            sys.stdout.write(f"{path}\n")
        else:
            say = describe if options.command == "info" else assess
            for path in options.tables:
                sys.stdout.write(say(path))
    except TableError as error:
        sys.stderr.write(f"{error}\n")
        return 1 if isinstance(error, DamagedTable) else 2
    return 0


def describe(path: Path) -> str:
    """A few lines on the table at `path`, after every dataset in it was verified.

    Raises:
        TableError: see `tables.storage.load`.
    """
    info, _ = load(path)
    origin, size = info.origin, math.prod(cardinalities(info.slots))
    lines = [
        f"{info.name}  {size} architectures, accuracy in {info.unit}: {info.measure.value}",
        f"  from     {origin.repository} at {origin.revision}, {origin.path}",
        f"  licence  {origin.licence}",
        f"  source   sha256 {info.source_sha256}",
        f"  digest   {digest_of(info)}",
        f"  holds    {', '.join(dataset.name for dataset in info.datasets)}",
        *(f"  {slot.name:8} {' | '.join(slot.choices)}" for slot in info.slots),
    ]
    return "\n".join(lines) + "\n"


def assess(path: Path) -> str:
    """How far the runs of the table at `path` rank its architectures, in a few lines.

    Raises:
        SourceNotFound: the table holds no single trainings, or too few to compare.
        TableError: see `tables.storage.load`.
    """
    info, columns = load(path, ["runs"])
    if "runs" not in columns:
        raise SourceNotFound(f"{path}: expected a table with single trainings, got one that publishes means alone")
    try:
        return "\n".join(report(info.name, measure(columns["runs"]))) + "\n"
    except ValueError as error:
        raise SourceNotFound(f"{path}: {error}") from error


def _published(source: Source, path: Path | None) -> bytes:
    """The bytes of the published file at `path`."""
    if path is None:
        raise SourceNotFound(f"{source.name}: say where {source.origin.path} is: --source FILE")
    try:
        return path.read_bytes()
    except OSError as error:
        raise SourceNotFound(
            f"{path}: expected the published file {source.origin.path} of {source.origin.repository}, "
            f"got {error.strerror}; fetch it, then name it with --source FILE"
        ) from None


if __name__ == "__main__":
    sys.exit(main())
