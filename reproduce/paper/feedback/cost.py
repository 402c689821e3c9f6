"""Cost feedback: what GPT-4 made of being told that a design costs too much, or too little (ImageNet conversations).

Costs are computed from the designs; what was demanded is the way from the figure that was told to the window.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from harness.protocol import MILLION, in_millions
from harness.spaces import counted_macs
from harness.spaces.mobilenetv2_se import SPACE
from harness.specification import Turn
from reproduce.paper.feedback.drawn import bounds, share_inside
from reproduce.paper.feedback.trend import ALPHA, TEST, trend, with_p
from reproduce.published.imagenet import Transcript, transcripts
from reproduce.report import Cell, Column, Report, label, recomputed
from reproduce.report.output import COLOURS, MARKERS, new_figure, save

COLUMNS = (
    Column("run", "Conversation"),
    Column("first", "First proposals"),
    Column("first_inside", "of them inside"),
    Column("answers", "Answers to a rejection"),
    Column("direction", "in the direction demanded"),
    Column("landed", "inside"),
    Column("moved", "Moved / demanded, median"),
)


class Answer(NamedTuple):
    """What was proposed after a design missed the window; costs in millions of multiply-accumulates.

    Attributes:
        demanded: the way from the cost that was told to the nearer bound of the window.
        moved: the way from the cost of the design before to that of the next one.
        inside: whether that is in the window.
    """

    demanded: float
    moved: float
    inside: bool


def answers(run: Transcript) -> Iterator[Answer]:
    """The answers to cost feedback in a conversation, as far as they hold a design."""
    for iteration in run.iterations:
        for before, after in pairwise(iteration):
            if before.verdict in ("above", "below") and before.design and before.macs is not None and after.design:
                bound = run.window[1] if before.verdict == "above" else run.window[0]
                moved = (_macs(after) - _macs(before)) / MILLION
                yield Answer(bound - before.macs, moved, _inside(run, after))


def first_proposals(run: Transcript) -> list[bool]:
    """Whether the first proposal of each iteration was in the window; the first iteration has seen no feedback."""
    return [_inside(run, iteration[0]) for iteration in run.iterations if iteration and iteration[0].design]


def _macs(turn: Turn) -> int:
    assert turn.design is not None
    return counted_macs(SPACE.name, turn.design)


def _inside(run: Transcript, turn: Turn) -> bool:
    return run.window[0] <= in_millions(_macs(turn)) <= run.window[1]


def report(name: str) -> Report:
    """A row for each conversation, and one for all."""
    runs = transcripts()
    found = {run.run: [*answers(run)] for run in runs}
    firsts = {run.run: first_proposals(run) for run in runs}
    rows = [_row(run, firsts[run], found[run]) for run in found]
    everything = [one for group in found.values() for one in group]
    rows.append(_row("all", [one for group in firsts.values() for one in group], everything))
    order = trend([(run, [float(one) for one in inside[1:]]) for run, inside in firsts.items()])
    improved = "no change is shown" if order.p > ALPHA else f"it {'rises' if order.tau > 0 else 'falls'}"
    at_once = sum(inside[0] for inside in firsts.values())
    later = [one for inside in firsts.values() for one in inside[1:]]
    windows = {run.window for run in runs}
    chance = ", ".join(f"{share_inside(*bounds(w)):.1g} in {w[0]} to {w[1]} M" for w in sorted(windows))
    notes = (
        "Every cost stands in the prompt: an iteration's first proposal outside the window is a wrong sum, or none.",
        f"At T = 0 {at_once} of {len(firsts)} are inside, later {sum(later)} of {len(later)}; over the later "
        f"iterations of a conversation mean tau-b {order.tau:+.2f}, {with_p(order.p)} ({TEST}): {improved}.",
        f"Share of all designs that lie inside, counted layer by layer: {chance}.",
        *_overshoot(everything),
    )
    title = "What GPT-4 did with costs: its answers to a design outside the window (ImageNet)"
    return Report(name, title, COLUMNS, tuple(rows), notes, versions={"numpy": np.__version__})


def _overshoot(found: Sequence[Answer]) -> Iterator[str]:
    right = [one for one in found if one.moved * one.demanded > 0]
    far = sum(abs(one.moved) >= abs(one.demanded) for one in right)
    beyond = sum(not one.inside for one in right if abs(one.moved) >= abs(one.demanded))
    yield (
        f"Of {len(right)} answers in the right direction {far} went at least as far as demanded, {beyond} of these "
        "through the window and out of it."
    )


def _row(run: str, first: Sequence[bool], found: Sequence[Answer]) -> tuple[Cell, ...]:
    ratios = [one.moved / one.demanded for one in found if one.demanded]
    return (
        label(run),
        recomputed(len(first)),
        recomputed(sum(first)),
        recomputed(len(found)),
        recomputed(sum(one.moved * one.demanded > 0 for one in found)),
        recomputed(sum(one.inside for one in found)),
        recomputed(float(np.median(ratios)), ".2f"),
    )


def draw(report: Report, path: Path) -> None:  # noqa: ARG001
    """Draw what was moved against what was demanded, an answer a point."""
    found = [one for run in transcripts() for one in answers(run)]
    figure = new_figure(height=3.0)
    axis = figure.subplots()
    for inside, name in ((True, "into the window"), (False, "not")):
        points = np.array([(one.demanded, one.moved) for one in found if one.inside is inside])
        axis.plot(*points.T, MARKERS[inside], color=COLOURS[inside], markersize=3, alpha=0.7, label=name, linestyle="")
    ends = np.array(axis.get_xlim())
    axis.plot(ends, ends, color="black", linewidth=0.6)
    axis.axhline(0, color="black", linewidth=0.6)
    axis.set_xlabel("demanded (million MACs)")
    axis.set_ylabel("moved (million MACs)")
    axis.legend(frameon=False)
    axis.set_title("answers to a design outside the window\nline: moved as demanded")
    save(figure, path)
