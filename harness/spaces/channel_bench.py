"""Channel-Bench-Macro (github.com/xiusu/Channel-Bench-Macro): seven widths of a small ResNet or MobileNetV2, 4^7 each.

A choice is written 1 to 4, which is the number of quarters of the full width. Input 32×32, ten classes; the stem has
stride 2. `macs` and `params` equal the benchmark's published `flops` and `params` for all 2 · 16,384 networks.

ResNet: five blocks of two 3×3 convolutions, c0→c1→c0, c0→c2→c0, c0→c3→c4 with stride 2, c4→c5→c4, c4→c6→c4; all but
the third have a shortcut. MobileNet: four inverted residuals with kernel 3, c0→c1→c0, c0→c2→c0, c0→c3→c4 with stride 2,
c4→c5→c4, and a 1×1 convolution to c6.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from harness.spaces import Benchmark, Facts
from harness.spaces.costs import Cost, Layer, conv_bn, global_pool, inverted_residual, linear, total
from tables.source import Measure
from tables.space import Architecture, Group, Notation, Slot, Space

QUARTERS = (1, 2, 3, 4)


class Block(NamedTuple):
    """A block with so many channels between its input and its output."""

    layer: Layer
    middle: int


def blocks(widths: Sequence[int]) -> tuple[Block, ...]:
    """Of the ResNet; a MobileNet has the first four."""
    c0, c1, c2, c3, c4, c5, c6 = widths
    first, third, last = Layer(c0, c0, 1, 16), Layer(c0, c4, 2, 8), Layer(c4, c4, 1, 8)
    return Block(first, c1), Block(first, c2), Block(third, c3), Block(last, c5), Block(last, c6)


class ChannelBench(NamedTuple):
    """One of the two spaces (`harness.spaces.SpaceModule`), and how its choices become channels."""

    SPACE: Space
    FACTS: Facts
    cost: Callable[[Architecture], Cost]
    widths: Callable[[Architecture], tuple[int, ...]]


def _declared(
    network: str, full_widths: tuple[int, ...], cost_of: Callable[[tuple[int, ...]], Cost], file: str
) -> ChannelBench:
    name = f"channel-bench-{network.lower()}"
    slots = (
        Slot(f"Layer {number}", tuple(f"{width * quarters // 4} channels" for quarters in QUARTERS))
        for number, width in enumerate(full_widths, start=1)
    )
    space = Space(
        name=name,
        title=f"Channel-Bench-Macro, {network}, CIFAR-10",
        groups=(Group("Channels", tuple(slots)),),
        first_symbol=QUARTERS[0],
        notation=Notation("{}" * len(full_widths)),
        largest=(len(QUARTERS) - 1,) * len(full_widths),
    )

    def widths(architecture: Architecture) -> tuple[int, ...]:
        """Channels of the seven searched layers; raises InvalidArchitecture."""
        choices = space.validate(architecture)
        return tuple(width * QUARTERS[choice] // 4 for width, choice in zip(full_widths, choices, strict=True))

    def cost(architecture: Architecture) -> Cost:
        """Cost of the whole network; raises InvalidArchitecture."""
        return cost_of(widths(architecture))

    table = Benchmark(
        name=name,
        space=space,
        cost=cost,
        path=file,
        format="channel-bench",
        measure=Measure.TEST_ONLY,
        licence="none stated there; github.com/xiusu/Channel-Bench-Macro holds the same bytes",
    )
    return ChannelBench(space, Facts(f"mobile.build_{network.lower()}", tables=(table,)), cost, widths)


def _resnet_cost(widths: tuple[int, ...]) -> Cost:
    layers = [conv_bn(3, widths[0], 3, 16), global_pool(widths[4], 8), linear(widths[4], 10)]
    for layer, middle in blocks(widths):  # a stride is the first convolution's
        layers += [conv_bn(layer.inputs, middle, 3, layer.size), conv_bn(middle, layer.outputs, 3, layer.size)]
    return total(*layers)


def _mobilenet_cost(widths: tuple[int, ...]) -> Cost:
    first, last, head = widths[0], widths[4], widths[6]
    residuals = (inverted_residual(layer, middle, 3) for layer, middle in blocks(widths)[:4])
    stem = conv_bn(3, first, 3, 16)
    return total(stem, *residuals, conv_bn(last, head, 1, 8), global_pool(head, 8), linear(head, 10))


RESNET = _declared("ResNet", (256, 256, 256, 512, 512, 512, 512), _resnet_cost, "benchmark/Results_ResNet.json")
MOBILENET = _declared(
    "MobileNet", (128, 768, 768, 768, 256, 1536, 1024), _mobilenet_cost, "benchmark/Results_MobileNet.json"
)
