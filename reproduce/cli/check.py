"""`python -m reproduce check`: fail if any recorded run, any digest or any printed number has moved.

Everything is computed again and compared with the lock; `check --update --reason TEXT` writes the lock anew, keeps the
reason in it, and prints the difference for review. Recordings and tables of one's own have a lock of their own: `check
FILE.jsonl --lock LOCK.json` performs their runs again and compares.
"""

from __future__ import annotations

import argparse

from genius_replay.options import path_only
from reproduce import lockfile
from reproduce.errors import DataMissing, UsageError
from reproduce.lockfile import Checked
from reproduce.report.escaping import as_json
from reproduce.report.output import TEXT_OR_JSON, add_output_arguments, emit, format_of
from reproduce.report.report import provenance


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `check`."""
    parser.add_argument(
        "files", type=path_only, nargs="*", metavar="FILE", help="recordings and tables of your own, with --lock"
    )
    parser.add_argument(
        "--lock", type=path_only, metavar="LOCK.json", help="of your recordings; keep it with your code"
    )
    parser.add_argument("--update", action="store_true", help="write the lock, or write it anew, and print what moved")
    parser.add_argument("--reason", metavar="TEXT", help="with --update: why values moved; it is kept in the lock")
    parser.add_argument("--published", action="store_true", help="fail if a locked conversation has not been fetched")
    add_output_arguments(parser, TEXT_OR_JSON)


def run(args: argparse.Namespace) -> int:
    """Compare with the lock.

    Returns:
        0 if everything is as locked or the lock was updated, 1 if something moved.

    Raises:
        UsageError: if the lock is missing or unreadable, values would move without a reason, or there is a reason for
            nothing.
        DataMissing: with `--published`, if a locked conversation has not been fetched.
        CacheError, HarnessError: if a recording that was never locked is damaged, or does not replay.
    """
    if args.reason is not None and not args.update:
        raise UsageError("check: expected --update beside --reason, got --reason alone; add --update, or leave it out")
    if bool(args.files) != (args.lock is not None) or (args.files and args.published):
        raise UsageError(
            "check: expected FILE.jsonl and --lock LOCK.json together, for recordings of your own, or neither; "
            "--published is for neither"
        )
    say = _in_json if (args.format or format_of(args.out, TEXT_OR_JSON)) == "json" else _in_words
    absent: list[str] = []
    if args.files:
        found = lockfile.of_recordings(args.files, args.lock, update=args.update)
    else:
        found = lockfile.of_project(update=args.update)
        absent = lockfile.not_fetched(found.locked.keys() - found.now.keys())
    if absent and args.published:
        raise DataMissing(*absent, purpose="check --published")
    if args.update:
        try:
            found.write(args.reason)
        except UsageError:
            emit(say(found, absent, updated=False), args.out)
            raise
    emit(say(found, absent, updated=args.update), args.out)
    return 1 if found.moved and not args.update else 0


def _in_words(found: Checked, absent: list[str], *, updated: bool) -> str:
    """A line a difference, and what it comes to."""
    lines = [*map(str, found.moved)]
    if updated:
        moved = sum(not one.is_new for one in found.moved)
        lines.append(f"{found.path.name} written; moved: {moved}, new: {', '.join(found.new) or 'nothing'}")
    else:
        differ = f"not as locked: {len(lines)}, of {found.compared} values that were compared"
        lines.append(differ if lines else f"{found.compared} values are as locked")
        lines += [f"{section}: not in the lock, `check --update` adds it" for section in found.new]
    if absent:
        lines.append(f"not checked, because not fetched: {', '.join(absent)}")
    return "\n".join(lines) + "\n"


def _in_json(found: Checked, absent: list[str], *, updated: bool) -> str:
    """The form that `check.schema.json` describes."""
    content = {
        "schema": "urn:genius-replay:check:1",
        "lock": str(found.path),
        "verdict": "updated" if updated else "moved" if found.moved else "as locked",
        "compared": found.compared,
        "moved": [one._asdict() for one in found.moved],
        "new": found.new,
        "not_fetched": absent,
        "provenance": provenance(),
    }
    return as_json(content)
