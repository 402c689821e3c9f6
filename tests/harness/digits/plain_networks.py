"""The network of the private table in torch's own layers, with the weights of one network of a `CellBatch`."""

from __future__ import annotations

import torch
from torch import nn

from harness.digits.network import CellBatch
from harness.digits.table import CHANNELS, CLASSES, KERNEL, PADDING, STRIDE
from harness.spaces.cells import Edge
from harness.training.networks.nas_bench_201 import Cell
from tables.space import Architecture


def plain_network(architecture: Architecture) -> nn.Sequential:
    """(B, 1, 8, 8) → (B, classes), in the order of the module docstring of `cell_batch`."""
    first, second = CHANNELS
    network = nn.Sequential(
        nn.Conv2d(1, first, KERNEL, STRIDE, PADDING, bias=False),
        nn.BatchNorm2d(first),
        Cell(architecture, first),
        nn.AvgPool2d(2),
        nn.Conv2d(first, second, 1, bias=False),
        nn.BatchNorm2d(second),
        Cell(architecture, second),
        nn.BatchNorm2d(second),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(second, CLASSES),
    )
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    return network


def pairs(plain: nn.Sequential, batch: CellBatch, number: int) -> list[tuple[torch.Tensor, torch.Tensor, slice]]:
    """Each weight of `plain` with the tensor that holds the same of network `number` in `batch`, and where in it."""

    def one(
        parameter: torch.Tensor | nn.Module, held: torch.Tensor, row: int
    ) -> tuple[torch.Tensor, torch.Tensor, slice]:
        assert isinstance(parameter, torch.Tensor)
        return parameter, held, slice(row, row + 1)

    found = [
        one(plain[0].weight, batch.stem[0], number),
        one(plain[4].weight, batch.widening[0], number),
        one(plain[11].weight, batch.classifier, number),
        one(plain[11].bias, batch.bias, number),
    ]
    for cell, steps in ((plain[2], batch.cells[0]), (plain[6], batch.cells[1])):
        assert isinstance(cell, Cell)
        for step in steps:
            if step.layer is None:
                continue
            for target, part in step.ends:
                for row in range(*part.indices(len(step.networks))):
                    if int(step.networks[row]) == number:
                        layer = convolution(cell, Edge(step.source, target, step.operation))
                        found.append(one(layer.weight, step.layer[0], row))
    return found


def convolution(cell: Cell, edge: Edge) -> nn.Conv2d:
    """The convolution on an edge."""
    node = cell.nodes[edge.target - 1]
    assert isinstance(node, nn.ModuleList)
    operation = node[edge.source]
    assert isinstance(operation, nn.Sequential)
    layer = operation[1]
    assert isinstance(layer, nn.Conv2d)
    return layer


def copy_weights(plain: nn.Sequential, batch: CellBatch, number: int) -> None:
    """Give `plain` the weights of network `number`; normalisations have their initial scale and shift in both."""
    with torch.no_grad():
        for parameter, held, part in pairs(plain, batch, number):
            parameter.copy_(held[part].reshape(parameter.shape))
