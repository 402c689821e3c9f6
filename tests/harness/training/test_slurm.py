"""The Slurm executor on a real Slurm of one node, with tasks that are killed and cancelled; and where there is none."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.training.queue import Queue, State, Status
from harness.training.slurm import Resources, SlurmExecutor
from tests.cache.test_store_processes import fork
from tests.harness.training.scene import NOOP, check_done_once, jobs, processes_in, wait_until

JOBS = 20

# -- a real one ---


on_a_cluster = [pytest.mark.slow, pytest.mark.enable_socket, pytest.mark.usefixtures("slurm")]


def executor(*command: str) -> SlurmExecutor:
    return SlurmExecutor(Resources(cpus=1, minutes=5), poll_s=0.3, command=command)


def tasks() -> list[str]:
    """The names of all tasks that wait or run."""
    command = ["squeue", "--array", "--noheader", "--format=%i"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


@contextmanager
def disturbing(queue: Queue, seed: int) -> Iterator[list[str]]:
    """In turn kill a random worker and cancel a random task, some time apart; gives the list of what was done."""
    moments, over, done = random.Random(seed), threading.Event(), list[str]()

    def disturb() -> None:
        while not over.wait(moments.uniform(0.5, 1.5)):
            if len(done) % 2 == 0 and (processes := processes_in(queue.folder)):
                with suppress(ProcessLookupError):
                    os.kill(moments.choice(processes), signal.SIGKILL)
                    done.append("killed")
            elif len(done) % 2 == 1 and (names := tasks()):
                subprocess.run(["scancel", moments.choice(names)], check=True)
                done.append("cancelled")

    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        yield done
    finally:
        over.set()
        thread.join()


class TestOnACluster:
    """What needs Slurm itself."""

    pytestmark = on_a_cluster

    def test_jobs_whose_tasks_are_killed_and_cancelled_are_all_done_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("harness.training.queue.ATTEMPTS", 100)
        queue, todo, seen = Queue(tmp_path / "a queue"), jobs(JOBS), list[Status]()
        keys = [queue.add(job) for job in todo]
        with disturbing(queue, seed=0) as disturbances:
            executor(*NOOP, "0.2", "0").run(queue, keys, seen.append)
        assert sorted(status.key for status in seen) == sorted(keys)
        check_done_once(queue, todo, tmp_path / "store")
        assert {"killed", "cancelled"} == set(disturbances)
        assert sum(len(status.attempts) for status in seen) > JOBS
        used = {record.observed["device"] for key in keys if (record := queue.result(key)) is not None}
        assert used == {"0", "1"}
        wait_until(lambda: not tasks())
        assert processes_in(queue.folder) == []

    def test_tasks_outlive_their_master_and_the_next_one_takes_them_up(self, tmp_path: Path) -> None:
        queue, todo = Queue(tmp_path / "jobs"), jobs(6)
        keys = [queue.add(job) for job in todo]
        master = fork(lambda: executor(*NOOP, "1", "0").run(queue, keys))
        wait_until(lambda: all(queue.status(key).attempts for key in keys) and processes_in(queue.folder))
        os.kill(master, signal.SIGKILL)
        os.waitpid(master, 0)
        executor(*NOOP, "1", "0").run(queue, keys)
        check_done_once(queue, todo, tmp_path / "store")
        assert [len(queue.status(key).attempts) for key in keys] == [1] * len(keys)

    def test_a_job_that_keeps_dying_is_failed_with_the_end_of_its_log(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("harness.training.queue.ATTEMPTS", 2)
        queue, seen = Queue(tmp_path), list[Status]()
        key = queue.add(jobs(1)[0])
        executor(*NOOP, "0", "2").run(queue, [key], seen.append)
        assert [status.state for status in seen] == [State.FAILED]
        assert "Slurm task " in queue.failure(key)
        assert queue.failure(key).endswith("working\ndying as asked")

    def test_a_task_that_slurm_ends_says_so(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("harness.training.queue.ATTEMPTS", 1)
        queue = Queue(tmp_path)
        key = queue.add(jobs(1)[0])
        master = threading.Thread(target=executor(*NOOP, "60", "0").run, args=(queue, [key]))
        master.start()
        wait_until(lambda: queue.status(key).state is State.RUNNING)
        subprocess.run(["scancel", *tasks()], check=True)
        master.join()
        assert "CANCELLED" in queue.failure(key)

    def test_a_cancelled_job_leaves_the_cluster_also_where_it_waits(self, tmp_path: Path) -> None:
        queue, seen = Queue(tmp_path), list[Status]()
        keys = [queue.add(job) for job in jobs(4)]
        master = threading.Thread(target=executor(*NOOP, "60", "0").run, args=(queue, keys, seen.append))
        master.start()
        wait_until(lambda: len(processes_in(queue.folder)) == 2)
        for key in keys:
            queue.cancel(key)
        master.join()
        assert {status.key: status.state for status in seen} == dict.fromkeys(keys, State.CANCELLED)
        wait_until(lambda: not tasks())

    def test_a_partition_that_is_not_there_is_an_error_and_no_attempt(self, tmp_path: Path) -> None:
        queue = Queue(tmp_path)
        key = queue.add(jobs(1)[0])
        with pytest.raises(HarnessError, match=r"invalid partition specified: nowhere(.|\n)*mend the resources"):
            SlurmExecutor(Resources(partition="nowhere")).run(queue, [key])
        assert queue.status(key).attempts == ()

    def test_tasks_that_no_node_can_ever_run_are_taken_back(self, tmp_path: Path) -> None:
        queue = Queue(tmp_path)
        keys = [queue.add(job) for job in jobs(2)]
        with pytest.raises(HarnessError, match=r"can run 2 tasks, but Slurm says PartitionConfig; ask for less"):
            SlurmExecutor(Resources(cpus=1000), poll_s=0.3).run(queue, keys)
        assert [status.attempts for status in queue.statuses()] == [(), ()]
        wait_until(lambda: not tasks())


# -- none, or one that is made up ---


def program(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!{sys.executable}\n{text}\n", encoding="utf-8")
    (folder / name).chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that is the whole PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def test_without_slurm_the_error_says_where_to_start(programs: Path) -> None:
    with pytest.raises(HarnessError, match="expected the command sbatch, got none: start this on a login node"):
        SlurmExecutor()


def test_a_controller_that_does_not_answer_is_an_error(programs: Path, tmp_path: Path) -> None:
    program(programs, "sbatch", "")
    program(programs, "squeue", "raise SystemExit('slurm_load_jobs error: Unable to contact slurm controller')")
    queue = Queue(tmp_path / "jobs")
    with pytest.raises(HarnessError, match=r"expected squeue to list tasks, got: .*Unable to contact"):
        SlurmExecutor().run(queue, [queue.add(jobs(1)[0])])


def test_what_is_asked_of_slurm(programs: Path, tmp_path: Path) -> None:
    program(programs, "squeue", "")
    program(programs, "sbatch", "import sys; sys.exit(sys.stdin.read())")
    queue = Queue(tmp_path / "jobs")
    keys = [queue.add(job) for job in jobs(3)]
    resources = Resources(partition="long", minutes=90, cpus=3, others={"account": "physics", "mem": "16G"})
    with pytest.raises(HarnessError) as refused:
        SlurmExecutor(resources, command=["train", "--data", "a b"]).run(queue, keys)
    script = str(refused.value).partition("; mend the resources")[0].rstrip().splitlines()
    for line in (
        "partition=long",
        "time=90",
        "gres=gpu:1",
        "cpus-per-task=3",
        "array=0-2%256",
        "requeue",
        "account=physics",
        "mem=16G",
    ):
        assert f"#SBATCH --{line}" in script
    assert "export OMP_NUM_THREADS=1" in script
    assert script[-3:] == [
        f"(cd {queue.folder}/${{jobs[SLURM_ARRAY_TASK_ID]}} &&",
        "exec train --data 'a b' spec.json >> log.txt 2>&1 < /dev/null) || { code=$?",
        'echo "exit code $code"; exit $code; }',
    ]


@pytest.mark.parametrize("others", [{"array": "1"}, {"Mem": "1G"}, {"mem": "1G\n#SBATCH --array=9"}, {"--mem": "1"}])
def test_what_is_no_option_of_sbatch_or_has_its_own_is_refused(others: dict[str, str]) -> None:
    """Case e15."""
    with pytest.raises(HarnessError, match="expected an option of sbatch by its long name, such as account=physics"):
        Resources(others=others)


# A Slurm that runs each task of an array as it is submitted, after one look at its queue in which it waits.
SBATCH = """
import json, os, pathlib, re, subprocess, sys
home = pathlib.Path(__file__).parent
assert not [name for name in os.environ if name.startswith(("SBATCH_", "SQUEUE_", "SCANCEL_"))], os.environ
script = sys.stdin.read()
last = int(re.search(r"array=0-(\\d+)", script)[1])
if last >= 4:
    sys.exit("sbatch: error: Batch job submission failed: Invalid job array specification")
number = len(list(home.glob("job-*"))) + 1
output = re.search(r'--output="(.*?)"', script)[1]
(home / f"job-{number}").write_text(json.dumps([script, last, output]))
print(number)
"""
SQUEUE = """
import json, os, pathlib, subprocess, sys
home = pathlib.Path(__file__).parent
assert "SQUEUE_STATES" not in os.environ
looks = home / "looks"
looks.write_text(str(int(looks.read_text()) + 1 if looks.exists() else 1))
for job in sorted(home.glob("job-*")):
    script, last, output = json.loads(job.read_text())
    number = job.name.removeprefix("job-")
    hidden = (home / "hide").exists() and int(looks.read_text()) < 8
    for task in range(0 if hidden else last + 1):
        ran = home / f"ran-{number}-{task}"
        if not ran.exists():
            with open(output.replace("%A", number).replace("%a", str(task)), "w") as out:
                path = os.environ["REAL_PATH"]
                environment = {**os.environ, "SLURM_ARRAY_TASK_ID": str(task), "PATH": path}
                subprocess.run(["/bin/bash"], input=script, text=True, stdout=out, stderr=out, env=environment)
            ran.touch()
            print(f"{number}_{task}|RUNNING|None")
        else:
            print(f"{number}_{task}|{(home / 'ends').read_text() if (home / 'ends').exists() else 'COMPLETED'}|None")
"""


@pytest.fixture
def made_up(programs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REAL_PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    monkeypatch.setenv("SQUEUE_STATES", "RUNNING")
    monkeypatch.setenv("SBATCH_PARTITION", "theirs")
    program(programs, "sbatch", SBATCH)
    program(programs, "squeue", SQUEUE)
    program(programs, "scontrol", "print('MaxArraySize            = 4')")
    return programs


def fast(*command: str) -> SlurmExecutor:
    return SlurmExecutor(poll_s=0.01, command=command)


def test_arrays_are_as_large_as_the_cluster_allows_and_what_others_set_is_cleared(
    made_up: Path, tmp_path: Path
) -> None:
    """Cases e14, e15."""
    queue, todo, seen = Queue(tmp_path / "jobs"), jobs(6), list[Status]()
    fast(*NOOP, "0", "0").run(queue, [queue.add(job) for job in todo], seen.append)
    check_done_once(queue, todo, tmp_path / "store")
    assert sorted(path.name for path in made_up.glob("job-*")) == ["job-1", "job-2"]
    assert [len(status.attempts) for status in seen] == [1] * 6


def test_a_task_that_is_not_listed_for_a_while_has_not_ended(made_up: Path, tmp_path: Path) -> None:
    """Case e14."""
    (made_up / "hide").touch()
    queue, todo = Queue(tmp_path / "jobs"), jobs(2)
    fast(*NOOP, "0", "0").run(queue, [queue.add(job) for job in todo])
    check_done_once(queue, todo, tmp_path / "store")
    assert [len(status.attempts) for status in queue.statuses()] == [1, 1]


@pytest.mark.parametrize(("code", "ends", "attempts"), [(2, "FAILED", 1), (1, "FAILED", 3)])
def test_a_wrong_job_is_not_submitted_again(code: int, ends: str, attempts: int, made_up: Path, tmp_path: Path) -> None:
    """Case e6, on a cluster."""
    (made_up / "ends").write_text(ends)
    queue, seen = Queue(tmp_path / "jobs"), list[Status]()
    command = (sys.executable, "-S", "-c", f"raise SystemExit({code})")
    fast(*command).run(queue, [queue.add(job) for job in jobs(1)], seen.append)
    assert [(status.state, [one.how for one in status.attempts]) for status in seen] == [
        (State.FAILED, [f"exit code {code}"] * attempts)
    ]


def test_the_end_of_a_node_is_no_failure_of_its_job(made_up: Path, tmp_path: Path) -> None:
    (made_up / "ends").write_text("NODE_FAIL")
    queue, (job,) = Queue(tmp_path / "jobs"), jobs(1)
    fast(*NOOP, "0", "4").run(queue, [queue.add(job)])
    assert [one.how for one in queue.status(job.key).attempts][:4] == ["nobody saw its end"] * 4
    check_done_once(queue, [job], tmp_path / "store")
