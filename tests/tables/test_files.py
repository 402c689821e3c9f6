"""Tables from files of every format: what people bring is read, or refused with what is expected instead."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from harness.spaces.nas_bench_201 import SPACE
from tables.errors import TableError
from tables.files import build, content
from tables.source import Measure
from tables.table import HeldOut, Table
from tests.tables.made_up import CELLS, CHANNEL, MACRO, Made, published, published_bytes

MINE = b"architecture,accuracy\n00,50\n01,60\n10,70\n11,80\n"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("mine.csv", MINE),
        ("mine.CSV", MINE),
        ("mine.tsv", MINE.replace(b",", b"\t")),
        ("mine.csv.gz", gzip.compress(MINE, mtime=0)),
        ("mine.csv", gzip.compress(MINE, mtime=0)),
    ],
)
def test_a_file_becomes_a_table(tmp_path: Path, name: str, data: bytes) -> None:  # d9
    (tmp_path / name).write_bytes(data)
    table = Table.open(build(tmp_path / name, tmp_path / "built"))
    assert (table.name, table.accuracy.tolist()) == ("mine", [50, 60, 70, 80])


@pytest.mark.parametrize(("source", "compress"), [(MACRO, False), (CHANNEL, True), (CELLS, False)])
def test_json_of_the_published_forms(tmp_path: Path, source: Made, compress: bool) -> None:  # d9
    data = published_bytes(source)
    path = tmp_path / ("mine.json.gz" if compress else "mine.json")
    path.write_bytes(gzip.compress(data, mtime=0) if compress else data)
    built = build(path, tmp_path / "built", [SPACE])
    table, held_out = Table.open(built), HeldOut.open(built)
    ranked = source is CELLS
    assert table.measure is (Measure.VALIDATION if ranked else Measure.TEST_ONLY)
    assert (table.runs is None, table.params is None, table.flops is None) == (ranked,) * 3
    told, test = ("val_acc_200", "test_acc_200") if ranked else ("mean_acc" if source is MACRO else "mean",) * 2
    for row, entry in enumerate(published(source)[key] for key in sorted(published(source))):
        assert table.accuracy[row] == pytest.approx(entry[told])
        assert held_out.test[row] == pytest.approx(entry[test])


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("mine.json", b"[1]", "expected a JSON object of architectures, got list"),
        ("mine.json", b"{}", "each an object with test_acc, mean_acc or acc, mean or val_acc_200"),
        ("mine.json", b'{"00": 50}', "each an object with test_acc"),
        ("mine.json", b"[" * 100_000, "not whole JSON"),
        ("mine.json", MINE, "not whole JSON"),
        ("mine.json", published_bytes(MACRO).replace(b'"012"', b'"0-1-2"'), "expected 3 symbols as in"),
        ("mine.json", published_bytes(MACRO).replace(b'"012"', b'"(0, 1, 1)"'), "'011' is there already"),
        ("mine.csv.gz", gzip.compress(MINE, mtime=0)[:-9], "expected a whole gzip file"),
        ("mine.csv.gz", b"\x1f\x8bnonsense", "expected a whole gzip file"),
        ("mine.xlsx", b"PK", "expected a CSV file .* got '.xlsx'"),
        ("mine", MINE, "got 'no suffix'"),
        ("mine.csv", b"\x89HDF\r\n\x1a\n", "UTF-8"),
        ("table.bin", b"\x89HDF\r\n\x1a\n", "got a built table already"),
        ("mine.json", b"\xff\xfe\x00", "not whole JSON"),
    ],
)
def test_other_files_are_refused_by_their_path(tmp_path: Path, name: str, data: bytes, says: str) -> None:  # d9
    (tmp_path / name).write_bytes(data)
    with pytest.raises(TableError, match=says) as refusal:
        build(tmp_path / name, tmp_path / "built")
    assert str(refusal.value).startswith(str(tmp_path / name))


def test_fractions_in_json_are_refused(tmp_path: Path) -> None:  # d6
    entries = published(CELLS)
    for entry in entries.values():
        entry["test_acc_200"] /= 100
    (tmp_path / "mine.json").write_text(json.dumps(entries))
    with pytest.raises(TableError, match="no test accuracy is above 1"):
        build(tmp_path / "mine.json", tmp_path)


def test_a_folder_and_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="got a folder; name a file"):
        content(tmp_path)
    with pytest.raises(TableError, match="No such file or directory"):
        content(tmp_path / "absent.csv")
