"""`python -m reproduce audit`: hold the published conversations against the cost model, turn by turn."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from cache.errors import CacheError
from genius_replay.advice import unknown
from genius_replay.console import fail
from genius_replay.options import name_or_infile
from reproduce.data import Published, conversations, is_fetched, needed
from reproduce.errors import DataMissing, ReproduceError, UsageError
from reproduce.published.audit import FileAudit, as_json, as_text, audit
from reproduce.report.output import TEXT_OR_JSON, add_output_arguments, emit, format_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `audit`."""
    files = "runs such as 329M, or paths of conversations, - for standard input (default: all fetched)"
    parser.add_argument("files", type=name_or_infile, nargs="*", metavar="FILE", help=files)
    add_output_arguments(parser, TEXT_OR_JSON)


def run(args: argparse.Namespace) -> int:
    """Audit and print; findings are no failure, but a file that cannot be audited is one once the others are."""
    write = as_json if (args.format or format_of(args.out, TEXT_OR_JSON)) == "json" else as_text
    audits: list[FileAudit] = []
    failures: list[tuple[str, str]] = []
    for entry in _chosen(args.files):
        try:
            audits.append(audit(entry, _content(entry)))
        except (ReproduceError, CacheError) as error:
            failures.append((entry.path, str(error)))
    if audits:
        emit(write(audits, failures), args.out)
    fail("\n".join(f"{path}: not audited: {reason}" for path, reason in failures))
    return 2 if failures else 0


def _chosen(names: Sequence[str]) -> Sequence[Published]:
    """The files to audit.

    Raises:
        DataMissing: if none is named and nothing has been fetched.
        UsageError: if a name is neither a run nor a file.
    """
    if names:
        return [_named(name) for name in names]
    fetched = [entry for entry in conversations() if is_fetched(entry)]
    if not fetched:
        raise DataMissing(*(entry.name for entry in conversations()), purpose="the audit")
    return fetched


def _named(name: str) -> Published:
    for entry in conversations():
        if name in (entry.run, entry.path):
            return entry
    if Path(name).is_file():
        return Published(name, name, "", Path(name).stem, 0)
    raise UsageError(unknown("run", name, [str(entry.run) for entry in conversations()], ", and paths of files"))


def _content(entry: Published) -> bytes:
    """What is in a file to audit.

    Raises:
        DataMissing: if a published run has not been fetched.
        ReproduceError: if it is not the published file.
    """
    return needed(entry, "its audit") if entry in conversations() else Path(entry.path).read_bytes()
