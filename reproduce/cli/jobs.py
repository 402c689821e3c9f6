"""`python -m reproduce jobs`: the queue of trainings: list, log, cancel, retry, and how many hours remain."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Mapping

from cache.key import DIGEST_PREFIX, short
from cache.record import Record
from harness.errors import HarnessError
from harness.training import estimates
from harness.training.estimates import Pace
from harness.training.jobs import Job, Trained, of_request, read
from harness.training.local import gpus
from harness.training.queue import SPEC, Queue, State, Status
from reproduce import data
from reproduce.errors import NoHome, UsageError
from reproduce.report import BLANK, MISSING, Cell, Column, Report, headed, label, recomputed
from reproduce.report.output import add_output_arguments, emit, show
from tables.errors import TableError

COLUMNS = (
    *headed("job", "state", "space", "architecture"),
    Column("dataset", "Data"),
    *headed("epochs", "attempts", "hours", "remaining", "remark"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `jobs`."""
    parser.add_argument("action", nargs="?", choices=("list", *ACTIONS), default="list", help="what to do")
    parser.add_argument("key", nargs="*", metavar="KEY", help="of the jobs; its first digits will do")
    add_output_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """List the jobs, or do something with those that are named.

    Raises:
        UsageError: if no job, or more than one, is meant by a key.
    """
    if args.action == "list":
        if args.key:
            raise UsageError(f"jobs: expected an action before {args.key[0]}: one of {', '.join(ACTIONS)}")
        try:
            listed = report(data.queue())
        except NoHome as error:
            listed = Report("jobs", "Trainings", COLUMNS, (), (f"There is no job: {error}.",))
        show(listed, args.format, args.out)
        return 0
    queue = data.queue()
    if not args.key:
        raise UsageError(f"jobs: expected the key of a job to {args.action}; `python -m reproduce jobs` lists them")
    keys = [find(queue, each) for each in args.key]
    emit("".join(ACTIONS[args.action](queue, key) for key in keys), args.out)
    return 0


def find(queue: Queue, start: str) -> str:
    """The key that begins so; raises UsageError if there is not exactly one."""
    digits = start.removeprefix(DIGEST_PREFIX)
    found = [key for key in queue.keys() if key.removeprefix(DIGEST_PREFIX).startswith(digits)]  # noqa: SIM118
    if len(found) != 1:
        raise UsageError(
            f"jobs: expected the key of one job, but {start!r} begins {len(found)}; "
            "`python -m reproduce jobs` lists them"
        )
    return found[0]


# -- with one job ---


def log(queue: Queue, key: str) -> str:
    """How the attempts of a job went, and what they printed at last."""
    status = queue.status(key)
    attempts = "".join(f"attempt {one.number}, {one.where}: {one.how or 'not ended'}\n" for one in status.attempts)
    text, before = queue.log_end(key)
    left_out = f"{status.log}: the first {before:,} bytes are left out\n" if before else ""
    return f"{key}: {status.state.value}\n{attempts}{left_out}" + (text or "nothing printed yet\n")


def cancel(queue: Queue, key: str) -> str:
    """Give a job up; what is done stays done."""
    return f"{key}: {queue.cancel(key).state.value}\n"


def retry(queue: Queue, key: str) -> str:
    """Want a failed or cancelled job again; it is trained when the command that asked for it is given again."""
    return f"{key}: {queue.retry(key).state.value}\n"


ACTIONS: Mapping[str, Callable[[Queue, str], str]] = {"log": log, "cancel": cancel, "retry": retry}
"""What can be done with a job; each returns what is printed."""


# -- the list ---


def report(queue: Queue) -> Report:
    """A row a job, first come first."""
    pace = estimates.pace(queue, on_gpu=bool(gpus()))
    statuses = queue.statuses()
    read = [_read(status) for status in statuses]
    jobs = [one if isinstance(one, Job) else None for one in read]
    remaining = [_remaining(status, job, pace) for status, job in zip(statuses, jobs, strict=True)]
    records = [queue.result(status.key) if status.state is State.DONE else None for status in statuses]
    rows = tuple(map(_row, records, statuses, read, remaining))
    counts = Counter(status.state.value for status in statuses)
    notes = [", ".join(f"{count} {state}" for state, count in counts.items()) or f"{queue.folder} holds no job."]
    if unfinished := sum(not status.is_final and not status.fault for status in statuses):
        known = [hours for hours in remaining if hours is not None]
        unknown = f", and {unfinished - len(known)} of which nothing can be said" if len(known) < unfinished else ""
        notes += [
            f"About {sum(known):.2g} hours of one device remain for {len(known)} jobs{unknown}.",
            pace.basis(job for status, job in zip(statuses, jobs, strict=True) if job and not status.is_final),
            "A job is trained while the command that asked for it runs; given again, it goes on.",
        ]
    return Report("jobs", "Trainings", COLUMNS, rows, tuple(notes))


def _read(status: Status) -> Job | str:
    """The training, or why there is none to be shown."""
    try:
        job = of_request(read(status.folder / SPEC))
    except (HarnessError, TableError) as error:
        return status.fault or str(error)
    return status.fault or (job if isinstance(job, Job) else "a search with shared weights")


def _remaining(status: Status, job: Job | None, pace: Pace) -> float | None:
    """Hours that an unfinished job still takes; None where nothing can be said."""
    hours = None if job is None or status.is_final else pace.hours(job)
    return None if hours is None else max(0.0, hours - _so_far(status))


def _so_far(status: Status) -> float:
    """Hours since the attempt began that is running; 0 if none is."""
    running = status.state is State.RUNNING and status.attempts
    return (time.time() - status.attempts[-1].started) / 3600 if running else 0.0


def _row(record: Record | None, status: Status, job: Job | str, left: float | None) -> tuple[Cell, ...]:
    seconds = record.observed.get("seconds") if record else None
    hours = seconds / 3600 if isinstance(seconds, int | float) else _so_far(status)
    what = (
        (BLANK, label("no training in a space that is known here"), BLANK, BLANK)
        if isinstance(job, str)
        else (label(job.space), label(job.architecture), label(job.dataset), label(job.recipe.epochs))
    )
    return (
        label(short(status.key)),
        label(status.state.value),
        *what,
        label(len(status.attempts)),
        recomputed(hours, ".2g") if hours else BLANK,
        BLANK if status.is_final else MISSING if left is None else recomputed(left, ".2g"),
        label(job if isinstance(job, str) else _remark(record)),
    )


def _remark(record: Record | None) -> str:
    """What else is to be said of a training."""
    if record is None:
        return ""
    try:
        done = Trained.from_record(record)
    except HarnessError as error:
        return str(error)
    return "" if done.outcome.is_measured else "not measured: a loss is not finite"
