"""Benchmarks that write one digit a layer and publish three runs, their mean and the costs.

These are NAS-Bench-Macro and Channel-Bench-Macro, by the same authors.
"""

from __future__ import annotations

import numpy as np

from tables.schema import Architecture, Codec, Columns, Slot, Source, cardinalities
from tables.sources.checking import key_of, read_entries, refuse

RUNS = 3


def digit_codec(first: int) -> Codec:
    """The codec in which the digit `first` means choice 0: with first = 1, "4432214" ↔ (3, 3, 2, 1, 1, 0, 3)."""

    def decode(key: str, slots: tuple[Slot, ...]) -> Architecture | None:
        if len(key) != len(slots) or not (key.isascii() and key.isdigit()):
            return None
        choices = tuple(int(digit) - first for digit in key)
        within = all(0 <= choice < count for choice, count in zip(choices, cardinalities(slots), strict=True))
        return choices if within else None

    def encode(architecture: Architecture, slots: tuple[Slot, ...]) -> str:  # noqa: ARG001 (a codec has both)
        return "".join(str(choice + first) for choice in architecture)

    return Codec(decode, encode)


def read_runs(data: bytes, source: Source, runs_field: str, mean_field: str) -> Columns:
    """Columns of {key: {runs, mean, std, params, flops}}; accuracy is the published mean.

    Raises:
        MalformedSource: the file is not the whole benchmark, or a mean is not that of its runs.
    """
    entries = read_entries(data, source, (runs_field, mean_field, "std", "params", "flops"))
    mean, runs = entries.percentages(mean_field), entries.runs(runs_field, RUNS)
    off = np.flatnonzero(np.abs(mean - runs.mean(axis=1)) > 1e-6)
    if off.size:
        row = int(off[0])
        refuse(
            source,
            f"{mean_field} of {key_of(row, source)} is {mean[row]}, but its runs average to {runs[row].mean()}",
        )
    entries.percentages("std")  # checked, not kept
    return Columns(
        accuracy=mean,
        file_order=entries.rows,
        runs=runs,
        params=entries.counts("params"),
        flops=entries.counts("flops"),
    )
