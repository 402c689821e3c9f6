"""`python -m tables`: build tables from published files, and see what a built table is.

python -m tables build FILE.csv --into FOLDER   # `python -m reproduce fetch` builds published tables
python -m tables info FILE …                    # verified whole
python -m tables quality FILE …                 # how far its accuracies rank architectures
python -m tables train NAME --into FOLDER       # a table of this project's own; resumes
python -m tables check NAME --n 10              # trains rows of it again and compares

Exit codes: 0 done, 1 a table that is damaged, another than its digest says, or cannot be trained again,
2 wrong use or missing data.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tables import csv
from tables.errors import DamagedTable, TableError
from tables.quality import measure, report
from tables.storage import embedded, load
from tables.trainable import TrainedTable, find
from tables.training import retrain, train

TOLERANCE = 1.0  # points: another processor's rounding grows over a training; half a point was seen


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tables", description="Build or train benchmark tables, and describe them."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    building = commands.add_parser("build", help="make a table of a CSV file of architectures and accuracies")
    building.add_argument("csv", type=Path, metavar="FILE.csv")
    building.add_argument("--into", type=Path, metavar="FOLDER", required=True)
    training = commands.add_parser("train", help="train every architecture of a table of this project's own; resumes")
    training.add_argument("name", metavar="NAME")
    training.add_argument("--into", type=Path, metavar="FOLDER", required=True)
    training.add_argument("--processes", type=_positive, default=os.cpu_count() or 1, help="of one thread each")
    training.add_argument("--seeds", type=_positive, help="stop after so many; all by default")
    checking = commands.add_parser("check", help="train some rows of such a table again and compare")
    checking.add_argument("name", metavar="NAME")
    checking.add_argument("--table", type=Path, metavar="FILE", help="by default the one that comes with this package")
    checking.add_argument("--n", type=_positive, default=10, help="how many rows, of one block; 10 by default")
    checking.add_argument("--seed", type=int, default=0, help="draws them")
    measuring = commands.add_parser("quality", help="what differs between architectures, and what between seeds")
    measuring.add_argument("tables", nargs="+", type=Path, metavar="FILE")
    describing = commands.add_parser("info", help="verify tables and say what they hold")
    describing.add_argument("tables", nargs="+", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    try:
        if options.command == "build":
            sys.stdout.write(f"{csv.build(options.csv, options.into)}\n")
        elif options.command == "train":
            table = find(options.name)
            seeds = table.seeds if options.seeds is None else options.seeds
            path = train(table, options.into, processes=options.processes, seeds=seeds, progress=sys.stderr)
            sys.stdout.write(f"{path}\n")
        elif options.command == "check":
            return check(find(options.name), options.table or embedded(options.name), options.n, options.seed)
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
    origin, size = info.origin, info.datasets[0].shape[0]
    lines = [
        f"{info.name}  {size} architectures, accuracy in {info.unit}: {info.measure.value}",
        f"  from     {origin.repository} at {origin.revision}, {origin.path}",
        f"  licence  {origin.licence}",
        f"  source   sha256 {info.source_sha256}",
        f"  digest   {info.digest}",
        f"  holds    {', '.join(dataset.name for dataset in info.datasets)}",
        *(f"  {slot.name:8} {' | '.join(slot.choices)}" for slot in info.slots),
    ]
    return "\n".join(lines) + "\n"


def assess(path: Path) -> str:
    """How far the runs of the table at `path` rank its architectures, in a few lines.

    Raises:
        TableError: the table holds no single trainings, or too few to compare; or see `tables.storage.load`.
    """
    info, columns = load(path, ["runs"])
    if "runs" not in columns:
        raise TableError(f"{path}: expected a table with single trainings, got one that publishes means alone")
    try:
        return "\n".join(report(info.name, measure(columns["runs"]))) + "\n"
    except ValueError as error:
        raise TableError(f"{path}: {error}") from error


def check(table: TrainedTable, path: Path, count: int, seed: int) -> int:
    """Train `count` rows of the table at `path` again, and say of each how far it is off; returns the exit code.

    Raises:
        TableError: see `tables.training.retrain`.
    """
    rows = retrain(table, path, count, seed)
    for row in rows:
        said = "equal" if row.stored == row.again else f"off by {row.difference:.2f} points"
        sys.stdout.write(f"{row.architecture}  {len(row.stored)} seeds  {said}\n")
    worst = max(row.difference for row in rows)
    sys.stdout.write(f"{len(rows)} rows, at most {worst:.2f} points off where {TOLERANCE} are allowed\n")
    return 0 if worst <= TOLERANCE else 1


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, got {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
