"""What a command shows, as data: cells with a status, and the runs behind them."""

from __future__ import annotations

import platform
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import Enum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from cache.client import Tally
from cache.key import digest_bytes, short
from genius_replay.console import printable
from genius_replay.showing import brief, data_frame
from genius_replay_namesakes import PACKAGES
from reproduce import __version__

if TYPE_CHECKING:
    from pandas import DataFrame

Value: TypeAlias = str | int | float | None
COVERS = 0.95  # what an interval covers of which nothing else is said
LISTED = 6  # runs of one file that are named one by one
SCHEMA = "urn:genius-replay:report:1"
"""The form of `Report.to_json`, which `report.schema.json` describes; the number grows when a field goes or changes."""


class Status(Enum):
    """Where the value of a cell comes from; the fuller the circle, the more of it was computed here.

    Attributes:
        mark: says so in print.
        letter: says so in LaTeX, as a superscript.
        meaning: explains the mark below a table.
    """

    mark: str
    letter: str
    meaning: str

    RECOMPUTED = "recomputed", "●", "c", "recomputed here"
    REPLAYED = "replayed", "◐", "r", "replayed from stored answers"
    RECORDED = "recorded", "◔", "d", "as the run's record says, not replayed"
    QUOTED = "quoted", "○", "q", "quoted from the paper"
    MISSING = "missing", "·", "m", "needs data that is not at hand"
    LABEL = "label", "", "", ""  # what a row or a series is called here

    def __new__(cls, value: str, mark: str, letter: str, meaning: str) -> Status:
        """A status whose value is the word alone."""
        status = object.__new__(cls)
        status._value_ = value
        status.mark, status.letter, status.meaning = mark, letter, meaning
        return status


EXTRAS = ("std", "low", "high", "level")
"""What a cell may have beside its value."""


@dataclass(frozen=True)
class Cell:
    """A value as it is, how it is printed, and its status; of an estimate also its spread or an interval.

    Rounding happens in `text`, nowhere before.
    """

    value: Value
    text: str
    status: Status
    std: float | None = None
    interval: tuple[float, float, float] | None = None  # low, high, the probability with which it covers

    @property
    def extras(self) -> dict[str, float]:
        """What there is beside the value, by the names in `EXTRAS`."""
        beside = (self.std, *(self.interval or (None,) * 3))
        return {name: value for name, value in zip(EXTRAS, beside, strict=True) if value is not None}

    def to_json(self) -> dict[str, Value]:
        """All of it."""
        return {"value": self.value, "text": self.text, "status": self.status.value, **self.extras}


def label(value: Value) -> Cell:
    """A cell that says what its row is."""
    return Cell(value, str(value), Status.LABEL)


BLANK = Cell(None, "", Status.LABEL)


def recomputed(value: Value, form: str = "") -> Cell:
    """A cell computed here.

    >>> recomputed(71.234, ".1f").text
    '71.2'
    """
    text = format(value, form)
    nothing = text.startswith("-") and not text.strip("-0.")  # rounded to it: no −0.00
    return Cell(value, text[1:] if nothing else text, Status.RECOMPUTED)


def estimated(value: float, interval: tuple[float, float, float]) -> Cell:
    """An estimate computed here with its interval, and the percentage that covers, where that is less than 95."""
    low, high, level = interval
    covers = f" {level:.0%}".replace("%", " %") if level < COVERS else ""
    return Cell(value, f"{value:.2f} [{low:.2f}, {high:.2f}]{covers}", Status.RECOMPUTED, interval=interval)


def quoted(value: Value, form: str = "") -> Cell:
    """A cell of the paper; `form` is a format specification for numbers."""
    text = "–" if value is None else value if isinstance(value, str) else format(value, form)
    return Cell(value, text, Status.QUOTED)


MISSING = Cell(None, "", Status.MISSING)


def recomputed_millions(value: int, form: str) -> Cell:
    """A count computed here, printed in millions."""
    return Cell(value, format(value / 1e6, form), Status.RECOMPUTED)


def replayed(value: Value, form: str = "") -> Cell:
    """A cell that follows from stored answers and from what was fed back in a published run."""
    return Cell(value, format(value, form), Status.REPLAYED)


def recorded(value: Value, form: str = "") -> Cell:
    """A cell that stands in the record of a run, which was not performed again."""
    return Cell(value, format(value, form), Status.RECORDED)


@dataclass(frozen=True)
class Column:
    """A column: its key in JSON and CSV, its heading, and which of its numbers are the better ones, if one can say."""

    key: str
    title: str
    better: Literal["higher", "lower"] | None = None

    @property
    def beside(self) -> tuple[str, ...]:
        """What the columns beside it may be called in CSV."""
        return tuple(f"{self.key}_{name}" for name in ("status", *EXTRAS))


def headed(*keys: str) -> tuple[Column, ...]:
    """Columns that are headed by their keys.

    >>> [column.title for column in headed("runs", "answers")]
    ['Runs', 'Answers']
    """
    return tuple(Column(key, key.capitalize()) for key in keys)


class Replayed(Protocol):
    """A run behind a report, as far as a report shows it."""

    @property
    def run(self) -> str:
        """What the run is called."""

    @property
    def source(self) -> str:
        """Whose answers were replayed."""

    @property
    def evidence(self) -> str:
        """The digest of the file that holds them."""

    @property
    def tally(self) -> Tally:
        """How many of them were asked for and found."""

    def describe(self) -> dict[str, Any]:
        """Everything about the run, as JSON."""


@dataclass(frozen=True)
class Report:
    """A table of the paper, with what was found on the way, and the digests of the benchmark tables it came from.

    >>> columns = Column("run", "Run"), Column("macs", "MACs")
    >>> costs = Report("costs", "What runs cost", columns, rows=((label("a"), recomputed(5)),), notes=())
    >>> costs
    <Report costs, 1 rows of 2 cells: What runs cost>
    >>> costs.fields()
    (['run', 'run_status', 'macs', 'macs_status'], [['a', 'label', 5, 'recomputed']])

    Attributes:
        tables: the digests of the tables and recordings that it came from, by name.
        versions: of the packages that decide a number here.
        within: the keys of columns: only rows that are alike in them can be compared, and have a best one.

    Raises:
        ValueError: two columns would have one name in JSON or CSV, so that one would take the other's place.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...]
    replays: tuple[Replayed, ...] = ()
    tables: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    within: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = [name for column in self.columns for name in (column.key, *column.beside)]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{self.name}: expected columns of different names, got {', '.join(twice)} twice")

    def __repr__(self) -> str:
        return brief(self, f"{self.name}, {len(self.rows)} rows of {len(self.columns)} cells: {self.title}")

    def __str__(self) -> str:
        """The report as commands print it into a pipe."""
        from reproduce.report.rendering import render  # which stands above

        return printable(render(self, "text"))

    def _repr_html_(self) -> str:
        """The report as a table in a notebook."""
        from reproduce.report.rendering import html  # which stands above

        return html(self)

    def to_frame(self) -> DataFrame:
        """The values, unrounded, with the columns of the CSV form.

        Raises:
            ImportError: pandas is not installed.
        """
        return data_frame(*self.fields())

    def fields(self) -> tuple[list[str], list[list[Value]]]:
        """Columns and rows of unrounded values, as CSV and data frames have them.

        Each column is followed by its status and, where there are such, by spreads and intervals.
        """
        header: list[str] = []
        rows: list[list[Value]] = [[] for _ in self.rows]
        for n, column in enumerate(self.columns):
            cells = [row[n] for row in self.rows]
            there = [name for name in EXTRAS if any(name in cell.extras for cell in cells)]
            header += [column.key, f"{column.key}_status", *(f"{column.key}_{name}" for name in there)]
            for row, cell in zip(rows, cells, strict=True):
                row += [cell.value, cell.status.value, *map(cell.extras.get, there)]
        return header, rows

    @property
    def origin(self) -> str:
        """In one line what the report was made of: version and digest of the code, digests of tables and runs."""
        made_of: dict[str, list[str]] = {code_digest(): ["code"]}
        for name, digest in [*((replay.run, replay.evidence) for replay in self.replays), *self.tables.items()]:
            made_of.setdefault(digest, []).append(name)
        listed = {
            digest: ", ".join(names) if len(names) <= LISTED else f"{len(names)} runs"
            for digest, names in made_of.items()
        }
        digests = (f"{names}: {short(digest)}" for digest, names in listed.items())
        made_by = ", ".join(
            f"{name} {version}" for name, version in {"genius-replay": __version__, **self.versions}.items()
        )
        return f"{made_by}; sha256 of {'; '.join(digests)}"

    def to_json(self) -> dict[str, Any]:
        """Everything, with unrounded values."""
        return {
            "schema": SCHEMA,
            "table": self.name,
            "title": self.title,
            "columns": [asdict(column) for column in self.columns],
            "comparable_within": list(self.within),
            "rows": [
                {column.key: cell.to_json() for column, cell in zip(self.columns, row, strict=True)}
                for row in self.rows
            ],
            "notes": list(self.notes),
            "replay": summary([one.tally for one in self.replays], {one.source for one in self.replays}),
            "runs": [replay.describe() for replay in self.replays],
            "tables": dict(self.tables),
            "provenance": {**provenance(), **self.versions},
        }


def summary(tallies: Sequence[Tally], sources: Collection[str]) -> dict[str, Any]:
    """The counts of several replays together; their source if they share one, else "reconstructed", or None."""
    return {
        "source": next(iter(sources), None) if len(sources) < 2 else "reconstructed",
        "requests": sum(tally.requests for tally in tallies),
        "hits": sum(tally.hits for tally in tallies),
        "misses": sum(tally.misses for tally in tallies),
    }


def provenance() -> dict[str, str]:
    """What produced the output: version and digest of the code, and the Python that ran it."""
    return {"genius-replay": __version__, "code": code_digest(), "python": platform.python_version()}


@cache
def code_digest() -> str:
    """SHA-256 over the source files of the packages, by path."""
    root = Path(__file__).parents[2]
    paths = (path for package in PACKAGES for path in sorted((root / package).rglob("*.py")))
    sources = ((path.relative_to(root).as_posix().encode(), path.read_bytes()) for path in paths)
    return digest_bytes(b"".join(name + b"\0" + content + b"\0" for name, content in sources))
