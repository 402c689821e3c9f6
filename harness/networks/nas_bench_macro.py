"""Networks of NAS-Bench-Macro (Su et al. 2021, arXiv:2103.11922): `harness.spaces.nas_bench_macro` in torch."""

from __future__ import annotations

from torch import nn

from harness.networks.blocks import InvertedResidual, classifier, conv_bn
from harness.space import Architecture
from harness.spaces.nas_bench_macro import BLOCKS, HEAD_CHANNELS, LAYERS, SPACE, STEM_CHANNELS, Layer


def build(architecture: Architecture, *, classes: int = 10) -> nn.Module:
    """The network of an architecture: (B, 3, 32, 32) → (B, classes).

    Raises:
        InvalidArchitecture: if it is no architecture of the space.
    """
    choices = SPACE.validate(architecture)
    return nn.Sequential(
        *(conv_bn(3, STEM_CHANNELS, 3), nn.ReLU6()),  # (B, 32, 32, 32)
        *(_layer(layer, choice) for layer, choice in zip(LAYERS, choices, strict=True)),  # (B, 256, 4, 4)
        *(conv_bn(LAYERS[-1].outputs, HEAD_CHANNELS, 1), nn.ReLU6()),  # (B, 1280, 4, 4)
        classifier(HEAD_CHANNELS, classes),
    )


def _layer(layer: Layer, choice: int) -> nn.Module:
    """(B, inputs, stride · size, stride · size) → (B, outputs, size, size)."""
    if choice == 0:
        return nn.Identity() if layer.keeps_shape else conv_bn(layer.inputs, layer.outputs, 1, layer.stride)
    kernel, expansion = BLOCKS[choice - 1]
    expanded = layer.inputs * expansion
    return InvertedResidual(layer.inputs, expanded, layer.outputs, kernel, layer.stride, activation=nn.ReLU6())
