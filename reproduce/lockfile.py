"""What is pinned of this project: every recorded run, every digest and every printed number, each as a line of text.

What is embedded is pinned as a whole, what is fetched run by run; `lock.json` holds the values as they were.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import msgspec

from baselines.catalogue import AnyMethod
from cache import cassette
from cache.errors import CacheError
from cache.key import digest_bytes, short
from harness.errors import HarnessError
from harness.run import Run
from harness.specification import RUN
from reproduce import benchmarks, recording
from reproduce.arguments import expect_types, several
from reproduce.comparison import supernets
from reproduce.data import Published, embedded_only, is_fetched, manifest, read_published
from reproduce.errors import ReproduceError, UsageError
from reproduce.paper.registry import ITEMS, Item
from reproduce.published.audit import audit
from reproduce.published.imagenet import distinct_conversations, embedded, replay
from reproduce.report.output import write
from reproduce.report.report import Replayed
from reproduce.runs import measure
from tables import files
from tables.equality import equal
from tables.errors import TableError

PUBLISHED = "published "  # begins the sections of what is fetched
TABLES = PUBLISHED + "tables"

FAILURES = (CacheError, HarnessError, ReproduceError, TableError, OSError)

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
    except FAILURES as error:
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
    values: dict[str, str] = {}
    for group in supernets.read([supernets.COMMITTED]):
        for one in group.searches:
            name = f"{supernets.COMMITTED.name}: {group.title}, seed {one.job.seed}"
            values |= _flat(name, {"cell": one.outcome.architecture, "job": one.job.key})
    return values


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
WHOLE = "all values"  # the name of a difference that is of a whole section


class Difference(NamedTuple):
    """A value that is not as locked; None is one that is absent."""

    section: str
    name: str
    locked: str | None
    now: str | None

    @property
    def is_new(self) -> bool:
        """Whether it is a section that was never locked, so that nothing moves when it is."""
        return self.locked is None and self.name == WHOLE

    def __str__(self) -> str:
        locked, now = ("absent" if value is None else value for value in (self.locked, self.now))
        return f"{self.section}: {self.name}: locked {locked}, now {now}"


@dataclass(frozen=True)
class Checked:
    """A lock, beside what is so now.

    Attributes:
        path: of the lock.
        locked: its values, by section.
        reasons: that were given when values moved.
        now: the values, by section, as they are.
        moved: what is not as locked.
    """

    path: Path
    locked: Mapping[str, Snapshot]
    reasons: Sequence[str]
    now: Mapping[str, Snapshot]
    moved: Sequence[Difference]

    @property
    def compared(self) -> int:
        """How many locked values are known as they are now."""
        return sum(len(values) for section, values in self.locked.items() if section in self.now)

    @property
    def new(self) -> list[str]:
        """The sections that are not in the lock."""
        return [section for section in self.now if section not in self.locked]

    def write(self, reason: str | None) -> None:
        """Write the lock as everything is now, with the reason; what is not known, and has not moved, stays locked.

        Raises:
            UsageError: something that was locked moves, and no reason is given.
            ReproduceError: the file cannot be written; what was there before stays.
        """
        if not reason and not all(one.is_new for one in self.moved):
            raise UsageError(f'{self.path.name}: {len(self.moved)} values would move; say why: --update --reason "…"')
        reasons = [*self.reasons, *([f"{len(self.moved)} values: {reason}"] if self.moved and reason else [])]
        gone = {one.section for one in self.moved if one.name == WHOLE}
        kept = {section: values for section, values in self.locked.items() if section not in gone}
        content = {**kept, **self.now, REASONS: reasons}
        write((json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode(), self.path)


def read_lock(path: Path) -> tuple[dict[str, Snapshot], list[str]]:
    """What is locked, and the reasons that were given when values moved; locks of the first version have none.

    Raises:
        UsageError: the file cannot be read.
    """
    try:
        lock: dict[str, Any] = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        reasons = msgspec.convert(lock.pop(REASONS, []), list[str])
        return msgspec.convert(lock, dict[str, dict[str, str]]), reasons
    except FileNotFoundError:
        raise UsageError(f"{path}: expected a lock, found no file; `check --update` writes one") from None
    except (OSError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise UsageError(f"{path}: expected a lock as JSON, got {error}; restore it with `git checkout`") from error


def moved(
    locked: Mapping[str, Snapshot], now: Mapping[str, Snapshot], why: Mapping[str, str] | None = None
) -> Iterator[Difference]:
    """What is not as locked: each value, and whole sections that only one of the two has, or `why` not."""
    for section in dict.fromkeys((*locked, *now)):
        before, after = locked.get(section), now.get(section)
        if before is None or after is None:
            yield Difference(section, WHOLE, _count(before), (why or {}).get(section, _count(after)))
            continue
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name):
                yield Difference(section, name, before.get(name), after.get(name))


def _count(values: Snapshot | None) -> str | None:
    return None if values is None else f"{len(values)} values"


def of_project(*, update: bool = False) -> Checked:
    """The lock of this project beside what is so now; to `update` it, it need not be there.

    Only conversations that this project has never seen may not be in the lock, and what is not fetched not at hand.

    Raises:
        UsageError: the lock cannot be read.
    """
    locked, reasons = read_lock(LOCK) if LOCK.exists() or not update else ({}, [])
    now = snapshots()
    known = {TABLES, *(PUBLISHED + run for run in embedded())}
    pinned = {section for section in now if section in locked or section in known or not section.startswith(PUBLISHED)}
    found = [one for one in moved(locked, now) if one.section in pinned]
    return Checked(LOCK, locked, reasons, now, found)


# -- recordings of one's own ---

Recordings: TypeAlias = str | PathLike[str] | Iterable[str | PathLike[str]]


def lock(
    recordings: Recordings, path: str | PathLike[str], reason: str | None = None, methods: Iterable[AnyMethod] = ()
) -> list[Difference]:
    """Pin recordings of one's own: every run is performed again, and what it gives is written into a lock.

    Args:
        recordings: files that `search` or `record` wrote, recordings of other programs, and tables of one's own; the
            lock will know them, and no others, by their names.
        path: of the lock, a JSON file that is kept beside the code; it is made, or written anew.
        reason: why values move that were locked; it is kept in the lock.
        methods: of one's own that the runs name and that are found under no name, such as those of a notebook.

    Returns:
        What moved since the lock was written before.

    Raises:
        UsageError: something would move without a reason, the lock is that of others, or cannot be read, or two
            recordings have one name.
        ReproduceError: the lock cannot be written; what was there before stays.
        CacheError, HarnessError: a recording is damaged, or does not replay.
    """
    expect_types(lock, locals())
    found = of_recordings(recordings, path, methods, update=True)
    found.write(reason)
    return [*found.moved]


def check(recordings: Recordings, path: str | PathLike[str], methods: Iterable[AnyMethod] = ()) -> list[Difference]:
    """What has moved since recordings of one's own were locked: every run is performed again, from its recording alone.

    Args:
        recordings: the files.
        path: of the lock that `lock` wrote.
        methods: as for `lock`.

    Returns:
        A difference for each value, for each locked recording that is gone, damaged, or does not replay, and for each
        one that was never locked; nothing if all is as it was. As text each says what was locked and what is now.

    Raises:
        UsageError: there is no such lock, it is that of others, or cannot be read, or two recordings have one name.
        CacheError, HarnessError: a recording that was never locked is not there, damaged, or does not replay.
    """
    expect_types(check, locals())
    return [*of_recordings(recordings, path, methods).moved]


def of_recordings(
    recordings: Recordings, path: str | PathLike[str], methods: Iterable[AnyMethod] = (), *, update: bool = False
) -> Checked:
    """A lock of recordings beside what they give now, a section a file; to `update` it, it need not be there.

    Raises:
        as `lock` and `check` do.
    """
    given = several(recordings)
    named, path, methods = {Path(each).name: Path(each) for each in given}, Path(path), [*methods]
    if not named or len(named) < len(given) or REASONS in named:
        listed = ", ".join(map(str, given)) or "none"
        raise UsageError(
            f"{path}: expected recordings of different names, none of them {REASONS!r}, got {listed}; rename one"
        )
    locked, reasons = read_lock(path) if path.exists() or not update else ({}, [])
    if locked and not locked.keys() & named.keys():
        raise UsageError(
            f"{path}: expected a lock of {', '.join(named)}, got one of {', '.join(locked)}; name another file"
        )
    now, why = dict[str, Snapshot](), dict[str, str]()
    for name, file in named.items():
        try:
            now[name] = _own(file, methods)
        except FAILURES as error:
            if update or name not in locked:
                raise
            why[name] = str(error)
    return Checked(path, locked, reasons, now, [*moved(locked, now, why)])


def _own(file: Path, methods: Iterable[AnyMethod]) -> Snapshot:
    """What a file comes to: a recording of searches, of another program, or a table."""
    if files.suffix_of(file) in (*files.READERS, *files.HDF5):
        opened = benchmarks.open_table(file)
        best = opened.held_out.optimum
        facts = {"digest": opened.table.digest, "architectures": len(opened.table), "best accuracy": best}
        return {"file": digest_bytes(file.read_bytes()), **dict(_flat("table", facts))}
    content = cassette.read(file, exact=True)
    if not any(content.of_kind(RUN)):
        return dict(_flat("answers", {"digest": content.digest, "count": len(content)}))
    return _recorded(recording.replay_recording(file, methods))


def _recorded(runs: Sequence[Run]) -> Snapshot:
    """What runs gave; where a table that they searched is at hand, also how many of their figures are not its own."""
    names = Counter(run.specification.name for run in runs)
    values: dict[str, str] = {}
    for run in runs:
        apart = f"{short(run.record().key)}, " if names[run.specification.name] > 1 else ""
        values |= _ran(apart, run)
    if wrong := _wrong_figures(filter(_has_table, runs)):
        values["figures that are not the table's"] = str(wrong)
    return values


def _has_table(run: Run) -> bool:
    """Whether the table that a run searched is a benchmark that is at hand."""
    table = run.specification.table
    if table is None or table.table not in benchmarks.BENCHMARKS or not benchmarks.at_hand(table.table):
        return False
    return measure(benchmarks.open_benchmark(table.table)) == table
