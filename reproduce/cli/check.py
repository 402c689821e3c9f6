"""`python -m reproduce check`: fail if any recorded run, any digest or any printed number has moved.

`lock.json` pins one line of text for each: what is embedded as a whole, what is fetched run by run. `check` computes
everything again and compares; `check --update --reason TEXT` writes the lock anew, keeps the reason in it, and prints
the difference for review.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from cache.errors import CacheError
from harness.errors import BrokenRecording
from harness.run import Run
from reproduce import benchmarks, runs
from reproduce.cli import supernets
from reproduce.cli.catalogue import FIGURES, REPORTS
from reproduce.data import read_published
from reproduce.errors import DataMissing, MalformedConversation, UsageError
from reproduce.published import audit as audit_file
from reproduce.published.imagenet import conversation, distinct_conversations, published_records, replay
from reproduce.published.replay import Replay
from reproduce.published.transcript import embedded
from reproduce.report.output import emit
from reproduce.report.report import describe

LOCK = Path(__file__).parents[1] / "lock.json"

IMAGENET_REPORTS = ("table2", "table3", "table4", "table5", "table6", "table14")
"""What does not depend on benchmark tables; its runs are pinned one by one."""

REASONS = "reasons"  # beside the sections of the lock

Snapshot = Mapping[str, str]
"""What is pinned: the name of each value, and the value as text."""


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
        UsageError: if the lock is missing or unreadable, or values would move without a reason.
        DataMissing: with `--published`, if a locked conversation has not been fetched.
    """
    locked, reasons = read_lock(LOCK) if LOCK.exists() or not args.update else ({}, [])
    recordings = replayed_recordings()
    now = {
        "embedded": embedded_snapshot(),
        "recordings": recordings_snapshot(recordings),
        **published_snapshots(recordings),
    }
    absent = [section for section in locked if section not in now]
    if absent and args.published:
        raise DataMissing(*(section.removeprefix("published ") for section in absent), purpose="check --published")
    moved = [line for section in now for line in _moved(section, locked, now[section])]
    new = [section for section in now if section not in locked]
    lines = [*moved]
    if args.update:
        if moved and not args.reason:
            sys.stdout.write("".join(f"{line}\n" for line in moved))
            raise UsageError(f'{len(moved)} values would move; say why: check --update --reason "…"')
        kept = [*reasons, *([f"{len(moved)} values: {args.reason}"] if moved else [])]
        lock = {**locked, **now, REASONS: kept}
        emit(json.dumps(lock, ensure_ascii=False, indent=1, sort_keys=True) + "\n", LOCK)
        lines.append(f"lock.json written: {len(moved)} values moved, new: {', '.join(new) or 'nothing'}")
    else:
        pinned = sum(len(locked[section]) for section in now if section in locked)
        lines.append(f"{len(moved)} of {pinned} values moved" if moved else f"{pinned} values are as locked")
        lines += [f"{section}: not in the lock, `check --update` adds it" for section in new]
    if absent:
        lines.append(f"not checked, because not fetched: {', '.join(absent)}")
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if moved and not args.update else 0


def _moved(section: str, locked: Mapping[str, Snapshot], now: Snapshot) -> list[str]:
    """What is not as locked. Only conversations that this project has never seen may be missing from the lock."""
    if section in locked:
        return list(differences(section, locked[section], now))
    unseen = section.startswith("published ") and section.removeprefix("published ") not in (*embedded(), "tables")
    return [] if unseen else [f"{section}: missing from the lock"]


Recordings = Mapping[str, "list[Run] | str"]
"""The runs of each recording of the project, or why it does not replay."""


def replayed_recordings() -> Recordings:
    """Perform every run again; one recording that fails must not keep the others from being checked."""
    found: dict[str, list[Run] | str] = {}
    for path in runs.committed():
        try:
            found[path.name] = runs.again(path)
        except (CacheError, BrokenRecording) as error:
            found[path.name] = f"{type(error).__name__}: {error}"
    return found


def recordings_snapshot(recordings: Recordings) -> Snapshot:
    """Every run of every recording: its course, what it selects, what became of the answers."""
    values: dict[str, str] = {}
    for name, found in recordings.items():
        if isinstance(found, str):
            values[name] = found
            continue
        for run in found:
            ended = run.ended
            validity = {**ended.rejected, "answers": ended.answers, "attempts": ended.attempts, "tokens": ended.tokens}
            content = {
                "course": ended.course,
                "selected": list(run.selected or ()),
                "test": ended.test,
                "provenance": dict(run.record().provenance),
                "validity": validity,
            }
            values |= _flat(f"{name}: {run.specification.name}", content)
    for group in supernets.read([supernets.COMMITTED]):
        for one in group.searches:
            cell = {"cell": one.outcome.architecture, "job": one.job.key}
            values |= _flat(f"{supernets.COMMITTED.name}: {group.title}, seed {one.job.seed}", cell)
    return values


def figures_snapshot(recordings: Recordings) -> Snapshot:
    """How many figures of the recordings are not what the tables say; the tables have to be at hand."""
    values: dict[str, str] = {}
    for name, found in recordings.items():
        wrong = 0
        for run in [] if isinstance(found, str) else found:
            opened = benchmarks.open_benchmark(run.specification.target)
            wrong += sum(figures != opened.figures(architecture) for architecture, figures in run.figures.items())
        values[f"{name}: figures that are not the table's"] = str(wrong)
    return values


def embedded_snapshot() -> Snapshot:
    """Every table, figure and run, computed as if nothing had been fetched."""
    return _reports((*REPORTS, *FIGURES), embedded_only=True)


def published_snapshots(recordings: Recordings) -> dict[str, Snapshot]:
    """The replay and the audit of each fetched conversation; what follows from the tables, if all are fetched."""
    snapshots: dict[str, Snapshot] = {}
    for entry in distinct_conversations():
        if (data := read_published(entry)) is not None:
            section = f"published {entry.name}"
            try:
                counts = audit_file.audit(conversation(entry, data), published_records(entry, data)).counts()
                snapshots[section] = {**_run(replay(str(entry.run))), **dict(_flat("audit", counts))}
            except (CacheError, MalformedConversation) as error:  # one run must not keep the others from being checked
                snapshots[section] = {f"run {entry.run}": f"{type(error).__name__}: {error}"}
    if all(benchmarks.at_hand(name) for name in benchmarks.PUBLISHED):
        for name in benchmarks.PUBLISHED:
            benchmarks.content(name)  # raises if a file is not the published one
        tabular = [name for name in (*REPORTS, *FIGURES) if name not in IMAGENET_REPORTS]
        snapshots["published tables"] = {**_reports(tabular, embedded_only=False), **figures_snapshot(recordings)}
    return snapshots


def _reports(names: Iterable[str], *, embedded_only: bool) -> Snapshot:
    """Every cell as it is, as it is printed, and its status; every note; every digest; every run."""
    values: dict[str, str] = {}
    for name in names:
        try:
            report = import_module(f"reproduce.paper.{name}").report(embedded_only=embedded_only)
        except CacheError as error:  # a record that is damaged or not there has moved
            values[name] = f"{type(error).__name__}: {error}"
            continue
        values |= {f"{name} / note {n}": note for n, note in enumerate(report.notes, start=1)}
        values |= {f"{name} / digest of {table}": digest for table, digest in report.tables.items()}
        for n, row in enumerate(report.rows, start=1):
            for column, cell in zip(report.columns, row, strict=True):
                value = f"{cell.value:.10g}" if isinstance(cell.value, float) else str(cell.value)
                values[f"{name} / row {n}, {row[0].text} / {column.key}"] = f"{value} “{cell.text}” {cell.status.value}"
        for found in report.replays:
            values |= _run(found)
    return values


def differences(section: str, locked: Snapshot, now: Snapshot) -> Iterator[str]:
    """A line for each value that is not as locked."""
    for name in sorted(locked.keys() | now.keys()):
        before, after = locked.get(name, "absent"), now.get(name, "absent")
        if before != after:
            yield f"{section}: {name}: locked {before}, now {after}"


def _run(found: Replay) -> Snapshot:
    """Source, evidence, winner, and every step with the key of its record."""
    return dict(_flat(f"run {found.run}", {**describe(found), "tally": asdict(found.tally)}))


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(f"{name} / {key}", inner)
    elif isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
        for n, inner in enumerate(value):
            yield from _flat(f"{name} / {n}", inner)
    else:
        yield name, json.dumps(value, ensure_ascii=False)


def read_lock(path: Path) -> tuple[dict[str, Snapshot], list[str]]:
    """What is locked, and the reasons that were given when values moved; locks of the first version have none.

    Raises:
        UsageError: the file cannot be read.
    """
    try:
        lock: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: expected a lock as JSON, got {error}; restore it with `git checkout`") from error
    reasons: list[str] = lock.pop(REASONS, [])
    return lock, reasons
