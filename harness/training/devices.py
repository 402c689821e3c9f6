"""The device that a training runs on: choosing it, what is observed on it, and that its memory was not enough."""

from __future__ import annotations

import platform
import resource
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone

import numpy as np
import torch

from harness.errors import NoDevice, OutOfMemory
from harness.training.checkpoint import Checkpoint
from harness.training.jobs import Observed


def choose(wanted: str | None) -> torch.device:
    """The device of this name; without one, the GPU if there is one.

    Raises:
        NoDevice: a GPU is asked for, and there is none.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise NoDevice("expected a GPU that torch can use, found none; leave out --device, or train with --device cpu")
    return torch.device(wanted or ("cuda" if torch.cuda.is_available() else "cpu"))


@contextmanager
def reporting_memory(device: torch.device) -> Iterator[None]:
    """Say in one sentence that the memory was not enough; raises OutOfMemory for it."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        exhausted = isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError))
        if not exhausted and "DefaultCPUAllocator" not in str(error):
            raise
        raise OutOfMemory(
            f"expected the job to fit into the memory of {name(device)}, got: {str(error).splitlines()[0]}; take a "
            "device with more memory (a smaller batch or input would be another job)"
        ) from error


def name(device: torch.device) -> str:
    """Of a GPU what its driver calls it, else the processor."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()


def peak_memory(device: torch.device) -> int:
    """In bytes: of the GPU, or of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def observed(
    device: torch.device, checkpoint: Checkpoint, settings: Mapping[str, bool | int | str], log: Sequence[str] = ()
) -> Observed:
    """What may differ between two trainings of a job, of one that has just ended; the threads join the settings."""
    return Observed(
        finished=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        seconds=round(checkpoint.elapsed(), 3),
        device=name(device),
        peak_memory_bytes=peak_memory(device),
        resumed_at=checkpoint.resumed_at,
        settings={"threads": torch.get_num_threads(), **settings},
        versions={"python": platform.python_version(), "torch": str(torch.__version__), "numpy": np.__version__},
        log=tuple(log),
    )
