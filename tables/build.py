"""Published file → HDF5 table, whole or not at all: an interrupted build leaves what was there before."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tables.errors import BuildFailed
from tables.schema import Source, file_name
from tables.sources.channel_bench import CHANNEL_BENCH_MOBILENET, CHANNEL_BENCH_RESNET
from tables.sources.nas_bench_201 import NAS_BENCH_201_CIFAR10, NAS_BENCH_201_CIFAR100, NAS_BENCH_201_IMAGENET
from tables.sources.nas_bench_macro import NAS_BENCH_MACRO
from tables.storage import sha256, table_bytes

SOURCES = {
    source.name: source
    for source in (
        NAS_BENCH_MACRO,
        CHANNEL_BENCH_RESNET,
        CHANNEL_BENCH_MOBILENET,
        NAS_BENCH_201_CIFAR10,
        NAS_BENCH_201_CIFAR100,
        NAS_BENCH_201_IMAGENET,
    )
}


def build(source_bytes: bytes, source: Source, folder: Path) -> Path:
    """Build the table of `source` in `folder` and return its path. The same bytes give the same file.

    Raises:
        MalformedSource: the published file is not what it should be; nothing is written.
        BuildFailed: the file could not be written; what was there before is untouched.
    """
    columns = source.read(source_bytes, source)
    path = folder / file_name(source.name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _replace(path, table_bytes(columns, source, sha256(source_bytes)))
    except OSError as error:
        raise BuildFailed(
            f"{source.name}: {path} could not be written ({error.strerror or error}), what was there before is "
            "untouched; make room or choose another folder, then build again"
        ) from error
    return path


def _replace(path: Path, content: bytes) -> None:
    """Give `path` this content in one step that a crash cannot halve."""
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)  # mkstemp's 0600 would hide a shared table from others
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
