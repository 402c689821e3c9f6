"""`python -m reproduce jobs`: the queue of trainings: list, log, cancel, retry, and how many hours remain."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Mapping

from cache.key import DIGEST_PREFIX
from harness.errors import TrainingError
from harness.training import estimates
from harness.training.estimates import Pace
from harness.training.jobs import Job
from harness.training.local import gpus
from harness.training.queue import SPEC, Queue, State, Status
from reproduce.cli import training
from reproduce.errors import UsageError
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
    queue = training.queue()
    if args.action == "list":
        if args.key:
            raise UsageError(f"jobs: expected an action before {args.key[0]}: one of {', '.join(ACTIONS)}")
        show(report(queue), args.format, args.out)
        return 0
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
    statuses = [queue.status(key) for key in queue.keys()]  # noqa: SIM118
    rows, unfinished, remaining = [], [], []
    for status in statuses:
        job = _read(status)
        left = None if job is None else _remaining(status, job, pace)
        if not status.is_final:
            remaining.append(left)
            unfinished += [] if job is None else [job]
        rows.append(_row(queue, status, job, left))
    counts = Counter(status.state.value for status in statuses)
    notes = [", ".join(f"{count} {state}" for state, count in counts.items()) or f"{queue.folder} holds no job."]
    if remaining:
        known = [hours for hours in remaining if hours is not None]
        unknown = (
            f", and {len(remaining) - len(known)} of which nothing can be said" if len(known) < len(remaining) else ""
        )
        notes.append(f"About {sum(known):.2g} hours of one device remain for {len(known)} jobs{unknown}.")
        notes.append(pace.basis(unfinished))
        notes.append("A job is trained while the command that asked for it runs; given again, it goes on.")
    return Report("jobs", "Trainings", COLUMNS, tuple(rows), tuple(notes))


def _read(status: Status) -> Job | None:
    """The training; None for a job of another kind."""
    try:
        return Job.read(status.folder / SPEC)
    except TrainingError:
        return None


def _remaining(status: Status, job: Job, pace: Pace) -> float | None:
    """Hours that an unfinished job still takes; None where nothing can be said."""
    hours = pace.hours(job)
    if status.is_final or hours is None:
        return None
    return max(0.0, hours - _so_far(status))


def _so_far(status: Status) -> float:
    """Hours since the attempt began that is running; 0 if none is."""
    if status.state is not State.RUNNING or not status.attempts:
        return 0.0
    return (time.time() - status.attempts[-1].started) / 3600


def _row(queue: Queue, status: Status, job: Job | None, left: float | None) -> tuple[Cell, ...]:
    record = queue.result(status.key)
    match record.observed if record else {}:
        case {"seconds": int() | float() as seconds}:
            hours = seconds / 3600
        case _:
            hours = _so_far(status)
    what = (
        (BLANK, label("no training of one architecture"), BLANK, BLANK)
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
