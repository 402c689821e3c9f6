"""The search side: look-ups, what it is not told, and files that are not what they should be."""

import json
import subprocess
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tables.errors import DamagedTable, InvalidArchitecture, TableError
from tables.source import Measure
from tables.storage import sha256
from tables.table import HeldOut, Table
from tests.tables.made_up import CELLS, CHANNEL, MACRO, architecture_of, build, published, published_bytes


def test_what_a_table_says_of_itself(macro: Path, cells: Path) -> None:
    table = Table.open(macro)
    assert (table.name, len(table), table.cardinalities) == ("nas-bench-macro", 27, (3, 3, 3))
    assert table.measure is Measure.TEST_ONLY
    assert table.info.origin == MACRO.origin
    assert table.info.slots == MACRO.space.slots
    assert table.info.source_sha256 == sha256(published_bytes(MACRO))
    assert table.digest == HeldOut.open(macro).info.digest != Table.open(cells).digest
    assert Table.open(cells).measure is Measure.VALIDATION


def test_every_architecture_is_found(macro: Path) -> None:
    table = Table.open(macro)
    assert table.runs is not None
    params, flops = table.column("params"), table.column("flops")
    assert params is not None
    assert flops is not None
    for key, entry in published(MACRO).items():
        architecture = architecture_of(key, MACRO)
        index = table.index_of(architecture)
        assert table.architecture_at(index) == architecture
        assert table.accuracy[index] == entry["mean_acc"]
        assert table.runs[index].tolist() == entry["test_acc"]
        assert (params[index], flops[index]) == (entry["params"], entry["flops"])


def test_indices_are_digits_in_mixed_radix(cells: Path) -> None:
    table = Table.open(cells)
    architectures = list(product(*map(range, table.cardinalities)))
    assert table.indices_of(architectures).tolist() == list(range(len(table)))
    assert table.architectures_at(np.arange(len(table))).tolist() == [list(each) for each in architectures]
    by_trial = np.array(architectures, dtype=np.uint8).reshape(4, 16, 6)
    assert table.indices_of(by_trial).shape == (4, 16)
    assert np.array_equal(table.architectures_at(table.indices_of(by_trial)), by_trial)
    assert table.indices_of(np.empty((0, 6), dtype=int)).shape == (0,)


def test_what_is_not_published_is_not_there(cells: Path) -> None:
    table = Table.open(cells)
    assert table.runs is None
    assert table.column("params") is None
    assert table.column("flops") is None


@pytest.mark.parametrize(
    ("architecture", "says"),
    [
        ((0, 0), "expected 3 whole numbers"),
        ((0, 0, 0, 0), "expected 3 whole numbers"),
        ((), "expected 3 whole numbers"),
        (0, "expected 3 whole numbers"),
        ("012", "expected 3 whole numbers"),
        ((0.0, 1.0, 2.0), "expected 3 whole numbers"),
        ((True, False, True), "expected 3 whole numbers"),
        ((0, 10**30, 0), "expected 3 whole numbers"),
        ((0, 3, 0), "Layer 2 expects a choice from 0 to 2, got 3"),
        ((0, 0, -1), "Layer 3 expects a choice from 0 to 2, got -1"),
        (
            np.array([2**64 - 1, 0, 0], dtype=np.uint64),
            "Layer 1 expects a choice from 0 to 2, got 18446744073709551615",
        ),
    ],
)
def test_foreign_architectures(macro: Path, architecture: Any, says: str) -> None:
    with pytest.raises(InvalidArchitecture, match=says):
        Table.open(macro).index_of(architecture)


@pytest.mark.parametrize("index", [-1, 27, 0.5, 10**30])
def test_foreign_indices(macro: Path, index: Any) -> None:
    with pytest.raises(InvalidArchitecture, match="indices from 0 to 26"):
        Table.open(macro).architecture_at(index)


def test_nothing_can_be_written(macro: Path) -> None:
    table = Table.open(macro)
    for array in (table.accuracy, table.runs, table.column("params")):
        assert array is not None
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    with h5py.File(macro, "r"):
        pass  # opening left no handle that would lock the file


def test_a_search_is_told_nothing_of_test(cells: Path, tmp_path: Path) -> None:
    """Poison the test figures in the file: the search side reads the same as before, the test side notices."""
    poisoned = tmp_path / cells.name
    poisoned.write_bytes(cells.read_bytes())
    with h5py.File(poisoned, "r+") as file:
        file["test"][()] = np.nan
        file["published_rank"][()] = -1
    clean, table = Table.open(cells), Table.open(poisoned)
    assert np.array_equal(clean.accuracy, table.accuracy)
    assert (table.runs, table.column("params"), table.digest) == (None, None, clean.digest)
    assert np.isfinite(table.accuracy).all()
    with pytest.raises(DamagedTable, match="dataset test"):
        HeldOut.open(poisoned)
    assert not [name for name in dir(table) if "test" in name or "rank" in name]


def test_other_test_figures_give_the_same_table(cells: Path, tmp_path: Path) -> None:
    entries = published(CELLS)
    for entry in entries.values():
        entry["test_acc_200"] = 0
    other = build(json.dumps(entries).encode(), CELLS, tmp_path)
    assert np.array_equal(Table.open(other).accuracy, Table.open(cells).accuracy)
    assert HeldOut.open(other).optimum == 0


def test_no_table_there(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="python -m reproduce fetch"):
        Table.open(tmp_path / "nas-bench-macro.h5")


def test_a_table_of_another_schema(macro: Path, tmp_path: Path) -> None:
    path = tmp_path / macro.name
    path.write_bytes(macro.read_bytes())
    with h5py.File(path, "r+") as file:
        about = json.dumps({**json.loads(file.attrs["about"]), "schema": 99}).encode()
        file.attrs["about"] = np.bytes_(about)
        file.attrs["digest"] = np.bytes_(sha256(about).encode())
    with pytest.raises(TableError, match=r"schema 99, this version reads 2; build it again"):
        Table.open(path)


@pytest.mark.parametrize("attribute", ["about", "digest"])
def test_a_table_that_claims_something_else(macro: Path, tmp_path: Path, attribute: str) -> None:
    path = tmp_path / macro.name
    path.write_bytes(macro.read_bytes())
    with h5py.File(path, "r+") as file:
        file.attrs[attribute] = np.bytes_(bytes(file.attrs[attribute]).replace(b"a", b"b"))
    with pytest.raises(DamagedTable, match="not what was built"):
        Table.open(path)


def test_a_truncated_table(macro: Path, tmp_path: Path) -> None:
    content = macro.read_bytes()
    path = tmp_path / macro.name
    for length in range(0, len(content), max(1, len(content) // 40)):
        path.write_bytes(content[:length])
        with pytest.raises(DamagedTable, match="python -m reproduce fetch"):
            Table.open(path)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_flipped_bits_are_noticed_or_harmless(macro: Path, tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(macro.read_bytes())
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path / macro.name
    path.write_bytes(content)
    try:
        table = Table.open(path)
    except TableError:
        return
    assert np.array_equal(table.accuracy, Table.open(macro).accuracy)


def test_nothing_lies_where_a_flipped_bit_makes_the_library_loop(macro: Path) -> None:
    assert b"GCOL" not in macro.read_bytes()  # HDF5's global heap has no checksum


def test_not_a_table(tmp_path: Path) -> None:
    text = tmp_path / "nas-bench-macro.h5"
    text.write_text("a,b,c\n")
    empty = tmp_path / "empty.h5"
    with h5py.File(empty, "w"):
        pass
    for path in (text, empty):
        with pytest.raises(DamagedTable, match="cannot be read as a table"):
            Table.open(path)
    with pytest.raises(TableError, match="got a folder; name a file"):
        Table.open(tmp_path)


def test_a_table_that_another_program_writes_is_in_use(macro: Path) -> None:  # e13
    hold = f"import h5py; held = h5py.File({str(macro)!r}, 'a'); print('open', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holding:
        assert holding.stdout is not None
        assert holding.stdout.readline() == b"open\n"
        with pytest.raises(TableError, match="is in use by another program that writes to it; close it there") as said:
            Table.open(macro)
        holding.communicate(b"\n", timeout=60)
    assert not isinstance(said.value, DamagedTable)
    assert len(Table.open(macro)) == 27


def test_costs_of_a_published_table(macro: Path, cells: Path) -> None:
    table = Table.open(macro)
    assert table.params is not None
    assert table.flops is not None
    assert table.params.shape == table.flops.shape == (27,)
    assert (Table.open(cells).params, Table.open(cells).flops) == (None, None)


def _about(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what a table says of itself, digest included."""
    with h5py.File(path, "r+") as file:
        about = json.loads(file.attrs["about"])
        change(about)
        text = json.dumps(about, sort_keys=True, separators=(",", ":")).encode()
        file.attrs["about"] = np.bytes_(text)
        file.attrs["digest"] = np.bytes_(sha256(text).encode())


@pytest.mark.parametrize(
    "change",
    [
        lambda about: about.update(datasets=[]),
        lambda about: about["datasets"][0].update(name="other"),
        lambda about: about["datasets"][0].update(shape=[10**12]),
        lambda about: about["datasets"][0].update(dtype="<f4"),
        lambda about: about["slots"].pop(),
        lambda about: about.update(slots=[]),
        lambda about: about.update(measure="guessed"),
    ],
)
def test_a_table_that_contradicts_itself(tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = build(published_bytes(MACRO), MACRO, tmp_path)
    _about(path, change)
    for open_half in (Table.open, HeldOut.open):
        with pytest.raises(DamagedTable):
            open_half(path)


def test_a_table_that_is_built_anew_while_open(tmp_path: Path) -> None:
    path = build(published_bytes(MACRO), MACRO, tmp_path)
    table = Table.open(path)
    build(published_bytes(MACRO, seed=1), MACRO, tmp_path)
    with pytest.raises(DamagedTable, match="open it again"):
        _ = table.runs


def test_a_digest_is_of_the_content(tmp_path: Path) -> None:
    built = [build(published_bytes(CHANNEL, seed), CHANNEL, tmp_path / f"{seed}") for seed in (0, 1)]
    again = build(published_bytes(CHANNEL), CHANNEL, tmp_path / "again")
    assert Table.open(built[0]).digest == Table.open(again).digest != Table.open(built[1]).digest
