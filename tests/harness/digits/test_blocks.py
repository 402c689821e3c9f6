"""Training the private table: a kill is taken up, the file does not say who trained what, and rows can be checked."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

pytest.importorskip("torch", reason="networks need torch: install the extra `train`")
pytest.importorskip("sklearn", reason="digits come with scikit-learn: install the extra `train`")


from cache.record import Record
from harness.digits import __main__ as command
from harness.digits import network, table
from harness.digits.table import BLOCK, SETTING, Block, Run, Runs, TrainedBlock, blocks, cost, retrain
from harness.errors import InvalidJob, TrainingError
from harness.spaces.cells import cell_numbers, distinct_cells
from harness.spaces.nas_bench_201 import SPACE
from harness.training.jobs import read
from harness.training.local import LocalExecutor
from harness.training.queue import SPEC, Queue, State, Status
from harness.training.worker import RESULT
from tables.errors import TableError
from tables.table import HeldOut, Table
from tests.harness.training.instant import OBSERVED

A_SEED = len(blocks(1))


def outcome(cell: tuple[int, ...], seed: int) -> Run:
    """What comes out of a training that takes no time."""
    rng = random.Random(f"{cell} {seed}")
    return Run(seed, rng.gauss(50 + sum(cell), 1), rng.random(), rng.gauss(50, 1), rng.random(), 99.0, rng.random())


def train(cells: Sequence[tuple[int, ...]], seed: int) -> tuple[Run, ...]:
    return tuple(outcome(cell, seed) for cell in cells)


@dataclass
class Instant:
    """An executor that makes results up, and stops or fails where it is told to."""

    stops_after: int = 10**6
    fails: Callable[[Block], bool] = lambda _: False
    worked: list[str] = field(default_factory=list)

    def run(self, queue: Queue, keys: Collection[str], each: Callable[[Status], object] = lambda _: None) -> None:
        for key in random.Random(len(keys)).sample(list(keys), len(keys)):  # in whatever order
            status = queue.status(key)
            if not status.is_final:
                if len(self.worked) == self.stops_after:
                    raise KeyboardInterrupt
                block = Block.from_request(read(status.folder / SPEC))
                if self.fails(block):
                    queue.end(key, queue.begin(key, "here"), "exit code 2")
                else:
                    self.worked.append(key)
                    done = TrainedBlock(block, Runs(train(block.cells, block.seed)), OBSERVED)
                    (status.folder / RESULT).write_bytes(done.to_record().to_line())
            each(queue.status(key))


def test_a_row_is_what_its_trainings_gave(tmp_path: Path) -> None:
    path = command.train(tmp_path, 2, Instant())
    opened, held_out = Table.open(path), HeldOut.open(path)
    assert opened.runs is not None
    flops, params = opened.column("flops"), opened.column("params")
    assert flops is not None
    assert params is not None
    for index in random.Random(0).sample(range(SPACE.size), 40):
        same = distinct_cells()[cell_numbers()[index]]
        runs = [outcome(same, seed) for seed in range(2)]
        assert opened.runs[index].tolist() == [run.validation for run in runs]
        assert opened.accuracy[index] == pytest.approx(np.mean([run.validation for run in runs]))
        assert held_out.test[index] == pytest.approx(np.mean([run.test for run in runs]))
        assert (flops[index], params[index]) == (cost(same).macs, cost(same).params)


def test_what_was_interrupted_is_taken_up_and_more_seeds_are_added(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        command.train(tmp_path, 1, Instant(stops_after=30))
    again = Instant()
    runs = Table.open(command.train(tmp_path, 1, again)).runs
    assert len(again.worked) == A_SEED - 30
    assert runs is not None
    assert runs.shape == (SPACE.size, 1)
    more = Instant()
    path = command.train(tmp_path, 2, more)
    assert len(more.worked) == A_SEED
    assert path.read_bytes() == command.train(tmp_path / "at-once", 2, Instant()).read_bytes()


def test_a_block_that_fails_is_reported_and_nothing_is_lost(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"came to nothing .*(.|\n)*then `python -m harness.digits train --into"):
        command.train(tmp_path, 1, Instant(fails=lambda block: block.cells[0] == distinct_cells()[BLOCK]))
    again = Instant()
    assert command.train(tmp_path, 1, again).exists()
    assert len(again.worked) == 1


def test_an_interruption_is_told_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "LocalExecutor", lambda **_: Instant(stops_after=3))
    assert command.main(["train", "--into", str(tmp_path), "--seeds", "1"]) == 130
    assert capsys.readouterr().err.endswith("kept, the same command goes on from there\n")


def test_a_block_of_another_setting_is_refused() -> None:
    (first, *_) = blocks(1)
    with pytest.raises(InvalidJob, match="got 'nas-bench-201-digits 0': check that one out"):
        replace(first, setting="nas-bench-201-digits 0")


def test_a_key_is_pinned() -> None:
    assert blocks(2)[-1].key == "sha256:5bb9e5fb4a1781508ef0db6287523ec088c77f8d139d1ef24ff93f8d338b3152"


def test_rows_are_trained_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = command.train(tmp_path, 2, Instant())
    rows = retrain(train, path, 5)
    assert len({row.architecture for row in rows}) == 5
    assert len(retrain(train, path, 100)) in (len(distinct_cells()) % BLOCK, BLOCK)  # a whole block
    assert all(row.stored == row.again and row.difference == 0 for row in rows)
    monkeypatch.setattr(table, "SETTING", "nas-bench-201-digits 2")
    with pytest.raises(TableError, match="setting 'nas-bench-201-digits 1', this version trains"):
        retrain(train, path, 1)


def test_the_check_says_how_far_rows_are_off(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(command.train(tmp_path, 2, Instant()))
    monkeypatch.setattr(network, "train", train)
    assert command.main(["check", "--table", path, "--n", "3"]) == 0
    said = capsys.readouterr().out
    assert said.count("2 seeds  equal") == 3
    assert said.endswith("3 rows, at most 0.00 points off where 2.0 are allowed\n")
    monkeypatch.setattr(network, "train", lambda cells, seed: train(cells, seed + 10))
    assert command.main(["check", "--table", path, "--n", "3"]) == 1
    assert "2 seeds  off by" in capsys.readouterr().out
    assert command.main(["check", "--table", str(tmp_path / "none.h5")]) == 2
    assert "no table at" in capsys.readouterr().err


def test_a_worker_of_the_queue_trains_a_block(tmp_path: Path) -> None:
    block = Block(3, distinct_cells()[2000:2003])
    queue = Queue(tmp_path)
    queue.add(block)
    LocalExecutor(processes=1, devices=(), command=command.WORKER).run(queue, [block.key])
    record = queue.result(block.key)
    assert record is not None, queue.failure(block.key)
    assert TrainedBlock.from_record(record).outcome.runs == network.train(block.cells, 3)
    assert record.observed["settings"]["deterministic"] is True  # type: ignore[call-overload, index]


def test_the_page_says_how_outcomes_of_an_earlier_version_are_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[3] / "docs" / "private-table.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    runs = train(distinct_cells()[BLOCK : 2 * BLOCK], 1)
    line = {"setting": SETTING, "seed": 1, "block": 1, "runs": runs}
    (tmp_path / "nas-bench-201-digits.jsonl").write_text(json.dumps(line) + "\n")
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    queue, block = Queue(tmp_path / "jobs"), blocks(2)[A_SEED + 1]
    assert queue.status(block.key).state is State.DONE
    record = queue.result(block.key)
    assert isinstance(record, Record)
    assert TrainedBlock.from_record(record).outcome.runs == runs
