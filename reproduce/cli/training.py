"""How architectures are trained, as a command line says it, and what trains them: shared by every command that trains.

    training.add_arguments(parser)                       # --dataset, --recipe, --executor, …
    how = training.described(args, args.space)           # reads the data set's digest; a job for any architecture
    client = Client(store, {KIND: training.provider(args)})
    record = client.ask(KIND, how.job(architecture).request())

The queue is the user's (`reproduce.data.queue`). An executor is made when a result is missing; torch is imported by its
workers alone.
"""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

from msgspec.structs import replace

from cache.key import DIGEST_PREFIX
from cache.record import Record
from genius_replay.advice import install
from genius_replay.console import warn
from genius_replay.options import given, path_only
from harness.errors import InvalidJob
from harness.training import recipes
from harness.training.estimates import PICTURES
from harness.training.jobs import Scale, Trained, Training, builder
from harness.training.local import LocalExecutor, gpus
from harness.training.queue import WORKER, Executor, Provider
from harness.training.recipes import Recipe
from harness.training.slurm import Resources, SlurmExecutor
from reproduce.data import queue
from reproduce.errors import UsageError

DIGITS = DIGEST_PREFIX + "03d6893f478b843f55eb4b7ec06ca2df043eff9a8b8b0dd1eb68cb3752a474bf"
"""The digest of scikit-learn's digits, so that what was trained on them is found without scikit-learn."""

_RECIPES = {"digits": "digits", "imagenet": "genius-imagenet"}
_RECIPE = "nas-bench-201"  # of other data sets: the one for small colour pictures that holds some back for validation

_OF_SLURM = ("--partition", "--gres", "--cpus", "--minutes", "--slurm")
_OF_LOCAL = ("--processes",)


# -- the command line ---


def add_arguments(parser: argparse.ArgumentParser, *, dataset: str = "digits") -> None:
    """Declare how to train, and where."""
    how = parser.add_argument_group("training", "Every setting is part of a result's key.")
    how.add_argument("--dataset", default=dataset, metavar="NAME", help="digits, cifar10, cifar100, imagenet, arrays")
    how.add_argument("--data", type=path_only, metavar="PATH", help="where the data lie; the digits need no place")
    how.add_argument("--recipe", metavar="NAME", help=f"{', '.join(recipes.RECIPES)} (default: by the data set)")
    how.add_argument("--epochs", type=int, metavar="N", help="instead of the recipe's")
    how.add_argument("--batch-size", type=int, metavar="N", help="instead of the recipe's")
    how.add_argument("--input-size", type=int, metavar="N", help="side of the pictures, instead of the recipe's")
    how.add_argument("--validation", type=float, metavar="F", help="fraction of the pictures that validate, likewise")
    how.add_argument("--width", type=float, default=1.0, metavar="F", help="factor on the channels of each layer")
    how.add_argument("--cells-per-stage", type=int, metavar="N", help="of nas-bench-201 (default: 5)")
    how.add_argument("--light-reduction", action="store_true", help="of nas-bench-201: reductions without residuals")
    how.add_argument("--train-seed", type=int, default=0, metavar="N", help="of weights, order and augmentation")
    where = parser.add_argument_group("where trainings run", "They outlive this command, and each is done once.")
    where.add_argument("--executor", choices=("local", "slurm"), default="local", help="this machine, or a cluster")
    where.add_argument("--processes", type=int, metavar="N", help="local: at once (default: one a GPU, else a core)")
    where.add_argument("--workers", type=int, metavar="N", help="processes of a training that read pictures from files")
    where.add_argument("--partition", metavar="NAME", help="slurm: where jobs are queued")
    where.add_argument("--gres", default="gpu:1", metavar="GRES", help="slurm: what a job asks for, or none")
    where.add_argument("--cpus", type=int, default=Resources.cpus, metavar="N", help="slurm: of a job")
    where.add_argument("--minutes", type=int, default=Resources.minutes, metavar="N", help="slurm: of each attempt")
    where.add_argument("--slurm", nargs="+", default=[], metavar="KEY=VALUE", help="slurm: account=… mem=16G qos=…")


def described(args: argparse.Namespace, space: str, *, searched: bool = True) -> Training:
    """What the command line says; what is `searched` with it needs a validation accuracy.

    Raises:
        UsageError: an option would be ignored.
        HarnessError, TrainingError, InvalidJob: a name or a number does not fit, or nothing builds the networks.
        TrainingError, MalformedData: the data are not there (`harness.training.data.find`).
    """
    elsewhere = _OF_SLURM if args.executor == "local" else _OF_LOCAL
    if ignored := [option for option in given(args, add_arguments) if option in elsewhere]:
        raise UsageError(f"{args.command}: {', '.join(ignored)} is not for --executor {args.executor}; leave it out")
    builder(space)  # refused here, before data are read
    recipe = recipes.find(args.recipe or _RECIPES.get(args.dataset, _RECIPE))
    instead = {name: getattr(args, name) for name in ("epochs", "batch_size", "input_size")}
    recipe = replace(recipe, **{name: number for name, number in instead.items() if number is not None})
    if args.validation is not None:
        kept = recipe.split.train + recipe.split.validation - args.validation
        recipe = replace(recipe, split=replace(recipe.split, train=kept, validation=args.validation))
    if searched and recipe.split.validation == 0:
        raise InvalidJob(
            "a search expects pictures that validate, and this recipe trains on all: hold some back with "
            "--validation 0.1, or take another recipe"
        )
    network = Scale(args.width, args.cells_per_stage, args.light_reduction)
    return Training(space, args.dataset, digest_of(args.dataset, args.data, recipe), recipe, args.train_seed, network)


def digest_of(name: str, path: Path | None, recipe: Recipe) -> str:
    """The digest of a data set that suits the recipe; raises as `harness.training.data.find` and `check` do."""
    from harness.training import data  # late: a replay reads no data
    from harness.training.data.dataset import check

    if name == "digits":
        if path is not None:
            raise UsageError(
                f"the digits lie nowhere, and --data {path} would be ignored: leave it out, or name --dataset"
            )
        check(recipe, count=PICTURES[name], own_test=0, folder=False)
        return DIGITS
    found = data.find(name, path)
    if found.left_out:
        warn(f"{path}: {found.left_out}")
    check(recipe, count=len(found.labels) - found.own_test, own_test=found.own_test, folder=name == "imagenet")
    return found.digest


# -- training ---


def provider(args: argparse.Namespace) -> Provider:
    """What trains as the command line says."""
    return Provider(queue(), lambda: executor(args), told=_tell)


def on_gpu(args: argparse.Namespace) -> bool:
    """Whether trainings will run on GPUs, as far as can be told from here."""
    return bool(gpus()) if args.executor == "local" else args.gres != "none"


def executor(args: argparse.Namespace) -> Executor:
    """What works the queue off, as the command line says.

    Raises:
        UsageError: what trains is not installed.
        HarnessError: nothing can be trained there.
    """
    if args.workers is not None and args.workers < 0:
        raise UsageError(
            f"expected --workers from 0 on, got {args.workers}: 0 reads pictures in the training's own process"
        )
    data = () if args.data is None else ("--data", str(args.data.absolute()))
    workers = () if args.workers is None else ("--workers", str(args.workers))
    command = (*WORKER, *data, *workers)
    trains: Executor
    if args.executor == "local":
        trains = LocalExecutor(processes=args.processes, command=command)
    else:
        gres = None if args.gres == "none" else args.gres
        others = dict(_option(written) for written in args.slurm)
        asked = Resources(partition=args.partition, minutes=args.minutes, gres=gres, cpus=args.cpus, others=others)
        trains = SlurmExecutor(asked, command=command)
    if importlib.util.find_spec("torch") is None:
        raise UsageError(f"training needs torch, none found: run `{install('torch')}`")
    return trains


def _option(written: str) -> tuple[str, str]:
    name, equals, value = written.partition("=")
    if not equals:
        raise UsageError(f"expected --slurm KEY=VALUE such as account=physics, got {written}")
    return name, value


def _tell(record: Record) -> None:
    done = Trained.from_record(record)
    outcome, observed = done.outcome, done.observed
    figures = "" if outcome.validation is None else f"validation {outcome.validation:.2f} %, "
    figures = figures if outcome.is_measured else "not measured, a loss is not finite, "
    warn(f"trained {done.job.architecture}: {figures}{observed.seconds:.1f} s on {observed.device}")
