"""Jobs on a Slurm cluster: arrays of tasks with one GPU each, submitted through submitit.

submitit writes the batch script and submits it. Each task is the worker itself, in the job's folder, instead of the
pickled function that submitit would run, so nothing here reads a pickle and the log can be read while it grows. What
submitit asks of `sacct` is asked of `squeue` and of the queue's folder: not every cluster keeps accounts.

Tasks outlive their master, and the next one takes them up. A task that ends without a result, be it killed, preempted
or out of time, was one attempt, and the next one goes on from its checkpoint. Requeueing by Slurm itself is no attempt.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from harness.training.executors.worker import ROOT, TRAIN, threads
from harness.training.queue import LOG, SPEC, Attempt, Queue, QueueError, State, Status

_WHERE = "Slurm task "
_OUTPUT = "slurm"  # folder in the queue's: batch scripts, and what Slurm itself has to say about a task
_ARRAY = 1000  # tasks; Slurm's MaxArraySize is 1001 unless the cluster says otherwise
_NEVER = {"BadConstraints", "PartitionConfig", "PartitionNodeLimit", "PartitionTimeLimit"}  # reasons of a task to wait
_TRIES = 20  # of squeue, before a controller that does not answer is an error


@dataclass(frozen=True)
class Resources:
    """What a task asks of Slurm; fields that are None are left to the cluster.

    Attributes:
        partition: `--partition`.
        account: `--account`.
        qos: `--qos`.
        minutes: `--time`; a training that takes longer goes on from its checkpoint in the next attempt.
        gres: `--gres`; None trains on CPUs.
        cpus: `--cpus-per-task`, and the worker's number of threads.
        memory_gb: `--mem`.
        at_once: tasks of an array that may run at the same time.
        setup: lines of bash before the worker, such as `module load cuda`.
    """

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    minutes: int = 24 * 60
    gres: str | None = "gpu:1"
    cpus: int = 4
    memory_gb: int | None = None
    at_once: int = 256
    setup: tuple[str, ...] = ()


class _Task(NamedTuple):
    """A job that was submitted, and the attempt that its task is."""

    key: str
    attempt: Attempt


class SlurmExecutor:
    """Runs jobs as tasks of Slurm arrays. The queue's folder must be on a file system that all nodes share."""

    def __init__(
        self, resources: Resources = Resources(), *, poll_s: float = 15.0, command: Sequence[str] = TRAIN
    ) -> None:
        """Find Slurm and submitit.

        Args:
            resources: of every task.
            poll_s: seconds between two looks at Slurm's queue.
            command: the worker (see `harness.training.queue`); it must exist on all nodes.

        Raises:
            QueueError: Slurm or submitit is not there.
        """
        if shutil.which("sbatch") is None:
            raise QueueError("expected the command sbatch, got none: start this on a login node of a Slurm cluster")
        try:
            import submitit  # late: only Slurm needs it
        except ImportError:
            raise QueueError("expected the package submitit, got none; install it: `pip install '.[slurm]'`") from None
        self._submitit = submitit
        self._resources = resources
        self._poll_s = poll_s
        self._command = tuple(command)

    def run(self, queue: Queue, keys: Collection[str], each: Callable[[Status], object] | None = None) -> None:
        """Run jobs as `harness.training.queue.Executor` says; tasks go on when this ends early, and another call
        waits for them.

        Raises:
            QueueError: also if Slurm takes no tasks, or no longer answers.
        """
        waiting = list(dict.fromkeys(keys))
        tasks: dict[str, _Task] = {}  # by Slurm's name, such as 17_3
        missed: set[str] = set()
        tries = 1
        while waiting or tasks:
            alive, tries = self._alive(tries), _TRIES
            _refuse_endless_waiting(queue, tasks, alive)
            for name, task in list(tasks.items()):
                status = queue.status(task.key)
                if name in alive and status.state is State.CANCELLED:
                    subprocess.run(["scancel", name], check=False)
                elif name in alive and not status.is_final:
                    continue
                elif not status.is_final and name not in missed:
                    missed.add(name)  # a shared file system may show the result a little later
                    continue
                del tasks[name]
                queue.end(task.key, task.attempt, _last_words(queue.folder / _OUTPUT / f"{name}.txt"))
                waiting.append(task.key)
            later, ready = [], []
            for key in waiting:
                status = queue.status(key)
                if (adopted := _submitted(status, alive)) is not None:
                    tasks.update(adopted)
                elif (status := queue.take(key)).is_final:
                    if each is not None:
                        each(status)
                elif status.state is State.RUNNING:  # by another master, or one that died
                    later.append(key)
                else:
                    ready.append(key)
            for first in range(0, len(ready), _ARRAY):
                tasks.update(self._submit(queue, ready[first : first + _ARRAY]))
            waiting = later
            if waiting or tasks:
                time.sleep(self._poll_s)

    def _submit(self, queue: Queue, keys: Sequence[str]) -> dict[str, _Task]:
        """Submit an array with a task for each key."""
        asked, output = self._resources, queue.folder / _OUTPUT
        output.mkdir(parents=True, exist_ok=True)
        executor = self._submitit.SlurmExecutor(folder=output)
        folders = [queue.status(key).folder.name for key in keys]
        environment = {**threads(asked.cpus), "PYTHONPATH": f"{ROOT}${{PYTHONPATH:+:$PYTHONPATH}}"}
        executor.update_parameters(
            job_name="genius-replay",
            partition=asked.partition,
            account=asked.account,
            qos=asked.qos,
            time=asked.minutes,
            gres=asked.gres,
            cpus_per_task=asked.cpus,
            mem=None if asked.memory_gb is None else f"{asked.memory_gb}GB",
            use_srun=False,
            stderr_to_stdout=True,
            setup=[
                f"jobs=({' '.join(folders)})",
                *(f'export {name}="{value}"' for name, value in environment.items()),
                *asked.setup,
            ],
            additional_parameters={
                "array": f"0-{len(keys) - 1}%{asked.at_once}",
                "output": f"{output}/%A_%a.txt",
                "requeue": True,
            },
        )
        folder = f"{shlex.quote(str(queue.folder))}/${{jobs[SLURM_ARRAY_TASK_ID]}}"
        command = f"cd {folder} && exec {shlex.join([*self._command, SPEC])} >> {LOG} 2>&1 < /dev/null"
        try:
            array = executor._submit_command(command).job_id  # what `submit` does, without its pickle
        except self._submitit.core.utils.FailedJobError as error:
            raise QueueError(f"expected Slurm to take {len(keys)} tasks, got: {error}; mend the resources") from error
        names = [f"{array}_{number}" for number in range(len(keys))]
        return {name: _Task(key, queue.begin(key, _WHERE + name)) for name, key in zip(names, keys, strict=True)}

    def _alive(self, tries: int) -> dict[str, str]:
        """This user's tasks that wait or run: names, and why they still wait."""
        for attempt in range(tries):
            if attempt:
                time.sleep(self._poll_s)
            command = ["squeue", "--me", "--array", "--noheader", "--format=%i %r"]
            asked = subprocess.run(command, capture_output=True, text=True, check=False)
            if asked.returncode == 0:
                return dict(line.split(maxsplit=1) for line in asked.stdout.splitlines())
        raise QueueError(
            f"expected squeue to list tasks, got: {asked.stderr.strip()}; what was submitted goes on, and the same "
            "command takes it up when Slurm answers again"
        )


def _refuse_endless_waiting(queue: Queue, tasks: Mapping[str, _Task], alive: Mapping[str, str]) -> None:
    """Take tasks back that Slurm keeps though no node of the partition can ever run them."""
    hopeless = {name: alive[name] for name in tasks if alive.get(name) in _NEVER}
    if not hopeless:
        return
    subprocess.run(["scancel", *hopeless], check=False)
    for name in hopeless:
        queue.withdraw(tasks[name].key, tasks[name].attempt)
    raise QueueError(
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
    try:
        lines = output.read_text(encoding="utf-8", errors="replace").split("\n")
    except FileNotFoundError:
        lines = []
    if words := [line for line in lines if line.strip()]:
        return words[-1]
    output.unlink(missing_ok=True)
    return "it left Slurm's queue"
