"""HDF5 file of a table: written the same on every machine, whole or not at all, and verified on every read.

A table is one file, `NAME.h5`. Its datasets (`COLUMN_KINDS`) lie flat in the root, one row an architecture, in the
order of `Space.index_of`; where not every architecture has a row, `place` says which those of the rows are. Accuracies
that are equal at the table's resolution are one number in it (`tables.equality`). The root has two attributes:

    about    JSON (`TableInfo`): schema version, name, measure, slots with their choices, unit, resolution, origin,
             SHA-256 of the published file, and for every dataset its dtype, shape and SHA-256
    digest   SHA-256 of `about`, and so of everything in the file

So a reader checks what it reads and nothing else: a search that opens a table reads no test accuracy, not even to
verify the file. One attribute rather than fifteen, because HDF5 takes longer to read fifteen attributes than to read
all accuracies. Each dataset also carries its unit and meaning, for whoever opens it with another tool. Published
standard deviations are not kept: they follow from the runs (NAS-Bench-Macro divides by n, Channel-Bench-Macro by
n - 1).
"""

from __future__ import annotations

import hashlib
import io
import json
import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import h5py
import msgspec
import numpy as np
from h5py import h5f, h5fd, h5p
from numpy.typing import NDArray

from genius_replay import files
from tables.equality import RESOLUTION, settled
from tables.errors import DamagedTable, TableError
from tables.source import Measure, Origin, Source
from tables.space import Slot

SCHEMA_VERSION = 2
SIGNATURE = b"\x89HDF\r\n\x1a\n"  # begins every HDF5 file
REBUILD = (
    "build it again: `python -m reproduce fetch` does so for a published table, `python -m tables build FILE` for "
    "one of your own, and `git checkout tables/trained` brings what this project trained"
)


class ColumnKind(NamedTuple):
    """How a column is stored; `dtype` is little-endian on every machine, and so the bytes and digests are the same."""

    dtype: str
    unit: str
    meaning: str


COLUMN_KINDS: Mapping[str, ColumnKind] = {
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
    "place": ColumnKind("<i8", "index", "place of the row's architecture in its space, where not all have a row"),
}
"""What a table can hold, in the order of the file; the first two are in every table. Any other column is a `COST`."""

COST = ColumnKind("<f8", "as in the file", "a cost of the architecture, such as its latency")

SETTLED = ("accuracy", "test")  # what is searched and ranked by

Columns: TypeAlias = Mapping[str, NDArray[Any]]
"""Arrays by the names of `COLUMN_KINDS`, in dense order: (n,), or (n, runs) of single trainings."""


class Dataset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One dataset of a built table, as `about` lists it."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    sha256: str


class TableInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything a table says of itself."""

    schema: int
    name: str
    measure: Measure
    unit: str  # of every accuracy
    slots: tuple[Slot, ...]
    origin: Origin
    source_sha256: str  # of the published file this was built from
    datasets: tuple[Dataset, ...]
    remarks: tuple[str, ...] = ()  # what looks wrong and may be right
    resolution: float = RESOLUTION  # percentage points; closer accuracies are equal

    @property
    def json(self) -> str:
        """One line of JSON with sorted keys, the same bytes on every machine."""
        return json.dumps(msgspec.to_builtins(self), sort_keys=True, separators=(",", ":"))

    @property
    def digest(self) -> str:
        """The digest of the table: SHA-256 of all that it says of itself, and so of every dataset's SHA-256."""
        return sha256(self.json.encode())


def sha256(data: bytes | memoryview) -> str:
    """Hexadecimal SHA-256 of bytes, or of the bytes of an array that lies in C order."""
    return hashlib.sha256(data).hexdigest()


def build(source: Source, columns: Columns, content: bytes, folder: Path, *, compressed: bool = False) -> Path:
    """Write a table into `folder` and return its path. Equal arguments give equal files.

    Args:
        source: what the table says of its origin.
        columns: what it holds.
        content: what the columns were read from; its SHA-256 stands in the table.
        folder: made if it is not there.
        compressed: smaller and slower to open, for a table that is kept in git.

    Raises:
        TableError: the file could not be written; what was there before is untouched.
    """
    path = folder / f"{source.name}.h5"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files.write(path, _image(source, columns, sha256(content), compressed))
    except OSError as error:
        raise TableError(
            f"{source.name}: {path} could not be written ({error.strerror or error}), what was there before is "
            "untouched; make room or choose another folder, then build again"
        ) from error
    return path


def embedded(name: str) -> Path:
    """Where a table lies that this project trained and brings."""
    return Path(__file__).parent / "trained" / f"{name}.h5"


def load(path: Path, names: Collection[str] | None = None) -> tuple[TableInfo, dict[str, NDArray[Any]]]:
    """What the table at `path` says of itself, and its datasets `names` (None: all it has), verified and read-only.

    A name that the table does not have is left out of the result.

    Raises:
        DamagedTable: it is no table, or another than its digest says.
        TableError: it is not there, or of another schema.
    """
    try:
        with h5py.File(path, "r") as file:
            info = _info(file, path)
            present = [each for each in info.datasets if names is None or each.name in names]
            return info, {each.name: _column(file[each.name], each, path) for each in present}
    except FileNotFoundError:
        raise TableError(f"no table at {path}; {REBUILD}") from None
    except IsADirectoryError:
        raise TableError(f"{path}: expected a table, got a folder; name a file") from None
    except (OSError, RuntimeError, LookupError, TypeError, ValueError, AttributeError, MemoryError) as error:
        # Short files, foreign files, lost datasets and flipped bits come out of h5py as any of these.
        if isinstance(error, PermissionError):
            raise TableError(f"{path} may not be read; change its permissions") from error
        if "unable to lock file" in str(error):
            raise TableError(f"{path} is in use by another program that writes to it; close it there") from error
        raise DamagedTable(f"{path} cannot be read as a table ({error}); {REBUILD}") from error


def _image(source: Source, columns: Columns, source_sha256: str, compressed: bool) -> bytes:
    """The whole HDF5 file: a function of its arguments and of the HDF5 library, with no time and no place in it."""
    columns = {**columns, **{name: settled(columns[name]) for name in SETTLED if name in columns}}
    own = sorted(columns.keys() - COLUMN_KINDS.keys())
    kinds = {name: COLUMN_KINDS.get(name, COST) for name in (*filter(columns.__contains__, COLUMN_KINDS), *own)}
    stored = {name: np.ascontiguousarray(columns[name], dtype=kind.dtype) for name, kind in kinds.items()}
    datasets = (Dataset(name, array.dtype.str, array.shape, sha256(array.data)) for name, array in stored.items())
    info = TableInfo(
        schema=SCHEMA_VERSION,
        name=source.name,
        measure=source.measure,
        unit="percent",
        slots=source.space.slots,
        origin=source.origin,
        source_sha256=source_sha256,
        datasets=tuple(datasets),
        remarks=source.remarks,
    )
    creation, access = h5p.create(h5p.FILE_CREATE), h5p.create(h5p.FILE_ACCESS)
    creation.set_obj_track_times(False)  # of the root, which h5py can be told here alone
    access.set_fileobj_driver(h5fd.fileobj_driver, image := io.BytesIO())
    access.set_libver_bounds(h5f.LIBVER_V110, h5f.LIBVER_V110)
    with h5py.File(h5f.create(b"image", h5f.ACC_TRUNC, creation, access)) as file:
        _write_attribute(file, "about", info.json)
        _write_attribute(file, "digest", info.digest)
        for name, array in stored.items():
            # In one chunk and unshuffled, so that equal rows are found: what was trained as one has them.
            filters = {"compression": "gzip", "compression_opts": 9, "chunks": array.shape} if compressed else {}
            dataset = file.create_dataset(name, data=array, track_times=False, **filters)
            _write_attribute(dataset, "unit", kinds[name].unit)
            _write_attribute(dataset, "meaning", kinds[name].meaning)
    return image.getvalue()


def _write_attribute(place: h5py.HLObject, name: str, text: str) -> None:
    """Write text of fixed length: it lies in the object's header, which has a checksum.

    Text of any length would lie in HDF5's global heap, which has none: one flipped bit there makes the library loop for
    ever.
    """
    encoded = text.encode()
    place.attrs.create(name, encoded, dtype=h5py.string_dtype("utf-8", len(encoded)))


def _info(file: h5py.File, path: Path) -> TableInfo:
    """`about`, checked against `digest` and against the schema that this package reads."""
    about = bytes(file.attrs["about"]).decode()
    if sha256(about.encode()) != bytes(file.attrs["digest"]).decode():
        raise DamagedTable(f"{path}: what the table says of itself is not what was built; {REBUILD}")
    schema = json.loads(about).get("schema")
    if schema != SCHEMA_VERSION:
        raise TableError(f"{path} has schema {schema}, this version reads {SCHEMA_VERSION}; {REBUILD}")
    info = msgspec.json.decode(about, type=TableInfo)
    kinds = {each.name: COLUMN_KINDS.get(each.name, COST).dtype == each.dtype for each in info.datasets}
    placed = next((each.shape[0] for each in info.datasets if each.name == "place"), None)
    rows = math.prod(len(slot.choices) for slot in info.slots) if placed is None else placed
    if "accuracy" not in kinds or not all(kinds.values()) or any(each.shape[:1] != (rows,) for each in info.datasets):
        raise ValueError(f"expected accuracies of {rows} architectures and columns as {', '.join(COLUMN_KINDS)}")
    return info


def _column(stored: h5py.Dataset, expected: Dataset, path: Path) -> NDArray[Any]:
    same = (stored.dtype.str, stored.shape) == (expected.dtype, expected.shape)
    array: NDArray[Any] | None = stored[()] if same else None  # never more than was built
    if array is None or sha256(array.data) != expected.sha256:
        raise DamagedTable(f"{path}: dataset {expected.name} has another SHA-256 than when it was built; {REBUILD}")
    array.flags.writeable = False
    return array
