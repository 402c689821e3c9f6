"""NAS-Bench-201 (Dong & Yang 2020, arXiv:2001.00326): a cell of four nodes with an operation on each of six edges, 5^6.

The cell is stacked five times at each of 16, 32, 64 channels, with a residual block of stride 2 between. An
architecture lists the edges in the order of the benchmark's string: 0→1; 0→2, 1→2; 0→3, 1→3, 2→3. Operations on edges
that reach no output are built and counted like any other.
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import cache, partial
from itertools import pairwise

from harness.spaces import Benchmark, Facts
from harness.spaces.costs import NOTHING, Cost, batch_norm, conv, conv_bn, global_pool, linear, total
from tables.space import Architecture, Group, Notation, Slot, Space

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
NODES = 4  # node 0 is the cell's input, the last its output
CHANNELS = (16, 32, 64)  # of the three stages; a stage after the first halves the side
CELLS_PER_STAGE = 5


def _form(architecture: Architecture) -> Hashable:
    from harness.spaces.cells import form_of  # late: it is about this module's operations

    return form_of(architecture)


SPACE = Space(
    name="nas-bench-201",
    title="NAS-Bench-201",
    groups=tuple(
        Group(f"Node {node}", tuple(Slot(f"{source}→{node}", OPERATIONS) for source in range(node)))
        for node in range(1, NODES)
    ),
    notation=Notation("|{}~0|+|{}~0|{}~1|+|{}~0|{}~1|{}~2|", names=True),
    largest=(OPERATIONS.index("nor_conv_3x3"),) * (NODES * (NODES - 1) // 2),
    form=_form,
    networks=5044,
)


def cost(architecture: Architecture, *, classes: int = 10, input_size: int = 32) -> Cost:
    """Cost of the whole network: CIFAR-10 by default; ImageNet16-120 has 120 classes and input 16×16.

    Raises:
        InvalidArchitecture: if it is no architecture of `SPACE`.
    """
    cells = (
        operation_cost(choice, channels, input_size >> stage)
        for stage, channels in enumerate(CHANNELS)
        for choice in SPACE.validate(architecture) * CELLS_PER_STAGE
    )
    return total(fixed_cost(classes, input_size), *cells)


@cache
def operation_cost(choice: int, channels: int, size: int) -> Cost:
    """Cost of one edge on `size` × `size` activations; a pool is one operation an activation by the rule of `thop`."""
    return {
        "none": NOTHING,
        "skip_connect": NOTHING,
        "nor_conv_1x1": conv_bn(channels, channels, 1, size),
        "nor_conv_3x3": conv_bn(channels, channels, 3, size),
        "avg_pool_3x3": Cost(0, channels * size * size, 0),
    }[OPERATIONS[choice]]


@cache
def fixed_cost(classes: int, input_size: int) -> Cost:
    """Cost of everything that is not searched: the stem, the two reduction blocks, and the head."""
    last, last_size = CHANNELS[-1], input_size >> len(CHANNELS) - 1
    reductions = (
        _reduction_cost(inputs, outputs, input_size >> stage)
        for stage, (inputs, outputs) in enumerate(pairwise(CHANNELS), start=1)
    )
    return total(
        conv_bn(3, CHANNELS[0], 3, input_size),
        *reductions,
        batch_norm(last, last_size),
        global_pool(last, last_size),
        linear(last, classes),
    )


def _reduction_cost(inputs: int, outputs: int, size: int) -> Cost:
    """A residual block that halves the side to `size`; its shortcut is a 2×2 average pool and a 1×1 convolution."""
    return total(
        conv_bn(inputs, outputs, 3, size),
        conv_bn(outputs, outputs, 3, size),
        Cost(0, inputs * size * size, 0),
        conv(inputs, outputs, 1, size),
    )


def _table(dataset: str, file: str, classes: int, input_size: int) -> Benchmark:
    on_these = partial(cost, classes=classes, input_size=input_size)
    path = f"benchmark/nasbench201_{file}.json"
    return Benchmark(f"nas-bench-201-{dataset}", SPACE, on_these, path, format="nas-bench-201")


FACTS = Facts(
    network="nas_bench_201.build",
    tables=(
        _table("cifar10", "cifar10", 10, 32),
        _table("cifar100", "cifar100", 100, 32),
        _table("imagenet16-120", "imagenet", 120, 16),
    ),
)
