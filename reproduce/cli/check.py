"""`python -m reproduce check`: fail if any recorded run, any digest or any printed number has moved.

Everything is computed again and compared with the lock; `check --update --reason TEXT` writes the lock anew, keeps the
reason in it, and prints the difference for review.
"""

from __future__ import annotations

import argparse
import json

from reproduce import lockfile
from reproduce.errors import DataMissing, UsageError
from reproduce.report.output import emit, write


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `check`."""
    parser.add_argument("--update", action="store_true", help="write the lock anew and print what moved")
    parser.add_argument("--reason", metavar="TEXT", help="with --update: why values moved; it is kept in the lock")
    parser.add_argument("--published", action="store_true", help="fail if a locked conversation has not been fetched")


def run(args: argparse.Namespace) -> int:
    """Compare with the lock.

    Returns:
        0 if everything is as locked or the lock was updated, 1 if something moved.

    Raises:
        UsageError: if the lock is missing or unreadable, values would move without a reason, or there is a reason for
            nothing.
        DataMissing: with `--published`, if a locked conversation has not been fetched.
    """
    if args.reason is not None and not args.update:
        raise UsageError("check: expected --update beside --reason, got --reason alone; add --update, or leave it out")
    locked, reasons = lockfile.read_lock(lockfile.LOCK) if lockfile.LOCK.exists() or not args.update else ({}, [])
    now = lockfile.snapshots()
    absent = lockfile.not_fetched(locked.keys() - now.keys())
    if absent and args.published:
        raise DataMissing(*absent, purpose="check --published")
    moved = lockfile.moved(locked, now)
    new = [section for section in now if section not in locked]
    if args.update:
        if moved and not args.reason:
            emit("".join(f"{line}\n" for line in moved), None)
            raise UsageError(f'{len(moved)} values would move; say why: check --update --reason "…"')
        kept = [*reasons, *([f"{len(moved)} values: {args.reason}"] if moved else [])]
        lock = {**locked, **now, lockfile.REASONS: kept}
        write((json.dumps(lock, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode(), lockfile.LOCK)
        lines = [*moved, f"lock.json written: {len(moved)} values moved, new: {', '.join(new) or 'nothing'}"]
    else:
        pinned = sum(len(locked[section]) for section in now if section in locked)
        verdict = f"{len(moved)} of {pinned} values moved" if moved else f"{pinned} values are as locked"
        lines = [*moved, verdict, *(f"{section}: not in the lock, `check --update` adds it" for section in new)]
    if absent:
        lines.append(f"not checked, because not fetched: {', '.join(absent)}")
    emit("\n".join(lines) + "\n", None)
    return 1 if moved and not args.update else 0
