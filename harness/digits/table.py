"""The private table: every cell of NAS-Bench-201 in a small network on noisy digits (`python -m harness.digits`).

Numbers that were never published, and so in no language model's training data. Cells that compute the same function
are trained once (`harness.spaces.cells`); costs are those of the network that is trained, in which dead edges are
absent.
"""

from __future__ import annotations

from harness.digits.pictures import KERNEL, SIDE
from harness.spaces import Benchmark
from harness.spaces.cells import live_edges
from harness.spaces.costs import Cost, batch_norm, conv_bn, linear, total
from harness.spaces.nas_bench_201 import SPACE, operation_cost
from tables.space import Architecture

CHANNELS = (8, 16)  # of the two cells
CLASSES = 10


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
