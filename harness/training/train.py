"""Train one job: `python -m harness.training.train SPEC.json`. From a specification to a result, top to bottom.

All randomness after the first weights follows from (seed, epoch), so the end of an epoch is a whole checkpoint: a
training that was killed and taken up again has the result of one that was not. On a CPU, with the same number of
threads, equal jobs have equal results to the last bit. A GPU adds in whatever order is fastest, unless
`--deterministic` asks for one order; what held is stated in the result.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from cache.record import Record
from harness.errors import InvalidJob
from harness.training import data as datasets
from harness.training import devices, networks
from harness.training.checkpoint import Checkpoint
from harness.training.command import job_parser, perform, say
from harness.training.jobs import CODE, Epoch, Job, Outcome, Trained
from harness.training.pictures import Data, Part, prepare, steps
from harness.training.recipes import Recipe

# -- training ---


def fit(
    network: nn.Module,
    data: Data,
    recipe: Recipe,
    seed: int,
    *,
    curve: bool = True,
    compiled: bool = False,
    checkpoint: Checkpoint | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Train a network in place and measure it.

    Args:
        network: on the device of the data; `torch.manual_seed` before it is built decides its first weights.
        data: from `prepare`, with the same recipe.
        recipe: how to train.
        seed: of the order of the pictures and of their augmentation.
        curve: whether to validate after each epoch; otherwise only after the last.
        compiled: whether to run it through `torch.compile`.
        checkpoint: where to go on from and to save to.
        say: is told one line an epoch.
    """
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    device = next(network.parameters()).device
    autocast = torch.autocast("cuda", torch.bfloat16, enabled=recipe.mixed_precision and device.type == "cuda")
    model: nn.Module = torch.compile(network) if compiled else network  # type: ignore[assignment]
    optimizer = torch.optim.SGD(
        network.parameters(),
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        nesterov=recipe.nesterov,
        fused=True,  # one pass over the weights, also on a CPU
    )
    epochs = checkpoint.load(network, optimizer) if checkpoint else []
    steps_an_epoch = steps(len(data.train), recipe.batch_size)
    for epoch in range(len(epochs), recipe.epochs):
        model.train()
        total = torch.zeros((), device=device)
        for step, (images, labels) in enumerate(data.train.shuffled(seed, epoch), start=epoch * steps_an_epoch):
            progress = step / (recipe.epochs * steps_an_epoch)
            optimizer.param_groups[0]["lr"] = recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))
            with autocast:
                loss = cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.detach() * len(labels)
        validation, validation_loss = None, None
        if len(data.validation) and (curve or epoch == recipe.epochs - 1):
            with autocast:
                validation, validation_loss = evaluate(model, data.validation)
        epochs.append(Epoch(_finite(total.item() / len(data.train)), validation, validation_loss))
        say(_line(epoch + 1, recipe.epochs, epochs[-1]))
        if checkpoint and epoch < recipe.epochs - 1:
            checkpoint.save(network, optimizer, epochs)
    with autocast:
        test, test_loss = evaluate(model, data.test)
    return Outcome(tuple(epochs), epochs[-1].validation, epochs[-1].validation_loss, test, test_loss)


@torch.no_grad()
def evaluate(network: nn.Module, part: Part) -> tuple[float, float | None]:
    """Accuracy in percent and mean cross-entropy; None where that is not finite."""
    network.eval()
    device = next(network.parameters()).device
    correct, total = torch.zeros((), dtype=torch.int64, device=device), torch.zeros((), device=device)
    for images, labels in part.ordered():
        logits = network(images)
        correct += (logits.argmax(1) == labels).sum()
        total += cross_entropy(logits, labels, reduction="sum")
    return 100 * correct.item() / len(part), _finite(total.item() / len(part))


def _finite(loss: float) -> float | None:
    return loss if math.isfinite(loss) else None


def _line(number: int, epochs: int, epoch: Epoch) -> str:
    measured = ""
    if epoch.validation is not None:
        measured = f", validation {epoch.validation:.2f} %, loss {_shown(epoch.validation_loss)}"
    return f"epoch {number} of {epochs}: training loss {_shown(epoch.train_loss)}{measured}"


def _shown(loss: float | None) -> str:
    return "not finite" if loss is None else f"{loss:.4f}"


# -- a job ---


def build(job: Job, data: Data, device: torch.device) -> nn.Module:
    """The job's network on the device, its first weights drawn from the job's seed."""
    torch.manual_seed(job.seed)
    network = networks.build(job.space, job.choices, classes=data.classes, channels_in=data.channels, scale=job.network)
    return network.to(device)


def train(
    job: Job,
    *,
    path: Path | None = None,
    device: torch.device,
    workers: int = 0,
    deterministic: bool = False,
    compiled: bool = False,
    checkpoint: Checkpoint | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Trained:
    """Train a job.

    Args:
        job: what to train.
        path: where its data set lies, as `harness.training.data.find` wants it.
        device: where to train.
        workers: processes that read a folder of pictures.
        deterministic: on a GPU, use only operations that add in a fixed order.
        compiled: whether to use `torch.compile`.
        checkpoint: where to go on from and to save to.
        say: is told one line an epoch.

    Raises:
        InvalidJob: the job is for another version of this module, or its parts do not suit each other.
        DataNotFound, MalformedData, UnknownDataset: as in `harness.training.data.find`.
        WrongDigest: the data are not those of the job.
        NotThisJob: the checkpoint is damaged, or another job's.
        OutOfMemory: the job does not fit into the device.
    """
    if job.code != CODE:
        raise InvalidJob(
            f"expected a job for version {CODE} of harness.training.train, got {job.code}: check out that version"
        )
    checkpoint = checkpoint or Checkpoint(None, job.key)
    log: list[str] = []

    def note(line: str) -> None:
        log.append(line)
        say(line)

    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS refuses to be deterministic
    torch.use_deterministic_algorithms(deterministic)
    torch.backends.cudnn.benchmark = not deterministic
    with devices.reporting_memory(device):
        data = prepare(datasets.verified(job.dataset, job.digest, path), job.recipe, device, workers=workers)
        network = build(job, data, device)
        note(f"{len(data.train)} pictures train, {len(data.validation)} validate, {len(data.test)} test")
        note(f"on {devices.name(device)}")
        outcome = fit(network, data, job.recipe, job.seed, compiled=compiled, checkpoint=checkpoint, say=note)
    note(f"test {outcome.test:.2f} %, loss {_shown(outcome.test_loss)}")
    settings = {
        "deterministic": deterministic or device.type == "cpu",
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "tf32": torch.backends.cudnn.allow_tf32,
        "bfloat16": job.recipe.mixed_precision and device.type == "cuda",
        "compiled": compiled,
    }
    return Trained(job, outcome, devices.observed(device, checkpoint, settings, log))


# -- the command ---


def main(argv: Sequence[str] | None = None) -> int:
    """Train the job in a file and leave its record in another.

    Returns:
        0 if the result is there, also from before; 2 if the job cannot be trained as it stands; 130 after Ctrl-C.
    """
    parser = job_parser("python -m harness.training.train", __doc__)
    parser.add_argument("--workers", type=int, default=min(8, os.cpu_count() or 1), help="processes that read pictures")
    parser.add_argument("--deterministic", action="store_true", help="on a GPU, slower and repeatable")
    parser.add_argument("--compile", action="store_true", help="use torch.compile")
    args = parser.parse_args(argv)

    def work(job: Job, checkpoint: Checkpoint) -> Record:
        result = train(
            job,
            path=args.data,
            device=devices.choose(args.device),
            workers=args.workers,
            deterministic=args.deterministic,
            compiled=args.compile,
            checkpoint=checkpoint,
            say=say,
        )
        return result.to_record()

    return perform(args, Job.read, work)


if __name__ == "__main__":
    sys.exit(main())
