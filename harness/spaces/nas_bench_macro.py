"""NAS-Bench-Macro (Su et al. 2021, arXiv:2103.11922): MobileNetV2 blocks or nothing, in eight layers, 3^8.

Choice 0 is the identity; where the shape changes, it is a 1×1 convolution with batch normalisation instead. Choices 1
and 2 are inverted residuals. Input 32×32, ten classes. `macs` and `params` equal the benchmark's published `flops` and
`params` for all 6,561 networks.
"""

from __future__ import annotations

from functools import cache

from harness.spaces import Benchmark, Facts
from harness.spaces.costs import Cost, Layer, block_name, conv_bn, global_pool, linear, searched, total
from tables.source import Measure
from tables.space import Architecture, Group, Notation, Slot, Space

LAYERS = (
    *(Layer(32, 64, 2, 16), Layer(64, 64, 1, 16)),
    *(Layer(64, 128, 2, 8), Layer(128, 128, 1, 8), Layer(128, 128, 1, 8)),
    *(Layer(128, 256, 2, 4), Layer(256, 256, 1, 4), Layer(256, 256, 1, 4)),
)
STEM_CHANNELS = 32
HEAD_CHANNELS = 1280

BLOCKS = (None, (3, 3), (5, 6))
"""(kernel, expansion) of each choice; 0 is no block."""

CHOICES = ("identity", *(block_name(*block) for block in BLOCKS if block))

STAGES = (range(2), range(2, 5), range(5, 8))  # of the layers, by position


def _form(architecture: Architecture) -> Architecture:
    """The architecture with the identities of each stage behind its other layers, the first excepted.

    The first layer changes the shape; behind it an identity does nothing, so that it can stand anywhere.
    """
    stages = (architecture[stage.start : stage.stop] for stage in STAGES)
    return tuple(choice for first, *rest in stages for choice in (first, *sorted(rest, key=lambda choice: choice == 0)))


SPACE = Space(
    name="nas-bench-macro",
    title="NAS-Bench-Macro, CIFAR-10",
    groups=tuple(
        Group(f"Stage {number}", tuple(Slot(f"Layer {layer + 1}", CHOICES) for layer in stage))
        for number, stage in enumerate(STAGES, start=1)
    ),
    notation=Notation("{}" * len(LAYERS)),
    largest=(len(BLOCKS) - 1,) * len(LAYERS),
    form=_form,
    networks=3969,
)


@cache
def fixed_cost() -> Cost:
    """Cost of everything that is not searched: the stem and the head."""
    last = LAYERS[-1]
    return total(
        conv_bn(3, STEM_CHANNELS, 3, 32),
        conv_bn(last.outputs, HEAD_CHANNELS, 1, last.size),
        global_pool(HEAD_CHANNELS, last.size),
        linear(HEAD_CHANNELS, 10),
    )


def cost(architecture: Architecture) -> Cost:
    """Cost of the whole network at input 32×32.

    Raises:
        InvalidArchitecture: if it is no architecture of `SPACE`.
    """
    layers = zip(LAYERS, SPACE.validate(architecture), strict=True)
    return total(fixed_cost(), *(searched(layer, BLOCKS[choice]) for layer, choice in layers))


TABLE = Benchmark(
    name=SPACE.name,
    space=SPACE,
    cost=cost,
    path="benchmark/nas-bench-macro_cifar10.json",
    format="nas-bench-macro",
    measure=Measure.TEST_ONLY,
    licence="none stated there; github.com/xiusu/NAS-Bench-Macro holds the same bytes under Apache-2.0",
    by_network=True,  # its authors copied the runs (`train/collect_benchmark.py`)
)
FACTS = Facts("mobile.build_nas_bench_macro", tables=(TABLE,))
