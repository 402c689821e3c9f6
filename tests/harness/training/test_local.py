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


def test_what_a_dead_master_left_behind_keeps_its_place(tmp_path: Path) -> None:
    """Case e21: four workers for two places."""
    queue, todo = Queue(tmp_path / "jobs"), jobs(6)
    keys = [queue.add(job) for job in todo]
    for _ in range(2):  # what the first has left is there when the second dies
        master = start_master(queue, keys)
        os.kill(master, signal.SIGKILL)
        os.waitpid(master, 0)
    run(queue, keys)
    check_done_once(queue, todo, tmp_path / "store")
    visits = [span for key in keys for span in spans(queue.status(key))]
    assert max(sum(one[1] < other[1] < one[2] for one in visits) + 1 for other in visits) == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
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
    visits = [span for key in keys for span in spans(queue.status(key))]
    assert max(sum(one[1] < other[1] < one[2] for one in visits) + 1 for other in visits) <= 2


def test_a_machine_that_is_unwell_gets_all_attempts_some_time_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case e6."""
    monkeypatch.setattr("harness.training.queue.PAUSE_S", 0.3)
    queue, seen = Queue(tmp_path), list[Status]()
    key = queue.add(jobs(1)[0])
    LocalExecutor(command=(sys.executable, "-S", "-c", "raise SystemExit(75)")).run(queue, [key], seen.append)
    assert [(status.state, len(status.attempts)) for status in seen] == [(State.FAILED, 3)]
    for one, other in pairwise(seen[0].attempts):
        assert one.ended is not None
        assert other.started >= one.ended + 0.3


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


GPU = "GPU-8a2b7c1e-0000-4f6a-9d3e-5b1c2d3e4f50"


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("No devices were found", ()),
        (f"{GPU}\nUnable to determine the device handle for GPU0000:81:00.0: Unknown Error", (GPU,)),
        ("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.", ()),
        ("Failed to initialize NVML: Driver/library version mismatch", ()),
        ("[Unknown Error]", ()),
        ("MIG-GPU-8a2b7c1e-0000/1/0", ("MIG-GPU-8a2b7c1e-0000/1/0",)),
        ("\udcff", ()),
    ],
)
@pytest.mark.parametrize("code", [0, 6, 9])
def test_a_gpu_is_what_looks_like_one(
    said: str, found: tuple[str, ...], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case e10: what nvidia-smi prints where there is no GPU, or one is lost."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    driver = tmp_path / "nvidia-smi"
    text = said.encode(errors="surrogateescape")
    driver.write_text(
        f"#!{sys.executable}\nimport sys\nsys.stdout.buffer.write({text!r} + b'\\n')\nsys.stdout.flush()\n"
        f"raise SystemExit({code})\n",
        encoding="utf-8",
    )
    driver.chmod(0o755)
    assert local.gpus() == found


def test_a_driver_that_hangs_hangs_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Case e10."""
    monkeypatch.setattr(local, "_ANSWER_S", 0.2)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    driver = tmp_path / "nvidia-smi"
    driver.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(600)\n", encoding="utf-8")
    driver.chmod(0o755)
    assert local.gpus() == ()


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "max 100000\n"}, 64),
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "5000 100000\n"}, 1),
        ({"pod/box/cpu.max": "max 100000\n", "pod/cpu.max": "300000 100000\n", "cpu.max": "max 100000"}, 3),
        ({"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 64),
        ({"cpu.max": "nonsense"}, 64),
        ({}, 64),
    ],
)
def test_a_container_s_share_of_the_processors_counts(
    files: dict[str, str], cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case e17."""
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    (tmp_path / "own").write_text("0::/pod/box\n", encoding="utf-8")
    monkeypatch.setattr(local, "_CGROUPS", tmp_path)
    monkeypatch.setattr(local, "_OWN_CGROUP", tmp_path / "own")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(64), raising=False)
    assert local.cores() == cores


def test_every_process_computes_with_one_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Case e16: with a share of the cores, one process at a time had other last bits than two."""
    monkeypatch.setattr(local, "cores", lambda: 7)
    assert LocalExecutor(devices=()).places == ("",) * 7
    queue = Queue(tmp_path)
    show = ["sh", "-c", "echo $OMP_NUM_THREADS threads"]
    for processes, job in zip((1, 2), jobs(2), strict=True):
        key = queue.add(job)
        LocalExecutor(processes=processes, devices=(), command=show).run(queue, [key])
        assert queue.tail(key, 1) == "1 threads"
    with pytest.raises(HarnessError, match="expected at least 1 process, got 0"):
        LocalExecutor(processes=0)
