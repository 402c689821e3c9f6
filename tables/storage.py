"""HDF5 bytes of a table: written the same on every machine, verified on every read.

`about` holds the SHA-256 of every dataset and `digest` that of `about`, so a reader checks what it reads and nothing
else: a search that opens a table reads no test accuracy, not even to verify the file.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from tables.errors import DamagedTable, SchemaMismatch, TableNotFound, WrongDigest
from tables.schema import (
    COLUMN_KINDS,
    SCHEMA_VERSION,
    Columns,
    Dataset,
    Source,
    TableInfo,
    from_json,
    rebuild_command,
    to_json,
)


def sha256(data: bytes | memoryview) -> str:
    """Hexadecimal SHA-256 of bytes, or of the bytes of an array that lies in C order."""
    return hashlib.sha256(data).hexdigest()


def digest_of(info: TableInfo) -> str:
    """The digest of a table: SHA-256 of all that it says of itself, which includes the SHA-256 of every dataset."""
    return sha256(to_json(info).encode())


def table_bytes(columns: Columns, source: Source, source_sha256: str) -> bytes:
    """The whole HDF5 file: a function of its arguments and of the HDF5 library, with no time and no place in it."""
    stored = {
        name: np.ascontiguousarray(getattr(columns, name), dtype=kind.dtype)
        for name, kind in COLUMN_KINDS.items()
        if getattr(columns, name) is not None
    }
    info = TableInfo(
        schema=SCHEMA_VERSION,
        name=source.name,
        measure=source.measure,
        unit="percent",
        slots=source.slots,
        origin=source.origin,
        source_sha256=source_sha256,
        datasets=tuple(
            Dataset(name, array.dtype.str, array.shape, sha256(array.data)) for name, array in stored.items()
        ),
    )
    image = io.BytesIO()
    with h5py.File(image, "w", libver=("v110", "v110")) as file:
        _write_attribute(file, "about", to_json(info))
        _write_attribute(file, "digest", digest_of(info))
        for name, array in stored.items():
            # In one chunk and unshuffled, so that equal rows are found: what was trained as one has them.
            filters = {"compression": "gzip", "compression_opts": 9, "chunks": array.shape} if source.compressed else {}
            dataset = file.create_dataset(name, data=array, track_times=False, **filters)
            _write_attribute(dataset, "unit", COLUMN_KINDS[name].unit)
            _write_attribute(dataset, "meaning", COLUMN_KINDS[name].meaning)
    return image.getvalue()


def _write_attribute(place: h5py.HLObject, name: str, text: str) -> None:
    """Write text of fixed length: it lies in the object's header, which has a checksum.

    Text of any length would lie in HDF5's global heap, which has none: one flipped bit there makes the library loop for
    ever.
    """
    encoded = text.encode()
    place.attrs.create(name, encoded, dtype=h5py.string_dtype("utf-8", len(encoded)))


def load(path: Path, names: Sequence[str] | None = None) -> tuple[TableInfo, dict[str, NDArray[Any]]]:
    """What the table at `path` says of itself, and its datasets `names` (None: all it has), verified and read-only.

    A name that the table does not have is left out of the result.

    Raises:
        TableNotFound, DamagedTable, SchemaMismatch, WrongDigest: see `tables.errors`.
    """
    try:
        with h5py.File(path, "r") as file:
            info = _info(file, path)
            present = [each for each in info.datasets if names is None or each.name in names]
            return info, {each.name: _column(file[each.name][()], each, path, info.name) for each in present}
    except FileNotFoundError:
        raise TableNotFound(f"no table at {path}; {rebuild_command(path.stem)}") from None
    except (OSError, RuntimeError, LookupError, TypeError, ValueError, AttributeError) as error:
        # Short files, foreign files, lost datasets and flipped bits come out of h5py as any of these.
        raise DamagedTable(f"{path} cannot be read as a table ({error}); {rebuild_command(path.stem)}") from error


def _info(file: h5py.File, path: Path) -> TableInfo:
    """`about`, checked against `digest` and against the schema that this package reads."""
    about = bytes(file.attrs["about"]).decode()
    if sha256(about.encode()) != bytes(file.attrs["digest"]).decode():
        raise WrongDigest(f"{path}: what the table says of itself is not what was built; {rebuild_command(path.stem)}")
    schema = json.loads(about).get("schema")
    if schema != SCHEMA_VERSION:
        raise SchemaMismatch(
            f"{path} has schema {schema}, this version reads {SCHEMA_VERSION}; {rebuild_command(path.stem)}"
        )
    return from_json(about)


def _column(array: NDArray[Any], expected: Dataset, path: Path, name: str) -> NDArray[Any]:
    if (array.dtype.str, array.shape, sha256(array.data)) != (expected.dtype, expected.shape, expected.sha256):
        raise WrongDigest(
            f"{path}: dataset {expected.name} has another SHA-256 than when it was built; {rebuild_command(name)}"
        )
    array.flags.writeable = False
    return array
