"""The worker that executors start: a command, and the environment it needs."""

from __future__ import annotations

import sys
from pathlib import Path

import harness

TRAIN = (sys.executable, "-m", "harness.training.train")
"""Trains one job; `spec.json` is appended, and it runs in the job's folder (see `harness.training.queue`)."""

ROOT = Path(harness.__file__).parents[1]
"""Where the packages of this project lie: a worker runs elsewhere, and may not find them installed."""


def threads(number: int) -> dict[str, str]:
    """The variables that keep a worker to a number of threads; they may change its result in the last bits."""
    return {"OMP_NUM_THREADS": str(number), "MKL_NUM_THREADS": str(number)}
