"""Networks of NAS-Bench-Macro (Su et al. 2021, arXiv:2103.11922) and of Channel-Bench-Macro, by the same authors."""

from __future__ import annotations

from torch import Tensor, nn

from harness.spaces.channel_bench import MOBILENET, RESNET
from harness.spaces.nas_bench_macro import BLOCKS, HEAD_CHANNELS, LAYERS, SPACE, STEM_CHANNELS, Layer
from harness.training.networks.blocks import InvertedResidual, classifier, conv_bn, scaled
from tables.space import Architecture


class BasicBlock(nn.Module):
    """Two 3×3 convolutions (He et al. 2016); with a shortcut at stride 1, without one at stride 2.

    (B, inputs, H, W) → (B, outputs, H / stride, W / stride).
    """

    def __init__(self, inputs: int, middle: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.shortcut = stride == 1
        self.residual = nn.Sequential(conv_bn(inputs, middle, 3, stride), nn.ReLU(), conv_bn(middle, outputs, 3))
        self.activation = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) → (B, outputs, H / stride, W / stride)."""
        y: Tensor = self.residual(x)
        z: Tensor = self.activation(x + y if self.shortcut else y)
        return z


def build_resnet(
    architecture: Architecture, *, classes: int = 10, channels_in: int = 3, width: float = 1.0
) -> nn.Module:
    """The network of an architecture: (B, channels_in, 32, 32) → (B, classes); `width` multiplies all other channels.

    Raises:
        InvalidArchitecture: if it is no architecture of the space.
    """
    c0, c1, c2, c3, c4, c5, c6 = (scaled(channels, width) for channels in RESNET.widths(architecture))
    return nn.Sequential(
        *(conv_bn(channels_in, c0, 3, stride=2), nn.ReLU()),  # (B, c0, 16, 16)
        BasicBlock(c0, c1, c0),
        BasicBlock(c0, c2, c0),
        BasicBlock(c0, c3, c4, stride=2),  # (B, c4, 8, 8)
        BasicBlock(c4, c5, c4),
        BasicBlock(c4, c6, c4),
        classifier(c4, classes),
    )


def build_mobilenet(
    architecture: Architecture, *, classes: int = 10, channels_in: int = 3, width: float = 1.0
) -> nn.Module:
    """The network of an architecture: (B, channels_in, 32, 32) → (B, classes); `width` multiplies all other channels.

    Raises:
        InvalidArchitecture: if it is no architecture of the space.
    """
    c0, c1, c2, c3, c4, c5, c6 = (scaled(channels, width) for channels in MOBILENET.widths(architecture))
    return nn.Sequential(
        *(conv_bn(channels_in, c0, 3, stride=2), nn.ReLU6()),  # (B, c0, 16, 16)
        InvertedResidual(c0, c1, c0, kernel=3, stride=1, activation=nn.ReLU6()),
        InvertedResidual(c0, c2, c0, kernel=3, stride=1, activation=nn.ReLU6()),
        InvertedResidual(c0, c3, c4, kernel=3, stride=2, activation=nn.ReLU6()),  # (B, c4, 8, 8)
        InvertedResidual(c4, c5, c4, kernel=3, stride=1, activation=nn.ReLU6()),
        *(conv_bn(c4, c6, 1), nn.ReLU6()),  # (B, c6, 8, 8)
        classifier(c6, classes),
    )


def build_nas_bench_macro(
    architecture: Architecture, *, classes: int = 10, channels_in: int = 3, width: float = 1.0
) -> nn.Module:
    """The network of an architecture: (B, channels_in, 32, 32) → (B, classes); `width` multiplies all other channels.

    Raises:
        InvalidArchitecture: if it is no architecture of the space.
    """
    choices = SPACE.validate(architecture)
    stem, last, head = (scaled(channels, width) for channels in (STEM_CHANNELS, LAYERS[-1].outputs, HEAD_CHANNELS))
    return nn.Sequential(
        *(conv_bn(channels_in, stem, 3), nn.ReLU6()),  # (B, stem, 32, 32)
        *(_layer(layer, choice, width) for layer, choice in zip(LAYERS, choices, strict=True)),  # (B, last, 4, 4)
        *(conv_bn(last, head, 1), nn.ReLU6()),  # (B, head, 4, 4)
        classifier(head, classes),
    )


def _layer(layer: Layer, choice: int, width: float) -> nn.Module:
    """(B, inputs, stride · size, stride · size) → (B, outputs, size, size)."""
    inputs, outputs = scaled(layer.inputs, width), scaled(layer.outputs, width)
    if choice == 0:
        return nn.Identity() if layer.keeps_shape else conv_bn(inputs, outputs, 1, layer.stride)
    kernel, expansion = BLOCKS[choice - 1]
    return InvertedResidual(inputs, inputs * expansion, outputs, kernel, layer.stride, activation=nn.ReLU6())
