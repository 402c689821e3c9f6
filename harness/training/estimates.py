"""How long trainings will take: from those of the same recipe that are done, or else from a stated assumption.

An estimate goes with the multiply-accumulates of the network, analytic and scaled to the job's input and width, so it
is rough for small networks, whose time is spent between the operations.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import NamedTuple

from harness import spaces
from harness.errors import HarnessError
from harness.spaces.nas_bench_201 import CELLS_PER_STAGE
from harness.training.jobs import KIND, Job, Trained
from harness.training.queue import Queue
from harness.training.recipes import Recipe
from tables.errors import TableError

PICTURES: Mapping[str, int] = {"digits": 1_797, "cifar10": 50_000, "cifar100": 50_000, "imagenet": 1_281_167}
"""How many pictures of each data set are not set aside for testing."""

BACKWARD = 2  # a backward pass costs two forward ones
START_S = 5.0  # of a worker, before it trains
GPU, CPU = 5e12, 2e10  # operations a second, assumed: a GPU of today at small networks, and one core


def macs(job: Job) -> float:
    """Multiply-accumulates of one forward pass, about: the space's own count, scaled to the job's input and width."""
    space = spaces.find(job.space)
    side = job.recipe.input_size / space.FACTS.input_size
    cells = (job.network.cells_per_stage or CELLS_PER_STAGE) / CELLS_PER_STAGE
    return space.cost(job.choices).macs * (side * job.network.width) ** 2 * cells


def operations(job: Job) -> float | None:
    """Additions and multiplications of the whole training, about; None for data of unknown number."""
    pictures = PICTURES.get(job.dataset)
    if pictures is None:
        return None
    return 2 * macs(job) * (1 + BACKWARD) * pictures * job.recipe.split.train * job.recipe.epochs


class Pace(NamedTuple):
    """How fast trainings go.

    Attributes:
        measured: seconds for a multiply-accumulate of the network, by data set and recipe: the median of what is done.
        assumed: operations a second where nothing is.
    """

    measured: Mapping[tuple[str, Recipe], float]
    assumed: float

    def hours(self, job: Job) -> float | None:
        """Of one device, for the whole training; None where nothing can be said."""
        known = self.measured.get((job.digest, job.recipe))
        if known is not None:
            return known * macs(job) / 3600
        work = operations(job)
        return None if work is None else (START_S + work / self.assumed) / 3600

    def basis(self, jobs: Iterable[Job]) -> str:
        """In one line what estimates of these jobs rest on."""
        if all((job.digest, job.recipe) in self.measured for job in jobs):
            return "Hours: from finished trainings of the same recipe, in proportion to the MACs."
        return (
            f"Hours: assumed, for all pictures of the published data set, at {self.assumed:.0e} operations a second, "
            f"{'a GPU' if self.assumed == GPU else 'a core'} at work; once a training of this recipe is done, its time "
            "counts instead."
        )


def total(values: Iterable[float | None]) -> float | None:
    """The sum; None if a part of it is unknown."""
    parts = list(values)
    return None if None in parts else sum(part for part in parts if part is not None)


def pace(queue: Queue, *, on_gpu: bool) -> Pace:
    """What the finished trainings of a queue say; `on_gpu` decides what is assumed where they say nothing."""
    times = defaultdict(list)
    for key in queue.keys():  # noqa: SIM118 — a queue is no mapping
        with suppress(HarnessError, TableError, OSError):  # of a space that another checkout knows, or unreadable here
            record = queue.result(key)
            if record is not None and record.kind == KIND:
                done = Trained.from_record(record)
                seconds = done.observed.seconds / macs(done.job)
                times[done.job.digest, done.job.recipe].append(seconds)
    return Pace({alike: statistics.median(each) for alike, each in times.items()}, GPU if on_gpu else CPU)
