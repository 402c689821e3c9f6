"""What the paper prints (arXiv 2304.10970v4, CC BY 4.0), as data with its source."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any


@cache
def printed() -> dict[str, Any]:
    """Every table of the paper that is kept here, by name; accuracies in percent."""
    tables: dict[str, Any] = json.loads(Path(__file__).with_name("tables.json").read_text(encoding="utf-8"))
    return tables
