"""`python -m reproduce search`: any method on any space, on a table or by real training; the winner is by validation.

What a search by training measures is a job's result, kept under the job's key: the same command trains nothing twice,
goes on where it was interrupted, and `--into` writes what it used into a cassette that `--from` replays without torch.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from baselines import catalogue
from cache import cassette
from cache.key import DIGEST_PREFIX
from harness import spaces
from harness.objectives import TabularObjective, TrainedObjective
from harness.spaces import mobilenetv2_se
from harness.training.jobs import from_record
from reproduce import benchmarks
from reproduce.cli import estimates, searching, training
from reproduce.cli.estimates import Pace
from reproduce.cli.searching import BUDGET, GENIUS, Candidate, Plan, candidates
from reproduce.errors import UsageError
from reproduce.published import imagenet
from reproduce.report.output import add_output_arguments, show
from reproduce.report.report import (
    BLANK,
    MISSING,
    Cell,
    Column,
    Report,
    label,
    recomputed,
    recomputed_millions,
    replayed,
)
from tables.space import Architecture

SELECTED = "The row with a test accuracy is the best of its trial by validation."

# -- the command ---


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `search`."""
    methods = ", ".join(catalogue.METHODS)
    parser.add_argument("--method", metavar="NAME", help=f"{methods}; MODULE:CLASS of your own; genius with --run")
    parser.add_argument("--run", metavar="NAME", help="of genius: a published ImageNet run, such as 329M")
    parser.add_argument("--space", metavar="NAME", help=", ".join(spaces.NAMES))
    parser.add_argument("--objective", choices=("table", "train"), default="table", help="look up, or train")
    parser.add_argument("--table", metavar="NAME", help=f"of the space, one of {', '.join(benchmarks.BENCHMARKS)}")
    parser.add_argument("--budget", type=int, default=BUDGET, metavar="N", help="evaluations a trial (default: 10)")
    parser.add_argument("--trials", type=int, default=1, metavar="N", help="independent ones, trained side by side")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the method")
    parser.add_argument("--dry-run", action="store_true", help="train nothing: print the jobs known so far, and hours")
    parser.add_argument("--into", type=Path, metavar="FILE.jsonl", help="keep what was used in a cassette")
    parser.add_argument("--from", type=Path, metavar="FILE.jsonl", dest="source", help="replay one; names all else")
    training.add_arguments(parser)
    add_output_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Search and print the course.

    Raises:
        UsageError: if an argument does not fit.
        HarnessError: if a training fails; the others are kept, and the same command goes on from there.
        BrokenRecording: if a recording does not replay.
    """
    _check(args)
    if args.source is not None:
        again = searching.replay(args.source)
        evidence = {args.source.name: again.cassette.digest}
        report = by_training(again.plan, again.found, again.objective, replayed, evidence)
    elif args.objective == "table":
        report = on_table(args)
    else:
        plan = _planned(args)
        with training.opened(args, plan.training) as objective:
            if args.dry_run:
                report = ahead(plan, objective, estimates.pace(training.queue(), on_gpu=training.on_gpu(args)))
            else:
                found = candidates(plan, objective)
                if args.into is not None:
                    cassette.write(args.into, searching.records(plan, found, objective))
                evidence = {plan.training.dataset: plan.training.digest}
                report = by_training(plan, found, objective, recomputed, evidence)
    show(report, args.format, args.out)
    return 0


def _check(args: argparse.Namespace) -> None:
    for name in ("budget", "trials"):
        if getattr(args, name) < 1:
            raise UsageError(f"search: expected a positive --{name}, got {getattr(args, name)}")
    if args.source is not None:
        if args.method or args.space or args.run or args.into or args.dry_run:
            raise UsageError("search: --from FILE.jsonl says by itself what is searched; leave out the rest")
        return
    genius = args.method == GENIUS
    if args.method is None or (args.run if genius else args.space) is None:
        raise UsageError("search: expected --method NAME --space NAME, or --method genius --run NAME, or --from FILE")
    if (args.run is not None) != genius or (genius and args.space not in (None, mobilenetv2_se.SPACE.name)):
        raise UsageError("search: --run names a published run, for --method genius on mobilenetv2-se alone")
    if genius and (args.trials, args.budget) != (1, BUDGET):
        raise UsageError("search: a published run is one trial and has its own budget; leave out --trials and --budget")
    if args.objective == "table" and (genius or args.into or args.dry_run):
        raise UsageError(
            "search: genius, --into and --dry-run are for --objective train; on tables, `table1` and `table7` to "
            "`table13` replay GENIUS, and a search repeats by itself"
        )
    if args.into is not None and not args.into.parent.is_dir():
        raise UsageError(f"search: expected a folder {args.into.parent} for {args.into.name}, got none; make it first")


def _planned(args: argparse.Namespace) -> Plan:
    if args.method == GENIUS:
        imagenet.published_run(args.run)
        return Plan(GENIUS, training.described(args, mobilenetv2_se.SPACE.name), run=args.run)
    searching.find_method(args.method)
    how = training.described(args, args.space)
    return Plan(args.method, how, budget=args.budget, trials=args.trials, seed=args.seed)


# -- reports ---


def on_table(args: argparse.Namespace) -> Report:
    """Search a table."""
    name = benchmarks.of_space(args.space, args.table)
    opened = benchmarks.open_benchmark(name)
    objective = TabularObjective(spaces.find(args.space).SPACE, opened.table)
    method = searching.find_method(args.method)
    found = []
    for trial in range(args.trials):
        course = searching.trajectory(method, args.space, objective, args.budget, args.seed, trial)
        found += searching.evaluations(trial, course)
    columns, rows = _rows(args.space, found, opened.figures, recomputed)
    title = f"{args.method} on the table {name}"
    notes = (SELECTED, f"What the search sees: {opened.table.measure.value}.")
    return Report("search", title, columns, rows, notes, tables={name: opened.table.digest})


def by_training(
    plan: Plan,
    found: Sequence[Candidate],
    objective: TrainedObjective,
    cell: Callable[[float, str], Cell],
    evidence: Mapping[str, str],
) -> Report:
    """The course of a search whose trainings are there; `cell` marks where their results come from."""
    how = plan.training
    observed = [from_record(objective.record(each))[1].observed for each in {one.architecture for one in found}]
    hours, devices = sum(each.seconds for each in observed) / 3600, sorted({each.device for each in observed})
    notes = [
        SELECTED,
        f"{how.dataset}, epochs {how.recipe.epochs}, input {how.recipe.input_size}, batch {how.recipe.batch_size}, "
        f"width {how.network.width:g}: {len(observed)} trainings, {hours:.2g} h in all, on {', '.join(devices)}.",
    ]
    columns, rows = _rows(how.space, found, objective.figures, cell)
    if plan.run is not None:
        columns = (*columns, Column("told", "Told then (%)"))
        told = [BLANK if each.told is None else replayed(each.told, ".2f") for each in found]
        rows = tuple((*row, each) for row, each in zip(rows, told, strict=True))
        notes += _conversation(plan.run)
    title = f"{_name(plan)} on {how.space}, by training on {how.dataset}"
    return Report("search", title, columns, rows, tuple(notes), tables=dict(evidence))


def _rows(
    space: str,
    found: Sequence[Candidate],
    figures: Callable[[Architecture], tuple[float, float]],
    cell: Callable[[float, str], Cell],
) -> tuple[tuple[Column, ...], tuple[tuple[Cell, ...], ...]]:
    """The course; a test accuracy is shown of what each trial selected, and of nothing else."""
    selected: dict[int, Candidate] = {}
    for each in found:
        best = selected.setdefault(each.trial, each)
        if figures(each.architecture)[0] > figures(best.architecture)[0]:
            selected[each.trial] = each
    columns = (*_PLACE, Column("validation", "Validation (%)"), Column("test", "Test (%)"))
    rows = []
    for each in found:
        validation, test = figures(each.architecture)
        shown = cell(test, ".2f") if each is selected[each.trial] else BLANK
        rows.append((*_place(space, each), cell(validation, ".2f"), shown))
    return columns, tuple(rows)


_PLACE = (
    Column("trial", "Trial"),
    Column("iteration", "T"),
    Column("architecture", "Architecture"),
    Column("macs", "MACs (M)"),
)


def _place(space: str, each: Candidate) -> tuple[Cell, ...]:
    native = spaces.find(space).SPACE.to_native(each.architecture)
    macs = spaces.counted_macs(space, each.architecture)
    return label(each.trial + 1), label(each.iteration), label(native), recomputed_millions(macs, ".1f")


def _conversation(name: str) -> list[str]:
    """What became of the proposals of a published run."""
    found = imagenet.replay(name)
    steps = found.trajectory.steps
    said = Counter(step.told.rejection.reason.value for step in steps if step.told and step.told.rejection)
    sent_back = ", ".join(f"{count} {reason}" for reason, count in said.items()) or "none"
    return [
        f"The conversation of run {name}, {found.source}: {len(steps)} proposals; sent back: {sent_back}.",
        "The replayed model is told what it was told then, so that the conversation stays the one that is recorded.",
    ]


def _name(plan: Plan) -> str:
    return f"{plan.method} {plan.run}" if plan.run else plan.method


def ahead(plan: Plan, objective: TrainedObjective, pace: Pace) -> Report:
    """The jobs that are known before anything is trained, and what they and the whole budget will take."""
    how = plan.training
    found = searching.foreseen(plan)
    jobs = [how.job(each.architecture) for each in found]
    rows = tuple(
        (
            *_place(how.space, each),
            recomputed_millions(spaces.find(how.space).cost(each.architecture).params, ".2f"),
            _estimate(estimates.operations(job), 1e12),
            _estimate(pace.hours(job)),
            label("trained" if objective.is_trained(each.architecture) else "to be trained"),
            label(job.key.removeprefix(DIGEST_PREFIX)[:12]),
        )
        for each, job in zip(found, jobs, strict=True)
    )
    columns = (
        *_PLACE,
        Column("params", "Params (M)"),
        Column("operations", "Operations (T)"),
        Column("hours", "Hours"),
        Column("state", "State"),
        Column("job", "Job"),
    )
    known, every = len(found), len(found) if plan.run else plan.budget * plan.trials
    rest = "" if known == every else "; the others depend on results, and are taken to cost as much"
    totals = [
        f"{total * every / max(known, 1):.2g} {unit}"
        for total, unit in (
            (estimates.total(map(estimates.operations, jobs)), "operations"),
            (estimates.total(map(pace.hours, jobs)), "hours of one device"),
        )
        if total is not None
    ]
    notes = [
        f"{known} of {every} evaluations are known before anything is trained{rest}.",
        f"All {every} together, those that are trained included: {' and '.join(totals) or 'nothing can be said'}.",
        pace.basis(jobs),
        "MACs and parameters are of the benchmark's own network; operations go with the job's own input and width.",
    ]
    title = f"Jobs of {_name(plan)} on {how.space}, by training on {how.dataset}; nothing was trained"
    return Report("search", title, columns, rows, tuple(notes), tables={how.dataset: how.digest})


def _estimate(value: float | None, unit: float = 1) -> Cell:
    return MISSING if value is None else recomputed(value / unit, ".3g")
