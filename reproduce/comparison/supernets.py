"""Where searches with shared weights went, DARTS and GDAS, from their records.

NAS-Bench-201 reports that DARTS ends in the cell of skip connections alone, 54.30 % on CIFAR-10 (Dong & Yang 2020).
These searches look for the way there: small supernets on small pictures, with the weight of every operation after every
epoch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from cache import cassette
from harness.errors import BrokenRecording, InvalidJob
from harness.spaces.nas_bench_201 import OPERATIONS, SPACE
from harness.training.jobs import SUPERNET, Searched, SupernetJob, trained_with
from reproduce import benchmarks
from reproduce.benchmarks import Opened
from reproduce.published.replay import RECORDED
from reproduce.report import MISSING, Cell, Column, Report, Status, headed, label, recomputed, replayed
from reproduce.report.output import PALETTE, new_figure, panels, save

COMMITTED = RECORDED / "supernets.jsonl"
TABLE = "nas-bench-201-cifar10"  # in which the cells are looked up
SKIP = OPERATIONS.index("skip_connect")
ALL_SKIP = (SKIP,) * len(SPACE.slots)
PICTURES = {"sha256:4695f7a8c06fc13f6ca093ca4b30df06269e9f4fe60fe03d4f5fa83d520d193a": "CIFAR-10 subset"}
"""Names of data sets that jobs only know as arrays with a digest: 10,000 + 2,000 pictures, balanced."""

METHODS = {
    "darts-first-order": "DARTS, first order",
    "darts-second-order": "DARTS, second order",
    "gdas": "GDAS",
}
COLUMNS = (
    *headed("method", "data"),
    Column("learning_rate", "Rate of logits"),
    *headed("epochs", "seed", "cell"),
    *(Column(name, name) for name in OPERATIONS),
    Column("validation", "Supernet, validation (%)"),
    Column("test", "Cell on CIFAR-10, test (%)", "higher"),
    Column("rank", "Rank", "lower"),
)


@dataclass(frozen=True)
class Group:
    """Searches that differ in nothing but the seed, in its order."""

    searches: tuple[Searched, ...]

    @property
    def job(self) -> SupernetJob:
        """The first one's."""
        return self.searches[0].job

    @property
    def data(self) -> str:
        """Pictures and side."""
        side = self.job.recipe.input_size
        return f"{PICTURES.get(self.job.digest, self.job.dataset)}, {side}×{side}"

    @property
    def title(self) -> str:
        """All in which groups differ."""
        return f"{METHODS[self.job.search.method]}, {self.data}, rate {self.job.search.learning_rate:g}"


def read(paths: Iterable[Path]) -> list[Group]:
    """The searches in cassettes, by data, method and learning rate.

    Raises:
        CacheError: a file is damaged.
        BrokenRecording: it holds no search, or one of another form.
    """
    groups: dict[SupernetJob, list[Searched]] = {}
    for path in paths:
        records = [record for record in cassette.read(path).values() if record.kind == SUPERNET]
        if not records:
            raise BrokenRecording(str(path), f"no record of kind {SUPERNET}")
        for record in records:
            try:
                searched = Searched.from_record(record)
            except InvalidJob as error:
                raise BrokenRecording(str(path), f"a search of another form ({error})") from error
            groups.setdefault(replace(searched.job, seed=0), []).append(searched)
    in_order = [Group(tuple(sorted(group, key=lambda searched: searched.job.seed))) for group in groups.values()]
    return sorted(in_order, key=lambda group: (group.data, group.job.search.method, -group.job.search.learning_rate))


def weights(searched: Searched) -> NDArray[np.float64]:
    """(epochs + 1, 6, 5) the softmax of the logits: before the first epoch and after each."""
    logits = np.array(searched.outcome.logits)
    powers = np.exp(logits - logits.max(axis=2, keepdims=True))
    return np.asarray(powers / powers.sum(axis=2, keepdims=True))


def report(paths: Sequence[Path] = (COMMITTED,)) -> Report:
    """A row for every search; errors as in `read`."""
    groups = read(paths)
    opened = benchmarks.open_if_at_hand(TABLE)
    rows = tuple(_row(group, searched, opened) for group in groups for searched in group.searches)
    title = "Weight-sharing searches over the cell of NAS-Bench-201 (not in the paper)"
    digests = {path.stem: cassette.read(path).digest for path in paths}
    if opened is not None:
        digests[opened.table.name] = opened.table.digest
    observed = (searched.observed for group in groups for searched in group.searches)
    versions = {**benchmarks.VERSIONS, **trained_with(observed)}
    return Report("supernets", title, COLUMNS, rows, tuple(_notes(groups, opened)), tables=digests, versions=versions)


def _row(group: Group, searched: Searched, opened: Opened | None) -> tuple[Cell, ...]:
    cell = SPACE.from_native(searched.outcome.architecture)
    standing = opened.standing(cell) if opened else None
    return (
        label(METHODS[group.job.search.method]),
        label(group.data),
        label(group.job.search.learning_rate),
        label(group.job.recipe.epochs),
        label(searched.job.seed),
        Cell(searched.outcome.architecture, _digits(cell), Status.REPLAYED),
        *(replayed(float(weight), ".3f") for weight in weights(searched)[-1].mean(axis=0)),
        replayed(searched.outcome.curve[-1].validation, ".2f"),
        recomputed(standing.test, ".2f") if standing else MISSING,
        recomputed(standing.ties[0]) if standing else MISSING,
    )


def _digits(cell: Sequence[int]) -> str:
    """The choices on the edges into each node: "3 31 130"."""
    return " ".join("".join(map(str, node)) for node in SPACE.split(tuple(cell)))


def _notes(groups: Sequence[Group], opened: Opened | None) -> Iterator[str]:
    coded = ", ".join(f"{code} {name}" for code, name in enumerate(OPERATIONS))
    yield (
        f"A cell lists the operations on the edges 0→1; 0→2, 1→2; 0→3, 1→3, 2→3: {coded}. Under the names of the "
        "operations stands the softmax weight of each after the last epoch, mean of the six edges; 0.200 is the start."
    )
    yield from map(_course, groups)
    every = [SPACE.from_native(searched.outcome.architecture) for group in groups for searched in group.searches]
    collapsed = sum(cell == ALL_SKIP for cell in every)
    if opened is None:
        known = f"`{benchmarks.find(TABLE).brings}` brings the table in which the cells are looked up"
    else:
        standing = opened.standing(ALL_SKIP)
        known = f"it tests at {standing.test:.2f} % on CIFAR-10, rank {standing.ties[0]:,} of {len(opened.held_out):,}"
    yield f"{collapsed} of {len(every)} searches end in the cell of skip connections alone; {known}."


def _course(group: Group) -> str:
    """How many seeds went towards skip connections, and how far."""
    ends = np.array([weights(searched)[-1].mean(axis=0) for searched in group.searches])  # (seeds, 5)
    first = int(np.count_nonzero(ends.argmax(axis=1) == SKIP))
    edges = [SPACE.from_native(searched.outcome.architecture).count(SKIP) for searched in group.searches]
    shown = ", ".join(f"{weight:.2f}" for weight in ends[:, SKIP])
    return (
        f"{group.title}: skip connections weigh most in {first} of {len(edges)} seeds ({shown}) and are on "
        f"{', '.join(map(str, edges))} of 6 edges."
    )


def draw(groups: Sequence[Group], path: Path) -> None:
    """Draw the weight of each operation by epoch, mean of the edges, a panel a group, a line a seed; PNG, SVG or PDF.

    Raises:
        UsageError: if matplotlib is not installed.
        ReproduceError: if the file cannot be written; what was there before stays.
    """
    figure = new_figure(height=0.6 + 1.45 * -(-len(groups) // 2))
    axes = panels(figure, len(groups), "epoch", "softmax weight", sharey=True)
    for axis, group in zip(axes, groups, strict=True):
        for searched in group.searches:
            for name, colour, course in zip(OPERATIONS, PALETTE, weights(searched).mean(axis=1).T, strict=False):
                first = searched is group.searches[0]
                axis.plot(course, color=colour, linewidth=0.9, alpha=0.8, label=name if first else None)
        axis.set_title(group.title.replace(f", {group.data}, ", f"\n{group.data}\n"), fontsize=6)
        axis.locator_params("x", integer=True)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, columnspacing=1)
    save(figure, path)
