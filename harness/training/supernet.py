"""Weight-sharing searches over the cell of NAS-Bench-201, DARTS and GDAS.

The supernet is a network of the benchmark with a mixture of all five operations on every edge; every cell shares one
weight for each edge and operation. Each step takes a batch from each half of the pictures: first the logits behind the
weights descend on the loss of one half, then the network's weights on that of the other (Liu et al. 2019, algorithm 1).

Against the authors' code: the learning rate of the weights falls to zero, theirs to 0.001; the unrolled step of second
order is plain, as in the paper, without momentum and weight decay; a sampled operation's loss reaches the logits
through that operation alone, as GDAS' paper has it.

As in `harness.training.train`, all randomness after the first weights follows from (seed, epoch), and a search that
was killed has the result of one that was not; on a CPU equal jobs have equal results to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, reduce
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd import grad
from torch.nn.functional import cross_entropy, log_softmax, one_hot, softmax

from harness.errors import TrainingError
from harness.spaces.nas_bench_201 import OPERATIONS, SPACE
from harness.training import networks
from harness.training.checkpoint import Checkpoint
from harness.training.data.dataset import steps
from harness.training.jobs import Epoch, Logits, Search, Searched, SupernetJob, SupernetOutcome
from harness.training.networks.nas_bench_201 import Cell, operation
from harness.training.pictures import Batch, Data
from harness.training.train import evaluate, finite, learning_rate, loaded, observed, reporting_memory, sgd

SHAPE = len(SPACE.slots), len(OPERATIONS)  # of the logits: (6, 5)
ANY_CELL = (OPERATIONS.index("nor_conv_3x3"),) * len(SPACE.slots)
FIRST_LOGITS = 1e-3  # standard deviation
CLIP = 5.0  # norm of the gradient by the network's weights, at most
EPSILON = 0.01  # length of the finite difference of second order

# -- the network ---


class Supernet(nn.Module):
    """All networks of the benchmark in one, with the logits, the moments of their Adam, and their course."""

    step: Tensor
    exp_avg: Tensor
    exp_avg_sq: Tensor
    course: Tensor  # (epochs + 1, 6, 5)

    def __init__(self, job: SupernetJob, *, classes: int, channels: int) -> None:
        super().__init__()
        self.sampled = job.search.method == "gdas"
        self.network = networks.build(SPACE.name, ANY_CELL, classes=classes, channels_in=channels, scale=job.network)
        self.cells = mix(self.network)
        self.logits = nn.Parameter(FIRST_LOGITS * torch.randn(SHAPE))
        self.register_buffer("step", torch.zeros(()))
        self.register_buffer("exp_avg", torch.zeros(SHAPE))
        self.register_buffer("exp_avg_sq", torch.zeros(SHAPE))
        self.register_buffer("course", torch.zeros(job.recipe.epochs + 1, *SHAPE))

    def forward(self, images: Tensor, mixture: Tensor | None = None) -> Tensor:
        """(B, channels, H, W) → (B, classes), the operations weighted by this mixture, (6, 5), or by `mixture()`."""
        mixture = self.mixture() if mixture is None else mixture
        numbered = [list(zip(*both, strict=True)) for both in zip(mixture, mixture.tolist(), strict=True)]
        for edges in self.cells:
            for edge, weights in zip(edges, numbered, strict=True):
                edge.weights = weights
        logits: Tensor = self.network(images)
        return logits

    def mixture(self) -> Tensor:
        """What the operations weigh when nothing is sampled: of DARTS the softmax, of GDAS the best alone, 1."""
        if self.sampled:
            return one_hot(self.logits.argmax(1), len(OPERATIONS)).float()
        return softmax(self.logits, 1)

    def adam(self, search: Search) -> torch.optim.Adam:
        """The optimiser of the logits; it keeps its state in this module, and so in the module's checkpoint."""
        adam = torch.optim.Adam(
            [self.logits], lr=search.learning_rate, betas=search.betas, weight_decay=search.weight_decay
        )
        adam.state[self.logits] = {name: getattr(self, name) for name in ("step", "exp_avg", "exp_avg_sq")}
        return adam


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


# -- the methods ---


def straight_through(logits: Tensor, noise: Tensor, tau: float) -> Tensor:
    """One operation an edge, sampled with this Gumbel noise: its weight is 1, its gradient that of the softmax at tau.

    The weights of the others are exactly 0, (0 − p) + p, so that they are not computed.
    """
    relaxed = softmax((log_softmax(logits, 1) + noise) / tau, 1)
    hard = one_hot(relaxed.argmax(1), relaxed.shape[1]).to(relaxed.dtype)
    return hard - relaxed.detach() + relaxed


def unrolled_gradient(
    train_loss: Callable[[], Tensor],
    validation_loss: Callable[[], Tensor],
    logits: Tensor,
    weights: Sequence[Tensor],
    xi: float,
) -> Tensor:
    """The gradient, by the logits, of the validation loss after a step of length `xi` on the training loss.

    Its second term has the mixed second derivatives of the training loss times the gradient of the validation loss: a
    difference of first derivatives at weights moved by ±ε along that gradient (Liu et al. 2019, equations 7 and 8).
    The weights return to where they were.
    """
    here = [weight.detach().clone() for weight in weights]

    def move(direction: Sequence[Tensor], length: Tensor | float) -> None:
        with torch.no_grad():
            for weight, start, towards in zip(weights, here, direction, strict=True):
                weight.copy_(start + length * towards)

    move(grad(train_loss(), weights), -xi)
    first, *direction = grad(validation_loss(), [logits, *weights])
    epsilon = EPSILON / torch.stack([towards.norm() for towards in direction]).norm()
    move(direction, epsilon)
    (ahead,) = grad(train_loss(), logits)
    move(direction, -epsilon)
    (behind,) = grad(train_loss(), logits)
    move(direction, 0)
    second: Tensor = (ahead - behind) / (2 * epsilon)
    return first - xi * second


# -- the search ---


def search(supernet: Supernet, data: Data, job: SupernetJob, checkpoint: Checkpoint) -> SupernetOutcome:
    """Search with a new supernet on the device of the data; the checkpoint is told one line an epoch.

    Raises:
        TrainingError: a loss was not finite: what is found then is nothing.
    """
    supernet.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    recipe, logits = job.recipe, supernet.logits
    weights = [each for each in supernet.network.parameters() if each.requires_grad]
    # Fused it asks for a gradient of every weight, and a sampled cell has only its own.
    optimizer = sgd(weights, recipe, fused=not supernet.sampled)
    adam = supernet.adam(job.search)
    supernet.course[0] = logits.detach()
    curve = checkpoint.load(supernet, optimizer)
    steps_an_epoch = steps(min(len(data.train), len(data.validation)), recipe.batch_size)
    for epoch in range(len(curve), recipe.epochs):
        supernet.train()
        noise = _noise(job.seed, epoch, steps_an_epoch).to(logits.device)
        tau = _tau(job, epoch)
        total, seen = torch.zeros((), device=logits.device), 0
        # The halves of an odd number differ by one picture, and so perhaps by one batch, which is left out.
        batches = zip(data.train.shuffled(job.seed, epoch), data.validation.shuffled(job.seed, epoch), strict=False)
        for step, (trained, validated) in enumerate(batches):
            progress = epoch / recipe.epochs + step / (recipe.epochs * steps_an_epoch)
            xi = optimizer.param_groups[0]["lr"] = learning_rate(recipe, progress)
            if job.search.method == "darts-second-order":
                after, of = partial(_loss, supernet, trained), partial(_loss, supernet, validated)
                logits.grad = unrolled_gradient(after, of, logits, weights, xi)
            else:
                sample = straight_through(logits, noise[step, 0], tau) if supernet.sampled else None
                (logits.grad,) = grad(_loss(supernet, validated, sample), logits)
            adam.step()
            with torch.no_grad():
                mixture = straight_through(logits, noise[step, 1], tau) if supernet.sampled else supernet.mixture()
            loss = _loss(supernet, trained, mixture)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(weights, CLIP)
            optimizer.step()
            total += loss.detach() * len(trained[1])
            seen += len(trained[1])
        supernet.course[epoch + 1] = logits.detach()
        curve.append(Epoch(finite(total.item() / seen), *evaluate(supernet, data.validation)))
        if None in (curve[-1].train_loss, curve[-1].validation_loss) or not logits.isfinite().all():
            raise TrainingError(
                f"expected finite losses and logits in epoch {epoch + 1}, got none: lower a learning rate"
            )
        checkpoint.tell(_line(epoch + 1, recipe.epochs, curve[-1], supernet))
        if epoch < recipe.epochs - 1:
            checkpoint.save(supernet, optimizer, curve)
    best = SPACE.to_native(tuple(logits.argmax(1).tolist()))
    return SupernetOutcome(best, tuple(map(_short, supernet.course)), tuple(curve))


def _loss(supernet: Supernet, batch: Batch, mixture: Tensor | None = None) -> Tensor:
    images, labels = batch
    return cross_entropy(supernet(images, mixture), labels)


def _noise(seed: int, epoch: int, steps: int) -> Tensor:
    """Gumbel noise, the same on every device, two draws a step: (steps, 2, 6, 5)."""
    return torch.from_numpy(np.random.default_rng((seed, epoch)).gumbel(size=(steps, 2, *SHAPE)).astype(np.float32))


def _tau(job: SupernetJob, epoch: int) -> float:
    first, last = job.search.tau or (1.0, 1.0)
    return first + (last - first) * epoch / max(job.recipe.epochs - 1, 1)


def _short(logits: Tensor) -> Logits:
    """As Python's floats, each with the fewest digits that give the same float32."""
    return tuple(tuple(float(str(value)) for value in edge) for edge in logits.cpu().numpy())


def _line(number: int, epochs: int, epoch: Epoch, supernet: Supernet) -> str:
    weights = softmax(supernet.logits.detach(), 1).mean(0).tolist()
    mixture = ", ".join(f"{name} {weight:.3f}" for name, weight in zip(OPERATIONS, weights, strict=True))
    return f"epoch {number} of {epochs}: validation {epoch.validation:.2f} %; weights {mixture}"


# -- a job ---


def train(
    job: SupernetJob,
    device: torch.device,
    *,
    path: Path | None = None,
    workers: int = 0,
    checkpoint: Checkpoint | None = None,
) -> Searched:
    """Make a search; arguments and errors as in `harness.training.train.train`, and those of `search`."""
    checkpoint = checkpoint or Checkpoint(None, job.key)
    with reporting_memory(device):
        data = loaded(job, path, device, workers, checkpoint)
        torch.manual_seed(job.seed)
        supernet = Supernet(job, classes=data.classes, channels=data.channels).to(device)
        outcome = search(supernet, data, job, checkpoint)
    return Searched(job, outcome, observed(device, checkpoint))
