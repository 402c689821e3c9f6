"""Where a training stands, in a file that is replaced in one step: SHA-256 of all that follows, and numpy's own format.

No pickle. A file with any other byte than was written is refused.
"""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor, nn

from genius_replay import files
from harness.errors import NotThisJob
from harness.training.jobs import Epoch, Stretch
from harness.training.worker import EVERY_S

_DIGEST = hashlib.sha256().digest_size  # bytes


@dataclass
class Checkpoint:
    """Where a training stands at the end of an epoch, and what it has said until then.

    Attributes:
        path: of the file; None for a training that leaves none.
        key: of the job.
        every_s: seconds between two checkpoints, at least.
        seconds: of wall clock that went into what is in the file.
        resumed_at: the epochs before which it was taken up.
        earlier: what trained until then.
        now: what trains.
        say: is told one line an epoch, and what else is worth knowing.
        log: what it was told.
    """

    path: Path | None
    key: str
    every_s: float = EVERY_S
    seconds: float = 0.0
    resumed_at: tuple[int, ...] = ()
    earlier: tuple[Stretch, ...] = ()
    now: Stretch = field(default_factory=lambda: Stretch(""))
    say: Callable[[str], object] = lambda _: None
    log: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._since = self._saved = time.monotonic()

    @property
    def is_there(self) -> bool:
        """Whether there is something to take up."""
        return self.path is not None and self.path.exists()

    def save(self, network: nn.Module, optimizer: torch.optim.SGD, curve: Sequence[Epoch]) -> None:
        """Replace the file, unless it is still young; training goes on without one that cannot be written."""
        if self.path is None or time.monotonic() - self._saved < self.every_s:
            return
        state = {
            "key": self.key,
            "seconds": self.elapsed(),
            "resumed_at": self.resumed_at,
            "stretches": msgspec.to_builtins((*self.earlier, self.now)),
            "curve": msgspec.to_builtins(curve),
        }
        arrays: dict[str, Any] = {name: each.cpu().numpy() for name, each in _tensors(network, optimizer)}
        content = io.BytesIO()
        np.savez(content, state=np.array(json.dumps(state)), **arrays)
        try:
            files.write(self.path, hashlib.sha256(content.getbuffer()).digest() + content.getbuffer())
        except OSError as error:
            why = f"expected to write a checkpoint, got: {error.strerror}"
            self.tell(f"{self.path}: {why}; training goes on without it")
        else:
            self._saved = time.monotonic()

    def load(self, network: nn.Module, optimizer: torch.optim.SGD) -> list[Epoch]:
        """The curve so far, after bringing network and optimiser to where they were; empty if there is no file.

        Raises:
            NotThisJob: the file is damaged, or another job's.
            OSError: it cannot be read.
        """
        if self.path is None or not self.is_there:
            return []
        content = self.path.read_bytes()
        try:
            if hashlib.sha256(content[_DIGEST:]).digest() != content[:_DIGEST]:
                raise ValueError("other bytes than were written")
            with np.load(io.BytesIO(content[_DIGEST:]), allow_pickle=False) as arrays:
                state = json.loads(str(arrays["state"]))
                if state["key"] != self.key:
                    raise NotThisJob(f"{self.path}: expected a checkpoint of {self.key}, got {state['key']}; delete it")
                for name, parameter in network.named_parameters():
                    if f"momentum/{name}" in arrays:  # a weight that reaches no output has none
                        optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
                for name, tensor in _tensors(network, optimizer):
                    tensor.copy_(torch.from_numpy(arrays[name]))
                curve = msgspec.convert(state["curve"], list[Epoch])
                self.earlier = msgspec.convert(state["stretches"], tuple[Stretch, ...])
        except (ValueError, KeyError, TypeError, RuntimeError) as error:
            raise NotThisJob(
                f"{self.path}: expected a checkpoint, got: {error}; delete it, to train from the beginning"
            ) from error
        self.seconds, self.resumed_at = state["seconds"], (*state["resumed_at"], len(curve))
        before, after = (msgspec.to_builtins(each) for each in (self.earlier[-1], self.now))
        if other := [name for name in before if before[name] != after[name]]:
            was = ", ".join(f"{name} {before[name]}" for name in other)
            self.tell(f"the first {len(curve)} epochs were trained with something else: {was}")
        return curve

    def tell(self, line: str) -> None:
        """Say a line, which the result will hold."""
        self.log.append(line)
        self.say(line)

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
