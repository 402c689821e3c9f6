"""A recording of the first version is carried over with the course that it took, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from cache import cassette
from cache.record import Record
from harness.errors import BrokenRecording
from harness.specification import RUN, Specification
from reproduce import recording
from reproduce.__main__ import main
from reproduce.migration import migrate

RECORDING = Path(__file__).parents[1] / "evidence" / "recording-v1.jsonl"
COMMITTED = Path(__file__).parents[2] / "cache" / "recorded" / "local-gemma3-270m-free.jsonl"


def said(path: Path) -> dict[str, tuple[object, ...]]:
    """All that the records of a file hold, but for the version of the code that wrote a run down.

    The committed one says the default of a run's answers aloud, as early recordings do.
    """

    def parts(record: Record) -> tuple[object, ...]:
        request = Specification.of(record) if record.kind == RUN else record.request
        return record.kind, request, record.answer, record.provenance

    return {RUN if record.kind == RUN else key: parts(record) for key, record in cassette.read(path).items()}


def test_a_recording_of_the_first_version_takes_its_course_again(tmp_path: Path) -> None:
    into = tmp_path / "new.jsonl"
    migrated = migrate(RECORDING, into)
    assert said(into) == said(COMMITTED)
    assert [run.trajectory for run in recording.replay_recording(into)] == [run.trajectory for run in migrated]
    (old,) = (record.answer for record in cassette.read(RECORDING).values() if record.kind == "run")
    assert [run.ended.course for run in migrated] == [old["course"]]


def test_the_command_says_what_was_carried_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    into = tmp_path / "new.jsonl"
    assert main(["recordings", str(RECORDING), "--migrate", str(into)]) == 0
    assert said(into) == said(COMMITTED)
    assert capsys.readouterr().out == f"{into}: 1 runs, each of which took its course again\n"
    assert main(["recordings", "--migrate", str(into)]) == 2
    assert main(["recordings", str(RECORDING), "--migrate", str(into)]) == 2
    assert "found one that is there" in capsys.readouterr().err
    with pytest.raises(BrokenRecording, match="of the present form"):
        migrate(into, tmp_path / "again.jsonl")
    with pytest.raises(BrokenRecording, match=r"which .* carries over"):
        recording.read(RECORDING)


def test_a_course_that_is_not_taken_again_is_refused(tmp_path: Path) -> None:
    other = [
        Record(record.request, {**record.answer, "course": "sha256:" + "0" * 64}, kind="run")
        if record.kind == "run"
        else record
        for record in cassette.read(RECORDING).values()
    ]
    cassette.write(tmp_path / "other.jsonl", other)
    with pytest.raises(BrokenRecording, match="another course"):
        migrate(tmp_path / "other.jsonl", tmp_path / "new.jsonl")
    assert not (tmp_path / "new.jsonl").exists()


def test_what_holds_no_run_is_not_carried_over(tmp_path: Path) -> None:
    cassette.write(tmp_path / "empty.jsonl", [])
    with pytest.raises(BrokenRecording, match="no run of the first version"):
        migrate(tmp_path / "empty.jsonl", tmp_path / "new.jsonl")
    assert not (tmp_path / "new.jsonl").exists()
