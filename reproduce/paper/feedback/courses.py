"""GENIUS' published runs as courses: the accuracies that were told, iteration by iteration, and the designs if known.

Ten ImageNet conversations, the twelve trials of tables 7 to 10, and the fifteen of tables 11 to 13, of which the paper
prints accuracies alone. All of it is embedded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

from harness import spaces
from harness.spaces import mobilenetv2_se
from reproduce.paper import printed
from reproduce.published.imagenet import transcripts
from reproduce.published.trials import CELLS, published_trials
from tables.space import Architecture, Space

IMAGENET = "tables 2 to 4"
TITLES = {
    IMAGENET: "ImageNet, ten conversations",
    "table7": "NAS-Bench-Macro, temperature 1",
    "table8": "NAS-Bench-Macro, temperature 0",
    "table9": "Channel-Bench-Macro, ResNet",
    "table10": "Channel-Bench-Macro, MobileNet",
    "table11": "NAS-Bench-201, CIFAR-10",
    "table12": "NAS-Bench-201, CIFAR-100",
    "table13": "NAS-Bench-201, ImageNet16-120",
}
"""What each group of runs searched."""

SHARED: Mapping[tuple[str, int], int] = {("table9", 2): 1}
"""Trials that share most of their course with an earlier one, which is no independent run: trial 3 with trial 2."""


class Course(NamedTuple):
    """What one run was told.

    Attributes:
        group: the table of the paper.
        run: what it is called there.
        cluster: equal for runs that are not independent of each other.
        accuracies: of the evaluated proposals in percent, in order.
        designs: of the same, where they are known.
        space: of the designs.
    """

    group: str
    run: str
    cluster: str
    accuracies: tuple[float, ...]
    designs: tuple[Architecture, ...] = ()
    space: Space | None = None


@cache
def published() -> tuple[Course, ...]:
    """All 37 runs, in the order of the paper."""
    found = []
    for run in transcripts():
        told = [turn for turn in run.turns if turn.verdict == "accepted" and turn.accuracy is not None and turn.design]
        accuracies = tuple(turn.accuracy for turn in told if turn.accuracy is not None)
        designs = tuple(turn.design for turn in told if turn.design)
        found.append(Course(IMAGENET, run.run, run.run, accuracies, designs, mobilenetv2_se.SPACE))
    for name, table in published_trials().items():
        for number, trial in enumerate(table.trials):
            same = SHARED.get((name, number), number)
            told_of = tuple(one.accuracy for one in trial), tuple(one.architecture for one in trial)
            space = spaces.find(table.space).SPACE
            found.append(Course(name, f"trial {number + 1}", f"{name} trial {same + 1}", *told_of, space))
    for name in CELLS.values():
        courses: Sequence[Sequence[float]] = printed()[name]["validation"]
        for number, course in enumerate(courses, start=1):
            found.append(Course(name, f"trial {number}", f"{name} trial {number}", tuple(course)))
    return tuple(found)
