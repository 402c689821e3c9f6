"""The queue as files: states, damage, logs; processes are tried with the executors."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import threading
import tracemalloc
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cache.record import Record
from harness.errors import HarnessError, Unwell
from harness.training.jobs import Job, read
from harness.training.queue import SPEC, Queue, State
from harness.training.worker import RESULT, claim, is_held
from tests.cache.test_store_processes import fork, join
from tests.harness.training.noop import outcome
from tests.harness.training.scene import jobs

JOB, OTHER = jobs(2)
LINE = Record(JOB.request(), outcome(JOB.request()), kind="training").to_line()


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Queue:
    monkeypatch.setattr("harness.training.queue.ATTEMPTS", 2)
    queue = Queue(tmp_path / "jobs")
    queue.add(JOB)
    return queue


def folder(queue: Queue) -> Path:
    return queue.status(JOB.key).folder


def leave_result(queue: Queue, line: bytes = LINE) -> None:
    (folder(queue) / RESULT).write_bytes(line)


def die(queue: Queue) -> None:
    queue.end(JOB.key, queue.begin(JOB.key, "here"), "killed by SIGKILL")


def test_a_job_lies_in_the_folder_of_its_digest_and_is_added_once(queue: Queue) -> None:
    spec = queue.folder / JOB.key.removeprefix("sha256:") / SPEC
    before = spec.stat().st_mtime_ns
    assert Job.from_request(read(spec)) == JOB
    assert queue.add(JOB) == JOB.key
    assert spec.stat().st_mtime_ns == before
    assert queue.keys() == [JOB.key]


def test_jobs_are_listed_first_come_first_and_what_is_no_job_is_not_listed(queue: Queue) -> None:
    queue.add(OTHER)
    os.utime(queue.status(OTHER.key).folder / SPEC, (1, 1))
    (queue.folder / "slurm").mkdir()
    (queue.folder / ("f" * 64)).mkdir()  # its master died before it wrote the spec
    assert queue.keys() == [OTHER.key, JOB.key]
    assert [status.key for status in queue.statuses()] == queue.keys()


def test_an_empty_queue_needs_no_folder(tmp_path: Path) -> None:
    assert Queue(tmp_path / "none").keys() == []
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("key", [OTHER.key, "sha256:../../etc", ""])
def test_what_is_not_in_the_queue_is_an_error(key: str, queue: Queue) -> None:
    with pytest.raises(HarnessError, match=r"expected the (job|key)"):
        queue.status(key)


# -- states ---


def test_a_job_runs_as_long_as_its_worker_holds_it(queue: Queue) -> None:
    assert queue.status(JOB.key).state is State.QUEUED
    with claim(folder(queue) / RESULT):
        assert queue.status(JOB.key).state is State.RUNNING
        assert queue.take(JOB.key).state is State.RUNNING
    assert queue.status(JOB.key).state is State.QUEUED


def test_a_job_is_failed_when_its_attempts_are_used_up_and_a_retry_gives_them_back(queue: Queue) -> None:
    die(queue)
    assert queue.status(JOB.key).state is State.QUEUED
    die(queue)
    status = queue.status(JOB.key)
    assert status.state is State.FAILED
    assert status.is_final
    assert [(one.number, one.where, one.how) for one in status.attempts] == [
        (1, "here", "killed by SIGKILL"),
        (2, "here", "killed by SIGKILL"),
    ]
    assert all(one.ended is not None and one.started <= one.ended for one in status.attempts)
    assert queue.retry(JOB.key).state is State.QUEUED
    assert queue.status(JOB.key).attempts == ()


def test_an_attempt_that_was_cut_short_does_not_count(queue: Queue) -> None:
    die(queue)
    queue.withdraw(JOB.key, queue.begin(JOB.key, "here"))
    assert [one.number for one in queue.status(JOB.key).attempts] == [1]


def test_three_restarts_of_the_machine_are_no_failed_training(queue: Queue) -> None:
    for number in range(3):
        queue.begin(JOB.key, "there")
        assert queue.status(JOB.key).state is State.QUEUED  # perhaps its worker is about to begin
        status = queue.take(JOB.key)  # the next master closes it
        assert (status.state, len(status.attempts)) == (State.QUEUED, number + 1)
        assert status.attempts[-1].how == "nobody saw its end"
    die(queue)
    die(queue)
    assert queue.status(JOB.key).state is State.FAILED


@pytest.mark.parametrize(("code", "state"), [(2, State.FAILED), (75, State.QUEUED), (1, State.QUEUED)])
def test_a_wrong_job_has_one_attempt_and_an_unwell_machine_all_of_them(code: int, state: State, queue: Queue) -> None:
    """Cases e6, e22."""
    queue.end(JOB.key, queue.begin(JOB.key, "here"), f"exit code {code}")
    assert queue.status(JOB.key).state is state
    assert queue.status(JOB.key).rests == (code == 75)
    queue.end(JOB.key, queue.begin(JOB.key, "here"), f"exit code {code}")
    assert queue.status(JOB.key).state is State.FAILED


def test_a_disk_that_knows_no_locks_is_named(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    """Case e11: on a network disk."""
    result = folder(queue) / RESULT
    result.with_suffix(".lock").touch()

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(Unwell, match=r"result.lock: expected a disk that knows locks \(flock\), got: No locks"):
        is_held(result)
    with pytest.raises(Unwell, match="GENIUS_REPLAY_HOME"), claim(result):
        pass
    (status,) = queue.statuses()
    assert status.state is State.UNREADABLE
    assert "No locks available" in status.fault


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_colleague_who_may_only_read_sees_every_job(queue: Queue) -> None:
    """Case e12."""
    queue.add(OTHER)
    for parent in (queue.folder, *queue.folder.parents):
        if not parent.stat().st_mode & 0o005:
            parent.chmod(0o755)
    queue.status(OTHER.key).folder.chmod(0o700)

    def look() -> None:
        os.setuid(65_534)
        assert {status.state for status in queue.statuses()} == {State.RUNNING, State.UNREADABLE}

    with claim(folder(queue) / RESULT):
        join(fork(look))


def test_a_job_that_cannot_be_read_keeps_none_back(queue: Queue) -> None:
    """Case e12: whatever lies in the place of its files."""
    queue.add(OTHER)
    (queue.status(OTHER.key).folder / RESULT).mkdir()
    assert [status.state for status in queue.statuses()] == [State.QUEUED, State.UNREADABLE]
    assert "Is a directory" in queue.statuses()[1].fault


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"number": 1}', "\x00"])
def test_an_attempt_whose_file_is_damaged_is_one_that_nobody_saw_end(damage: str, queue: Queue) -> None:
    queue.begin(JOB.key, "here")
    (folder(queue) / "attempt-1.json").write_text(damage, encoding="utf-8")
    die(queue)
    assert [one.how for one in queue.take(JOB.key).attempts] == ["nobody saw its end", "killed by SIGKILL"]
    die(queue)
    assert queue.take(JOB.key).state is State.FAILED


def test_masters_that_begin_at_once_count_two_attempts(queue: Queue) -> None:
    join(*(fork(partial(queue.begin, JOB.key, "here")) for _ in range(4)))
    assert [one.number for one in queue.status(JOB.key).attempts] == [1, 2, 3, 4]


def test_a_cancelled_job_stays_so_until_it_is_wanted_again(queue: Queue) -> None:
    assert queue.cancel(JOB.key).state is State.CANCELLED
    with pytest.raises(HarnessError, match="got one that was cancelled"), claim(folder(queue) / RESULT):
        pass
    assert queue.add(JOB) == JOB.key
    assert queue.status(JOB.key).state is State.CANCELLED
    assert queue.retry(JOB.key).state is State.QUEUED


def test_what_is_done_stays_done(queue: Queue) -> None:
    leave_result(queue)
    die(queue)
    die(queue)
    assert queue.cancel(JOB.key).state is State.DONE
    assert queue.take(JOB.key).state is State.DONE


# -- claims ---


def test_of_eight_workers_one_works_and_the_others_find_its_result(queue: Queue) -> None:
    result = folder(queue) / RESULT

    def work() -> None:
        with claim(result):
            if not result.exists():
                os.write(worked, b"x")
                leave_result(queue)

    read, worked = os.pipe()
    join(*(fork(work) for _ in range(8)))
    os.close(worked)
    with os.fdopen(read) as told:
        assert told.read() == "x"


def test_looking_for_a_worker_leaves_nothing_and_stops_nobody(queue: Queue) -> None:
    result = folder(queue) / RESULT
    assert not is_held(result)
    assert [entry.name for entry in result.parent.iterdir()] == [SPEC]
    over = threading.Event()
    looking = threading.Thread(target=lambda: [is_held(result) for _ in iter(over.is_set, True)])
    looking.start()
    for _ in range(20):
        with claim(result):
            assert is_held(result)
    over.set()
    looking.join()


def test_what_is_no_folder_cannot_be_claimed(queue: Queue) -> None:
    with pytest.raises(HarnessError, match="expected a folder to lock"), claim(folder(queue) / SPEC / RESULT):
        pass


# -- files that are not what they should be ---


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(cut=st.integers(0, len(LINE) - 1), put=st.binary(max_size=3))
def test_a_damaged_result_is_set_aside_and_the_job_done_again(cut: int, put: bytes, queue: Queue) -> None:
    damaged = LINE[:cut] + put
    if damaged == LINE:
        return
    leave_result(queue, damaged)
    assert queue.result(JOB.key) is None
    assert queue.take(JOB.key).state is State.QUEUED
    assert not (folder(queue) / RESULT).exists()
    aside = list(folder(queue).glob("result.json.damaged-*"))
    assert damaged in [path.read_bytes() for path in aside]


def test_the_result_of_another_job_is_no_result(queue: Queue) -> None:
    leave_result(queue, Record(OTHER.request(), outcome(OTHER.request()), kind="training").to_line())
    assert queue.take(JOB.key).state is State.QUEUED
    assert not (folder(queue) / RESULT).exists()


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff", OTHER.to_json().encode()])
def test_a_damaged_spec_is_written_again_by_whoever_adds_the_job(damage: bytes, queue: Queue) -> None:
    (folder(queue) / SPEC).write_bytes(damage)
    queue.add(JOB)
    assert Job.from_request(read(folder(queue) / SPEC)) == JOB


def test_files_are_there_whole_or_not_at_all(queue: Queue) -> None:
    queue.begin(JOB.key, "here")
    assert sorted(entry.name for entry in folder(queue).iterdir()) == ["attempt-1.json", SPEC]
    assert json.loads((folder(queue) / "attempt-1.json").read_text(encoding="utf-8"))["where"] == "here"


def test_of_a_large_log_the_end_alone_is_read(queue: Queue) -> None:
    """Case e20."""
    log = folder(queue) / "log.txt"
    with log.open("wb") as file:
        file.seek(400 * 2**20)
        file.write(b"\nlast\n")
    tracemalloc.start()
    try:
        assert queue.tail(JOB.key, 1) == "last"
        assert queue.log_end(JOB.key)[1] == log.stat().st_size - 65_536
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_the_end_of_a_log_is_shown_whatever_is_in_it(queue: Queue) -> None:
    assert queue.tail(JOB.key) == ""
    (folder(queue) / "log.txt").write_bytes(b"first\n" + b"\xff\n" * 30 + b"last")
    assert queue.tail(JOB.key, 2) == "\ufffd\nlast"
    die(queue)
    assert queue.failure(JOB.key).startswith(
        f"the job {JOB.key} came to nothing in 1 attempts:\n  attempt 1, here: killed"
    )
