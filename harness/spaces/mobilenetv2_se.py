"""The ImageNet space of GENIUS (arXiv 2304.10970, Table 14): MobileNetV2 blocks with squeeze-and-excitation, 7^30.

Thirty slots in five stages. Choice 0 skips a layer; on the first layer of a stage, where the shape changes, it is a
1×1 convolution with batch normalisation instead. Choices 1–6 are inverted residuals with kernel 3, 5, 7 at expansion
4, then at expansion 6. Input 224×224. Exact against all 70 entries of the FLOPs table in GENIUS' published prompt.
"""

from __future__ import annotations

from functools import cache

from harness.spaces import Facts
from harness.spaces.costs import (
    Cost,
    Layer,
    block_name,
    conv,
    conv_bn,
    global_pool,
    linear,
    searched,
    squeeze_excite,
    total,
)
from tables.space import Architecture, Group, Slot, Space

LAYERS_PER_STAGE = 6
FIRST_LAYERS = (
    Layer(16, 24, 2, 56),
    Layer(24, 40, 2, 28),
    Layer(40, 80, 2, 14),
    Layer(80, 96, 1, 14),
    Layer(96, 192, 2, 7),
)
"""Of the stages; the others of a stage keep the shape."""
LAYERS = tuple(
    layer
    for first in FIRST_LAYERS
    for layer in (first, *[Layer(first.outputs, first.outputs, 1, first.size)] * (LAYERS_PER_STAGE - 1))
)
FIRST_LAYER = 2  # layers 0 and 1 are the stem
STEM_SIZE = 112  # side of the stem's output at input 224

BLOCKS = (None, (3, 4), (5, 4), (7, 4), (3, 6), (5, 6), (7, 6))
"""(kernel, expansion) of each choice; 0 is no block."""

CHOICES = ("skip", *(block_name(*block) for block in BLOCKS if block))

SPACE = Space(
    name="mobilenetv2-se",
    title="MobileNetV2 with squeeze-and-excitation, ImageNet",
    groups=tuple(
        Group(
            f"Stage {stage + 1}",
            tuple(
                Slot(f"Layer {FIRST_LAYER + stage * LAYERS_PER_STAGE + layer}", CHOICES)
                for layer in range(LAYERS_PER_STAGE)
            ),
        )
        for stage in range(len(FIRST_LAYERS))
    ),
    largest=(len(BLOCKS) - 1,) * len(LAYERS),
)


FACTS = Facts("mobile.build_mobilenetv2_se", input_size=224, counted_by_thop=True)


def choice_cost(position: int, choice: int) -> Cost:
    """Cost of one choice at one of the 30 positions."""
    return searched(LAYERS[position], BLOCKS[choice], gated=True)


@cache
def fixed_cost() -> Cost:
    """Cost of everything that is not searched: the stem (layers 0, 1) and the head (layers 32 to 35)."""
    stem, head = STEM_SIZE, LAYERS[-1].size
    return total(
        (
            conv_bn(3, 16, 3, stem),
            conv_bn(16, 16, 3, stem, groups=16),
            squeeze_excite(16),
            conv_bn(16, 16, 1, stem),
            conv_bn(192, 320, 1, head),
            global_pool(320, head),
            conv(320, 1280, 1, 1, bias=True),
            linear(1280, 1000),
        )
    )


def cost(architecture: Architecture) -> Cost:
    """Cost of the whole network at input 224×224.

    Raises:
        InvalidArchitecture: if it is no architecture of `SPACE`.
    """
    choices = SPACE.validate(architecture)
    return total((fixed_cost(), *(choice_cost(position, choice) for position, choice in enumerate(choices))))


def describe_costs() -> str:
    """The cost of every choice in millions (GENIUS' counting rule), one line a kind of layer, and of the rest."""
    lines = []
    for stage in range(len(FIRST_LAYERS)):
        for layer, name in ((0, "first layer"), (1, "other layers")):
            costs = (choice_cost(stage * LAYERS_PER_STAGE + layer, choice).macs_thop for choice in range(len(CHOICES)))
            lines.append(f"stage {stage + 1}, {name}: " + ", ".join(f"{cost / 1e6:.1f}" for cost in costs))
    return "\n".join([*lines, f"everything else together: {fixed_cost().macs_thop / 1e6:.1f}"])
