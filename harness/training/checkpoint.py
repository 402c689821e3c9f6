"""Where a training stands, in a file that is replaced in one step: arrays in numpy's own format, no pickle."""

from __future__ import annotations

import json
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor, nn

from harness.errors import NotThisJob
from harness.training.jobs import Epoch
from harness.training.worker import replacing

EVERY_S = 60.0  # seconds between two checkpoints, at least


@dataclass
class Checkpoint:
    """Where a training stands at the end of an epoch.

    Attributes:
        path: of the file; None for a training that leaves none.
        key: of the job.
        every_s: seconds between two checkpoints, at least.
        seconds: of wall clock that went into what is in the file.
        resumed_at: the epochs before which it was taken up.
    """

    path: Path | None
    key: str
    every_s: float = EVERY_S
    seconds: float = 0.0
    resumed_at: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        self._since = self._saved = time.monotonic()

    def save(self, network: nn.Module, optimizer: torch.optim.SGD, curve: Sequence[Epoch]) -> None:
        """Replace the file, unless it is still young."""
        if self.path is None or time.monotonic() - self._saved < self.every_s:
            return
        state = {
            "key": self.key,
            "seconds": self.elapsed(),
            "resumed_at": self.resumed_at,
            "curve": msgspec.to_builtins(curve),
        }
        with replacing(self.path) as temporary, temporary.open("wb") as file:
            arrays: dict[str, Any] = {name: each.cpu().numpy() for name, each in _tensors(network, optimizer)}
            np.savez(file, state=np.array(json.dumps(state)), **arrays)
        self._saved = time.monotonic()

    def load(self, network: nn.Module, optimizer: torch.optim.SGD) -> list[Epoch]:
        """The curve so far, after bringing network and optimiser to where they were; empty if there is no file.

        Raises:
            NotThisJob: the file is damaged, or another job's.
        """
        if self.path is None or not self.path.exists():
            return []
        try:
            with self.path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                state = json.loads(str(arrays["state"]))
                if state["key"] != self.key:
                    raise NotThisJob(f"{self.path}: expected a checkpoint of {self.key}, got {state['key']}; delete it")
                for name, parameter in network.named_parameters():
                    if f"momentum/{name}" in arrays:  # a weight that reaches no output has none
                        optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
                for name, tensor in _tensors(network, optimizer):
                    tensor.copy_(torch.from_numpy(arrays[name]))
                curve = msgspec.convert(state["curve"], list[Epoch])
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, EOFError, zipfile.BadZipFile) as error:
            raise NotThisJob(
                f"{self.path}: expected a checkpoint, got: {error}; delete it, to train from the beginning"
            ) from error
        self.seconds, self.resumed_at = state["seconds"], (*state["resumed_at"], len(curve))
        return curve

    def elapsed(self) -> float:
        """Seconds of wall clock so far, over all attempts."""
        return self.seconds + time.monotonic() - self._since


def _tensors(network: nn.Module, optimizer: torch.optim.SGD) -> Iterator[tuple[str, Tensor]]:
    """Everything that a step changes, by name: weights, statistics, momentum."""
    for name, tensor in network.state_dict().items():
        yield f"network/{name}", tensor
    for name, parameter in network.named_parameters():
        if (momentum := optimizer.state[parameter].get("momentum_buffer")) is not None:
            yield f"momentum/{name}", momentum
