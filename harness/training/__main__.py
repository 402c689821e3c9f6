"""`python -m harness.training SPEC.json`: do one job, a training or a search with shared weights, and leave its record.

All randomness after the first weights follows from (seed, epoch), so the end of an epoch is a whole checkpoint: a
training that was killed and taken up again has the result of one that was not. On a CPU, with the same number of
threads, equal jobs have equal results to the last bit. A GPU adds in whatever order is fastest; what held is stated in
the result.

`python -m harness.training --digest NAME` prints the digest of a data set, which its jobs hold, and does nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cache.record import Record
from genius_replay.advice import install
from genius_replay.console import Exit, ending, say, warn
from genius_replay.options import Parser, path_only, shown
from harness.errors import HarnessError, TrainingError, Unwell
from harness.training import data
from harness.training.jobs import Job, SupernetJob, of_request
from harness.training.local import cores
from harness.training.worker import EVERY_S, perform


@ending(HarnessError)
def main(argv: Sequence[str] | None = None) -> int:
    """Do the job in a file and leave its record beside it; exit codes as in `harness.training.worker.perform`."""
    about = "Do one job, a training or a search with shared weights, and leave its record beside it."
    examples = shown("SPEC.json", "--digest digits")
    parser = Parser(prog="python -m harness.training", description=about, epilog=examples)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("spec", type=path_only, nargs="?", metavar="SPEC.json", help="the job")
    what.add_argument(
        "--digest", choices=data.NEEDS, metavar="NAME", help=f"print it, of a data set: {', '.join(data.NEEDS)}"
    )
    parser.add_argument("--data", type=path_only, metavar="PATH", help="where the data lie; the digits need no place")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default: the GPU, if there is one")
    parser.add_argument("--checkpoint-every", type=float, default=EVERY_S, metavar="S", help="seconds")
    parser.add_argument("--workers", type=int, default=min(8, cores()), metavar="N", help="that read pictures")
    args = parser.parse_args(argv)
    if args.digest:
        return _print_digest(args.digest, args.data)

    def work(job: Job | SupernetJob, unfinished: Path) -> Record:
        try:
            from harness.training import supernet  # late: what needs no torch does without
            from harness.training.checkpoint import Checkpoint
            from harness.training.train import choose, train
        except ModuleNotFoundError as error:
            raise TrainingError(f"training needs torch, got: {error}; run `{install('torch')}`") from error
        except ImportError as error:  # a library of it that does not fit into memory, or cannot be read now
            raise Unwell(f"expected to load torch, got: {error}; free memory, or install torch anew") from error
        device, checkpoint = choose(args.device), Checkpoint(unfinished, job.key, args.checkpoint_every, say=say)
        how = {"path": args.data, "workers": args.workers, "device": device, "checkpoint": checkpoint}
        done = supernet.train(job, **how) if isinstance(job, SupernetJob) else train(job, **how)
        return done.to_record()

    return perform(args.spec, of_request, work)


def _print_digest(name: str, path: Path | None) -> int:
    dataset = data.find(name, path)
    say(dataset.digest)
    warn(f"{len(dataset.labels)} pictures, {dataset.own_test} for testing, {dataset.classes} classes")
    if dataset.left_out:
        warn(dataset.left_out)
    return 0


if __name__ == "__main__":
    raise Exit(main())
