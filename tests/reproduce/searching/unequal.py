"""A model on loopback whose answer depends on the request alone, so that runs are of unequal length."""

from __future__ import annotations

import hashlib
import json
import random
import time
from typing import Any

from tests.cache.server import Handler, completion, says

TABLE = "nas-bench-201-digits"


def drawn(body: dict[str, Any]) -> random.Random:
    """What is the same for equal requests, whoever asks and when."""
    return random.Random(hashlib.sha256(json.dumps(body, sort_keys=True).encode()).digest())


def proposing(handler: Handler, wait_s: float = 0.0) -> None:
    """Propose a cell, or none that can be read, or conclude."""
    draws = drawn(handler.body)
    time.sleep(wait_s or draws.random() * 0.004)
    design = ", ".join(str(draws.randrange(5)) for _ in range(6))
    said = draws.choices([f"Design: [{design}]", "I had rather not.", "Design: none"], [8, 3, 1])[0]
    says(completion(said))(handler)


def command(url: str, *more: str) -> list[str]:
    """The arguments of `record` for that model."""
    return ["record", "--model", "made-up", "--base-url", url, "--space", "nas-bench-201", "--table", TABLE, *more]
