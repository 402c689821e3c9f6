"""Channel-Bench-Macro, ResNet (github.com/xiusu/Channel-Bench-Macro): seven widths of a small ResNet, 4^7.

A stem with stride 2, then five blocks of two 3×3 convolutions, c0→c1→c0, c0→c2→c0, c0→c3→c4 with stride 2,
c4→c5→c4, c4→c6→c4; all but the third have a shortcut. Input 32×32, ten classes. `macs` and `params` equal the
benchmark's published `flops` and `params` for all 16,384 networks.
"""

from __future__ import annotations

from harness.spaces.channel_bench import channel_space, scaled
from harness.spaces.costs import Cost, conv_bn, global_pool, linear, total
from tables.space import Architecture

FULL_WIDTHS = (256, 256, 256, 512, 512, 512, 512)

SPACE = channel_space("channel-bench-resnet", "Channel-Bench-Macro, ResNet, CIFAR-10", FULL_WIDTHS)


def widths(architecture: Architecture) -> tuple[int, ...]:
    """Channels of the seven searched layers.

    Raises:
        InvalidArchitecture: if it is no architecture of `SPACE`.
    """
    return scaled(FULL_WIDTHS, SPACE.validate(architecture))


def cost(architecture: Architecture) -> Cost:
    """Cost of the whole network at input 32×32.

    Raises:
        InvalidArchitecture: if it is no architecture of `SPACE`.
    """
    c0, c1, c2, c3, c4, c5, c6 = widths(architecture)
    return total(
        (
            conv_bn(3, c0, 3, 16),
            _block(c0, c1, c0, 16),
            _block(c0, c2, c0, 16),
            _block(c0, c3, c4, 8),
            _block(c4, c5, c4, 8),
            _block(c4, c6, c4, 8),
            global_pool(c4, 8),
            linear(c4, 10),
        )
    )


def _block(inputs: int, middle: int, outputs: int, size: int) -> Cost:
    """Two 3×3 convolutions with outputs of `size` × `size`; a stride is the first one's."""
    return total((conv_bn(inputs, middle, 3, size), conv_bn(middle, outputs, 3, size)))
