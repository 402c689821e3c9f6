"""Networks of NAS-Bench-Macro (Su et al. 2021, arXiv:2103.11922): `harness.spaces.nas_bench_macro` in torch."""

from __future__ import annotations

from torch import nn

from harness.spaces.nas_bench_macro import BLOCKS, HEAD_CHANNELS, LAYERS, SPACE, STEM_CHANNELS, Layer
from harness.training.networks.blocks import InvertedResidual, classifier, conv_bn, scaled
from tables.space import Architecture


def build(architecture: Architecture, *, classes: int = 10, channels_in: int = 3, width: float = 1.0) -> nn.Module:
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
