"""The run that trains a table, which any kill may interrupt, and the check that trains some of its rows again.

Outcomes are appended to `NAME.jsonl`, one unit a line, each on disk before the next is written: a kill costs the units
under way. The first seed of all architectures comes first, then the second: a run may end after any seed.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TextIO

import numpy as np

from tables.errors import TableError
from tables.space import Architecture
from tables.storage import build, load
from tables.trainable import (
    BLOCK,
    Run,
    TrainedTable,
    Unit,
    columns_of,
    find,
    from_lines,
    outcomes_file,
    source_of,
    to_line,
)


def train(table: TrainedTable, folder: Path, *, processes: int, seeds: int, progress: TextIO) -> Path:
    """Train what is not yet trained, build the table from the first `seeds` seeds, and return its path.

    Args:
        table: what to train.
        folder: where the outcomes are kept, and the table; a run that was interrupted is taken up from there.
        processes: of one thread each.
        seeds: at least 1.
        progress: where a line is written after every unit.

    Raises:
        TableError: what lies in the folder is not of this table and setting, another run works there, or a process
            ended in the middle of its work.
    """
    from filelock import FileLock, Timeout  # training is an extra, and so is what it needs

    path = outcomes_file(table, folder)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(f"{path}.lock", timeout=0):
            done = from_lines(path.read_bytes() if path.exists() else b"", table, path)
            _cut_after_last_line(path)
            pending = [unit for unit in table.units(seeds) if unit not in done]
            started = time.monotonic()
            for count, (unit, runs) in enumerate(_in_processes(table, pending, processes), start=1):
                _append(path, to_line(table, unit, runs))
                done[unit] = runs
                minutes = (time.monotonic() - started) / 60
                progress.write(
                    f"{table.name}: {count} of {len(pending)} units, seed {unit.seed}, {minutes:.1f} min, "
                    f"{minutes / count * (len(pending) - count):.0f} min left\n"
                )
                progress.flush()
    except Timeout:
        raise TableError(f"{table.name}: another run trains into {folder}; wait for it, or name another") from None
    content = b"".join(to_line(table, unit, done[unit]) for unit in table.units(seeds))
    return build(source_of(table, seeds), columns_of(table, seeds, done), content, folder, compressed=True)


def _cut_after_last_line(path: Path) -> None:
    """Remove what a kill left of a line that was being written."""
    with path.open("a+b") as file:
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)


def _append(path: Path, line: bytes) -> None:
    with path.open("ab") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def _in_processes(table: TrainedTable, units: Iterable[Unit], processes: int) -> Iterator[tuple[Unit, tuple[Run, ...]]]:
    """Outcomes as they come. Workers end with this process, however it ends: their pipe closes."""
    context = multiprocessing.get_context("spawn")
    waiting = iter(units)
    workers: dict[Connection, tuple[BaseProcess, Unit]] = {}
    try:
        for unit in islice(waiting, processes):
            ours, theirs = context.Pipe()
            process: BaseProcess = context.Process(target=_work, args=(table.name, theirs), daemon=True)
            process.start()
            theirs.close()
            workers[ours] = process, unit
            ours.send(unit)
        while workers:
            for pipe in wait(list(workers)):
                assert isinstance(pipe, Connection)
                process, unit = workers[pipe]
                try:
                    runs = pipe.recv()
                except EOFError:
                    process.join()
                    raise TableError(
                        f"{table.name}: the process that trained {unit} ended with code {process.exitcode}, its own "
                        "message is above; what was trained is kept, run the command again"
                    ) from None
                following = next(waiting, None)
                if following is None:
                    del workers[pipe]
                    pipe.close()
                else:
                    workers[pipe] = process, following
                    pipe.send(following)
                yield unit, runs
    finally:
        for pipe, (process, _) in workers.items():
            pipe.close()
            process.terminate()


def _work(name: str, pipe: Connection) -> None:
    """A worker process: train what comes through the pipe until it closes."""
    table = find(name)
    try:
        while True:
            unit = pipe.recv()
            pipe.send(table.train(table.block(unit.block), unit.seed))
    except (EOFError, BrokenPipeError):
        return


@dataclass(frozen=True)
class Retrained:
    """A row of a table beside what training it again gave: validation and test accuracy in percent, by seed."""

    architecture: Architecture
    stored: tuple[tuple[float, float], ...]
    again: tuple[tuple[float, float], ...]

    @property
    def difference(self) -> float:
        """The largest difference of an accuracy, in percentage points."""
        return float(np.abs(np.subtract(self.stored, self.again)).max())


def retrain(table: TrainedTable, path: Path, count: int, seed: int = 0) -> tuple[Retrained, ...]:
    """Train some rows of the table at `path` again, under all its seeds.

    They are rows of one block, which is trained whole, as it was: on the same machine with the same libraries the same
    bits come out.

    Args:
        table: what made the table.
        path: the table.
        count: how many rows to compare; a block has no more than `BLOCK`.
        seed: draws the block and the rows.

    Raises:
        TableError: see `tables.storage.load`; or the table was made with another setting than `table` has now.
    """
    info, columns = load(path, ["runs", "test_runs"])
    if info.origin.revision != table.setting:
        raise TableError(
            f"{path} was trained with the setting {info.origin.revision!r}, this version trains {table.setting!r}; "
            f"train it again: python -m tables train {table.name} --into FOLDER"
        )
    rng = random.Random(seed)
    number = rng.randrange(table.blocks)
    block = table.block(number)
    again = [table.train(block, each) for each in range(columns["runs"].shape[1])]
    rows = []
    for place in sorted(rng.sample(range(len(block)), min(count, len(block)))):
        row = table.number_of.index(number * BLOCK + place)
        stored = zip(columns["runs"][row].tolist(), columns["test_runs"][row].tolist(), strict=True)
        rows.append(
            Retrained(block[place], tuple(stored), tuple((runs[place].validation, runs[place].test) for runs in again))
        )
    return tuple(rows)
