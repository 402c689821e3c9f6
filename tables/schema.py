"""What an HDF5 table holds: datasets with dtypes and units, and where the numbers come from.

A table is one file, `NAME.h5`. Its datasets lie flat in the root, one row an architecture, in dense order: row i is the
architecture whose choices are the digits of i in mixed radix, first slot most significant. The root has two attributes:

    about    JSON (`TableInfo`): schema version, name, measure, slots with their choices, unit, origin, SHA-256 of the
             published file, and for every dataset its dtype, shape and SHA-256
    digest   SHA-256 of `about`, and so of everything in the file

One attribute rather than fifteen, because HDF5 takes longer to read fifteen attributes than to read all accuracies.
Each dataset also carries its unit and meaning as attributes of its own, for whoever opens it with another tool.

Published standard deviations are not kept: they follow from the runs (NAS-Bench-Macro divides by n, Channel-Bench-Macro
by n - 1).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

SCHEMA_VERSION = 1

Architecture: TypeAlias = tuple[int, ...]
"""One choice a slot, as an index into that slot's choices."""


class Measure(str, Enum):
    """What the accuracy that a search is told was measured on."""

    VALIDATION = "validation"
    TEST_ONLY = "test only"  # the benchmark publishes no validation accuracy: a search on it sees the test set
    NO_SPLIT = "no split"  # one accuracy, and the source does not say on which data


@dataclass(frozen=True)
class Slot:
    """One position of an architecture and the names of its choices."""

    name: str
    choices: tuple[str, ...]


def cardinalities(slots: tuple[Slot, ...]) -> tuple[int, ...]:
    """Number of choices in each slot."""
    return tuple(len(slot.choices) for slot in slots)


@dataclass(frozen=True)
class Origin:
    """Where a published file comes from; `revision` is a commit or a release."""

    repository: str
    revision: str
    path: str
    licence: str


@dataclass(frozen=True)
class Columns:
    """What a reader takes out of a published file: arrays in dense order, accuracies in percent."""

    accuracy: NDArray[np.float64]  # (n,) what a search is told
    file_order: NDArray[np.int32]  # (n,) row of the k-th key of the published file
    runs: NDArray[np.float64] | None = None  # (n, r) single trainings behind `accuracy`
    params: NDArray[np.int64] | None = None  # (n,) as published
    flops: NDArray[np.int64] | None = None  # (n,) as published
    test: NDArray[np.float64] | None = None  # (n,) held-out accuracy, where the benchmark has both
    published_rank: NDArray[np.int32] | None = None  # (n,) by test accuracy, 1 = best
    test_runs: NDArray[np.float64] | None = None  # (n, r) single trainings behind `test`
    validation_loss: NDArray[np.float64] | None = None  # (n,) cross-entropy in nats, mean over runs, as are the next
    test_loss: NDArray[np.float64] | None = None  # (n,)
    training: NDArray[np.float64] | None = None  # (n,) accuracy on the training data
    training_loss: NDArray[np.float64] | None = None  # (n,)


@dataclass(frozen=True)
class Codec:
    """Native key ↔ architecture. `decode` returns None for a key that the benchmark does not write."""

    decode: Callable[[str, tuple[Slot, ...]], Architecture | None]
    encode: Callable[[Architecture, tuple[Slot, ...]], str]


@dataclass(frozen=True)
class Source:
    """One benchmark as its authors published it, and how to read it."""

    name: str
    measure: Measure
    slots: tuple[Slot, ...]
    origin: Origin
    codec: Codec
    read: Callable[[bytes, Source], Columns]
    compressed: bool = False  # smaller and slower to open: for a table that is kept in git


@dataclass(frozen=True)
class Dataset:
    """One dataset of a built table, as `about` lists it."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    sha256: str


@dataclass(frozen=True)
class TableInfo:
    """Everything a table says of itself."""

    schema: int
    name: str
    measure: Measure
    unit: str  # of every accuracy
    slots: tuple[Slot, ...]
    origin: Origin
    source_sha256: str  # of the published file this was built from
    datasets: tuple[Dataset, ...]


@dataclass(frozen=True)
class ColumnKind:
    """How a column is stored; `dtype` is little-endian on every machine, and so the bytes and digests are the same."""

    dtype: str
    unit: str
    meaning: str


COLUMN_KINDS = {
    "accuracy": ColumnKind("<f8", "percent", "what a search is told; see measure"),
    "file_order": ColumnKind("<i4", "row", "row of the k-th key of the published file"),
    "runs": ColumnKind("<f8", "percent", "single trainings behind accuracy"),
    "params": ColumnKind("<i8", "parameters", "as published"),
    "flops": ColumnKind("<i8", "multiply-accumulates", "as published, under the name flops"),
    "test": ColumnKind("<f8", "percent", "held-out test accuracy, which no search is told"),
    "published_rank": ColumnKind("<i4", "rank", "by test accuracy as published, 1 = best"),
    "test_runs": ColumnKind("<f8", "percent", "single trainings behind test"),
    "validation_loss": ColumnKind("<f4", "nats", "mean cross-entropy"),
    "test_loss": ColumnKind("<f4", "nats", "mean cross-entropy, which no search is told"),
    "training": ColumnKind("<f4", "percent", "accuracy on the training data at the end of training"),
    "training_loss": ColumnKind("<f4", "nats", "mean cross-entropy at the end of training"),
}


def file_name(name: str) -> str:
    """The file that holds the table `name`."""
    return f"{name}.h5"


def rebuild_command(name: str) -> str:
    """What to type when a table cannot be used."""
    return f"build it again from the published file: python -m tables build {name} --source FILE --into FOLDER"


def to_json(info: TableInfo) -> str:
    """`info` as one line of JSON with sorted keys, the same bytes on every machine."""
    return json.dumps(asdict(info), sort_keys=True, separators=(",", ":"))


def from_json(text: str) -> TableInfo:
    """The inverse of `to_json`.

    Raises:
        KeyError, TypeError, ValueError: the text is not what `to_json` writes.
    """
    fields: dict[str, Any] = json.loads(text)
    return TableInfo(
        **{
            **fields,
            "measure": Measure(fields["measure"]),
            "slots": tuple(Slot(slot["name"], tuple(slot["choices"])) for slot in fields["slots"]),
            "origin": Origin(**fields["origin"]),
            "datasets": tuple(Dataset(**{**each, "shape": tuple(each["shape"])}) for each in fields["datasets"]),
        }
    )
