"""How far a value travels: the modules that a command enters, and the calls that cross from one to another.

Run `python -m benchmarks.journeys table2`, or any other command of `python -m reproduce` with its arguments;
`python -m benchmarks.journeys answer` records one answer of an endpoint on loopback. A crossing is a distinct pair of
functions, one of which calls the other and lies in another module of this project; calls through the standard library
or an installed package count for the function of ours that made them. What runs while a module is imported is left out.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, FrameType
from typing import NamedTuple

from reproduce.__main__ import main as reproduce
from tests.cache.server import completion, running, says

ROOT = Path(__file__).parents[1]
PACKAGES = ("baselines", "cache", "harness", "reproduce", "tables")
IMPORT = "<module>"


class Function(NamedTuple):
    """A function of this project: its file below the root, and where it stands there."""

    module: str
    name: str
    line: int


def ours(code: CodeType) -> Function | None:
    """The function that this code belongs to; None for code of others."""
    path = Path(code.co_filename)
    if not path.is_relative_to(ROOT) or path.relative_to(ROOT).parts[0] not in PACKAGES:
        return None
    return Function(str(path.relative_to(ROOT)), code.co_name, code.co_firstlineno)


class Journey:
    """A profile function (`sys.setprofile`) that notes which functions of ours call which."""

    def __init__(self) -> None:
        self.entered: set[str] = set()
        self.crossings: set[tuple[Function, Function]] = set()
        self._ours: dict[tuple[str, CodeType], Function | None] = {}

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        """Note a call of a function of ours."""
        callee = self._function(frame)
        if event != "call" or callee is None:
            return
        callers = [function for function in self._callers(frame) if function is not None]
        if IMPORT in (callee.name, *(caller.name for caller in callers)):
            return
        self.entered.add(callee.module)
        if callers and callers[0].module != callee.module:
            self.crossings.add((callers[0], callee))

    def _callers(self, frame: FrameType) -> list[Function | None]:
        found = []
        above = frame.f_back
        while above is not None:
            found.append(self._function(above))
            above = above.f_back
        return found

    def _function(self, frame: FrameType) -> Function | None:
        code = frame.f_code
        known = (code.co_filename, code)  # equal code of two files is equal: its name of a file does not count
        if known not in self._ours:
            self._ours[known] = ours(code)
        return self._ours[known]


def record_one_answer() -> int:
    """Have an endpoint on loopback propose one cell, as `python -m reproduce record` does."""
    with running() as server, tempfile.TemporaryDirectory() as folder:
        server.behaviours = [says(completion(json.dumps({"architecture": [0] * 6})))]
        table = ["--space", "nas-bench-201", "--table", "nas-bench-201-digits", "--iterations", "1"]
        kept = ["--into", f"{folder}/one.jsonl", "--store", f"{folder}/store"]
        return reproduce(["record", "--model", "made-up", "--base-url", server.url, *table, *kept])


def main(arguments: Sequence[str]) -> int:
    """Run a command and print its journey; returns the command's exit code."""
    journey = Journey()
    printed = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with contextlib.redirect_stdout(printed):
        sys.setprofile(journey)
        try:
            code = record_one_answer() if arguments == ["answer"] else reproduce(list(arguments))
        finally:
            sys.setprofile(None)
    sys.stdout.write(f"{len(journey.entered)} modules entered, {len(journey.crossings)} crossings\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
