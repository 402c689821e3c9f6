"""What is pinned of this project: every recorded run, every digest and every printed number, each as a line of text.

What is embedded is pinned as a whole, what is fetched run by run; `lock.json` holds the values as they were.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from cache.errors import CacheError
from harness.errors import HarnessError
from harness.run import Run
from reproduce import benchmarks, recording
from reproduce.comparison import supernets
from reproduce.data import Published, embedded_only, is_fetched, manifest, read_published
from reproduce.errors import ReproduceError, UsageError
from reproduce.paper.registry import ITEMS, Item
from reproduce.published.audit import audit
from reproduce.published.imagenet import distinct_conversations, embedded, replay
from reproduce.report.report import Replayed
from tables.equality import equal
from tables.errors import TableError

PUBLISHED = "published "  # begins the sections of what is fetched
TABLES = PUBLISHED + "tables"

Snapshot = Mapping[str, str]
"""What is pinned: the name of each value, and the value as text."""


def snapshots() -> dict[str, Snapshot]:
    """Every value by section, computed anew; what has not been fetched has no section."""
    performed: dict[str, list[Run]] = {}

    def recorded(path: Path) -> Snapshot:
        performed[path.name] = recording.replay_recording(path)
        return {name: value for run in performed[path.name] for name, value in _ran(f"{path.name}: ", run)}

    recordings: dict[str, str] = {}
    for path in recording.committed():
        recordings |= _or_why(path.name, partial(recorded, path))
    with embedded_only():
        found = {"embedded": _reports(ITEMS.values()), "recordings": {**recordings, **_supernets()}}
    for entry in filter(is_fetched, distinct_conversations()):
        found[PUBLISHED + entry.name] = _or_why(f"run {entry.run}", partial(_conversation, entry))
    if all(map(benchmarks.at_hand, benchmarks.PUBLISHED)):
        found[TABLES] = _or_why("tables", partial(_tables, performed))
    return found


def not_fetched(sections: Collection[str]) -> list[str]:
    """The names, as `python -m reproduce fetch` takes them, of the files without which these sections are missing."""
    return [
        entry.name
        for entry in manifest()
        if not is_fetched(entry) and (PUBLISHED + entry.name if entry.run else TABLES) in sections
    ]


def _or_why(name: str, compute: Callable[[], Snapshot]) -> Snapshot:
    """What is computed, or why it is not: what fails must not keep the rest from being checked."""
    try:
        return compute()
    except (CacheError, HarnessError, ReproduceError, TableError) as error:
        return {name: str(error)}


def _ran(name: str, run: Run) -> Iterator[tuple[str, str]]:
    """A run: its course, what it selects, what became of the answers."""
    ended = run.ended
    content = {
        "course": ended.course,
        "selected": list(run.selected or ()),
        "test": ended.test,
        "provenance": dict(run.record().provenance),
        "validity": {**ended.rejected, "answers": ended.answers, "attempts": ended.attempts, "tokens": ended.tokens},
    }
    return _flat(name + run.specification.name, content)


def _supernets() -> Snapshot:
    return {
        name: value
        for group in supernets.read([supernets.COMMITTED])
        for one in group.searches
        for name, value in _flat(
            f"{supernets.COMMITTED.name}: {group.title}, seed {one.job.seed}",
            {"cell": one.outcome.architecture, "job": one.job.key},
        )
    }


def _wrong_figures(performed: Iterable[Run]) -> int:
    """How many figures of these runs are not what the tables say; the tables have to be at hand."""
    wrong = 0
    for run in performed:
        opened = benchmarks.open_benchmark(run.specification.target)
        wrong += sum(not equal(figures, opened.figures(each)) for each, figures in run.figures.items())
    return wrong


def _tables(performed: Mapping[str, Sequence[Run]]) -> Snapshot:
    """What the fetched tables give, and whether the figures in the recorded runs are theirs."""
    for name in benchmarks.PUBLISHED:
        benchmarks.content(name)  # raises if a file is not the published one
    wrong = {path.name: _wrong_figures(performed.get(path.name, ())) for path in recording.committed()}
    return {
        **_reports(item for item in ITEMS.values() if item.benchmarks),
        **{f"{name}: figures that are not the table's": str(count) for name, count in wrong.items()},
    }


def _conversation(entry: Published) -> Snapshot:
    """The replay and the audit of a fetched conversation."""
    counts = audit(entry, read_published(entry) or b"").counts()
    return {**_replayed(replay(str(entry.run))), **dict(_flat("audit", counts))}


def _reports(items: Iterable[Item]) -> Snapshot:
    """Every cell as it is, as it is printed, and its status; every note; every digest; every run."""
    values: dict[str, str] = {}
    for item in items:
        values |= _or_why(item.name, partial(_report, item))
    return values


def _report(item: Item) -> Snapshot:
    name, report = item.name, item.report()
    values = {f"{name} / note {n}": note for n, note in enumerate(report.notes, start=1)}
    values |= {f"{name} / digest of {table}": digest for table, digest in report.tables.items()}
    for n, row in enumerate(report.rows, start=1):
        for column, cell in zip(report.columns, row, strict=True):
            value = f"{cell.value:.10g}" if isinstance(cell.value, float) else str(cell.value)
            values[f"{name} / row {n}, {row[0].text} / {column.key}"] = f"{value} “{cell.text}” {cell.status.value}"
    for found in report.replays:
        values |= _replayed(found)
    return values


def _replayed(found: Replayed) -> Snapshot:
    """Source, evidence, winner, and every step with the key of its record."""
    return dict(_flat(f"run {found.run}", {**found.describe(), "tally": asdict(found.tally)}))


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(f"{name} / {key}", inner)
    elif isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
        for n, inner in enumerate(value):
            yield from _flat(f"{name} / {n}", inner)
    else:
        yield name, json.dumps(value, ensure_ascii=False)


# -- the lock ---

LOCK = Path(__file__).with_name("lock.json")
REASONS = "reasons"  # beside the sections of the lock


def read_lock(path: Path) -> tuple[dict[str, Snapshot], list[str]]:
    """What is locked, and the reasons that were given when values moved; locks of the first version have none.

    Raises:
        UsageError: the file cannot be read.
    """
    try:
        lock: dict[str, Any] = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        reasons = msgspec.convert(lock.pop(REASONS, []), list[str])
        return msgspec.convert(lock, dict[str, dict[str, str]]), reasons
    except (OSError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise UsageError(f"{path}: expected a lock as JSON, got {error}; restore it with `git checkout`") from error


def moved(locked: Mapping[str, Snapshot], now: Mapping[str, Snapshot]) -> list[str]:
    """A line for what is not as locked. Only conversations that this project has never seen may not be in the lock."""
    known = [*embedded(), TABLES.removeprefix(PUBLISHED)]
    lines: list[str] = []
    for section, values in now.items():
        if section in locked:
            lines += differences(section, locked[section], values)
        elif not section.startswith(PUBLISHED) or section.removeprefix(PUBLISHED) in known:
            lines.append(f"{section}: missing from the lock")
    return lines


def differences(section: str, locked: Snapshot, now: Snapshot) -> Iterator[str]:
    """A line for each value that is not as locked."""
    for name in sorted(locked.keys() | now.keys()):
        before, after = locked.get(name, "absent"), now.get(name, "absent")
        if before != after:
            yield f"{section}: {name}: locked {before}, now {after}"
