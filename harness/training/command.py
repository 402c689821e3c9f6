"""What commands that do a job have in common: the job's file, its claim, its checkpoint, its result, the exit codes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from cache.errors import CacheError
from cache.record import Record
from harness.errors import HarnessError
from harness.training.checkpoint import EVERY_S, Checkpoint, replacing
from harness.training.claim import claim
from harness.training.jobs import Spec, read_result

INTERRUPTED = 130  # what a shell reports for a command that Ctrl-C ended


J = TypeVar("J", bound=Spec)


def job_parser(program: str, description: str | None) -> argparse.ArgumentParser:
    """The arguments that every such command takes."""
    parser = argparse.ArgumentParser(prog=program, description=description)
    parser.add_argument("spec", type=Path, metavar="SPEC.json", help="the job")
    parser.add_argument("--data", type=Path, metavar="PATH", help="where its data set lies; the digits need no place")
    parser.add_argument("--result", type=Path, metavar="FILE", help="default: result.json beside the job")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default: the GPU, if there is one")
    parser.add_argument("--checkpoint-every", type=float, default=EVERY_S, metavar="S", help="seconds; default: 60")
    return parser


def perform(args: argparse.Namespace, read: Callable[[Path], J], work: Callable[[J, Checkpoint], Record]) -> int:
    """Do the job in a file, unless it is done, and leave its record in another.

    Returns:
        0 if the result is there, also from before; 2 if the job cannot be done as it stands; 130 after Ctrl-C.
    """
    result: Path = args.result or args.spec.with_name("result.json")
    try:
        job = read(args.spec)
        with claim(result):  # one process a job at a time: the next finds a result
            if result.exists():
                read_result(result, job)
                say(f"{result}: the result is there already")
                return 0
            unfinished = result.with_suffix(".checkpoint")
            record = work(job, Checkpoint(unfinished, job.key, args.checkpoint_every))
            with replacing(result) as temporary:
                temporary.write_bytes(record.to_line())
            unfinished.unlink(missing_ok=True)
    except (HarnessError, CacheError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("interrupted: the same command goes on from the last checkpoint\n")
        return INTERRUPTED
    return 0


def say(line: str) -> None:
    """Print a line at once: a log is read while it grows."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
