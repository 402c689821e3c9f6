"""Cells of NAS-Bench-201 in a small network, many of them trained side by side under one seed.

    8×8 digit in 4×4 patches → 8 channels, 4×4 → cell → average pool, 16 channels, 2×2 → cell → pool → classes

Why not the general loop of `harness.training.train`: on pictures of 4×4 and 2×2 it takes longer to start an
operation than to do
it. So the edges of all networks that leave the same node with the same operation are done as one batched product, and
dead edges not at all. No number of one network enters another's; which networks are trained side by side can only
change the order in which a product is summed. `tests/harness/digits/test_network.py` compares with torch's own layers.

Activations are (networks, channels, positions, pictures). Evaluation normalises by the statistics of a last pass over
all training digits with the final weights, which a short training's running averages would miss (Wu & Johnson 2021,
arXiv:2105.07576).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from harness.digits.table import BATCH, CHANNELS, CLASSES, KERNEL, SIDE, Part, Run, test, training, validation
from harness.spaces.cells import CONV1, CONV3, POOL, Edge, live_edges
from harness.spaces.nas_bench_201 import NODES
from tables.space import Architecture

SIDES = (SIDE, SIDE // 2)
LEARNING_RATE, MOMENTUM, WEIGHT_DECAY = 0.4, 0.9, 5e-4  # Nesterov; the rate rises for a tenth, then falls as a cosine
TAPS = {CONV1: 1, CONV3: 9}  # weights of a kernel
LAST_PASS = 6  # batches: each training digit once
SLICE = 100  # pictures that are evaluated at a time: more would not stay in the processor's cache


def _shifts(side: int) -> Tensor:
    """(9, positions · positions): for each weight of a 3×3 kernel, which position it carries to which; padding is 0."""
    kernels = torch.eye(9).view(9, 1, 3, 3)
    pictures = torch.eye(side * side).view(side * side, 1, side, side)  # one position lit in each
    seen = functional.conv2d(pictures, kernels, padding=1)  # (positions before, 9, side, side)
    return seen.view(side * side, 9, side * side).permute(1, 2, 0).reshape(9, -1).contiguous()


def _averages(side: int, kernel: int, stride: int) -> Tensor:
    """The matrix (positions after, positions before) of an average pool that does not count its padding."""
    pictures = torch.eye(side * side).view(side * side, 1, side, side)
    pooled = functional.avg_pool2d(pictures, kernel, stride, padding=(kernel - 1) // 2, count_include_pad=False)
    return pooled.view(side * side, -1).T.contiguous()


_SHIFTS = {side * side: _shifts(side) for side in SIDES}
_SMOOTH = {side * side: _averages(side, 3, 1) for side in SIDES}
_HALVE = _averages(SIDE, 2, 2)


def convolve(x: Tensor, weight: Tensor) -> Tensor:
    """One convolution a network: weights (N, outputs, inputs, 1 or 9), (N, inputs, P, B) → (N, outputs, P, B).

    On so few positions 3×3 is cheaper as one matrix, mostly zeros, than on patches cut out for it.
    """
    networks, inputs, positions, batch = x.shape
    outputs, taps = weight.shape[1], weight.shape[3]
    if taps == 1:
        return torch.bmm(weight[..., 0], x.reshape(networks, inputs, -1)).view(networks, outputs, positions, batch)
    spread = (weight.view(-1, taps) @ _SHIFTS[positions]).view(networks, outputs, inputs, positions, positions)
    matrix = spread.transpose(2, 3).reshape(networks, outputs * positions, inputs * positions)
    return torch.bmm(matrix, x.reshape(networks, -1, batch)).view(networks, outputs, positions, batch)


class _Norm:
    """Batch normalisation, a network and channel each; evaluation uses the statistics of the latest training pass."""

    def __init__(self, networks: int, channels: int) -> None:
        self.scale = torch.ones(networks * channels, requires_grad=True)
        self.shift = torch.zeros(networks * channels, requires_grad=True)
        self.mean, self.variance = torch.zeros(networks * channels), torch.ones(networks * channels)

    def __call__(self, x: Tensor, learning: bool) -> Tensor:
        flat = x.reshape(1, len(self.scale), -1)
        return functional.batch_norm(
            flat, self.mean, self.variance, self.scale, self.shift, training=learning, momentum=1.0
        ).view(x.shape)


class _Step(NamedTuple):
    """Edges of all networks that leave node `source` with `operation`, ordered by target, in one of the two cells."""

    source: int
    operation: int
    networks: Tensor  # whose edge each is
    ends: tuple[tuple[int, slice], ...]  # the targets, each with where its edges stand
    layer: tuple[Tensor, _Norm] | None  # weights and normalisation of a convolution


_Bundle: TypeAlias = "tuple[tuple[int, int], list[tuple[int, Edge]]]"
"""Source and operation, and the edges of all networks that have both, as (network, edge)."""


def _bundles(cells: Sequence[Sequence[Edge]]) -> list[_Bundle]:
    """The edges of all networks in bundles, ordered by source, then operation: what a bundle reads is complete."""

    def start(each: tuple[int, Edge]) -> tuple[int, int]:
        return each[1].source, each[1].operation

    edges = [(network, edge) for network, cell in enumerate(cells) for edge in cell]
    edges.sort(key=lambda each: (*start(each), each[1].target, each[0]))
    return [(of, list(members)) for of, members in groupby(edges, key=start)]


def _ends(edges: Sequence[tuple[int, Edge]]) -> tuple[tuple[int, slice], ...]:
    targets = [edge.target for _, edge in edges]
    firsts = {target: targets.index(target) for target in sorted(set(targets))}
    return tuple((target, slice(first, first + targets.count(target))) for target, first in firsts.items())


class CellBatch:
    """Networks of several cells. Initial weights (He et al. 2015) follow from cell and seed alone."""

    def __init__(self, architectures: Sequence[Architecture], seed: int) -> None:
        cells = [live_edges(architecture) for architecture in architectures]
        drawn = [_initial(architecture, cell, seed) for architecture, cell in zip(architectures, cells, strict=True)]
        first, second = CHANNELS
        count = len(architectures)
        self.weights: list[Tensor] = []
        self.norms: list[_Norm] = []

        def weight(arrays: Sequence[NDArray[np.float32]]) -> Tensor:
            self.weights.append(torch.from_numpy(np.stack(arrays)).requires_grad_())
            return self.weights[-1]

        def norm(networks: int, channels: int) -> _Norm:
            self.norms.append(_Norm(networks, channels))
            return self.norms[-1]

        self.stem = weight([each["stem"] for each in drawn]), norm(count, first)

        def step(stage: int, bundle: _Bundle) -> _Step:
            (source, operation), edges = bundle
            layer = None
            if operation in TAPS:
                weights = weight([drawn[network][stage, edge] for network, edge in edges])
                layer = weights, norm(len(edges), CHANNELS[stage])
            return _Step(source, operation, torch.tensor([network for network, _ in edges]), _ends(edges), layer)

        self.cells = [[step(stage, bundle) for bundle in _bundles(cells)] for stage in range(len(CHANNELS))]
        self.widening = weight([each["widening"] for each in drawn]), norm(count, second)
        self.last = norm(count, second)
        self.classifier = weight([each["classifier"] for each in drawn])
        self.bias = torch.zeros(count, CLASSES, 1, requires_grad=True)

    def parameters(self) -> list[Tensor]:
        """Everything that is learned."""
        return [*self.weights, self.bias, *(each for norm in self.norms for each in (norm.scale, norm.shift))]

    def __call__(self, patches: Tensor, learning: bool) -> Tensor:
        """(16, 16, B) → (networks, classes, B); `learning` normalises by these pictures and remembers how."""
        weight, norm = self.stem
        x = torch.bmm(weight, patches.view(1, KERNEL * KERNEL, -1).expand(len(weight), -1, -1))
        x = norm(x.view(*x.shape[:2], SIDE * SIDE, -1), learning)
        x = _through(self.cells[0], x, learning)
        weight, norm = self.widening
        x = norm(convolve(torch.matmul(_HALVE, x), weight), learning)
        x = _through(self.cells[1], x, learning)
        x = functional.relu(self.last(x, learning)).mean(2)
        return torch.baddbmm(self.bias, self.classifier, x)


def _through(cell: Sequence[_Step], x: Tensor, learning: bool) -> Tensor:
    """From node 0 of all networks to their last."""
    nodes = [x, *(torch.zeros_like(x) for _ in range(1, NODES))]
    for step in cell:
        y = nodes[step.source].index_select(0, step.networks)
        if step.operation == POOL:
            y = torch.matmul(_SMOOTH[y.shape[2]], y)
        elif step.layer is not None:
            weight, norm = step.layer
            y = norm(convolve(functional.relu(y), weight), learning)
        for target, part in step.ends:
            nodes[target].index_add_(0, step.networks[part], y[part])
    return nodes[-1]


def _initial(architecture: Architecture, edges: Sequence[Edge], seed: int) -> dict[object, NDArray[np.float32]]:
    """Initial weights of one network: by layer, of a cell by (stage, edge)."""
    generator = np.random.default_rng((seed, *architecture))
    first, second = CHANNELS
    shapes: dict[object, tuple[int, ...]] = {"stem": (first, KERNEL * KERNEL)}
    for stage, channels in enumerate(CHANNELS):
        for edge in edges:
            if edge.operation in TAPS:
                shapes[stage, edge] = channels, channels, TAPS[edge.operation]
    shapes |= {"widening": (second, first, 1), "classifier": (CLASSES, second)}
    drawn = {name: generator.standard_normal(shape, dtype=np.float32) for name, shape in shapes.items()}
    return {name: each * np.float32(math.sqrt(2 / math.prod(each.shape[1:]))) for name, each in drawn.items()}


class _Pictures(NamedTuple):
    """Patches (16, 16, B) and labels (B,) as tensors."""

    patches: Tensor
    labels: Tensor


def _joined(*parts: Part) -> _Pictures:
    """One or more parts, one after the other."""
    patches, labels = zip(*parts, strict=True)
    return _Pictures(torch.from_numpy(np.concatenate(patches, axis=2)), torch.from_numpy(np.concatenate(labels)))


def train(architectures: Sequence[Architecture], seed: int) -> tuple[Run, ...]:
    """Train the networks of some cells under one seed, on one thread; one outcome a cell.

    Raises:
        TrainingError: scikit-learn is not installed.
    """
    torch.set_num_threads(1)
    batches, last_pass, validating, testing = _pictures(seed)
    network = CellBatch(architectures, seed)
    optimizer = torch.optim.SGD(
        network.parameters(), momentum=MOMENTUM, nesterov=True, weight_decay=WEIGHT_DECAY, fused=True
    )
    for step, batch in enumerate(batches):
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * _schedule(step / len(batches))
        logits = network(batch.patches, learning=True)
        loss = functional.cross_entropy(logits, batch.labels.expand(len(logits), -1), reduction="sum") / BATCH
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.no_grad():
        network(last_pass.patches, learning=True)
        ends = [_measure(network, pictures) for pictures in (validating, testing, last_pass)]
    return tuple(Run(seed, *row) for row in torch.cat(ends, dim=1).tolist())


def _schedule(progress: float) -> float:
    """The learning rate as a share of its highest, at a progress from 0 to 1."""
    return min(1.0, 0.1 + 10 * progress) * (1 + math.cos(math.pi * progress)) / 2


def _measure(network: CellBatch, pictures: _Pictures) -> Tensor:
    """(networks, 2): accuracy in percent and mean cross-entropy."""
    slices = torch.split(pictures.patches, SLICE, dim=2)
    logits = torch.cat([network(each.contiguous(), learning=False) for each in slices], dim=2).double()
    labels = pictures.labels.expand(len(logits), -1)
    right = (logits.argmax(1) == labels).double().mean(1)
    loss = functional.cross_entropy(logits, labels, reduction="none").mean(1)
    return torch.stack((100 * right, loss), dim=1)


@lru_cache(maxsize=1)
def _pictures(seed: int) -> tuple[list[_Pictures], _Pictures, _Pictures, _Pictures]:
    """Training batches, the last pass as one, validation and test; kept, as a run trains all cells of a seed."""
    parts = training(seed)
    batches = [_joined(part) for part in parts]
    return batches, _joined(*parts[-LAST_PASS:]), _joined(validation()), _joined(test())
