"""Cells of NAS-Bench-201 with all five operations on every edge, weighted: what a supernet is made of."""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor, nn

from harness.spaces.nas_bench_201 import OPERATIONS
from harness.training.networks.nas_bench_201 import Cell, operation


class MixedEdge(nn.Module):
    """The weighted sum of all operations on one edge; what has weight 0 is not computed.

    Batches are normalised by their own statistics, also in validation, since an operation that is seldom sampled has no
    other; and without a scale, which would do what the weight of the operation is for.
    """

    weights: list[tuple[Tensor, float]]
    """Of the operations, each also as a number; set before every pass."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.operations = nn.ModuleList(operation(name, channels) for name in OPERATIONS)
        self.operations.apply(_without_scale)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → (B, C, H, W)."""
        weighted = zip(self.operations, self.weights, strict=True)
        terms: list[Tensor] = [weight * module(x) for module, (weight, number) in weighted if number]
        return reduce(torch.add, terms)


def mix(network: nn.Module) -> list[list[MixedEdge]]:
    """Put a mixture in the place of every operation of a network whose cells are all convolutions 3×3.

    Returns:
        The edges of each cell, in the order of the space's slots.
    """
    cells = [_mix(cell) for cell in network.modules() if isinstance(cell, Cell)]
    network.apply(_without_statistics)
    return cells


def _mix(cell: Cell) -> list[MixedEdge]:
    edges = []
    for node in cell.nodes:
        assert isinstance(node, nn.ModuleList)
        for number, layers in enumerate(node):
            (convolution,) = (layer for layer in layers.modules() if isinstance(layer, nn.Conv2d))
            node[number] = edge = MixedEdge(convolution.out_channels)
            edges.append(edge)
    return edges


def _without_scale(module: nn.Module) -> None:
    if isinstance(module, nn.BatchNorm2d):
        module.requires_grad_(False)


def _without_statistics(module: nn.Module) -> None:
    if isinstance(module, nn.BatchNorm2d):
        module.running_mean = module.running_var = module.num_batches_tracked = None
