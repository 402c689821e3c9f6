"""Networks of Channel-Bench-Macro, MobileNet: `harness.spaces.channel_bench_mobilenet` in torch."""

from __future__ import annotations

from torch import nn

from harness.spaces.channel_bench_mobilenet import widths
from harness.training.networks.blocks import InvertedResidual, classifier, conv_bn, scaled
from tables.space import Architecture


def build(architecture: Architecture, *, classes: int = 10, channels_in: int = 3, width: float = 1.0) -> nn.Module:
    """The network of an architecture: (B, channels_in, 32, 32) → (B, classes); `width` multiplies all other channels.

    Raises:
        InvalidArchitecture: if it is no architecture of the space.
    """
    c0, c1, c2, c3, c4, c5, c6 = (scaled(channels, width) for channels in widths(architecture))
    return nn.Sequential(
        *(conv_bn(channels_in, c0, 3, stride=2), nn.ReLU6()),  # (B, c0, 16, 16)
        InvertedResidual(c0, c1, c0, kernel=3, stride=1, activation=nn.ReLU6()),
        InvertedResidual(c0, c2, c0, kernel=3, stride=1, activation=nn.ReLU6()),
        InvertedResidual(c0, c3, c4, kernel=3, stride=2, activation=nn.ReLU6()),  # (B, c4, 8, 8)
        InvertedResidual(c4, c5, c4, kernel=3, stride=1, activation=nn.ReLU6()),
        *(conv_bn(c4, c6, 1), nn.ReLU6()),  # (B, c6, 8, 8)
        classifier(c6, classes),
    )
