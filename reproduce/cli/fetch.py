"""`python -m reproduce fetch`: bring the published files, verified, into the user's cache directory."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from genius_replay.advice import unknown
from genius_replay.console import fail, warn
from genius_replay.options import path_only
from reproduce.benchmarks import PUBLISHED, build_fetched, file_of, find
from reproduce.data import Published, fetch, home, manifest, scripts
from reproduce.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `fetch`."""
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="runs such as 329M, tables, or names of files (default: every file)"
    )
    parser.add_argument("--mirror", type=path_only, metavar="DIR", help="copy from this directory, use no network")
    parser.add_argument("--force", action="store_true", help="fetch again what is already here")


def run(args: argparse.Namespace) -> int:
    """Fetch what is named and say on stderr what became of each file.

    Scripts that are not named are brought where they can be: no number needs them, and no licence lets them be copied.

    Returns:
        0 if every file is here and right, 2 if one is not.

    Raises:
        UsageError: a name is in no manifest, or the mirror is not a directory.
    """
    entries = chosen(args.names)
    if args.mirror is not None and not args.mirror.is_dir():
        raise UsageError(f"--mirror {args.mirror}: expected a directory, found none; name one that exists")
    failed = absent = 0
    for fetched in fetch(entries, args.mirror, force=args.force):
        entry = fetched.entry
        if fetched.problem is None:
            warn(f"{fetched.outcome:<12}  {entry.path}")
        elif args.names or entry not in scripts():
            fail(f"{fetched.outcome:<12}  {fetched.problem}")
            failed += 1
        else:
            warn(f"left out      {entry.path}, which only `--prompt published` needs; `fetch {entry.name}` says why")
            absent += 1
    warn(f"{len(entries) - failed - absent} of {len(entries)} files are verified in {home()}")
    if tables := build_fetched():
        warn(f"{tables} benchmark tables are built")
    return 2 if failed else 0


def chosen(names: Sequence[str]) -> list[Published]:
    """The files of these names, or behind the tables of these names, each once; without a name all of them.

    Raises:
        UsageError: there is none of a name.
    """
    files = (*manifest(), *scripts())
    known = {entry.name: entry for entry in files}
    known |= {name: file for name in PUBLISHED if (file := file_of(find(name)))}
    for name in names:
        if name not in known:
            raise UsageError(unknown("published file", name, known))
    return [entry for entry in files if not names or entry in map(known.get, names)]
