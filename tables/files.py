"""A table of one's own, from whatever file it is in: CSV, JSON of a published form, each gzipped or not."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable
from pathlib import Path

from tables import csv, published, storage
from tables.errors import TableError
from tables.space import Space

READERS = {".csv": csv.read, ".tsv": csv.read, ".json": published.read}
HDF5 = (".h5", ".hdf5")
EXPECTED = "a CSV file (.csv, .tsv), JSON of a published form (.json), each also gzipped (.gz), or a built table (.h5)"
LARGEST = 2**30
"""Bytes of a file, also of what a gzipped one holds."""


def build(path: Path, folder: Path, spaces: Iterable[Space] = (), space: Space | None = None) -> Path:
    """The table of the file at `path`, written into a folder and named after the file; returns where it is.

    Args:
        path: a CSV file (`tables.csv`), or JSON as GENIUS and the authors of its benchmarks publish it.
        folder: made if it is not there.
        spaces: that are declared, whose own keys the file may have (`tables.own`).
        space: that the table is of, whatever the file shows.

    Raises:
        TableError: the file cannot be read or is no complete table, or the table cannot be written.
    """
    name = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    data = content(path)
    if (reader := READERS.get(suffix_of(path))) is None:
        built = "a built table already" if data.startswith(storage.SIGNATURE) else f"{path.suffix or 'no suffix'!r}"
        raise TableError(f"{path}: expected {EXPECTED}, got {built}; name the file by what it holds")
    return storage.build(*reader(data, name.stem, space, spaces=spaces, place=str(path)), data, folder)


def suffix_of(path: Path) -> str:
    """The suffix, in small letters, of what a file holds: that before .gz."""
    return (path.with_suffix("") if path.suffix.lower() == ".gz" else path).suffix.lower()


def content(path: Path) -> bytes:
    """What the file at `path` holds; of a gzipped one, what it holds unpacked.

    Raises:
        TableError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise TableError(f"{path}: expected a whole gzip file ({error}); pack it anew") from error
    except IsADirectoryError:
        raise TableError(f"{path}: expected {EXPECTED}, got a folder; name a file") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise TableError(f"{path}: {why}; name a CSV file that can be read, or one of JSON or HDF5") from error
    if len(data) > LARGEST:
        raise TableError(f"{path}: expected at most {LARGEST:,} bytes; a table of so many rows cannot be searched here")
    return data
