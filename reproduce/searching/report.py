"""What searches found, as tables: the runs of one, what a published run's designs do when trained, what lies ahead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from baselines import catalogue
from cache import cassette
from cache.client import Client
from cache.key import short
from harness import spaces
from harness.loop import Step
from harness.protocol import MILLION, Evaluated, Method, Reason, Rejected
from harness.run import Run, accepted, foreseen
from harness.spaces import Benchmark
from harness.specification import Specification
from harness.training import estimates
from harness.training.estimates import Pace
from harness.training.jobs import KIND, Trained, Training, code_digest, trained_with
from reproduce import benchmarks, named, recording, runs
from reproduce.benchmarks import BENCHMARKS
from reproduce.report import BLANK, MISSING, Cell, Column, Report, label, recomputed, recomputed_millions, replayed
from reproduce.searching import costs

SELECTED = "The row with a test accuracy is the best of its trial by validation."
PLACE = (
    Column("trial", "Trial"),
    Column("iteration", "T"),
    Column("architecture", "Architecture"),
    Column("macs", "MACs (M)"),
)


def report(
    found: Sequence[Run],
    cell: Callable[[float, str], Cell],
    evidence: Mapping[str, str],
    notes: Sequence[str] = (),
    run: str | None = None,
) -> Report:
    """What was accepted in each run; a test accuracy is shown of what each run selected, and of nothing else.

    Args:
        found: the runs of one search.
        cell: marks where the figures come from.
        evidence: names what they were made of, with digests.
        notes: what else there is to say.
        run: the published run that was performed again.
    """
    told = any(each.specification.told for each in found)
    then = (Column("told", "Told then (%)"),) if told else ()
    called = _called(found)
    place = PLACE if not any(called) else (Column("run", "Run"), *PLACE[1:])
    columns = (*place, Column("validation", "Validation (%)", "higher"), Column("test", "Test (%)"), *then)
    first = ((label(name),) if name else () for name in called)
    both = zip(first, found, strict=True)
    rows = tuple((*name, *row[len(name) :]) for name, run in both for row in _rows(run, cell, told=told))
    method = catalogue.find(found[0].specification.method)
    conversations = (note for each in found for note in _conversation(each, run))
    said = (SELECTED, *_of_method(method, found), *_limits(found), *_trainings(found), *conversations, *notes)
    title = _title(found[0].specification, run, [*dict.fromkeys(each.specification.target for each in found)])
    arrays = {} if found[0].specification.model else benchmarks.VERSIONS
    versions = {**arrays, **runs.versions_of(method), **trained_with(each.observed for each in _trained(found))}
    return Report(
        "search", title, columns, rows, said, tables=dict(evidence), versions=versions, within=(place[0].key,)
    )


def again(path: Path) -> Report:
    """What a recording holds, performed again from it alone.

    Raises:
        what `reproduce.recording.replay_recording` raises.
    """
    found = recording.replay_recording(path)
    return report(found, replayed, {path.name: cassette.read(path).digest})


def _called(found: Sequence[Run]) -> list[str]:
    """What tells the runs of a grid apart, a name of `runs show` each; nothing where their numbers do."""
    names = [name.rpartition(":") for name in named.names((one.specification, one.record().key) for one in found)]
    if len({number for *_, number in names}) == len(found):
        return [""] * len(found)
    shared = set.intersection(*({*name.split("/")} for name, *_ in names))
    return ["/".join(part for part in name.split("/") if part not in shared) + f":{n}" for name, _, n in names]


def _rows(run: Run, cell: Callable[[float, str], Cell], *, told: bool) -> Iterator[tuple[Cell, ...]]:
    steps = accepted(run.trajectory)
    source = run.specification.table
    table = None if source is None else BENCHMARKS.get(source.table)
    figures = [run.figures.get(step.trial.architecture or ()) for step in steps]
    told_here = {n: each.told for n, each in enumerate(figures) if each is not None}
    best = max(told_here, key=told_here.__getitem__, default=None)
    for n, (step, each) in enumerate(zip(steps, figures, strict=True)):
        validation = MISSING if each is None else cell(each.told, ".2f")
        shown = cell(each.test, ".2f") if each is not None and n == best else BLANK
        row = (*_place(run.specification, step, table), validation, shown)
        then = () if not told else (BLANK if step.accuracy is None else replayed(step.accuracy, ".2f"),)
        yield (*row, *then)


def _place(run: Specification, step: Step, table: Benchmark | None = None) -> tuple[Cell, ...]:
    """Trial, iteration, architecture, and its cost on the data of the table that was searched, if that is known."""
    architecture = step.trial.architecture
    assert architecture is not None  # what was accepted had been read
    macs = 0 if run.slots else spaces.counted_macs(run.space, architecture, table)
    cost = recomputed_millions(macs, ".1f" if macs >= MILLION else ".3g") if macs else BLANK
    return label(run.number + 1), label(step.iteration), label(runs.space_of(run).to_native(architecture)), cost


def _of_method(method: Method, found: Sequence[Run]) -> Iterator[str]:
    """Where the budget makes a method random search, and where it ended before the budget did."""
    budget = found[0].specification.budget
    if budget.evaluations and (caveat := method.caveat(budget.evaluations)):
        yield f"{caveat}."
    if nothing := sum(not each.trajectory.evaluated for each in found):
        yield f"In {nothing} of {len(found)} trials nothing was evaluated."
    for each in found:
        steps, evaluated = each.trajectory.steps, len(each.trajectory.evaluated)
        if (not steps or isinstance(steps[-1].told, Evaluated)) and budget.left(evaluated, len(steps), 0):
            trial = each.specification.number + 1
            yield f"Trial {trial} ended after {evaluated} evaluations: nothing was left to propose."


def _limits(found: Sequence[Run]) -> Iterator[str]:
    """Under which constraints was searched, and how often they rejected."""
    if bounds := found[0].specification.constraints:
        proposals = [step.rejected for run in found for step in run.trajectory.steps]
        missed = sum(each in (Reason.ABOVE_LIMIT.value, Reason.BELOW_LIMIT.value) for each in proposals)
        told = f"{missed} of {len(proposals)} proposals missed that, were told so, and count as no evaluation"
        yield f"Allowed: {'; '.join(map(str, bounds))}. {told}."


def _trainings(found: Sequence[Run]) -> Iterator[str]:
    """How architectures were trained, and what that took; nothing where a table was searched."""
    how = found[0].specification.training
    if how is None:
        return
    observed = [each.observed for each in _trained(found)]
    hours, devices = sum(each.seconds for each in observed) / 3600, sorted({each.device for each in observed})
    yield (
        f"{how.dataset}, epochs {how.recipe.epochs}, input {how.recipe.input_size}, batch {how.recipe.batch_size}, "
        f"width {how.network.width:g}: {len(observed)} trainings, {hours:.2g} h in all, on {', '.join(devices)}."
    )
    for run in found:
        for said in dict.fromkeys(_unmeasured(run)):
            yield f"Not measured, trial {run.specification.number + 1}: {said}."
    stretches = [stretch for each in observed for stretch in each.stretches]
    if other := sum(any(stretch.code != code_digest() for stretch in each.stretches) for each in observed):
        yield f"{other} of {len(observed)} trainings were made by another version of the code than is here."
    if len(ways := {repr((each.settings, each.versions, each.code)) for each in stretches}) > 1:
        yield (
            f"They were trained under {len(ways)} different settings, versions or codes, which their records name: "
            "small differences may come from there."
        )


def _trained(found: Sequence[Run]) -> list[Trained]:
    """The trainings of all runs, each once."""
    records = {record.key: record for run in found for record in run.measured if record.kind == KIND}
    return [Trained.from_record(record) for record in records.values()]


def _unmeasured(run: Run) -> Iterator[str]:
    """Which proposals came to nothing when they were trained, and why."""
    for step in run.trajectory.steps:
        trial = step.trial
        if isinstance(trial, Rejected) and trial.rejection.reason is Reason.UNMEASURED and trial.architecture:
            yield f"{run.setting.space.to_native(trial.architecture)}: {trial.rejection.detail}"


def _conversation(run: Run, name: str | None) -> Iterator[str]:
    """What became of the proposals of a published run."""
    if run.specification.told is None:
        return
    steps = run.trajectory.steps
    said = Counter(step.rejected for step in steps if step.rejected)
    sent_back = ", ".join(f"{count} {reason}" for reason, count in said.items()) or "none"
    called = name or "of GPT-4"
    yield f"The conversation of run {called}, reconstructed: {len(steps)} proposals; sent back: {sent_back}."
    yield "The replayed model is told what it was told then, so that the conversation stays the one that is recorded."


def _title(specification: Specification, run: str | None, targets: Sequence[str] = ()) -> str:
    how, tables = specification.training, "tables" if len(targets) > 1 else "table"
    where = f"{specification.space}, by training on {how.dataset}" if how else f"the {tables} {', '.join(targets)}"
    return f"{' '.join(filter(None, (specification.method, run)))} on {where}"


def ahead(
    planned: Sequence[Specification], client: Client, how: Training, pace: Pace, run: str | None = None
) -> Report:
    """The jobs that are known before anything is trained, and what they and the whole budget will take."""
    counted = costs.known(spaces.find(how.space).SPACE)
    found = [(one, each) for one in planned for each in foreseen(one, client, runs.setting(one, counted=counted))]
    jobs = [how.job(step.trial.architecture) for _, step in found if step.trial.architecture is not None]
    rows = tuple(
        (
            *_place(one, step),
            recomputed_millions(spaces.find(how.space).cost(job.choices).params, ".2f"),
            _estimate(estimates.operations(job), 1e12),
            _estimate(pace.hours(job)),
            label("to be trained" if client.find(KIND, job.request()) is None else "trained"),
            label(short(job.key)),
        )
        for (one, step), job in zip(found, jobs, strict=True)
    )
    columns = (
        *PLACE,
        Column("params", "Params (M)"),
        Column("operations", "Operations (T)"),
        Column("hours", "Hours"),
        Column("state", "State"),
        Column("job", "Job"),
    )
    budget = planned[0].budget.evaluations
    known, every = len(found), len(found) if run or budget is None else budget * len(planned)
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
    title = f"Jobs of {_title(planned[0], run)}; nothing was trained"
    return Report("search", title, columns, rows, tuple(notes), tables={how.dataset: how.digest})


def _estimate(value: float | None, unit: float = 1) -> Cell:
    return MISSING if value is None else recomputed(value / unit, ".3g")
