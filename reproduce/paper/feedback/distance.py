"""How far each proposal is from the best so far, from the last and from the run's best, against designs of its cost.

A distance counts slots that differ; where several architectures are one network, it is the least between two of them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.spaces import counted_macs
from harness.spaces.mobilenetv2_se import SPACE as IMAGENET_SPACE
from reproduce.comparison.statistics import holm, two_sided
from reproduce.paper.feedback.courses import TITLES, Course, published
from reproduce.paper.feedback.drawn import bounds
from reproduce.paper.feedback.drawn import draw as drawn
from reproduce.published.imagenet import embedded
from reproduce.report import Cell, Column, Report, label, recomputed
from reproduce.report.output import COLOURS, MARKERS, new_figure, save
from tables.space import Architecture, Space

DRAWS = 2_000
NEAREST = 100  # of so many random architectures, those whose cost is nearest
TEST = f"two-sided Monte-Carlo test of the mean, {DRAWS:,} times a random design in the place of each proposal"
COLUMNS = (
    Column("runs", "Runs of"),
    Column("count", "Proposals"),
    Column("incumbent", "To the best so far"),
    Column("incumbent_random", "random"),
    Column("incumbent_p", "p"),
    Column("last", "To the last"),
    Column("last_random", "random"),
    Column("best", "To the run's best"),
    Column("repeats", "Repeats"),
)


class Step(NamedTuple):
    """A proposal after the first: distances in slots, and those of random designs of its cost, (n,)."""

    incumbent: int
    last: int
    best: int | None
    random_incumbent: NDArray[np.int64]
    random_last: NDArray[np.int64]


@cache
def _networks(space: Space) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All architectures (n, slots), and the number of the network that each is."""
    rows = [space.architecture_at(row) for row in range(space.size)]
    numbers = {network: number for number, network in enumerate(dict.fromkeys(map(space.network, rows)))}
    return np.array(rows), np.array([numbers[space.network(row)] for row in rows])


@cache
def _drawn_from(space: Space) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Random architectures (n, slots), and their costs."""
    rng = random.Random(0)
    rows = [space.sample(rng) for _ in range(DRAWS)]
    return np.array(rows), np.array([counted_macs(space.name, row) for row in rows])


def distances(space: Space, centre: Architecture, designs: NDArray[np.int64]) -> NDArray[np.int64]:
    """In how many slots designs (n, slots) differ from `centre`; the least of all writings of either network."""
    if space.networks is None:
        return np.asarray((designs != np.array(centre)).sum(axis=1))
    rows, networks = _networks(space)
    own = rows[networks == networks[space.index_of(centre)]]
    apart = np.min([(rows != one).sum(axis=1) for one in own], axis=0)
    least = np.full(networks.max() + 1, len(space.slots))
    np.minimum.at(least, networks, apart)
    return np.asarray(least[networks[designs @ np.array(space.strides)]])


def steps(course: Course) -> Iterator[Step]:
    """What each later proposal of a run did."""
    assert course.space is not None
    space, best = course.space, course.designs[int(np.argmax(course.accuracies))]
    for n in range(1, len(course.designs)):
        incumbent, last, own = course.designs[int(np.argmax(course.accuracies[:n]))], *course.designs[n - 1 : n + 1]
        others = _like(course, own)
        chance = distances(space, incumbent, others), distances(space, last, others)
        itself = np.array([own])
        to_incumbent, to_last, to_best = (int(distances(space, one, itself)[0]) for one in (incumbent, last, best))
        yield Step(to_incumbent, to_last, None if own == best else to_best, *chance)


def _like(course: Course, design: Architecture) -> NDArray[np.int64]:
    """Random designs of the same cost, or of the same window."""
    assert course.space is not None
    if course.space is IMAGENET_SPACE:
        return _inside(embedded()[course.run].window)
    rows, costs = _drawn_from(course.space)
    cost = counted_macs(course.space.name, design)
    return rows[np.argsort(np.abs(costs - cost), kind="stable")[:NEAREST]]


@cache
def _inside(window: tuple[int, int]) -> NDArray[np.int64]:
    return drawn(np.random.default_rng(0), *bounds(window), DRAWS)


def report(name: str) -> Report:
    """A row for each table whose designs are known."""
    groups: dict[str, list[Course]] = {}
    for course in published():
        if course.designs:
            groups.setdefault(course.group, []).append(course)
    found = {group: _once(courses) for group, courses in groups.items()}
    corrected = holm([_p(group) for group in found.values()])
    rows = [_row(group, groups[group], one, p) for (group, one), p in zip(found.items(), corrected, strict=True)]
    notes = (
        f"Random: designs of the same window (ImageNet), else the {NEAREST} of {DRAWS:,} random architectures whose "
        f"cost is nearest; p of a {TEST}, corrected for being {len(found)} (Holm 1979).",
        "Distances count slots; on NAS-Bench-Macro the least between two keys of the networks.",
        "A step that two trials share counts once. Repeats: designs that had been proposed before.",
    )
    title = "How far GPT-4's proposals are from what it was told"
    return Report(name, title, COLUMNS, tuple(rows), notes, versions={"numpy": np.__version__})


def _once(courses: Sequence[Course]) -> list[Step]:
    """The steps of all courses; of runs that share a course each step once."""
    found: dict[object, Step] = {}
    for course in courses:
        for n, step in enumerate(steps(course), start=1):
            found.setdefault((course.cluster, course.designs[: n + 1][-2:], step.incumbent), step)
    return [*found.values()]


def _p(found: Sequence[Step]) -> float:
    observed = sum(step.incumbent for step in found)
    rng = np.random.default_rng(0)
    null = sum(rng.choice(step.random_incumbent, size=DRAWS) for step in found)
    return two_sided(np.asarray(null), observed)


def _row(group: str, courses: Sequence[Course], found: Sequence[Step], p: float) -> tuple[Cell, ...]:
    best = [step.best for step in found if step.best is not None]
    return (
        label(f"{group}: {TITLES[group]}"),
        recomputed(len(found)),
        recomputed(float(np.mean([step.incumbent for step in found])), ".2f"),
        recomputed(float(np.mean([step.random_incumbent.mean() for step in found])), ".2f"),
        recomputed(p, ".4f"),
        recomputed(float(np.mean([step.last for step in found])), ".2f"),
        recomputed(float(np.mean([step.random_last.mean() for step in found])), ".2f"),
        recomputed(float(np.mean(best)), ".2f"),
        recomputed(sum(_repeats(course) for course in courses)),
    )


def _repeats(course: Course) -> int:
    assert course.space is not None
    if course.space is IMAGENET_SPACE:
        return sum(turn.verdict == "repeated" for turn in embedded()[course.run].turns)
    return len(course.designs) - len({course.space.network(design) for design in course.designs})


def draw(report: Report, path: Path) -> None:
    """Draw mean distances to the best so far, and those of random designs, a line a table."""
    figure = new_figure(height=2.4)
    axis = figure.subplots()
    for colour, marker, (column, name) in zip(COLOURS, MARKERS, ((2, "GPT-4"), (3, "random, same cost")), strict=False):
        values = [float(row[column].value or 0) for row in report.rows]
        axis.plot(values, range(len(values)), marker, color=colour, label=name)
    axis.set_yticks(range(len(report.rows)), [row[0].text.partition(":")[0] for row in report.rows])
    axis.invert_yaxis()
    axis.set_xlim(left=0)
    axis.set_xlabel("slots that differ from the best so far")
    axis.legend(frameon=False)
    save(figure, path)
