"""NAS-Bench-201's 15,625 cells on CIFAR-10, trained once more by others and shipped in the wheel `analog-nasbench`.

The wheel keeps its data as a pickle. It is read here by an unpickler that knows two names and nothing else, so no code
of the wheel runs and none that the file might ask for. One training a cell, and the wheel does not say on which data
the accuracy was measured; these numbers are not NAS-Bench-201's and never stand in for them.
"""

from __future__ import annotations

import io
import pickle  # a published file has this form; see `_TwoClasses`
from importlib import metadata
from pathlib import Path

import numpy as np

from tables.errors import SourceNotFound
from tables.schema import Columns, Measure, Origin, Source
from tables.sources.checking import dense_rows, percentage, refuse
from tables.sources.nas_bench_201 import CODEC, SLOTS

DISTRIBUTION, VERSION, DATA = "analog-nasbench", "0.1.3", "analognasbench/data.anb"

# The wheel's key k means edges (k0, k1, k3, k2, k4, k5) in the order of NAS-Bench-201, and its operation codes are
# these. Found by comparison with NAS-Bench-201's test accuracies: Pearson 0.9993, Spearman 0.991, no other near.
EDGE_ORDER = (0, 1, 3, 2, 4, 5)
OPERATIONS = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")


class _Record:
    """Stands in for either class of the wheel: a bag of fields."""


class _TwoClasses(pickle.Unpickler):
    """Unpickles built-in containers and numbers and `_Record`; everything else is refused."""

    def find_class(self, module: str, name: str) -> type[_Record]:
        if (module, name) in {("analognasbench.data", "Architecture"), ("analognasbench.data", "DriftMeasurement")}:
            return _Record
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which a table has no use for")


def installed_data() -> Path:
    """The data file of the installed wheel, found without importing it.

    Raises:
        SourceNotFound: not installed, or another version.
    """
    way_out = f"pip install '{DISTRIBUTION}=={VERSION}'"
    try:
        distribution = metadata.distribution(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        raise SourceNotFound(f"the wheel {DISTRIBUTION} {VERSION} is not installed: {way_out}") from None
    if distribution.version != VERSION:
        raise SourceNotFound(f"expected {DISTRIBUTION} {VERSION}, got {distribution.version}: {way_out}")
    return Path(str(distribution.locate_file(DATA)))


def read(data: bytes, source: Source) -> Columns:
    """`baseline_accuracy` of every cell; what the wheel says of analog hardware is left alone.

    Raises:
        MalformedSource: the pickle asks for anything but its two classes, or is not the whole benchmark.
    """
    try:
        cells = _TwoClasses(io.BytesIO(data)).load()
    except Exception as error:  # a damaged pickle can end in any exception
        refuse(source, f"not the pickle that the wheel ships ({error})")
    if not isinstance(cells, dict):
        refuse(source, f"expected a mapping of cells, got {type(cells).__name__}")
    accuracies = []
    for key, cell in cells.items():
        fields = vars(cell) if isinstance(cell, _Record) else {}
        if fields.get("architecture") != key:
            refuse(source, f"cell {key!r} does not name its own architecture")
        accuracies.append(percentage(fields.get("baseline_accuracy"), f"baseline_accuracy of {key}", source))
    rows = dense_rows([_published_string(key, source) for key in cells], source)
    dense = np.empty(len(rows))
    dense[rows] = accuracies
    return Columns(accuracy=dense, file_order=rows)


def _published_string(key: object, source: Source) -> str:
    """A key of the wheel in NAS-Bench-201's own notation."""
    codes = range(len(OPERATIONS))
    if not isinstance(key, tuple) or len(key) != len(EDGE_ORDER) or not all(type(c) is int and c in codes for c in key):
        refuse(source, f"key {key!r} is not six codes from 0 to {len(OPERATIONS) - 1}")
    operations = [OPERATIONS[key[position]] for position in EDGE_ORDER]
    choices = [slot.choices for slot in source.slots]
    if not all(operation in each for operation, each in zip(operations, choices, strict=True)):
        refuse(source, f"key {key!r} is not an architecture of this benchmark")
    return source.codec.encode(
        tuple(each.index(operation) for operation, each in zip(operations, choices, strict=True)), source.slots
    )


ANALOG_NASBENCH = Source(
    name="nas-bench-201-analog-cifar10",
    measure=Measure.NO_SPLIT,
    slots=SLOTS,
    origin=Origin(repository=f"PyPI {DISTRIBUTION}", revision=VERSION, path=DATA, licence="none stated in the wheel"),
    codec=CODEC,
    read=read,
)
