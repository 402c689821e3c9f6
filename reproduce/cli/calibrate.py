"""`python -m reproduce calibrate`: does training here give what a benchmark published?

Architectures are drawn from the published table, from its worst to its best at equal distances in rank, trained by the
published recipe, and their test accuracy is held against the mean and the spread of the published runs.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from cache.client import Client
from harness import spaces
from harness.training import recipes
from harness.training.jobs import KIND, Scale, Trained, Training, trained_with
from harness.training.local import gpus
from reproduce import benchmarks
from reproduce.benchmarks import Opened
from reproduce.cli import training
from reproduce.data import store
from reproduce.errors import UsageError
from reproduce.report import BLANK, Column, Report, headed, label, recomputed
from reproduce.report.output import add_output_arguments, show
from tables.quality import centred_ranks
from tables.space import Architecture

RECIPES = {
    "nas-bench-macro": "nas-bench-macro",
    "channel-bench-resnet": "channel-bench-macro",
    "channel-bench-mobilenet": "channel-bench-macro",
    "nas-bench-201-cifar10": "nas-bench-201",
}
"""By which recipe each table was trained, on CIFAR-10."""

LEAST_WIDTH = 1 / 8  # the narrowest that a scale makes networks
CLOSE = 2.0  # standard deviations

COLUMNS = (
    *headed("architecture", "rank"),
    Column("published", "Published, mean (%)"),
    Column("spread", "Std of its runs"),
    Column("here", "Here (%)"),
    Column("difference", "Difference"),
    Column("deviations", "In std"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `calibrate`."""
    parser.add_argument("--space", default="nas-bench-macro", metavar="NAME", help="whose table is held against")
    parser.add_argument("--n", type=int, default=5, metavar="N", help="architectures, from 2 on")
    parser.add_argument(
        "--scale", type=float, metavar="S", help="no calibration: a rehearsal with epochs, pictures and width times S"
    )
    training.add_arguments(parser, dataset="cifar10")
    add_output_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Train and compare.

    Raises:
        UsageError: an argument does not fit, or there is no GPU.
        DataMissing: the table has not been fetched.
        HarnessError: the data are not there, or a training fails.
    """
    name = next((name for name in RECIPES if benchmarks.find(name).space.name == args.space), None)
    if name is None:
        known = ", ".join(benchmarks.find(name).space.name for name in RECIPES)
        raise UsageError(f"calibrate: expected a space with published trainings on CIFAR-10: {known}; got {args.space}")
    if args.n < 2 or (args.scale is not None and not 0 < args.scale <= 1):
        raise UsageError(f"calibrate: expected --n from 2 on and --scale above 0 to 1, got {args.n} and {args.scale}")
    if args.executor == "local" and args.scale is None and not gpus():
        raise UsageError(
            "calibrate: expected a GPU, found none: on a CPU the published recipe takes about a day an architecture. "
            "Name a cluster with --executor slurm, or rehearse with --scale 0.02, which calibrates nothing"
        )
    opened = benchmarks.open_benchmark(name)
    args.recipe = args.recipe or RECIPES[name]
    how = scaled(training.described(args, args.space, searched=False), args.scale or 1)
    chosen = drawn(opened, args.n)
    with store("answers") as answers:
        client = Client(answers, {KIND: training.provider(args)})
        records = client.ask_all(KIND, [how.job(architecture).request() for architecture in chosen])
    trained = [Trained.from_record(record) for record in records]
    tests = [each.outcome.test for each in trained]
    if diverged := tests.count(None):
        raise UsageError(
            f"calibrate: expected finite losses, got others of {diverged} of {len(tests)} trainings, which have no "
            "accuracy: take another recipe, or lower its learning rate"
        )
    show(report(opened, how, chosen, trained), args.format, args.out)
    return 0


def scaled(how: Training, scale: float) -> Training:
    """The same with so many times the epochs, training pictures and width; 1 changes nothing."""
    recipe, network = how.recipe, how.network
    split = replace(recipe.split, train=recipe.split.train * scale)
    recipe = replace(recipe, epochs=max(1, round(recipe.epochs * scale)), split=split)
    return replace(how, recipe=recipe, network=replace(network, width=network.width * max(scale, LEAST_WIDTH)))


def drawn(opened: Opened, count: int) -> list[Architecture]:
    """So many architectures of a table, from the worst to the best, at equal distances in rank."""
    worst_first = np.argsort(opened.held_out.test, kind="stable")
    places = np.rint(np.linspace(0, len(worst_first) - 1, count)).astype(int)
    return [opened.table.architecture_at(int(index)) for index in worst_first[places]]


def rank_correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Spearman's: that of the ranks, equals sharing their mean rank; nan if all of one are equal."""
    ranks = centred_ranks(one), centred_ranks(other)
    return float(ranks[0] @ ranks[1]) if ranks[0].any() and ranks[1].any() else float("nan")


def report(opened: Opened, how: Training, chosen: Sequence[Architecture], trained: Sequence[Trained]) -> Report:
    """A row an architecture."""
    here = np.array([each.outcome.test for each in trained], dtype=float)
    versions = {**benchmarks.VERSIONS, **trained_with(each.observed for each in trained)}
    indices = opened.table.indices_of(chosen)
    published, rank, runs = opened.held_out.test[indices], opened.held_out.rank[indices], opened.table.runs
    spread = None if runs is None else runs[indices].std(axis=1, ddof=1)
    differences = here - published
    with np.errstate(divide="ignore"):  # published runs may agree to the last digit
        deviations = None if spread is None else differences / spread
    space = spaces.find(how.space).SPACE
    rows = tuple(
        (
            label(space.to_native(architecture)),
            recomputed(int(rank[row])),
            recomputed(float(published[row]), ".2f"),
            BLANK if spread is None else recomputed(float(spread[row]), ".2f"),
            recomputed(float(here[row]), ".2f"),
            recomputed(float(differences[row]), "+.2f"),
            BLANK if deviations is None else recomputed(float(deviations[row]), "+.1f"),
        )
        for row, architecture in enumerate(chosen)
    )
    notes = [
        f"Rank correlation (Spearman): {rank_correlation(here, published):.2f}; mean difference "
        f"{differences.mean():+.2f}, of single architectures {differences.std(ddof=1):.2f} around it.",
    ]
    if deviations is not None and runs is not None:
        close = int((np.abs(deviations) <= CLOSE).sum())
        notes.append(
            f"{close} of {len(chosen)} within {CLOSE:g} standard deviations of the {runs.shape[1]} published runs, "
            "which so few runs tell but roughly."
        )
    recipe = RECIPES[opened.table.name]
    title = f"Calibration of {how.space}: recipe {recipe} on CIFAR-10, against the published accuracies"
    if how.recipe != recipes.find(recipe) or how.network != Scale() or how.dataset != "cifar10":
        title = f"No calibration of {how.space}: a rehearsal with another training than the published one"
        notes.insert(0, f"Trained instead: {how.dataset}, {how.recipe}, {how.network}.")
    tables = {opened.table.name: opened.table.digest}
    return Report("calibrate", title, COLUMNS, rows, tuple(notes), tables=tables, versions=versions)
