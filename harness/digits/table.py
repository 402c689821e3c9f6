"""The private table: every cell of NAS-Bench-201 in a small network on noisy digits, trained by `python -m tables`.

Numbers that were never published, and so in no language model's training data. Cells that compute the same function
are trained once (`harness.spaces.cells`); costs are those of the network that is trained, in which dead edges are
absent.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from harness.digits.pictures import KERNEL, SIDE
from harness.spaces import Benchmark
from harness.spaces.cells import cell_numbers, distinct_cells, live_edges
from harness.spaces.costs import Cost, batch_norm, conv_bn, linear, total
from harness.spaces.nas_bench_201 import SPACE, operation_cost
from tables.space import Architecture

if TYPE_CHECKING:
    from tables.trainable import TrainedTable

CHANNELS = (8, 16)  # of the two cells
CLASSES = 10
SEEDS = 8


def cost(architecture: Architecture) -> Cost:
    """Cost of the network that is trained; edges that are dead cost nothing."""
    first, second = CHANNELS
    return total(
        (
            conv_bn(1, first, KERNEL, SIDE),
            *(operation_cost(edge.operation, first, SIDE) for edge in live_edges(architecture)),
            conv_bn(first, second, 1, SIDE // 2),
            *(operation_cost(edge.operation, second, SIDE // 2) for edge in live_edges(architecture)),
            batch_norm(second, SIDE // 2),
            linear(second, CLASSES),
        )
    )


BENCHMARK = Benchmark("nas-bench-201-digits", SPACE, cost)


def _macs_and_params(architecture: Architecture) -> tuple[int, int]:
    costs = cost(architecture)
    return costs.macs, costs.params


@cache
def trained() -> TrainedTable:
    """How the table is made; needs torch, which its costs do not."""
    from harness.digits.network import train
    from tables.trainable import TrainedTable

    return TrainedTable(
        name=BENCHMARK.name,
        setting="nas-bench-201-digits 1",
        space=SPACE,
        distinct=distinct_cells(),
        number_of=cell_numbers(),
        seeds=SEEDS,
        train=train,
        cost=_macs_and_params,
    )


def __getattr__(name: str) -> TrainedTable:
    if name == "NAS_BENCH_201_DIGITS":  # under which `pyproject.toml` declares the table
        return trained()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
