"""Benchmarks that write one digit a layer and publish three runs, their mean and the costs.

These are NAS-Bench-Macro and Channel-Bench-Macro, by the same authors.
"""

from __future__ import annotations

import numpy as np

from tables.schema import Architecture, Columns, Source, cardinalities
from tables.sources.checking import Codec, read_entries, refuse

RUNS = 3


def digit_codec(first: int) -> Codec:
    """The codec in which the digit `first` means choice 0: with first = 1, "4432214" ↔ (3, 3, 2, 1, 1, 0, 3)."""

    def decode(key: str, source: Source) -> Architecture | None:
        if len(key) != len(source.slots) or not (key.isascii() and key.isdigit()):
            return None
        choices = tuple(int(digit) - first for digit in key)
        within = all(0 <= choice < count for choice, count in zip(choices, cardinalities(source.slots), strict=True))
        return choices if within else None

    def encode(architecture: Architecture, source: Source) -> str:  # noqa: ARG001 (the signature of a codec)
        return "".join(str(choice + first) for choice in architecture)

    return Codec(decode, encode)


def read_runs(data: bytes, source: Source, codec: Codec, runs_field: str, mean_field: str) -> Columns:
    """Columns of {key: {runs, mean, std, params, flops}}; accuracy is the published mean.

    Raises:
        MalformedSource: the file is not the whole benchmark, or a mean is not that of its runs.
    """
    entries = read_entries(data, source, codec, (runs_field, mean_field, "std", "params", "flops"))
    mean, runs = entries.accuracies(mean_field), entries.runs(runs_field, RUNS)
    off = np.flatnonzero(np.abs(mean - runs.mean(axis=1)) > 1e-6)
    if off.size:
        row = int(off[0])
        key = codec.encode(tuple(int(choice) for choice in np.unravel_index(row, cardinalities(source.slots))), source)
        refuse(source, f"{mean_field} of {key!r} is {mean[row]}, but its runs average to {runs[row].mean()}")
    return Columns(
        accuracy=mean,
        file_order=entries.rows,
        runs=runs,
        params=entries.counts("params"),
        flops=entries.counts("flops"),
    )
