"""Real training: a network whose worker is killed, or that a cluster trains, ends as one that is left alone."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec.structs import replace

from harness.training import data as datasets
from harness.training.jobs import Job, Scale, Trained
from harness.training.local import LocalExecutor
from harness.training.queue import WORKER, Executor, Queue
from harness.training.recipes import DIGITS
from harness.training.slurm import Resources, SlurmExecutor
from tests.harness.training.scene import processes_in

pytestmark = pytest.mark.slow  # torch is started three times over

JOB = Job(
    "nas-bench-201",
    "digits",
    datasets.find("digits").digest,
    replace(DIGITS, epochs=3),
    network=Scale(width=0.125, cells_per_stage=1, light_reduction=True),
    architecture="|nor_conv_3x3~0|+|nor_conv_3x3~0|skip_connect~1|+|none~0|nor_conv_1x1~1|avg_pool_3x3~2|",
)


COMMAND = (*WORKER, "--device", "cpu", "--checkpoint-every", "0")  # after every epoch


def here() -> Executor:
    """This machine, with one thread for each training, as on the cluster."""
    return LocalExecutor(devices=(), command=COMMAND)


def train(queue: Queue, executor: Executor) -> Trained:
    """Train the job."""
    executor.run(queue, [queue.add(JOB)])
    record = queue.result(JOB.key)
    assert record is not None, queue.failure(JOB.key)
    return Trained.from_record(record)


def test_a_training_that_is_killed_ends_as_one_that_is_not(tmp_path: Path) -> None:
    undisturbed = train(Queue(tmp_path / "undisturbed"), here())
    queue, over, killed = Queue(tmp_path / "disturbed"), threading.Event(), list[int]()
    folder = queue.status(queue.add(JOB)).folder

    def kill() -> None:
        """Kill the worker as soon as there is a checkpoint, once."""
        while not killed and not over.wait(0.01):
            if (folder / "result.checkpoint").exists():
                for process in processes_in(folder):
                    with suppress(ProcessLookupError):
                        os.kill(process, signal.SIGKILL)
                        killed.append(process)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        disturbed = train(queue, here())
    finally:
        over.set()
        killer.join()
    assert disturbed.outcome == undisturbed.outcome
    assert disturbed.observed.resumed_at
    assert [attempt.how for attempt in queue.status(JOB.key).attempts] == ["killed by SIGKILL", "exit code 0"]


@pytest.mark.enable_socket
@pytest.mark.usefixtures("slurm")
def test_a_cluster_trains_as_this_machine_does(tmp_path: Path) -> None:
    cluster = SlurmExecutor(Resources(cpus=1, minutes=5), poll_s=0.5, command=COMMAND)
    assert train(Queue(tmp_path / "there"), cluster).outcome == train(Queue(tmp_path / "here"), here()).outcome
