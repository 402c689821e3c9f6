"""Jobs on a Slurm cluster: arrays of tasks, submitted through `sbatch`.

Each task is the worker itself, in the job's folder, so the log can be read while it grows. What became of a task is
asked of `squeue` and of the queue's folder: not every cluster keeps accounts.

Tasks outlive their master, and the next one takes them up. A task that ends without a result, be it killed, preempted
or out of time, was one attempt, and the next one goes on from its checkpoint. Requeueing by Slurm itself is no attempt.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from harness.errors import HarnessError
from harness.training.queue import EXIT_CODE, LOG, SPEC, UNSEEN, WORKER, Attempt, Queue, State, Status, environment

_WHERE = "Slurm task "
_OUTPUT = "slurm"  # folder in the queue's: what Slurm itself has to say about a task
_ARRAY = 1000  # tasks; Slurm's MaxArraySize is 1001 unless the cluster says otherwise
_LIMIT = re.compile(r"MaxArraySize\s*=\s*(\d+)")
_AT_ONCE = 256  # tasks of an array that may run at the same time
_NEVER = {"BadConstraints", "PartitionConfig", "PartitionNodeLimit", "PartitionTimeLimit"}  # reasons of a task to wait
_ENDED = {  # states of a task that has left; any other one, also one that is yet to be invented, waits or runs
    *("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL"),
    *("OUT_OF_MEMORY", "PREEMPTED", "REVOKED", "TIMEOUT"),
}
_LOST = {"BOOT_FAIL", "NODE_FAIL"}  # those of a node that went down, which is no failure of the job
_TRIES = 20  # of squeue, before a controller that does not answer is an error, or a task that it never lists has left
_SETTINGS = ("SBATCH_", "SCANCEL_", "SQUEUE_")  # variables that would override what is asked here
_OURS = ("array", "cpus-per-task", "gres", "job-name", "output", "partition", "requeue", "time")  # set by other options


@dataclass(frozen=True)
class Resources:
    """What a task asks of Slurm.

    Attributes:
        partition: `--partition`; None leaves it to the cluster.
        minutes: `--time`; a training that takes longer goes on from its checkpoint in the next attempt.
        gres: `--gres`; None trains on CPUs.
        cpus: `--cpus-per-task`; they read pictures, a training computes with one.
        others: any other option of sbatch by its long name, such as account, mem and qos.

    Raises:
        HarnessError: one of the others is no option, or one that is set by another field.
    """

    partition: str | None = None
    minutes: int = 24 * 60
    gres: str | None = "gpu:1"
    cpus: int = 4
    others: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in self.others.items():
            if re.fullmatch("[a-z][a-z-]*", name) is None or name in _OURS or not value.isprintable():
                raise HarnessError(
                    f"expected an option of sbatch by its long name, such as account=physics or mem=16G, got "
                    f"{name}={value!r}; {', '.join(_OURS)} have options of their own"
                )


class _Task(NamedTuple):
    """A job that was submitted, and the attempt that its task is."""

    key: str
    attempt: Attempt


class SlurmExecutor:
    """Runs jobs as tasks of Slurm arrays. The queue's folder must be on a file system that all nodes share."""

    def __init__(
        self, resources: Resources = Resources(), *, poll_s: float = 15.0, command: Sequence[str] = WORKER
    ) -> None:
        """Find Slurm.

        Args:
            resources: of every task.
            poll_s: seconds between two looks at Slurm's queue.
            command: the worker (see `harness.training.queue`); it must exist on all nodes.

        Raises:
            HarnessError: Slurm is not there.
        """
        if shutil.which("sbatch") is None:
            raise HarnessError("expected the command sbatch, got none: start this on a login node of a Slurm cluster")
        self._resources = resources
        self._poll_s = poll_s
        self._command = tuple(command)

    def run(self, queue: Queue, keys: Collection[str], each: Callable[[Status], object] = lambda _: None) -> None:
        """Run jobs as `harness.training.queue.Executor` says; tasks go on when this ends early, and another call
        waits for them.

        Raises:
            HarnessError: also if Slurm takes no tasks, or no longer answers.
        """
        waiting = list(dict.fromkeys(keys))
        tasks: dict[str, _Task] = {}  # by Slurm's name, such as 17_3
        missed: Counter[str] = Counter()  # looks in a row at which a task was not listed
        tries = 1
        while waiting or tasks:
            alive, gone = self._listed(tries)
            tries = _TRIES
            _refuse_endless_waiting(queue, tasks, alive)
            for name, task in list(tasks.items()):
                status = queue.status(task.key)
                if name in alive and status.state is State.CANCELLED:
                    subprocess.run(["scancel", name], check=False, env=_environment())
                elif status.state is State.RUNNING or (name in alive and not status.is_final):
                    missed[name] = 0
                    continue
                elif not status.is_final:
                    # That it ended is told; not to be listed is no end, and a result may be seen a little later.
                    missed[name] += 1
                    if missed[name] < (2 if name in gone else _TRIES):
                        continue
                del tasks[name]
                how = _last_words(queue.folder / _OUTPUT / f"{name}.txt")
                queue.end(task.key, task.attempt, UNSEEN if gone.get(name) in _LOST else how)
                waiting.append(task.key)
            later, ready = [], []
            for key in waiting:
                status = queue.status(key)
                if (adopted := _submitted(status, alive)) is not None:
                    tasks.update(adopted)
                elif (status := queue.take(key)).is_final:
                    each(status)
                elif status.state is State.RUNNING or status.rests:  # by another master, or one that died
                    later.append(key)
                else:
                    ready.append(key)
            size = _array_size() if ready else _ARRAY
            for first in range(0, len(ready), size):
                tasks.update(self._submit(queue, ready[first : first + size]))
            waiting = later
            if waiting or tasks:
                time.sleep(self._poll_s)

    def _submit(self, queue: Queue, keys: Sequence[str]) -> dict[str, _Task]:
        """Submit an array with a task for each key."""
        output = queue.folder / _OUTPUT
        output.mkdir(parents=True, exist_ok=True)
        script = self._script(queue.folder, [queue.status(key).folder.name for key in keys])
        asked = _ask("sbatch", "--parsable", text=script)
        if asked.returncode != 0:
            raise HarnessError(
                f"expected Slurm to take {len(keys)} tasks, got: {asked.stderr.strip()}; mend the resources: what has "
                "no option of its own, such as account, mem or qos, is given with --slurm KEY=VALUE"
            )
        array = asked.stdout.strip().partition(";")[0]  # a cluster's name may follow
        names = [f"{array}_{number}" for number in range(len(keys))]
        return {name: _Task(key, queue.begin(key, _WHERE + name)) for name, key in zip(names, keys, strict=True)}

    def _script(self, folder: Path, jobs: Sequence[str]) -> str:
        """What every task of an array runs: the worker, in the folder of the job that has the task's number."""
        asked = self._resources
        options = {
            "job-name": "genius-replay",
            "array": f"0-{len(jobs) - 1}%{_AT_ONCE}",
            "partition": asked.partition,
            "time": asked.minutes,
            "gres": asked.gres,
            "cpus-per-task": asked.cpus,
            "output": f'"{folder}/{_OUTPUT}/%A_%a.txt"',
            **asked.others,
        }
        return "\n".join(
            (
                "#!/bin/bash",
                *(f"#SBATCH --{name}={value}" for name, value in options.items() if value is not None),
                "#SBATCH --requeue",
                f"jobs=({' '.join(jobs)})",
                *(f"export {name}={shlex.quote(value)}" for name, value in environment().items()),
                f"(cd {shlex.quote(str(folder))}/${{jobs[SLURM_ARRAY_TASK_ID]}} &&",
                f"exec {shlex.join([*self._command, SPEC])} >> {LOG} 2>&1 < /dev/null) || {{ code=$?",
                f'echo "{EXIT_CODE.format("$code")}"; exit $code; }}',
                "",
            )
        )

    def _listed(self, tries: int) -> tuple[dict[str, str], dict[str, str]]:
        """This user's tasks: those that wait or run, and why they still wait; and those that have ended, and how."""
        for attempt in range(tries):
            if attempt:
                time.sleep(self._poll_s)
            asked = _ask("squeue", "--me", "--all", "--array", "--states=all", "--noheader", "--format=%i|%T|%r")
            if asked.returncode == 0:
                lines = [line.strip().split("|", 2) for line in asked.stdout.splitlines()]
                tasks = [line for line in lines if len(line) == 3]
                gone = {name: state for name, state, _ in tasks if state in _ENDED}
                return {name: reason for name, _, reason in tasks if name not in gone}, gone
        raise HarnessError(
            f"expected squeue to list tasks, got: {asked.stderr.strip()}; what was submitted goes on, and the same "
            "command takes it up when Slurm answers again"
        )


def _ask(*command: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command of Slurm's, with this on its standard input."""
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False, env=_environment())


def _environment() -> dict[str, str]:
    """This process's, without what is set for other calls of Slurm's commands."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)}


def _array_size() -> int:
    """How many tasks an array may have on this cluster."""
    with suppress(OSError):  # not everybody installs it
        if found := _LIMIT.search(_ask("scontrol", "show", "config").stdout):
            return max(1, min(_ARRAY, int(found[1])))
    return _ARRAY


def _refuse_endless_waiting(queue: Queue, tasks: Mapping[str, _Task], alive: Mapping[str, str]) -> None:
    """Take tasks back that Slurm keeps though no node of the partition can ever run them."""
    hopeless = {name: alive[name] for name in tasks if alive.get(name) in _NEVER}
    if not hopeless:
        return
    subprocess.run(["scancel", *hopeless], check=False, env=_environment())
    for name in hopeless:
        queue.withdraw(tasks[name].key, tasks[name].attempt)
    raise HarnessError(
        f"expected a partition that can run {len(hopeless)} tasks, but Slurm says "
        f"{', '.join(sorted({*hopeless.values()}))}; ask for less time, fewer cores or other GPUs, or name another one"
    )


def _submitted(status: Status, alive: Collection[str]) -> dict[str, _Task] | None:
    """The task of a job that another master has submitted, and that waits or runs; None if there is none."""
    for attempt in status.attempts:
        name = attempt.where.removeprefix(_WHERE)
        if not status.is_final and attempt.ended is None and name in alive:
            return {name: _Task(status.key, attempt)}
    return None


def _last_words(output: Path) -> str:
    """What Slurm said of a task at last, such as that its time was up; a file without a word is removed."""
    with suppress(FileNotFoundError):
        lines = output.read_text(encoding="utf-8", errors="replace").split("\n")
        if words := [line for line in lines if line.strip()]:
            return words[-1]
        output.unlink()
    return "it left Slurm's queue"
