"""Train one architecture, from a job to a result, top to bottom; and the device that it is trained on."""

from __future__ import annotations

import math
import platform
import resource
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

import msgspec
import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from harness.errors import InvalidJob, TrainingError, Unwell
from harness.training import data as datasets
from harness.training import networks
from harness.training.checkpoint import Checkpoint
from harness.training.data.dataset import steps
from harness.training.data.image_folder import Folder
from harness.training.jobs import CODE, Epoch, Job, Observed, Outcome, Spec, Stretch, Trained, Training, code_digest
from harness.training.local import visible_gpus
from harness.training.pictures import Data, Part, prepare
from harness.training.recipes import Recipe

THREADS = 1  # that a CPU computes with, always: with another number sums have other last bits, and searches winners

# -- training ---


def fit(network: nn.Module, data: Data, recipe: Recipe, seed: int, checkpoint: Checkpoint) -> Outcome:
    """Train a network in place and measure it; a loss that is not finite ends the training, and nothing is measured.

    Args:
        network: on the device of the data; `torch.manual_seed` before it is built decides its first weights.
        data: from `prepare`, with the same recipe.
        recipe: how to train.
        seed: of the order of the pictures and of their augmentation.
        checkpoint: where to go on from and to save to, and who is told one line an epoch.
    """
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    device = next(network.parameters()).device
    autocast = torch.autocast("cuda", torch.bfloat16, enabled=recipe.mixed_precision and device.type == "cuda")
    optimizer = sgd(network.parameters(), recipe)
    epochs = checkpoint.load(network, optimizer)
    steps_an_epoch = steps(len(data.train), recipe.batch_size)
    for epoch in range(len(epochs), recipe.epochs):
        network.train()
        total = torch.zeros((), device=device)
        for step, (images, labels) in enumerate(data.train.shuffled(seed, epoch), start=epoch * steps_an_epoch):
            optimizer.param_groups[0]["lr"] = learning_rate(recipe, step / (recipe.epochs * steps_an_epoch))
            with autocast:
                loss = cross_entropy(network(images), labels)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.detach() * len(labels)
        with autocast:
            measured = evaluate(network, data.validation)
        epochs.append(Epoch(finite(total.item() / len(data.train)), *measured))
        checkpoint.tell(_line(epoch + 1, recipe.epochs, epochs[-1]))
        if epochs[-1].train_loss is None:
            break
        if epoch < recipe.epochs - 1:
            checkpoint.save(network, optimizer, epochs)
    last = epochs[-1]
    test, test_loss = None, None
    if last.train_loss is not None and (last.validation is not None or not len(data.validation)):
        with autocast:
            test, test_loss = evaluate(network, data.test)
    if test is None:
        return Outcome(tuple(epochs), None, None, None, None)
    return Outcome(tuple(epochs), last.validation, last.validation_loss, test, test_loss)


def sgd(weights: Iterable[nn.Parameter], recipe: Recipe, *, fused: bool = True) -> torch.optim.SGD:
    """The recipe's optimiser; fused it makes one pass over the weights, also on a CPU."""
    momentum, decay = recipe.momentum, recipe.weight_decay
    return torch.optim.SGD(
        weights, recipe.learning_rate, momentum, weight_decay=decay, nesterov=recipe.nesterov, fused=fused
    )


def learning_rate(recipe: Recipe, progress: float) -> float:
    """Of a step at this progress, from 0 to 1."""
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))


@torch.no_grad()
def evaluate(network: nn.Module, part: Part) -> tuple[float, float] | tuple[None, None]:
    """Accuracy in percent and mean cross-entropy; None if that is not finite, or there are no pictures."""
    network.eval()
    device = next(network.parameters()).device
    correct, total = torch.zeros((), dtype=torch.int64, device=device), torch.zeros((), device=device)
    for images, labels in part.ordered():
        logits = network(images)
        correct += (logits.argmax(1) == labels).sum()
        total += cross_entropy(logits, labels, reduction="sum")
    loss = finite(total.item() / len(part)) if len(part) else None
    return (None, None) if loss is None else (100 * correct.item() / len(part), loss)


def finite(loss: float) -> float | None:
    """The loss; None where it is not finite."""
    return loss if math.isfinite(loss) else None


def _line(number: int, epochs: int, epoch: Epoch) -> str:
    measured = ""
    if epoch.validation is not None:
        measured = f", validation {epoch.validation:.2f} %, loss {epoch.validation_loss:.4f}"
    loss = "not finite" if epoch.train_loss is None else f"{epoch.train_loss:.4f}"
    return f"epoch {number} of {epochs}: training loss {loss}{measured}"


# -- a job ---


def build(job: Job, data: Data, device: torch.device) -> nn.Module:
    """The job's network on the device, its first weights drawn from the job's seed."""
    torch.manual_seed(job.seed)
    network = networks.build(job.space, job.choices, classes=data.classes, channels_in=data.channels, scale=job.network)
    return network.to(device)


def loaded(job: Training, path: Path | None, device: torch.device, workers: int, checkpoint: Checkpoint) -> Data:
    """The job's pictures, divided and on the device; files are all opened once. Arguments and errors as in `train`."""
    if job.code != CODE:
        raise InvalidJob(f"expected a job for version {CODE} of harness.training, got {job.code}: check that one out")
    torch.set_num_threads(THREADS)
    checkpoint.now = stretch(job, device)
    dataset = datasets.verified(job.dataset, job.digest, path)
    if dataset.left_out:
        checkpoint.tell(dataset.left_out)
    data = prepare(dataset, job.recipe, device, workers=workers)
    if isinstance(dataset, Folder) and not checkpoint.is_there:
        for part in (data.train, data.validation, data.test):
            for _ in part.ordered():
                pass
    checkpoint.tell(f"{len(data.train)} pictures train, {len(data.validation)} validate, {len(data.test)} test")
    checkpoint.tell(f"on {device_name(device)}")
    return data


def train(
    job: Job, device: torch.device, *, path: Path | None = None, workers: int = 0, checkpoint: Checkpoint | None = None
) -> Trained:
    """Train a job.

    Args:
        job: what to train.
        device: where to train.
        path: where its data set lies, as `harness.training.data.find` wants it.
        workers: processes that read a folder of pictures.
        checkpoint: where to go on from and to save to, and who is told how it goes; by default nobody.

    Raises:
        InvalidJob: the job is for another version of this module, or its parts do not suit each other.
        TrainingError, MalformedData: as in `harness.training.data.find`.
        TrainingError: the data are not those of the job.
        NotThisJob: the checkpoint is damaged, or another job's.
        Unwell: the job does not fit into the device as it is now, or the device or the data are gone.
    """
    checkpoint = checkpoint or Checkpoint(None, job.key)
    torch.backends.cudnn.benchmark = True
    with reporting_memory(device):
        data = loaded(job, path, device, workers, checkpoint)
        network = build(job, data, device)
        outcome = fit(network, data, job.recipe, job.seed, checkpoint)
    if outcome.test is None:
        checkpoint.tell("a loss is not finite: nothing is measured")
    else:
        checkpoint.tell(f"test {outcome.test:.2f} %, loss {outcome.test_loss:.4f}")
    return Trained(job, outcome, observed(device, checkpoint))


# -- the device ---


def choose(wanted: str | None) -> torch.device:
    """The device of this name; without one, the GPU if there is one.

    Raises:
        TrainingError: a GPU is asked for, and there is none that torch can use.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise TrainingError(
            "expected a GPU that torch can use, found none; leave out --device, or train with --device cpu"
        )
    return torch.device(wanted or ("cuda" if torch.cuda.is_available() else "cpu"))


@contextmanager
def reporting_memory(device: torch.device) -> Iterator[None]:
    """Say in one sentence that the memory was not enough, or that the GPU failed; raises Unwell for it."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        reason = str(error).partition("\n")[0] or "no memory"
        if isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError)) or "DefaultCPUAllocator" in reason:
            raise Unwell(
                f"expected the job to fit into the memory of this {device.type}, got: {reason}; take a device with "
                "more memory (a smaller batch or input would be another job)"
            ) from error
        if "CUDA error" in reason:
            raise Unwell(f"expected a GPU that works, got: {reason}; see what nvidia-smi says of it") from error
        raise


def device_name(device: torch.device) -> str:
    """Of a GPU what its driver calls it, else the processor."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    missed = ", without the GPU that CUDA_VISIBLE_DEVICES names" if visible_gpus() else ""
    return f"CPU {platform.processor() or platform.machine()}{missed}"


def peak_memory(device: torch.device) -> int:
    """In bytes: of the GPU, or of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def stretch(job: Spec, device: torch.device) -> Stretch:
    """What trains a job, here and now."""
    gpu = device.type == "cuda"
    settings: dict[str, bool | int | str] = {"threads": torch.get_num_threads(), "deterministic": not gpu}
    if gpu:
        bfloat16 = isinstance(job, Training) and job.recipe.mixed_precision
        tf32, benchmark = torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark
        settings |= {"tf32": tf32, "bfloat16": bfloat16, "cudnn_benchmark": benchmark}
    else:
        settings["instructions"] = torch.backends.cpu.get_cpu_capability()
    versions = {"python": platform.python_version(), "torch": str(torch.__version__), "numpy": np.__version__}
    return Stretch(device_name(device), settings, versions, code_digest() if isinstance(job, Training) else "")


def observed(device: torch.device, checkpoint: Checkpoint) -> Observed:
    """What may differ between two trainings of a job, of one that has just ended."""
    return Observed(
        finished=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        seconds=round(checkpoint.elapsed(), 3),
        peak_memory_bytes=peak_memory(device),
        resumed_at=checkpoint.resumed_at,
        log=tuple(checkpoint.log),
        earlier=checkpoint.earlier,
        **msgspec.structs.asdict(checkpoint.now),
    )
