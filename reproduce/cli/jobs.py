"""`python -m reproduce jobs`: the queue of trainings: list, log, cancel, retry, and how many hours remain."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Mapping

from cache.key import DIGEST_PREFIX
from cache.record import Record
from harness.errors import HarnessError
from harness.training import estimates
from harness.training.estimates import Pace
from harness.training.jobs import Job
from harness.training.local import gpus
from harness.training.queue import SPEC, Queue, State, Status
from reproduce.cli import training
from reproduce.errors import NoHome, UsageError
from reproduce.report.output import add_output_arguments, emit, show
from reproduce.report.report import BLANK, MISSING, Cell, Column, Report, label, recomputed

SHORT = 12  # digits of a key that the list shows

COLUMNS = (
    Column("job", "Job"),
    Column("state", "State"),
    Column("space", "Space"),
    Column("architecture", "Architecture"),
    Column("dataset", "Data"),
    Column("epochs", "Epochs"),
    Column("attempts", "Attempts"),
    Column("hours", "Hours"),
    Column("remaining", "Remaining"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `jobs`."""
    parser.add_argument("action", nargs="?", choices=("list", *ACTIONS), default="list", help="default: list")
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
            listed = report(training.queue())
        except NoHome as error:
            listed = Report("jobs", "Trainings", COLUMNS, (), (f"There is no job: {error}.",))
        show(listed, args.format, args.out)
        return 0
    queue = training.queue()
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
    """How the attempts of a job went, and what they printed."""
    status = queue.status(key)
    attempts = "".join(f"attempt {one.number}, {one.where}: {one.how or 'not ended'}\n" for one in status.attempts)
    text = status.log.read_text(encoding="utf-8", errors="replace") if status.log.exists() else "nothing printed yet\n"
    return f"{key}: {status.state.value}\n{attempts}{text}"


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
    jobs = [_read(status) for status in statuses]
    remaining = [_remaining(status, job, pace) for status, job in zip(statuses, jobs, strict=True)]
    rows = tuple(map(_row, [queue.result(status.key) for status in statuses], statuses, jobs, remaining))
    counts = Counter(status.state.value for status in statuses)
    notes = [", ".join(f"{count} {state}" for state, count in counts.items()) or f"{queue.folder} holds no job."]
    if unfinished := sum(not status.is_final for status in statuses):
        known = [hours for hours in remaining if hours is not None]
        unknown = f", and {unfinished - len(known)} of which nothing can be said" if len(known) < unfinished else ""
        notes += [
            f"About {sum(known):.2g} hours of one device remain for {len(known)} jobs{unknown}.",
            pace.basis(job for status, job in zip(statuses, jobs, strict=True) if job and not status.is_final),
            "A job is trained while the command that asked for it runs; given again, it goes on.",
        ]
    return Report("jobs", "Trainings", COLUMNS, rows, tuple(notes))


def _read(status: Status) -> Job | None:
    """The training; None for a job of another kind, or of a space that is not known here."""
    try:
        return Job.read(status.folder / SPEC)
    except HarnessError:
        return None


def _remaining(status: Status, job: Job | None, pace: Pace) -> float | None:
    """Hours that an unfinished job still takes; None where nothing can be said."""
    hours = None if job is None or status.is_final else pace.hours(job)
    return None if hours is None else max(0.0, hours - _so_far(status))


def _so_far(status: Status) -> float:
    """Hours since the attempt began that is running; 0 if none is."""
    running = status.state is State.RUNNING and status.attempts
    return (time.time() - status.attempts[-1].started) / 3600 if running else 0.0


def _row(record: Record | None, status: Status, job: Job | None, left: float | None) -> tuple[Cell, ...]:
    seconds = record.observed.get("seconds") if record else None
    hours = seconds / 3600 if isinstance(seconds, int | float) else _so_far(status)
    what = (
        (BLANK, label("no training in a space that is known here"), BLANK, BLANK)
        if job is None
        else (label(job.space), label(job.architecture), label(job.dataset), label(job.recipe.epochs))
    )
    return (
        label(status.key.removeprefix(DIGEST_PREFIX)[:SHORT]),
        label(status.state.value),
        *what,
        label(len(status.attempts)),
        recomputed(hours, ".2g") if hours else BLANK,
        BLANK if status.is_final else MISSING if left is None else recomputed(left, ".2g"),
    )
