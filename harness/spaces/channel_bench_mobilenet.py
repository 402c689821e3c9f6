"""Channel-Bench-Macro, MobileNet (github.com/xiusu/Channel-Bench-Macro): seven widths of a small MobileNetV2, 4^7.

A stem with stride 2, then four inverted residuals with kernel 3, c0→c1→c0, c0→c2→c0, c0→c3→c4 with stride 2,
c4→c5→c4, and a 1×1 convolution to c6. Input 32×32, ten classes. `macs` and `params` equal the benchmark's published
`flops` and `params` for all 16,384 networks.
"""

from __future__ import annotations

from harness.spaces.channel_bench import channel_space, scaled
from harness.spaces.costs import Cost, conv_bn, global_pool, linear, total
from tables.space import Architecture

FULL_WIDTHS = (128, 768, 768, 768, 256, 1536, 1024)

SPACE = channel_space("channel-bench-mobilenet", "Channel-Bench-Macro, MobileNet, CIFAR-10", FULL_WIDTHS)


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
            _block(c0, c1, c0, 16, 16),
            _block(c0, c2, c0, 16, 16),
            _block(c0, c3, c4, 16, 8),
            _block(c4, c5, c4, 8, 8),
            conv_bn(c4, c6, 1, 8),
            global_pool(c6, 8),
            linear(c6, 10),
        )
    )


def _block(inputs: int, expanded: int, outputs: int, size: int, size_out: int) -> Cost:
    """An inverted residual on `size` × `size` activations."""
    return total(
        (
            conv_bn(inputs, expanded, 1, size),
            conv_bn(expanded, expanded, 3, size_out, groups=expanded),
            conv_bn(expanded, outputs, 1, size_out),
        )
    )
