"""Section 5.3 measured: simpler operations in early stages, deeper late ones; over all ImageNet proposals.

Beside them random designs of the same windows (`reproduce.paper.feedback.drawn`). Both maxims stand in GENIUS' own
prompt from the second iteration on, so that following them is obeying.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.spaces.mobilenetv2_se import BLOCKS, LAYERS_PER_STAGE
from reproduce.comparison.statistics import holm
from reproduce.paper.feedback.drawn import bounds, draw
from reproduce.paper.feedback.trend import ALPHA, tau_b, with_p
from reproduce.published.imagenet import transcripts
from reproduce.report import Column, Report, label, recomputed

DRAWS = 2_000  # for each window
TEST = "two-sided sign-flip test over conversations, all sign changes"
KERNEL, EXPANSION = (np.array([np.nan if block is None else block[n] for block in BLOCKS]) for n in (0, 1))
TRAITS = ("depth", "kernel", "expansion")
COLUMNS = (
    Column("stage", "Stage"),
    *(
        Column(f"{trait}_{who}", f"{trait.capitalize()}, {name}")
        for trait, (who, name) in product(TRAITS, (("proposed", "GPT-4"), ("random", "random")))
    ),
)


class Traits(NamedTuple):
    """Of designs, each (n, stages): blocks, mean kernel and mean expansion of these; nan in a stage without any."""

    depth: NDArray[np.float64]
    kernel: NDArray[np.float64]
    expansion: NDArray[np.float64]


def traits(designs: NDArray[np.int64]) -> Traits:
    """The traits of designs (n, 30), stage by stage."""
    stages = designs.reshape(len(designs), -1, LAYERS_PER_STAGE)
    depth = (stages > 0).sum(axis=2).astype(np.float64)
    with np.errstate(invalid="ignore"):
        kernel, expansion = (np.nansum(each[stages], axis=2) / depth for each in (KERNEL, EXPANSION))
    return Traits(depth, kernel, expansion)


def rise(values: NDArray[np.float64]) -> float:
    """Mean tau-b between stage and trait over designs (n, stages), of those with a block in every stage."""
    return float(tau_b(values[~np.isnan(values).any(axis=1)]).mean())


def sign_flip(differences: Sequence[float]) -> float:
    """The p of `TEST` that differences are as likely to have the one sign as the other, by their mean.

    >>> sign_flip([1.0, 2.0, 3.0])
    0.25
    """
    signs = np.array([*product((1, -1), repeat=len(differences))])
    sums = np.abs(signs @ np.array(differences))
    return float(np.mean(sums >= sums[0] - 1e-9))


def report(name: str) -> Report:
    """A row for each stage."""
    runs = transcripts()
    rng = np.random.default_rng(0)
    random = {window: traits(draw(rng, *bounds(window), DRAWS)) for window in sorted({run.window for run in runs})}
    own = [traits(np.array([turn.design for turn in run.turns if turn.design])) for run in runs]
    beside = [random[run.window] for run in runs]
    weights = [len(each.depth) for each in own]
    means = []
    for trait in TRAITS:
        proposed = np.nanmean(np.concatenate([getattr(each, trait) for each in own]), axis=0)
        chance = np.average([np.nanmean(getattr(each, trait), axis=0) for each in beside], axis=0, weights=weights)
        means += [proposed, chance]
    rises = [
        [rise(getattr(mine, trait)) - rise(getattr(other, trait)) for mine, other in zip(own, beside, strict=True)]
        for trait in TRAITS
    ]
    corrected = holm([sign_flip(differences) for differences in rises])
    notes = [
        f"{trait.capitalize()} over the stages: mean tau-b {np.mean(differences):+.2f} above that of random designs, "
        f"{with_p(p)}: " + _says(float(np.mean(differences)), p)
        for trait, differences, p in zip(TRAITS, rises, corrected, strict=True)
    ]
    notes += [
        f"{TEST[0].upper()}{TEST[1:]}, corrected for being {len(TRAITS)} (Holm 1979).",
        f"{sum(weights)} proposals of {len(runs)} conversations; random: {DRAWS:,} designs of each window, each design "
        "as likely as any other (counted layer by layer and drawn backwards).",
        "Both maxims stand in GENIUS' own prompt from the second iteration on: following them is obeying.",
    ]
    rows = [
        (label(stage + 1), *(recomputed(float(mean[stage]), ".2f") for mean in means)) for stage in range(len(means[0]))
    ]
    title = "Section 5.3 measured: depth, kernel and expansion by stage, over all ImageNet proposals"
    return Report(name, title, COLUMNS, tuple(rows), tuple(notes), versions={"numpy": np.__version__})


def _says(difference: float, p: float) -> str:
    if p > ALPHA:
        return "no difference is shown."
    return f"it {'rises' if difference > 0 else 'falls'} more than by chance."
