"""Networks of NAS-Bench-201 (Dong & Yang 2020, arXiv:2001.00326): `harness.spaces.nas_bench_201` in torch."""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor, nn

from harness.spaces.nas_bench_201 import CELLS_PER_STAGE, CHANNELS, OPERATIONS, SPACE
from harness.training.jobs import Scale
from harness.training.networks.mobile import classifier, conv_bn, scaled
from tables.space import Architecture


class Zero(nn.Module):
    """The operation `none`: zeros in the shape of the input."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → (B, C, H, W)."""
        return torch.zeros_like(x)


def relu_conv_bn(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Activation, convolution without bias, batch normalisation, in this order."""
    return nn.Sequential(nn.ReLU(), *conv_bn(inputs, outputs, kernel, stride))


def operation(name: str, channels: int) -> nn.Module:
    """What stands on one edge: (B, channels, H, W) → (B, channels, H, W)."""
    if name == "none":
        return Zero()
    if name == "skip_connect":
        return nn.Identity()
    if name == "avg_pool_3x3":
        return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
    return relu_conv_bn(channels, channels, kernel={"nor_conv_1x1": 1, "nor_conv_3x3": 3}[name])


class Cell(nn.Module):
    """Nodes in order, each the sum of the operations on the edges that enter it; the last node is the output."""

    def __init__(self, architecture: Architecture, channels: int) -> None:
        super().__init__()
        nodes = ([OPERATIONS[choice] for choice in choices] for choices in SPACE.split(architecture))
        self.nodes = nn.ModuleList(nn.ModuleList(operation(name, channels) for name in names) for names in nodes)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → (B, C, H, W)."""
        values = [x]
        for edges in self.nodes:
            assert isinstance(edges, nn.ModuleList)
            values.append(reduce(torch.add, (edge(value) for edge, value in zip(edges, values, strict=True))))
        return values[-1]


def pool_conv(inputs: int, outputs: int) -> nn.Sequential:
    """An average pool and a 1×1 convolution: (B, inputs, H, W) → (B, outputs, H / 2, W / 2)."""
    return nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(inputs, outputs, 1, bias=False))


class Reduction(nn.Module):
    """A residual block of stride 2: (B, inputs, H, W) → (B, outputs, H / 2, W / 2)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(relu_conv_bn(inputs, outputs, 3, stride=2), relu_conv_bn(outputs, outputs, 3))
        self.shortcut = pool_conv(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) → (B, outputs, H / 2, W / 2)."""
        y: Tensor = self.shortcut(x) + self.residual(x)
        return y


def build(architecture: Architecture, *, classes: int, channels_in: int, scale: Scale) -> nn.Module:
    """The network of a cell: (B, channels_in, 32, 32) → (B, classes).

    Args:
        architecture: of the cell.
        classes: 10 for CIFAR-10, 100 for CIFAR-100; for ImageNet16-120, 120 and input 16×16.
        channels_in: of a picture.
        scale: how the network differs in size from the benchmark's own.

    Raises:
        InvalidArchitecture: if it is no architecture of the space.
    """
    choices = SPACE.validate(architecture)
    reduction = pool_conv if scale.light_reduction else Reduction
    channels = scaled(CHANNELS[0], scale.width)
    layers: list[nn.Module] = [nn.Conv2d(channels_in, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)]
    for stage, full in enumerate(CHANNELS):
        outputs = scaled(full, scale.width)
        if stage > 0:
            layers.append(reduction(channels, outputs))
        layers.extend(Cell(choices, outputs) for _ in range(scale.cells_per_stage or CELLS_PER_STAGE))
        channels = outputs
    return nn.Sequential(*layers, nn.BatchNorm2d(channels), nn.ReLU(), classifier(channels, classes))
