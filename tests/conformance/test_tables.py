"""Every table holds every property: of each format with made-up numbers, and the published ones where they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.conformance.methods import UNEVEN, Property, table_of
from harness.conformance.spaces import OF_TABLES
from reproduce.benchmarks import BENCHMARKS, open_benchmark
from tables.table import Table
from tests.tables.made_up import CELLS, CHANNEL, MACRO, Made, build, published_bytes

PROPERTIES = pytest.mark.parametrize("holds", OF_TABLES, ids=lambda holds: holds.__name__)


@PROPERTIES
@pytest.mark.parametrize("source", [MACRO, CHANNEL, CELLS], ids=lambda source: source.name)
def test_made_up_table(source: Made, holds: Property[Table], tmp_path: Path) -> None:
    assert holds(Table.open(build(published_bytes(source), source, tmp_path))) is None


@PROPERTIES
def test_table_from_a_csv_file(holds: Property[Table]) -> None:
    assert holds(table_of(UNEVEN)) is None


@PROPERTIES
@pytest.mark.parametrize("name", BENCHMARKS)
def test_published_table(name: str, holds: Property[Table], fetched: Path) -> None:
    assert holds(open_benchmark(name).table) is None
