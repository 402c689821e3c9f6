"""`python -m cache`: look at recorded answers, compare, merge and count them, and answer any program with them.

PLACE is a cassette or a store's folder.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cache.cli import answering, records
from cache.errors import CacheError
from cache.provider.limits import PRICES
from genius_replay.console import Exit, ending
from genius_replay.options import EXIT_CODES, Parser, add_command, infile, outfile, path_only, shown

_RECORD = "--record --upstream https://api.openai.com/v1"


_ARGUMENTS: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "keys": (str, "its first digits will do"),
    "path": (outfile, "the cassette that is written, - for standard output"),
    "store": (path_only, "its folder"),
    "log": (infile, "a JSON object for each answer, or one list of messages"),
    "cassettes": (infile, "- for one on standard input"),
}
"""How the arguments of commands are read, and what is said of them; what is not here is a place."""


@ending(CacheError)
def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    words = [*(sys.argv[1:] if arguments is None else arguments)]
    behind = words.index("--") + 2 if words[:1] == ["run"] and "--" in words else len(words)
    options = vars(_parser().parse_args(words[:behind]))
    options.get("command", []).extend(words[behind:])  # as they are: argparse would drop another --
    run: Callable[..., int | None] = options.pop("run")
    return int(run(**options) or 0)


def _parser() -> Parser:
    about = "Look at recorded answers, compare, merge and count them, and answer any program with them."
    parser = Parser(prog="python -m cache", description=about, epilog=EXIT_CODES)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: Callable[..., int | None], example: str, *names: str) -> argparse.ArgumentParser:
        """A command that is handed these arguments, of which those in the plural are several."""
        title = (run.__doc__ or name).rstrip(".")  # no docstring under python -OO
        made = add_command(commands, name, f"{title[:1].lower()}{title[1:]}", example)
        made.set_defaults(run=run)
        for argument in names:
            number = "+" if argument.endswith("s") else None
            kind, about = _ARGUMENTS.get(
                argument, (infile, "a cassette, - for one on standard input, or a store's folder")
            )
            made.add_argument(argument, type=kind, metavar=argument.rstrip("s").upper(), nargs=number, help=about)
        return made

    command("list", records.list_records, "mine.jsonl", "places")
    command("show", records.show, "mine.jsonl 03f5ff", "place", "keys")
    command("verify", records.verify, "mine.jsonl", "places")
    command("diff", records.diff, "mine.jsonl yours.jsonl", "left", "right")
    command("merge", records.merge, "ours.jsonl mine.jsonl yours.jsonl", "path", "places")
    command("sync", records.sync, "store mine.jsonl", "store", "cassettes")
    logged = command("import", records.import_log, "log.jsonl --into mine.jsonl", "log")
    logged.add_argument("--into", type=path_only, required=True, metavar="FILE", help="a cassette that grows by it")
    logged.add_argument("--model", metavar="NAME", help="who answered, where the log does not say it")
    spent = command("ledger", records.count, "mine.jsonl --prices prices.json", "places")
    used_by = "trajectories that name the keys to count"
    spent.add_argument("--prices", type=infile, metavar="FILE", help=PRICES)
    spent.add_argument("--used-by", type=infile, metavar="FILE", help=used_by, nargs="+", default=[])
    served = command("serve", answering.serve, "mine.jsonl --port 8001")
    served.epilog = shown("mine.jsonl --port 8001", f"--into mine.jsonl {_RECORD}")
    served.add_argument("places", type=path_only, metavar="PLACE", nargs="*", help="a cassette, or a store's folder")
    served.add_argument("--port", type=int, default=8001, metavar="N", help="on loopback; 0 for one that is free")
    served.add_argument("--into", type=path_only, metavar="FILE", help="a cassette that grows by what is recorded")
    served.add_argument("--store", type=path_only, metavar="FOLDER", help="a store that does, for several at once")
    ran = command("run", answering.run, "mine.jsonl -- python my_program.py")
    ran.epilog = shown("mine.jsonl -- python my_program.py", f"mine.jsonl {_RECORD} -- python my_program.py")
    ran.add_argument("place", type=path_only, metavar="FILE", help="a cassette; with --record it may be a new one")
    ran.add_argument("command", metavar="COMMAND", nargs="+", help="behind --, with its arguments")
    for made in (served, ran):
        made.add_argument("--record", action="store_true", help="ask upstream what is not recorded, and keep it")
        made.add_argument("--upstream", metavar="URL", help="base URL of who is asked (default: $OPENAI_BASE_URL)")
        made.add_argument("--max-calls", dest="calls", type=int, metavar="N", help="that are asked upstream")
        made.add_argument("--max-tokens", dest="tokens", type=int, metavar="N", help="prompt and completion")
        made.add_argument("--max-cost", dest="cost", type=float, metavar="MONEY", help="needs --prices")
        made.add_argument("--prices", type=infile, metavar="FILE", help=PRICES)
        made.add_argument(
            "--rewrite",
            type=_rule,
            metavar="PATTERN=REPLACEMENT",
            action="append",
            default=[],
            help="what is new in every call, such as a date, stays out of the keys; a recording knows its rules",
        )
    return parser


def _rule(written: str) -> tuple[str, str]:
    """A pattern, which may have an `=` in it, and what stands in its place."""
    pattern, _, replacement = written.rpartition("=")
    if not pattern:
        raise argparse.ArgumentTypeError(f"expected PATTERN=REPLACEMENT, got {written}")
    return pattern, replacement


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what is recorded is brought to its place, as by Ctrl-C
    raise Exit(main())
