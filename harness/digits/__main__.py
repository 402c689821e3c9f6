"""`python -m harness.digits`: train the private table, and check it."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from cache.record import Record
from genius_replay.advice import install
from genius_replay.console import Exit, ending, say, warn
from genius_replay.options import EXIT_CODES, Parser, add_command, infile, path_only
from harness.digits.table import NAME, SEEDS, Block, Runs, TrainedBlock, blocks, build_table, retrain
from harness.errors import HarnessError, TrainingError
from harness.training.local import LocalExecutor
from harness.training.queue import Executor, Provider, Queue, State
from harness.training.worker import perform
from tables.errors import DamagedTable, TableError
from tables.storage import embedded

TOLERANCE = 2.0  # points: another processor's rounding grows over a training; one was seen, and seeds differ by 4.3
WORKER = (sys.executable, "-m", "harness.digits", "work")


@ending(
    TableError,
    HarnessError,
    damage=(DamagedTable,),
    interrupted="interrupted: what is trained is kept, the same command goes on from there",
)
def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    about = f"Train {NAME}, the table of this project's own, and check it."
    parser = Parser(prog="python -m harness.digits", description=about, epilog=EXIT_CODES)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    title = "train every cell under every seed, and build the table; goes on where it was"
    training = add_command(commands, "train", title, "--into my_table")
    into = "of the table, and of its jobs"
    training.add_argument("--into", type=path_only, metavar="FOLDER", required=True, help=into)
    training.add_argument("--processes", type=_positive, metavar="N", help="of one thread each (default: one a core)")
    training.add_argument("--seeds", type=_positive, default=SEEDS, metavar="N", help="of each")
    checking = add_command(commands, "check", "train some rows of the table again, and compare", "--n 10")
    checking.add_argument("--table", type=infile, metavar="FILE", help="default: the one that comes with this package")
    checking.add_argument("--n", type=_positive, default=10, metavar="N", help="rows, of one block")
    checking.add_argument("--seed", type=int, default=0, metavar="N", help="draws them")
    working = add_command(commands, "work", "train one block, and leave its record beside it", "SPEC.json")
    working.add_argument("spec", type=path_only, metavar="SPEC.json", help="the job of the block")
    args = parser.parse_args(argv)
    if find_spec("torch") is None:
        raise TrainingError(f"training needs torch, got none; run `{install('torch')}`")
    if args.command == "work":
        return perform(args.spec, Block.from_request, _work)
    if args.command == "check":
        return check(args.table or embedded(NAME), args.n, args.seed)
    executor = LocalExecutor(processes=args.processes, devices=(), command=WORKER)
    say(str(train(args.into, args.seeds, executor)))
    return 0


def train(folder: Path, seeds: int, executor: Executor) -> Path:
    """Train what is not yet trained, build the table from the first `seeds` seeds, and return its path.

    Args:
        folder: of the table; the jobs and their results lie in `jobs` below it, and are taken up from there.
        seeds: at least 1.
        executor: runs the jobs.

    Raises:
        TrainingError: a block was given up, after all its attempts; the others are done.
        TableError: the table could not be written.
    """
    queue, todo, started, done = Queue(folder / "jobs"), blocks(seeds), time.monotonic(), 0
    for status in queue.statuses():
        if status.state is State.FAILED:  # the command is given again: so are the attempts
            queue.retry(status.key)

    def told(record: Record) -> None:
        nonlocal done
        done += 1
        minutes = (time.monotonic() - started) / 60
        warn(f"{NAME}: {done} of {len(todo)} blocks, seed {record.request['seed']}, {minutes:.1f} min")

    again = f"`python -m harness.digits train --into {folder}`"
    provider = Provider(queue, lambda: executor, Block.from_request, told, again)
    provider.make([block.request() for block in todo], lambda *_: None)
    records = [queue.result(block.key) for block in todo]
    runs = [TrainedBlock.from_record(record).outcome.runs for record in records if record is not None]
    return build_table(runs, seeds, folder)


def check(path: Path, count: int, seed: int) -> int:
    """Train `count` rows of the table at `path` again, and say of each how far it is off; returns the exit code.

    Raises:
        TableError: see `harness.digits.table.retrain`.
        TrainingError: scikit-learn is not installed.
    """
    from harness.digits import network  # late, like all that needs torch

    rows = retrain(network.train, path, count, seed)
    for row in rows:
        said = "equal" if row.stored == row.again else f"off by {row.difference:.2f} points"
        say(f"{row.architecture}  {len(row.stored)} seeds  {said}")
    worst = max(row.difference for row in rows)
    say(f"{len(rows)} rows, at most {worst:.2f} points off where {TOLERANCE} are allowed")
    return 0 if worst <= TOLERANCE else 1


def _work(block: Block, unfinished: Path) -> Record:  # noqa: ARG001 - a block takes seconds, and keeps no checkpoint
    from harness.digits import network
    from harness.training.checkpoint import Checkpoint
    from harness.training.train import choose, observed, stretch

    cpu = choose("cpu")
    clock = Checkpoint(None, block.key, now=stretch(block, cpu))
    runs = Runs(network.train(block.cells, block.seed))
    return TrainedBlock(block, runs, observed(cpu, clock)).to_record()


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, got {text!r}")
    return int(text)


if __name__ == "__main__":
    raise Exit(main())
