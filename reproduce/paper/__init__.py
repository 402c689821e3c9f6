"""What the paper prints (arXiv 2304.10970v4, CC BY 4.0), as data with its source."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import msgspec


@cache
def printed() -> dict[str, Any]:
    """Every table of the paper that is kept here, by name; accuracies in percent."""
    return msgspec.json.decode(Path(__file__).with_name("tables.json").read_bytes(), type=dict[str, Any])
