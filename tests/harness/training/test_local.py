"""The local executor under kill signals: workers, masters, and both at once."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.training import local
from harness.training.local import LocalExecutor
from harness.training.queue import Queue, State, Status
from tests.cache.test_store_processes import fork, join
from tests.harness.training.scene import AT_ONCE, NOOP, check_done_once, children, jobs, spans, wait_until

AT_WORK = (*NOOP, "0.3", "0")


@contextmanager
def killing(seed: int) -> Iterator[list[int]]:
    """Kill a random child of this process every 0.1 to 0.7 s; gives the list that fills with their numbers."""
    moments, over, killed = random.Random(seed), threading.Event(), list[int]()

    def kill() -> None:
        while not over.wait(moments.uniform(0.1, 0.7)):
            if alive := children():
                with suppress(ProcessLookupError):
                    os.kill(moments.choice(alive), signal.SIGKILL)
                    killed.append(1)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield killed
    finally:
        over.set()
        killer.join()


def test_200_jobs_whose_workers_are_killed_are_all_done_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.training.queue.ATTEMPTS", 100)
    queue, todo, seen = Queue(tmp_path / "jobs"), jobs(200), list[Status]()
    keys = [queue.add(job) for job in todo]
    with killing(seed=0) as killed:
        LocalExecutor(processes=2, command=AT_ONCE).run(queue, keys, seen.append)
    assert sorted(status.key for status in seen) == sorted(keys)
    check_done_once(queue, todo, tmp_path / "store")
    attempts = [attempt.how for status in seen for attempt in status.attempts]
    assert killed
    assert len(attempts) > len(keys)
    assert set(attempts) == {"exit code 0", "killed by SIGKILL"}


def run(queue: Queue, keys: list[str]) -> None:
    with suppress(KeyboardInterrupt, SystemExit):
        LocalExecutor(processes=2, command=AT_WORK).run(queue, keys)


def start_master(queue: Queue, keys: list[str]) -> int:
    """A process that runs jobs, in the midst of it."""
    master = fork(partial(run, queue, keys))
    wait_until(lambda: any(queue.status(key).state is State.RUNNING for key in keys))
    return master


def test_a_queue_survives_its_master(tmp_path: Path) -> None:
    queue, todo = Queue(tmp_path / "jobs"), jobs(6)
    keys = [queue.add(job) for job in todo]
    master = start_master(queue, keys)
    os.kill(master, signal.SIGKILL)
    os.waitpid(master, 0)
    orphans = [key for key in keys if queue.status(key).state is State.RUNNING]
    assert orphans
    run(queue, keys)
    check_done_once(queue, todo, tmp_path / "store")
    assert [len(spans(queue.status(key))) for key in orphans] == [1] * len(orphans)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_master_that_is_asked_to_end_ends_its_workers_and_no_attempt_counts(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.training.queue.ATTEMPTS", 1)
    queue, todo = Queue(tmp_path / "jobs"), jobs(6)
    keys = [queue.add(job) for job in todo]
    master = start_master(queue, keys)
    os.kill(master, number)
    join(master)
    left = [queue.status(key) for key in keys if queue.status(key).state is not State.DONE]
    assert left
    assert {(status.state, status.attempts) for status in left} == {(State.QUEUED, ())}
    run(queue, keys)
    check_done_once(queue, todo, tmp_path / "store")


def test_two_masters_share_a_queue(tmp_path: Path) -> None:
    queue, todo = Queue(tmp_path / "jobs"), jobs(8)
    keys = [queue.add(job) for job in todo]
    join(fork(lambda: run(queue, keys)), fork(lambda: run(queue, keys[::-1])))
    check_done_once(queue, todo, tmp_path / "store")


def test_a_job_that_keeps_dying_is_failed_with_the_end_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.training.queue.ATTEMPTS", 2)
    queue, seen = Queue(tmp_path), list[Status]()
    key = queue.add(jobs(1)[0])
    LocalExecutor(command=(*NOOP, "0", "2")).run(queue, [key], seen.append)
    assert [status.state for status in seen] == [State.FAILED]
    assert [attempt.how for attempt in seen[0].attempts] == ["exit code 7", "exit code 7"]
    assert f"the job {key} came to nothing in 2 attempts" in queue.failure(key)
    assert queue.failure(key).endswith("working\ndying as asked")
    queue.retry(key)
    LocalExecutor(command=(*NOOP, "0", "2")).run(queue, [key], seen.append)
    assert seen[1].state is State.DONE


def test_a_job_that_cannot_be_trained_as_it_stands_is_not_tried_again(tmp_path: Path) -> None:
    queue, seen = Queue(tmp_path), list[Status]()
    key = queue.add(jobs(1)[0])
    LocalExecutor(command=(sys.executable, "-S", "-c", "import sys; sys.exit(2)")).run(queue, [key], seen.append)
    assert [(status.state, len(status.attempts)) for status in seen] == [(State.FAILED, 1)]


def test_a_cancelled_job_is_ended_where_it_runs_and_not_begun_where_it_waits(tmp_path: Path) -> None:
    queue, seen = Queue(tmp_path), list[Status]()
    keys = [queue.add(job) for job in jobs(2)]

    def cancel() -> None:
        wait_until(lambda: queue.status(keys[0]).state is State.RUNNING)
        for key in reversed(keys):
            queue.cancel(key)

    canceller = threading.Thread(target=cancel)
    canceller.start()
    LocalExecutor(processes=1, command=(*NOOP, "60", "0")).run(queue, keys, seen.append)
    canceller.join()
    assert {status.key: status.state for status in seen} == dict.fromkeys(keys, State.CANCELLED)
    assert [len(status.attempts) for status in map(queue.status, keys)] == [1, 0]


def test_a_worker_that_cannot_be_started_is_an_error_and_no_attempt(tmp_path: Path) -> None:
    queue = Queue(tmp_path)
    key = queue.add(jobs(1)[0])
    with pytest.raises(HarnessError, match=r"expected to start /no/such/program, got .*mend the command"):
        LocalExecutor(command=["/no/such/program"]).run(queue, [key])
    assert queue.status(key).attempts == ()


def test_an_error_of_whoever_is_told_ends_the_workers(tmp_path: Path) -> None:
    queue = Queue(tmp_path)
    keys = [queue.add(job) for job in jobs(4)]

    def refuse(status: Status) -> None:
        raise LookupError(status.key)

    with pytest.raises(LookupError):
        LocalExecutor(processes=2, command=AT_WORK).run(queue, keys, refuse)
    assert children() == []


# -- GPUs and cores ---


def test_each_gpu_has_one_process_at_a_time(tmp_path: Path) -> None:
    queue = Queue(tmp_path)
    keys = [queue.add(job) for job in jobs(6)]
    LocalExecutor(devices=("0", "GPU-abc"), command=(*NOOP, "0.05", "0")).run(queue, keys)
    used: dict[object, list[tuple[int, float, float]]] = {}
    for key in keys:
        record = queue.result(key)
        assert record is not None
        used.setdefault(record.observed["device"], []).extend(spans(queue.status(key)))
    assert used.keys() == {"0", "GPU-abc"}
    for visits in used.values():
        visits.sort(key=lambda visit: visit[1])
        assert all(one[2] <= other[1] for one, other in pairwise(visits))


def test_gpus_are_those_that_are_visible_or_that_the_driver_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for visible, expected in (("3, GPU-abc", ("3", "GPU-abc")), ("", ()), ("-1", ())):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert local.gpus() == expected
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert local.gpus() == ()
    driver = tmp_path / "nvidia-smi"
    driver.write_text(f"#!{sys.executable}\nprint('GPU-1')\nprint('GPU-2')\n", encoding="utf-8")
    driver.chmod(0o755)
    assert local.gpus() == ("GPU-1", "GPU-2")
    assert LocalExecutor().places == ("GPU-1", "GPU-2")
    assert LocalExecutor(processes=1).places == ("GPU-1",)
    driver.write_text(f"#!{sys.executable}\nraise SystemExit(9)\n", encoding="utf-8")
    assert local.gpus() == ()


def test_cores_are_divided_among_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "cores", lambda: 7)
    assert LocalExecutor(devices=()).places == ("",) * 7
    queue = Queue(tmp_path)
    key = queue.add(jobs(1)[0])
    show = ["sh", "-c", "echo $OMP_NUM_THREADS threads"]
    LocalExecutor(processes=2, devices=(), command=show).run(queue, [key])
    assert queue.tail(key, 1) == "3 threads"
    with pytest.raises(HarnessError, match="expected at least 1 process, got 0"):
        LocalExecutor(processes=0)
