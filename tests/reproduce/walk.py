"""Runs command lines one after the other in one process and prints, as JSON, how each ended; see `test_walk`.

Standard input holds a list of command lines, each a list whose first word is the package. Output goes to a stream that
is encoded as the environment says, and which takes itself for a terminal if WALK_ON_A_TERMINAL is set.
"""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import traceback
from importlib import import_module

PATIENCE_S = 100


def run(package: str, *arguments: str) -> tuple[str, str]:
    """How a command ended, its exit code or a traceback, and what it said to standard error."""
    printed, said = io.BytesIO(), io.StringIO()
    encoding = os.environ.get("PYTHONIOENCODING", "utf-8")
    sys.stdout = io.TextIOWrapper(printed, encoding=encoding)
    if "WALK_ON_A_TERMINAL" in os.environ:
        sys.stdout.isatty = lambda: True  # type: ignore[method-assign]
    sys.stderr = said
    signal.alarm(PATIENCE_S)
    try:
        code = str(import_module(f"{package}.__main__").main(list(arguments)))
    except SystemExit as stopped:  # argparse
        code = str(stopped.code)
    except BaseException:
        code = traceback.format_exc()
    return code, said.getvalue()


def _too_long(*_: object) -> None:
    raise RuntimeError(f"no end within {PATIENCE_S} s")  # no kind of error that a command handles


if __name__ == "__main__":
    signal.signal(signal.SIGALRM, _too_long)
    out = sys.stdout
    ended = [run(*line) for line in json.load(sys.stdin)]
    out.write(json.dumps(ended))
