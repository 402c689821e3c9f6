"""Training a table: what a kill leaves is taken up, the file does not say who trained what, and rows can be checked."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from tables import __main__ as command
from tables.errors import TableError
from tables.storage import embedded
from tables.table import Table, Verdicts
from tables.trainable import Unit, find, outcomes_file, to_line
from tables.training import retrain, train
from tests.tables.made_up_training import CRASH, SLOWLY, TABLE, cost, declare, outcome


@pytest.fixture(autouse=True)
def _declared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    declare(folder)
    monkeypatch.syspath_prepend(folder)


def trained(folder: Path, *, processes: int = 1, seeds: int = 3) -> Path:
    return train(TABLE, folder, processes=processes, seeds=seeds, progress=io.StringIO())


def test_a_row_is_what_its_trainings_gave(tmp_path: Path) -> None:
    path = trained(tmp_path)
    table, verdicts = Table.open(path), Verdicts.open(path)
    assert table.runs is not None
    flops, params = table.column("flops"), table.column("params")
    assert flops is not None
    assert params is not None
    for architecture, same in (((3, 7), (3, 7)), ((7, 3), (3, 7)), ((11, 11), (11, 11))):
        index = table.index_of(architecture)
        runs = [outcome(same, seed) for seed in range(3)]
        assert table.runs[index].tolist() == [run.validation for run in runs]
        assert table.accuracy[index] == pytest.approx(np.mean([run.validation for run in runs]))
        assert verdicts.test[index] == pytest.approx(np.mean([run.test for run in runs]))
        assert (flops[index], params[index]) == cost(same)


def test_processes_leave_no_trace(tmp_path: Path) -> None:
    assert trained(tmp_path / "one").read_bytes() == trained(tmp_path / "two", processes=2).read_bytes()


def test_a_killed_run_is_taken_up(tmp_path: Path) -> None:
    into = tmp_path / "killed"
    path = outcomes_file(TABLE, into)
    environment = {**os.environ, SLOWLY: "0.2", "PYTHONPATH": os.pathsep.join(sys.path)}
    arguments = [sys.executable, "-m", "tables", "train", "made-up", "--into", str(into), "--processes", "2"]
    with subprocess.Popen(arguments, env=environment, stderr=subprocess.DEVNULL) as process:
        while not (path.exists() and path.read_bytes().count(b"\n")):
            assert process.poll() is None
            time.sleep(0.05)
        process.kill()
    kept = path.read_bytes().count(b"\n")
    assert 0 < kept < len(TABLE.units(3))
    with path.open("ab") as file:
        file.write(to_line(TABLE, Unit(2, 0), TABLE.train(TABLE.block(0), 2))[:-30])  # killed while it wrote
    said = io.StringIO()
    again = train(TABLE, into, processes=1, seeds=3, progress=said)
    assert said.getvalue().count("\n") == len(TABLE.units(3)) - kept
    assert again.read_bytes() == trained(tmp_path / "undisturbed").read_bytes()


def test_fewer_seeds_are_a_table_too_and_more_are_added(tmp_path: Path) -> None:
    runs = Table.open(trained(tmp_path, seeds=1)).runs
    assert runs is not None
    assert runs.shape == (144, 1)
    assert outcomes_file(TABLE, tmp_path).read_bytes().count(b"\n") == TABLE.blocks
    assert trained(tmp_path).read_bytes() == trained(tmp_path / "at-once").read_bytes()


def test_a_process_that_ends_is_reported_and_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CRASH, "1")
    with pytest.raises(TableError, match=r"seed=1.*code 3.*run the command again"):
        trained(tmp_path)
    monkeypatch.delenv(CRASH)
    assert outcomes_file(TABLE, tmp_path).read_bytes().count(b"\n") == TABLE.blocks
    assert trained(tmp_path).exists()


def test_one_run_at_a_time_trains_into_a_folder(tmp_path: Path) -> None:
    with FileLock(f"{outcomes_file(TABLE, tmp_path)}.lock"), pytest.raises(TableError, match="another run"):
        trained(tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense\n",
        b'{"setting":"made-up 1","seed":0,"block":0,"runs":[]}\n',
        to_line(replace(TABLE, setting="made-up 0"), Unit(0, 0), TABLE.train(TABLE.block(0), 0)),
        to_line(TABLE, Unit(1, 0), TABLE.train(TABLE.block(0), 0)),
    ],
)
def test_outcomes_of_something_else_are_refused(tmp_path: Path, line: bytes) -> None:
    outcomes_file(TABLE, tmp_path).write_bytes(line)
    with pytest.raises(TableError, match=r"line 1: expected an outcome of made-up.*train into another folder"):
        trained(tmp_path)
    assert outcomes_file(TABLE, tmp_path).read_bytes() == line


def test_what_is_declared_is_found() -> None:
    assert find("made-up") is TABLE
    with pytest.raises(TableError, match="made-up"):
        find("unheard-of")
    with pytest.raises(TableError, match="to be a TrainedTable, got tuple"):
        find("no-table")
    with pytest.raises(TableError, match="train"):
        find("not-installed")


def test_rows_are_trained_again(tmp_path: Path) -> None:
    path = trained(tmp_path)
    rows = retrain(TABLE, path, 5)
    assert len({row.architecture for row in rows}) == 5
    assert len(retrain(TABLE, path, 100)) in (14, 64)  # a whole block
    assert all(row.stored == row.again and row.difference == 0 for row in rows)
    with pytest.raises(TableError, match="setting 'made-up 1', this version trains 'made-up 2'"):
        retrain(replace(TABLE, setting="made-up 2"), path, 1)


def test_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert command.main(["train", "made-up", "--into", str(tmp_path), "--processes", "1"]) == 0
    path = capsys.readouterr().out.strip()
    assert command.main(["check", "made-up", "--table", path, "--n", "3"]) == 0
    assert capsys.readouterr().out.count("3 seeds  equal") == 3
    assert command.main(["quality", path]) == 0
    assert "144 architectures, 78 trained apart, 3 seeds" in capsys.readouterr().out
    other = replace(TABLE, train=lambda architectures, seed: TABLE.train(architectures, seed + 10))
    monkeypatch.setattr(command, "find", lambda _: other)
    assert command.main(["check", "made-up", "--table", path, "--n", "3"]) == 1
    assert "points off where" in capsys.readouterr().out


def test_a_table_that_does_not_come_with_the_package() -> None:
    with pytest.raises(TableError, match=r"no table at .*made-up.h5"):
        Table.open(embedded("made-up"))
