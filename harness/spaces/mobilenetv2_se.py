"""The ImageNet space of GENIUS (arXiv 2304.10970, Table 14): MobileNetV2 blocks with squeeze-and-excitation, 7^30.

Thirty slots in five stages. Choice 0 skips a layer; on the first layer of a stage, where the shape changes, it is a
1×1 convolution with batch normalisation instead. Choices 1–6 are inverted residuals with kernel 3, 5, 7 at expansion
4, then at expansion 6. Input 224×224. Exact against all 70 entries of the FLOPs table in GENIUS' published prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TypeAlias

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

Outline: TypeAlias = tuple[Layer, ...]
"""The two layers of the stem, and the first layer of each stage; the others of a stage keep the shape."""

INPUT_SIZE = 224
LAYERS_PER_STAGE = 6
OUTLINE: Outline = (
    Layer(3, 16, 2, 112),
    Layer(16, 16, 1, 112),
    Layer(16, 24, 2, 56),
    Layer(24, 40, 2, 28),
    Layer(40, 80, 2, 14),
    Layer(80, 96, 1, 14),
    Layer(96, 192, 2, 7),
)
FIRST_LAYER = 2  # layers 0 and 1 are the stem


def layers(outline: Outline) -> tuple[Layer, ...]:
    """The thirty layers that are searched."""
    return tuple(
        layer
        for first in outline[FIRST_LAYER:]
        for layer in (first, *[Layer(first.outputs, first.outputs, 1, first.size)] * (LAYERS_PER_STAGE - 1))
    )


def with_strides(strides: Sequence[int]) -> Outline:
    """The same channels at other strides, one for each layer of the outline."""
    size, outline = INPUT_SIZE, list[Layer]()
    for layer, stride in zip(OUTLINE, strides, strict=True):
        size //= stride
        outline.append(Layer(layer.inputs, layer.outputs, stride, size))
    return tuple(outline)


LAYERS = layers(OUTLINE)

BLOCKS = (None, (3, 4), (5, 4), (7, 4), (3, 6), (5, 6), (7, 6))
"""(kernel, expansion) of each choice; 0 is no block."""

CHOICES = ("skip", *(block_name(*block) for block in BLOCKS if block))


def _stage(number: int) -> Group:
    first = FIRST_LAYER + (number - 1) * LAYERS_PER_STAGE
    slots = (Slot(f"Layer {layer}", CHOICES) for layer in range(first, first + LAYERS_PER_STAGE))
    return Group(f"Stage {number}", tuple(slots))


SPACE = Space(
    name="mobilenetv2-se",
    title="MobileNetV2 with squeeze-and-excitation, ImageNet",
    groups=tuple(map(_stage, range(1, len(LAYERS) // LAYERS_PER_STAGE + 1))),
    largest=(len(BLOCKS) - 1,) * len(LAYERS),
)


FACTS = Facts("mobile.build_mobilenetv2_se", input_size=INPUT_SIZE, counted_by_thop=True)


def choice_cost(position: int, choice: int) -> Cost:
    """Cost of one choice at one of the 30 positions."""
    return searched(LAYERS[position], BLOCKS[choice], gated=True)


@cache
def fixed_costs(outline: Outline = OUTLINE) -> tuple[Cost, ...]:
    """Cost of what is not searched: layers 0 and 1, the stem, and layers 32 to 35, the head."""
    first, second, *_, last = outline
    return (
        conv_bn(3, 16, 3, first.size),
        total(conv_bn(16, 16, 3, second.size, groups=16), squeeze_excite(16), conv_bn(16, 16, 1, second.size)),
        conv_bn(192, 320, 1, last.size),
        global_pool(320, last.size),
        conv(320, 1280, 1, 1, bias=True),
        linear(1280, 1000),
    )


def fixed_cost() -> Cost:
    """Cost of everything that is not searched."""
    return total(*fixed_costs())


def cost(architecture: Architecture, outline: Outline = OUTLINE) -> Cost:
    """Cost of the whole network at input 224×224.

    Raises:
        InvalidArchitecture: if it is no architecture of `SPACE`.
    """
    shapes = zip(layers(outline), SPACE.validate(architecture), strict=True)
    return total(*fixed_costs(outline), *(searched(layer, BLOCKS[choice], gated=True) for layer, choice in shapes))


def describe_costs() -> str:
    """The cost of every choice in millions (GENIUS' counting rule), one line a kind of layer, and of the rest."""
    lines = []
    for stage in range(len(SPACE.groups)):
        for layer, name in ((0, "first layer"), (1, "other layers")):
            costs = (choice_cost(stage * LAYERS_PER_STAGE + layer, choice).macs_thop for choice in range(len(CHOICES)))
            lines.append(f"stage {stage + 1}, {name}: " + ", ".join(f"{cost / 1e6:.1f}" for cost in costs))
    return "\n".join([*lines, f"everything else together: {fixed_cost().macs_thop / 1e6:.1f}"])
