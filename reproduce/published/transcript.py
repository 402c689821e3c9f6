"""What a published ImageNet run proposed and was told: figures only, no sentences.

The figures of the runs at hand are embedded (`paper/imagenet_runs.json`); those of a fetched conversation are read from
it (`reproduce.published.conversation`). Told figures are kept as they were told, also where they are not true.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import msgspec

from harness.protocol import Trial
from harness.run import as_told
from harness.specification import Data
from harness.specification import Turn as Turn
from harness.specification import Verdict as Verdict

RUNS = Path(__file__).parents[1] / "paper" / "imagenet_runs.json"


class Transcript(Data, frozen=True):
    """A whole run: a tuple of turns for each iteration, and the FLOPs window in millions.

    `sample` numbers the run among the independent ones (`cache.key`).
    """

    run: str
    file: str
    sha256: str
    sample: int
    window: tuple[int, int]
    iterations: tuple[tuple[Turn, ...], ...]

    @property
    def turns(self) -> Iterator[Turn]:
        """All turns in order."""
        return (turn for iteration in self.iterations for turn in iteration)

    def testimony(self, iteration: int, turn: int, trial: Trial) -> Trial | None:
        """What the optimiser was told of this proposal (`harness.loop.Told`)."""
        return as_told(self.iterations, self.window, iteration, turn, trial)


class Embedded(Data, frozen=True):
    """The embedded file: where the figures are from, and the runs."""

    source: str
    runs: tuple[Transcript, ...]


@cache
def embedded() -> dict[str, Transcript]:
    """The embedded runs by name."""
    return {run.run: run for run in msgspec.json.decode(RUNS.read_bytes(), type=Embedded).runs}
