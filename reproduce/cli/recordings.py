"""`python -m reproduce recordings`: recorded runs of models, with what became of their answers.

Without a file it shows the recordings that came with the project: small models that run on anybody's machine, held to
the space by the server or left to answer in prose. What is printed stands in the records of the runs; `check`, and
`--text`, perform them again.
"""

from __future__ import annotations

import argparse

from genius_replay.console import say
from genius_replay.options import infile, path_only
from reproduce import recording
from reproduce.errors import UsageError
from reproduce.report.output import add_output_arguments, emit, refuse_existing, show


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `recordings`."""
    parser.add_argument(
        "files", type=infile, nargs="*", metavar="FILE", help="- for standard input (default: the project's own)"
    )
    marked = f"{recording.OPEN}so marked{recording.CLOSE}"
    parser.add_argument("--text", action="store_true", help=f"every answer, with what was read {marked}")
    parser.add_argument(
        "--migrate", type=path_only, metavar="NEW.jsonl", help="write a recording of the first version anew, verified"
    )
    parser.add_argument(
        "--public",
        type=path_only,
        metavar="NEW.jsonl",
        help="write a recording that GENIUS' words were asked in anew, without them",
    )
    add_output_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print what the recordings say, or carry one over.

    Raises:
        UsageError: if a file holds no run of a model; with `--migrate` or `--public`, if not one file is named or the
            new one is there.
        DataMissing: if a wording that is named by its digest has not been fetched, and a run is performed again.
        CacheError, BrokenRecording: if a recording is damaged, or cannot be carried over.
        ReplayMiss: with `--text`, if it does not replay.
    """
    paths = args.files or recording.committed()
    if (new := args.migrate or args.public) is not None:
        from reproduce.migration import migrate  # late: nothing else needs it

        if len(args.files) != 1 or (args.migrate and args.public):
            raise UsageError(f"recordings: expected one FILE and either --migrate or --public, got {len(args.files)}")
        refuse_existing(new)
        found = (migrate if args.migrate else recording.publish)(args.files[0], new)
        say(f"{new}: {len(found)} runs, each of which took its course again")
    elif args.text:
        emit("".join(recording.text(each) for path in paths for each in recording.replay_recording(path)), args.out)
    else:
        show(recording.report([each for path in paths for each in recording.of_models(path)]), args.format, args.out)
    return 0
