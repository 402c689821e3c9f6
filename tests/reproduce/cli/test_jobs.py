"""`python -m reproduce jobs`: what it lists, how many hours remain, and what it does with one job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from harness.spaces import nas_bench_201
from harness.training.jobs import Job, Search, SupernetJob, Training
from harness.training.queue import Queue
from harness.training.recipes import DIGITS, Split
from reproduce import data
from reproduce.__main__ import main
from reproduce.cli import training
from tests.harness.training.instant import Instant
from tests.schemas import valid

CELLS = [nas_bench_201.SPACE.architecture_at(index) for index in range(4)]
HOW = Training("nas-bench-201", "digits", training.DIGITS, DIGITS)


def listed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["jobs", "--format", "json"]) == 0
    found: dict[str, Any] = valid(capsys.readouterr().out)
    return found


def queued(*jobs: Job) -> Queue:
    queue = data.queue()
    for job in jobs:
        queue.add(job)
    return queue


def test_an_empty_queue(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs"]) == 0
    assert f"{home / 'jobs'} holds no job." in capsys.readouterr().out
    assert main(["jobs", "--format", "csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_what_remains_follows_from_what_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    done, failed, cancelled, waiting = jobs = [HOW.job(cell) for cell in CELLS]
    queue = queued(*jobs)
    Instant(fails=lambda job: job == failed).run(queue, [done.key, failed.key])
    queue.cancel(cancelled.key)
    found = listed(capsys)
    rows = {row["job"]["value"]: row for row in found["rows"]}
    assert {key: row["state"]["value"] for key, row in rows.items()} == {
        job.key[7:19]: state for job, state in zip(jobs, ("done", "failed", "cancelled", "queued"), strict=True)
    }
    assert rows[done.key[7:19]]["hours"]["value"] == 0.01
    assert rows[failed.key[7:19]]["attempts"]["value"] == 3
    macs = [nas_bench_201.cost(cell).macs for cell in CELLS]
    assert rows[waiting.key[7:19]]["remaining"]["value"] == pytest.approx(0.01 * macs[3] / macs[0])
    assert [row["remaining"]["status"] for row in rows.values()].count("recomputed") == 1
    assert "1 done, 1 failed, 1 cancelled, 1 queued" in found["notes"]
    assert "from finished trainings of the same recipe" in str(found["notes"])


def test_nothing_is_said_of_data_of_unknown_number(capsys: pytest.CaptureFixture[str]) -> None:
    queued(HOW.job(CELLS[0]), replace(HOW, dataset="arrays").job(CELLS[0]))
    found = listed(capsys)
    assert sorted(row["remaining"]["status"] for row in found["rows"]) == ["missing", "recomputed"]
    assert "remain for 1 jobs, and 1 of which nothing can be said" in str(found["notes"])
    assert "Hours: assumed" in str(found["notes"])


def test_a_job_of_another_kind_is_listed_too(capsys: pytest.CaptureFixture[str]) -> None:
    search = SupernetJob(
        "digits", training.DIGITS, replace(DIGITS, split=Split(0.5, 0.5)), search=Search("gdas", tau=(9, 1))
    )
    data.queue().add(search)
    (row,) = listed(capsys)["rows"]
    assert row["state"]["value"] == "queued"
    assert row["architecture"]["value"] == "no training in a space that is known here"


def test_a_job_of_a_space_of_another_checkout_is_listed_too(capsys: pytest.CaptureFixture[str]) -> None:
    queue = queued(HOW.job(CELLS[0]), HOW.job(CELLS[1]))
    spec = queue.statuses()[0].folder / "spec.json"
    spec.write_text(spec.read_text().replace('"nas-bench-201"', '"their-space"'))
    found = listed(capsys)["rows"]
    assert sum("no space is called 'their-space'" in (row["remark"]["value"] or "") for row in found) == 1
    rows = [(row["space"]["value"], row["architecture"]["value"]) for row in found]
    key = nas_bench_201.SPACE.to_native(CELLS[1])
    assert sorted(rows, key=str) == [("nas-bench-201", key), (None, "no training in a space that is known here")]


def test_log_cancel_retry(capsys: pytest.CaptureFixture[str]) -> None:
    job = HOW.job(CELLS[0])
    queue = queued(job)
    assert main(["jobs", "log", job.key]) == 0
    assert "nothing printed yet" in capsys.readouterr().out
    Instant(fails=lambda _: True).run(queue, [job.key])
    assert main(["jobs", "log", job.key[7:15]]) == 0
    said = capsys.readouterr().out
    assert "attempt 3, here: exit code 2" in said
    assert "the dog ate the pictures" in said
    assert main(["jobs", "retry", job.key[:20]]) == 0
    assert capsys.readouterr().out == f"{job.key}: queued\n"
    assert main(["jobs", "cancel", job.key]) == 0
    assert capsys.readouterr().out == f"{job.key}: cancelled\n"
    assert main(["jobs", "retry", job.key]) == 0
    assert capsys.readouterr().out == f"{job.key}: queued\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("log",), "expected the key of a job to log"),
        (("log", "00"), "begins 0"),
        (("cancel", "sha256:"), "begins 2"),
        (("list", "00"), "expected an action before 00"),
    ],
)
def test_wrong_use(arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    queued(*(HOW.job(cell) for cell in CELLS[:2]))
    assert main(["jobs", *arguments]) == 2
    assert message in capsys.readouterr().err
