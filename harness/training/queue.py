"""The queue: a folder of jobs, one folder a job, that outlives every process that works on it.

    <folder>/<digest>/  spec.json         what is to be done, as `Spec.to_json` gives it
                        attempt-1.json    when and where it was tried, and how that ended; one file an attempt
                        log.txt           what all attempts printed
                        result.json       the line of a `cache.record.Record`, verified by its own digests
                        result.lock       held by the worker as long as it lives (`harness.training.worker`)
                        result.cancelled  there if nobody wants the result any more

and whatever else the worker keeps, such as a checkpoint. The state of a job follows from these files alone, so any
process on any machine that sees the folder can add, watch, run and cancel. Files are renamed into place
whole. Masters do not lock each other out: if two start one job, the second worker waits for the first and then finds
its result.

A worker is a command that is run in the job's folder with `spec.json` as its last argument. It works inside
`harness.training.worker.claim`, takes up what a dead one left, and leaves `result.json`.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Protocol

import msgspec

import harness
from cache.client import Reply, Request
from cache.key import DIGEST_PREFIX
from cache.record import Record
from genius_replay import files
from harness.errors import GivenUp, HarnessError, NotThisJob, TrainingError
from harness.training.jobs import Spec, of_request
from harness.training.worker import RESULT, UNWELL, WRONG, cancellation, is_held, read_result

WORKER = (sys.executable, "-m", "harness.training")
"""Does one training or search; `spec.json` is appended, and it runs in the job's folder."""
ROOT = Path(harness.__file__).parents[1]
"""Where the packages of this project lie: a worker runs elsewhere."""
SPEC, LOG = "spec.json", "log.txt"
ATTEMPTS = 3  # before a job is given up
PAUSE_S = 10  # before another attempt where this machine was unwell
EXIT_CODE = "exit code {}"  # how an attempt ends that was not killed
UNSEEN = "nobody saw its end"  # a restart of the machine is no failure of the job: such an attempt does not count
TAIL = 20  # lines of its log that a failure shows
_TAIL_BYTES = 65_536  # of a log, read from its end
_SHOWN = 300  # characters of a line that a reason quotes
_DIGEST = re.compile("[0-9a-f]{64}")
_ATTEMPT = re.compile(r"attempt-([1-9]\d*)\.json")


class State(Enum):
    """Where a job stands; the last three are final until someone calls `Queue.retry`."""

    QUEUED = "queued"  # also while its worker starts, or its task waits in Slurm
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNREADABLE = "unreadable"  # from here


class Attempt(msgspec.Struct, frozen=True):
    """One start of a worker.

    Attributes:
        number: from 1 on.
        started: seconds since 1970.
        where: the executor's word for the place.
        ended: seconds since 1970; None while it runs, or if its master died before it.
        how: it ended, such as "killed by SIGKILL"; empty until it has.
    """

    number: int
    started: float
    where: str
    ended: float | None = None
    how: str = ""


@dataclass(frozen=True)
class Status:
    """A job as the folder shows it.

    Attributes:
        key: of the job's record.
        state: where it stands.
        attempts: all that were not withdrawn, in order.
        folder: the job's own.
        fault: why it is unreadable.
    """

    key: str
    state: State
    attempts: tuple[Attempt, ...]
    folder: Path
    fault: str = ""

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self.state in (State.DONE, State.FAILED, State.CANCELLED)

    @property
    def is_wrong(self) -> bool:
        """Whether the job cannot be done as it stands: another attempt would end likewise."""
        return any(attempt.how == EXIT_CODE.format(WRONG) for attempt in self.attempts)

    @property
    def rests(self) -> bool:
        """Whether another attempt would come too soon after one that this machine failed."""
        last = [one for one in self.attempts[-1:] if one.how == EXIT_CODE.format(UNWELL)]
        return any(time.time() < (one.ended or 0) + PAUSE_S for one in last)

    @property
    def log(self) -> Path:
        """The file with what the attempts printed; it may not be there yet."""
        return self.folder / LOG


class Executor(Protocol):
    """Runs jobs somewhere: `harness.training.local`, `harness.training.slurm`."""

    def run(self, queue: Queue, keys: Collection[str], each: Callable[[Status], object] = lambda _: None) -> None:
        """Run the jobs of `keys` until each is done, failed or cancelled, and call `each` as one gets there.

        Jobs that run elsewhere already are waited for. After an exception, KeyboardInterrupt included, the queue is
        whole and no attempt that was cut short counts; the same call goes on from there.

        Raises:
            HarnessError: a key is not in the queue, or nothing can be run here; the message says what is missing.
        """


class Queue:
    """The jobs in a folder. Any number of processes may use it at the same time."""

    def __init__(self, folder: Path) -> None:
        """Open the queue in `folder`, which is made when a job is added; on a cluster all nodes must see it."""
        self.folder = Path(folder).absolute()

    # -- what anybody may do ---

    def add(self, job: Spec) -> str:
        """Put `job` into the queue unless it is there, and return its key. A damaged spec is written again."""
        folder, text = self._folder(job.key), job.to_json()
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(OSError, UnicodeDecodeError):
            if (folder / SPEC).read_text(encoding="utf-8") == text:
                return job.key
        files.write(folder / SPEC, text.encode())
        return job.key

    def keys(self) -> list[str]:
        """All jobs, first come first."""
        if not self.folder.is_dir():
            return []
        names = [entry.name for entry in self.folder.iterdir() if _DIGEST.fullmatch(entry.name)]
        added = ((_added(self.folder / name / SPEC), name) for name in names)
        return [DIGEST_PREFIX + name for when, name in sorted(each for each in added if each[0] is not None)]

    def status(self, key: str) -> Status:
        """Look at one job; raises HarnessError if it is not in the queue."""
        folder = self._folder(key)
        if not (folder / SPEC).exists():
            raise HarnessError(f"{self.folder}: expected the job {key}, found none; add it first")
        seen = Status(key, State.QUEUED, tuple(_read_attempts(folder)), folder)
        return replace(seen, state=self._state(seen))

    def statuses(self) -> list[Status]:
        """Look at all jobs, first come first; one that cannot be read says why and keeps none of the others back."""
        found = []
        for key in self.keys():
            try:
                found.append(self.status(key))
            except (HarnessError, OSError) as error:
                found.append(Status(key, State.UNREADABLE, (), self._folder(key), str(error)))
        return found

    def result(self, key: str) -> Record | None:
        """The verified record that a worker has left, None if there is none or it is damaged; raises OSError."""
        with suppress(FileNotFoundError, NotThisJob):
            return read_result(self._folder(key) / RESULT, key)
        return None

    def cancel(self, key: str) -> Status:
        """Give a job up. Its worker, wherever it runs, ends itself within seconds; what is done stays done."""
        folder = self.status(key).folder
        cancellation(folder / RESULT).touch()
        return self.status(key)

    def retry(self, key: str) -> Status:
        """Want a failed or cancelled job again, with all its attempts; the checkpoint and the log stay."""
        folder = self.status(key).folder
        cancellation(folder / RESULT).unlink(missing_ok=True)
        for attempt in _read_attempts(folder):
            _path(folder, attempt.number).unlink(missing_ok=True)
        return self.status(key)

    def tail(self, key: str, lines: int = TAIL) -> str:
        """The last lines of a job's log; empty if there is none."""
        return "\n".join(self.log_end(key)[0].splitlines()[-lines:])

    def log_end(self, key: str) -> tuple[str, int]:
        """The last 64 KiB of a job's log, and how many bytes come before; empty if there is none."""
        try:
            with (self._folder(key) / LOG).open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                before = file.seek(max(0, size - _TAIL_BYTES))
                content = file.read(_TAIL_BYTES)
        except FileNotFoundError:
            return "", 0
        return content.decode("utf-8", errors="replace"), before

    def failure(self, key: str) -> str:
        """Why a job failed, for people: how its attempts ended, and the end of its log."""
        status = self.status(key)
        how = "\n".join(f"  attempt {one.number}, {one.where}: {one.how}" for one in status.attempts)
        return (
            f"the job {key} came to nothing in {len(status.attempts)} attempts:\n{how}\nthe end of {status.log}:\n"
            f"{self.tail(key)}"
        )

    # -- what executors do ---

    def take(self, key: str) -> Status:
        """Make a queued job ready to be started, unless its attempts are used up; other jobs stay as they are.

        Attempts whose master died are closed, and a damaged result is set aside so that the job is done again.
        """
        status = self.status(key)
        if status.state is not State.QUEUED:
            return status
        for attempt in status.attempts:
            if attempt.ended is None:
                self.end(key, attempt, UNSEEN)
        if (status.folder / RESULT).exists() and self.result(key) is None:
            (status.folder / RESULT).replace(status.folder / f"{RESULT}.damaged-{time.time_ns()}")
        return self.status(key)

    def begin(self, key: str, where: str) -> Attempt:
        """Note that a worker was started."""
        folder = self._folder(key)
        number = max((attempt.number for attempt in _read_attempts(folder)), default=0) + 1
        while True:
            with suppress(FileExistsError):  # of another master, at the same time
                _path(folder, number).touch(exist_ok=False)
                break
            number += 1
        attempt = Attempt(number, time.time(), where)
        _write_attempt(folder, attempt)
        return attempt

    def end(self, key: str, attempt: Attempt, how: str) -> None:
        """Note how an attempt ended."""
        _write_attempt(self._folder(key), msgspec.structs.replace(attempt, ended=time.time(), how=how))

    def withdraw(self, key: str, attempt: Attempt) -> None:
        """Do not count an attempt: its executor cut it short."""
        _path(self._folder(key), attempt.number).unlink(missing_ok=True)

    def _state(self, seen: Status) -> State:
        """Where a job stands that is queued, unless its files say something else."""
        key, result = seen.key, seen.folder / RESULT
        if self.result(key) is not None:
            return State.DONE
        if cancellation(result).exists():
            return State.CANCELLED
        if is_held(result):
            return State.RUNNING
        if self.result(key) is not None:  # left between the first look and the lock
            return State.DONE
        # An attempt without an end may be about to take the lock, or wait in Slurm; `take` settles it.
        used_up = sum(attempt.how != UNSEEN for attempt in seen.attempts) >= ATTEMPTS
        if (used_up or seen.is_wrong) and all(attempt.ended is not None for attempt in seen.attempts):
            return State.FAILED
        return State.QUEUED

    def _folder(self, key: str) -> Path:
        name = key.removeprefix(DIGEST_PREFIX)
        if _DIGEST.fullmatch(name) is None:
            raise HarnessError(f"expected the key of a job, {DIGEST_PREFIX} and 64 hexadecimal digits, got {key!r}")
        return self.folder / name


# -- what executors and workers share ---


def environment() -> dict[str, str]:
    """What a worker needs: the way to this project, which it may not find installed, and one thread to compute with.

    Another number of threads would change a result in its last bits (`harness.training.train.THREADS`).
    """
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


# -- files ---


def _added(spec: Path) -> float | None:
    """When a job came, in seconds since 1970: 0 where that cannot be seen; None if there is no job."""
    try:
        return spec.stat().st_mtime
    except FileNotFoundError:
        return None
    except OSError:
        return 0.0


def _path(folder: Path, number: int) -> Path:
    return folder / f"attempt-{number}.json"


def _write_attempt(folder: Path, attempt: Attempt) -> None:
    files.write(_path(folder, attempt.number), msgspec.json.encode(attempt) + b"\n")


def _read_attempts(folder: Path) -> Iterator[Attempt]:
    """Every attempt in order; one whose file is not whole is one without an end."""
    numbers = sorted(int(match[1]) for entry in folder.iterdir() if (match := _ATTEMPT.fullmatch(entry.name)))
    for number in numbers:
        path = _path(folder, number)
        try:
            yield msgspec.json.decode(path.read_bytes(), type=Attempt)
        except FileNotFoundError:  # withdrawn in between
            continue
        except msgspec.MsgspecError:
            yield Attempt(number, path.stat().st_mtime, "unknown")


# -- the queue as a provider ---


@dataclass(frozen=True)
class Provider:
    """Has a client's requests done as jobs of a queue (`cache.client.Queue`), as many at once as the executor can.

    Attributes:
        queue: where the jobs lie.
        executor: what works them off; made when a result is missing.
        job: of a request; by default a training or a search with shared weights.
        told: is told the record of each job that is done.
        again: the command, for people, that gives a failed job new attempts.
    """

    queue: Queue
    executor: Callable[[], Executor]
    job: Callable[[Request], Spec] = of_request
    told: Callable[[Record], object] = lambda _: None
    again: str = "`python -m reproduce jobs retry KEY`"

    def make(self, requests: Sequence[Request], keep: Callable[[Request, Reply], object]) -> None:
        """Have the jobs of these requests done, and `keep` each reply as soon as it is there.

        Raises:
            TrainingError: some cannot be done as they stand, or were cancelled; the others are done.
            GivenUp: some have used up their attempts; the others are done.
        """
        keys = [self.queue.add(self.job(request)) for request in requests]
        failed: list[Status] = []

        def ended(status: Status) -> None:
            record = self.queue.result(status.key)
            if record is None:
                failed.append(status)
                return
            self.told(record)
            keep(record.request, Reply(record.answer, record.observed, record.provenance))

        self.executor().run(self.queue, keys, ended)
        if failed:
            said = "\n".join(map(self._failure, failed))
            if any(status.is_wrong or status.state is State.CANCELLED for status in failed):
                raise TrainingError(said)
            raise GivenUp(said, {status.key: self._reason(status) for status in failed})

    def _reason(self, status: Status) -> str:
        """Why a job was given up, in a line."""
        last = self.queue.tail(status.key, 1)[:_SHOWN]
        return f"{len(status.attempts)} attempts came to nothing, the last said: {last or status.attempts[-1].how}"

    def _failure(self, status: Status) -> str:
        cancelled = status.state is State.CANCELLED
        why = f"the job {status.key} was cancelled" if cancelled else self.queue.failure(status.key)
        return f"expected a result, but {why}\nmend what it says, then {self.again.replace('KEY', status.key)}"
