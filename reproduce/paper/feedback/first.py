"""The first proposal, and what the later ones added, against chance and against rules (tables 7 to 10).

The first proposal has seen no accuracy: what it is worth is prior. The later ones are held against as many random
architectures, and against as many random neighbours of the best so far, beginning with the same first proposal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reproduce import benchmarks
from reproduce.benchmarks import Opened
from reproduce.comparison.statistics import holm
from reproduce.paper.feedback.courses import SHARED
from reproduce.paper.feedback.trend import ALPHA, with_p
from reproduce.published.trials import Proposed, published_trials
from reproduce.report import MISSING, Cell, Column, Report, label, quoted, recomputed
from reproduce.report.output import COLOURS, MARKERS, new_figure, save

SIMULATED = 10_000
COLUMNS = (
    Column("trial", "Trial"),
    Column("first", "First, rank"),
    Column("chance", "as good by chance"),
    Column("largest", "Largest, rank"),
    Column("later", "Later ones"),
    Column("best", "their best, rank"),
    Column("random", "as good by chance"),
    Column("neighbours", "as good by neighbours"),
)
QUESTIONS = (
    "first proposals are better than a random architecture",
    "the best of the later ones is better than that of as many random architectures",
    "the best of the later ones is better than that of as many random neighbours of the best so far",
)


class Found(NamedTuple):
    """A trial: ranks by what the search saw, and how often chance does as well."""

    name: str
    first: int
    later: int
    best: int
    largest: int | None
    chances: tuple[float, float, float | None]


def found(tables: Mapping[str, Opened | None]) -> list[Found]:
    """All trials of tables 7 to 10, on the benchmark tables that are at hand."""
    trials, ranked = [], {name: None if opened is None else _ranks(opened) for name, opened in tables.items()}
    for name, table in published_trials().items():
        opened, ranks = tables[table.space], ranked[table.space]
        space = benchmarks.find(table.space).space
        for number, trial in enumerate(table.trials, start=1):
            shares = [_share(one, space.size, opened, ranks) for one in trial]
            best = min(range(1, len(trial)), key=lambda n: shares[n])
            rank = [one.rank if ranks is None else int(ranks[space.index_of(one.architecture)]) for one in trial]
            largest = None if ranks is None or space.largest is None else int(ranks[space.index_of(space.largest)])
            by_chance = 1 - (1 - shares[best]) ** (len(trial) - 1)
            neighbours = None if opened is None else as_good_by_neighbours(opened, trial, best)
            chances = (shares[0], by_chance, neighbours)
            trials.append(Found(f"{name}, trial {number}", rank[0], len(trial) - 1, rank[best], largest, chances))
    return trials


def _ranks(opened: Opened) -> NDArray[np.int64]:
    networks = benchmarks.network_ranks(opened)
    return opened.held_out.rank if networks is None else networks


def _share(one: Proposed, size: int, opened: Opened | None, ranks: NDArray[np.int64] | None) -> float:
    """The share of all architectures that are as good as this one, or better."""
    if opened is None or ranks is None:
        return one.rank / size
    return float(np.mean(ranks <= ranks[opened.space.index_of(one.architecture)]))


def as_good_by_neighbours(opened: Opened, trial: Sequence[Proposed], best: int) -> float:
    """How often random neighbours of the best so far, as many as there were later proposals, come as far.

    Each begins with the first proposal; a neighbour that is better becomes the best so far.
    """
    space, accuracy = opened.space, opened.table.accuracy
    rng = np.random.default_rng(0)
    at = np.full(SIMULATED, space.index_of(trial[0].architecture))
    came = np.full(SIMULATED, -np.inf)
    strides, sizes = np.array(space.strides), np.array(space.cardinalities)
    slot_of = np.repeat(np.arange(len(sizes)), sizes - 1)
    for _ in trial[1:]:
        slot = slot_of[rng.integers(len(slot_of), size=SIMULATED)]
        choice = at // strides[slot] % sizes[slot]
        other = (choice + 1 + rng.integers(sizes[slot] - 1)) % sizes[slot]
        proposed = at + (other - choice) * strides[slot]
        came = np.maximum(came, accuracy[proposed])
        at = np.where(accuracy[proposed] > accuracy[at], proposed, at)
    as_good = np.count_nonzero(came >= accuracy[space.index_of(trial[best].architecture)])
    return (1 + int(as_good)) / (1 + SIMULATED)


def fisher(values: Sequence[float]) -> float:
    """One p of several independent ones (Fisher 1925): the tail of chi-squared at −2 Σ log p.

    >>> round(fisher([0.05, 0.05]), 4)
    0.0175
    """
    half = -sum(math.log(p) for p in values)
    return math.exp(-half) * sum(half**n / math.factorial(n) for n in range(len(values)))


def report(name: str) -> Report:
    """A row for each trial."""
    names = dict.fromkeys(table.space for table in published_trials().values())
    opened = {name: benchmarks.open_if_at_hand(name) for name in names}
    trials = found(opened)
    apart = {f"{table}, trial {number + 1}" for table, number in SHARED}
    independent = [trial for trial in trials if trial.name not in apart]
    combined, notes = [], []
    for n, _ in enumerate(QUESTIONS):
        known = [chance for trial in independent if (chance := trial.chances[n]) is not None]
        combined.append(fisher(known) if len(known) == len(independent) else None)
    asked = [p for p in combined if p is not None]
    corrected = iter(holm(asked))
    for question, p in zip(QUESTIONS, combined, strict=True):
        if p is None:
            notes.append(f"Whether {question} needs the tables: `python -m reproduce fetch` brings them.")
            continue
        told = "shown" if (one := next(corrected)) <= ALPHA else "not shown"
        notes.append(f"That {question} is {told}: {with_p(one)}.")
    if level := [trial.largest <= trial.best for trial in independent if trial.largest is not None]:
        notes.append(
            "Whether feedback was used is another question: the rule “largest architecture”, which sees no accuracy, "
            f"does as well as the best of the later ones, or better, in {sum(level)} of {len(level)} trials."
        )
    notes += [
        f"p by Fisher's method over {len(independent)} independent trials, corrected for being {len(asked)} (Holm "
        "1979). The first is one-sided against uniform draws.",
        "Ranks count networks where several architectures are one (NAS-Bench-Macro), if the table is at hand, else "
        "architectures as the paper prints them.",
    ]
    title = "GPT-4's first proposal, and what the later ones added (tables 7 to 10)"
    evidence = benchmarks.evidence(*opened.values())
    return Report(name, title, COLUMNS, tuple(map(_row, trials)), tuple(notes), (), *evidence)


def _row(trial: Found) -> tuple[Cell, ...]:
    first, later, neighbours = trial.chances
    rank = recomputed if trial.largest is not None else quoted
    return (
        label(trial.name),
        rank(trial.first),
        recomputed(first, ".4f"),
        MISSING if trial.largest is None else recomputed(trial.largest),
        recomputed(trial.later),
        rank(trial.best),
        recomputed(later, ".4f"),
        MISSING if neighbours is None else recomputed(neighbours, ".4f"),
    )


def draw(report: Report, path: Path) -> None:
    """Draw how often chance does as well, a line a trial."""
    figure = new_figure(height=3.2)
    axis = figure.subplots()
    series = ((2, "first, random"), (6, "later, random"), (7, "later, neighbours"))
    for colour, marker, (column, name) in zip(COLOURS, MARKERS, series, strict=True):
        known = [
            (float(value), n) for n, row in enumerate(report.rows) if isinstance(value := row[column].value, float)
        ]
        axis.plot(*np.array(known).reshape(-1, 2).T, marker, color=colour, markersize=3.5, label=name, linestyle="")
    axis.set_yticks(range(len(report.rows)), [row[0].text for row in report.rows])
    axis.invert_yaxis()
    axis.set_xscale("log")
    axis.set_xlabel("how often chance does as well")
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    save(figure, path)
