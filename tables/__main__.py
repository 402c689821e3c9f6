"""`python -m tables`: build tables from published files, and see what a built table is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from genius_replay.console import Exit, ending, say, warn
from genius_replay.options import EXIT_CODES, Parser, add_command, infile, path_only
from tables.errors import DamagedTable, TableError
from tables.files import EXPECTED, HDF5, build
from tables.quality import measure, report
from tables.storage import load


@ending(TableError, damage=(DamagedTable,))
def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    about = "Build benchmark tables, and describe them. FILE may be - for standard input."
    parser = Parser(prog="python -m tables", description=about, epilog=EXIT_CODES)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    title = "make a table of a file of architectures and accuracies"
    building = add_command(commands, "build", title, "my.csv --into my_tables")
    building.add_argument("file", type=infile, metavar="FILE", help=EXPECTED)
    into = "where the table is put, under the file's name; made if need be"
    building.add_argument("--into", type=path_only, metavar="FOLDER", required=True, help=into)
    for name, title in (
        ("info", "verify tables and say what they hold"),
        ("quality", "how far the accuracies of tables rank their architectures: seeds differ, too"),
    ):
        reading = add_command(commands, name, title, "my_tables/my.h5")
        reading.add_argument("tables", nargs="+", type=infile, metavar="FILE", help="a built table (.h5)")
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
