"""`python -m tables`: build tables from published files, and see what a built table is.

python -m tables build FILE --into FOLDER   # of CSV or JSON; `python -m reproduce fetch` builds published tables
python -m tables info FILE …                # verified whole
python -m tables quality FILE …             # how far its accuracies rank architectures

Exit codes: 0 done, 1 a table that is damaged or another than its digest says, 2 wrong use or missing data.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from genius_replay.console import Exit, ending, say, warn
from genius_replay.options import Parser
from tables.errors import DamagedTable, TableError
from tables.files import EXPECTED, HDF5, build
from tables.quality import measure, report
from tables.storage import load


@ending(TableError, damage=(DamagedTable,))
def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = Parser(prog="python -m tables", description="Build benchmark tables, and describe them.")
    commands = parser.add_subparsers(dest="command", required=True)
    building = commands.add_parser("build", help="make a table of a file of architectures and accuracies")
    building.add_argument("file", type=Path, metavar="FILE", help=f"{EXPECTED}")
    building.add_argument("--into", type=Path, metavar="FOLDER", required=True)
    measuring = commands.add_parser("quality", help="what differs between architectures, and what between seeds")
    measuring.add_argument("tables", nargs="+", type=Path, metavar="FILE")
    describing = commands.add_parser("info", help="verify tables and say what they hold")
    describing.add_argument("tables", nargs="+", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    if options.command == "build":
        path = build(options.file, options.into)
        say(str(path))
        for remark in load(path, [])[0].remarks:
            warn(remark)
    else:
        tell = describe if options.command == "info" else assess
        for path in options.tables:
            if path.is_file() and path.suffix.lower() not in HDF5:
                raise TableError(f"{path}: expected a built table (.h5); `python -m tables build` makes one of a file")
            say(tell(path))
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
        *(f"  remark   {remark}" for remark in info.remarks),
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


if __name__ == "__main__":
    raise Exit(main())
