"""`python -m benchmarks.training`: `harness.training.train.fit` beside a plain loop of the same network, in one run.

Goal: at most 5 % slower. The plain loop is what one writes without this project: tensors in memory, a permutation an
epoch, SGD as torch makes it, one validation an epoch; it neither divides data nor keeps a curve. Both take turns on one
thread, or on the GPU if there is one. The last row has the augmentation of CIFAR-10 on one side only.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from msgspec.structs import replace
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from harness.training import networks, recipes
from harness.training.checkpoint import Checkpoint
from harness.training.data.dataset import Arrays, digits
from harness.training.jobs import Scale
from harness.training.pictures import Data, Part, prepare
from harness.training.recipes import Recipe, Split
from harness.training.train import choose, fit


class Workload(NamedTuple):
    """A network and how it is trained."""

    name: str
    space: str
    architecture: tuple[int, ...]
    scale: Scale
    recipe: Recipe

    def network(self, data: Data, device: torch.device) -> nn.Module:
        """With the same first weights every time."""
        torch.manual_seed(0)
        return networks.build(
            self.space, self.architecture, classes=10, channels_in=data.channels, scale=self.scale
        ).to(device)


CELL = Scale(width=0.5, cells_per_stage=1, light_reduction=True)
MACRO = Workload(
    "NAS-Bench-Macro at width 1/4 on 32×32",
    "nas-bench-macro",
    (1,) * 8,
    Scale(width=0.25),
    replace(recipes.NAS_BENCH_MACRO, split=Split(0.8, 0.2), epochs=2, batch_size=64, augmentation="none"),
)
WORKLOADS = (
    Workload(
        "NAS-Bench-201 cell on digits", "nas-bench-201", (3, 3, 1, 0, 3, 1), CELL, replace(recipes.DIGITS, epochs=3)
    ),
    MACRO,
    MACRO._replace(name="  the same with crop-flip", recipe=replace(MACRO.recipe, augmentation="crop-flip")),
)


def coloured(count: int = 512) -> Arrays:
    """Pictures of the size of CIFAR-10's; what is on them does not matter here."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    return Arrays(images, np.arange(count) % 10, classes=10, own_test=count // 8)


def plain_loop(network: nn.Module, train: tuple[Tensor, Tensor], valid: tuple[Tensor, Tensor], recipe: Recipe) -> None:
    """The reference."""
    (images, labels), (valid_images, valid_labels) = train, valid
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(
        network.parameters(), recipe.learning_rate, recipe.momentum, 0, recipe.weight_decay, recipe.nesterov
    )
    steps = -(-len(labels) // recipe.batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, recipe.epochs * steps)
    for _ in range(recipe.epochs):
        network.train()
        for chosen in torch.split(torch.randperm(len(labels), device=labels.device), recipe.batch_size):
            loss = cross_entropy(network(images[chosen]), labels[chosen])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
        network.eval()
        with torch.no_grad():
            batches = (torch.split(each, recipe.batch_size) for each in (valid_images, valid_labels))
            for pictures, classes in zip(*batches, strict=True):
                (network(pictures).argmax(1) == classes).sum().item()


def whole(part: Part) -> tuple[Tensor, Tensor]:
    """All pictures of a part, channels last in memory, and their labels."""
    images, labels = zip(*part.ordered(), strict=True)
    return torch.cat(images).contiguous(memory_format=torch.channels_last), torch.cat(labels)


def compare(workload: Workload, device: torch.device, runs: int) -> tuple[float, float, float]:
    """Pictures a second of `fit` and of the plain loop, as medians, and the median of the ratios of their times."""
    recipe = workload.recipe
    dataset = digits() if recipe.input_size == 8 else coloured()
    data = prepare(dataset, recipe, device)
    train, valid = whole(data.train), whole(data.validation)

    def fitted() -> float:
        network = workload.network(data, device)
        return seconds(lambda: fit(network, data, recipe, 0, Checkpoint(None, "of no job")), device)

    def plain() -> float:
        network = workload.network(data, device)
        return seconds(lambda: plain_loop(network, train, valid, recipe), device)

    fitted(), plain()
    pairs = [(fitted(), plain()) for _ in range(runs)]
    pictures = recipe.epochs * len(data.train)
    ours, theirs = (pictures / statistics.median(times) for times in zip(*pairs, strict=True))
    return ours, theirs, statistics.median(a / b for a, b in pairs)


def seconds(work: Callable[[], object], device: torch.device) -> float:
    """Of the processor, because other work on the machine does not count; with a GPU, of the wall."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    start = clock()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return clock() - start


def main() -> None:
    """Print one line a workload."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    torch.set_num_threads(1)
    device = choose(None)
    for workload in WORKLOADS:
        ours, theirs, ratio = compare(workload, device, runs)
        print(
            f"{workload.name:<40} fit {ours:6.0f} pictures/s   plain loop {theirs:6.0f} pictures/s   "
            f"time ratio {ratio:.3f}   (median of {runs})"
        )


if __name__ == "__main__":
    main()
