"""A worker that is as fast to start as can be: no torch, no pictures; what comes out follows from the job alone.

`python noop.py SECONDS DEATHS spec.json` works for some seconds, and exits with 7 the first times that it got so far.
While at work it keeps telling so in `told.txt`, by appending: who, when (a clock that all processes share), and what.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from cache.key import JSON
from cache.record import Record
from harness.training.worker import RESULT, claim

TOLD = "told.txt"


def outcome(request: dict[str, JSON]) -> dict[str, JSON]:
    """What the worker says came out of a job."""
    accuracy = float(int(Record(request, {}, kind="training").key[-4:], 16) % 10_000) / 100
    epoch: JSON = {"train_loss": 1.0, "validation": accuracy, "validation_loss": 1.0}
    return {"curve": [epoch], "validation": accuracy, "validation_loss": 1.0, "test": accuracy, "test_loss": 1.0}


def main(seconds: float, deaths: int, spec: Path) -> None:
    request = json.loads(spec.read_text(encoding="utf-8"))
    result = spec.with_name(RESULT)
    with claim(result):
        if result.exists():
            return
        tell("began")
        sys.stderr.write("working\n")
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(0.01)
            tell("works")
        if Path(TOLD).read_text(encoding="utf-8").count("began") <= deaths:
            sys.stderr.write("dying as asked\n")
            sys.exit(7)
        observed: dict[str, JSON] = {
            "finished": "2026-01-01T00:00:00+00:00",
            "seconds": seconds,
            "device": os.environ.get("CUDA_VISIBLE_DEVICES", ""),
            "peak_memory_bytes": 0,
        }
        draft = result.with_suffix(f".{os.getpid()}")
        draft.write_bytes(Record(request, outcome(request), kind="training", observed=observed).to_line())
        draft.replace(result)
        tell("left a result")


def tell(what: str) -> None:
    with Path(TOLD).open("a", encoding="utf-8") as told:
        told.write(f"{os.getpid()} {time.monotonic()} {what}\n")


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
