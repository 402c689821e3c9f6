"""Readers: codecs both ways, every number where it belongs, and nothing accepted that a benchmark does not publish."""

import json
import os
import pickle
import sys
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

from tables.build import SOURCES
from tables.errors import MalformedSource, SourceNotFound
from tables.schema import Source, cardinalities
from tables.sources import analog_nasbench, channel_bench, nas_bench_201, nas_bench_macro
from tests.tables.made_up import (
    ANALOG,
    CELLS,
    CHANNEL,
    MACRO,
    Entry,
    analog_cells,
    analog_pickle,
    architecture_of,
    published,
    published_bytes,
)

JSON_SOURCES = pytest.mark.parametrize("source", [MACRO, CHANNEL, CELLS], ids=lambda source: source.name)


def test_declared_sizes() -> None:
    sizes = {name: int(np.prod(cardinalities(source.slots))) for name, source in SOURCES.items()}
    assert sizes == {
        "nas-bench-macro": 6561,
        "channel-bench-resnet": 16384,
        "channel-bench-mobilenet": 16384,
        "nas-bench-201-cifar10": 15625,
        "nas-bench-201-cifar100": 15625,
        "nas-bench-201-imagenet16-120": 15625,
        "nas-bench-201-analog-cifar10": 15625,
    }


@pytest.mark.parametrize(
    ("source", "key", "architecture"),
    [
        (nas_bench_macro.NAS_BENCH_MACRO, "02012100", (0, 2, 0, 1, 2, 1, 0, 0)),
        (channel_bench.CHANNEL_BENCH_MOBILENET, "4432214", (3, 3, 2, 1, 1, 0, 3)),
        (
            nas_bench_201.NAS_BENCH_201_CIFAR10,
            "|nor_conv_1x1~0|+|skip_connect~0|avg_pool_3x3~1|+|nor_conv_3x3~0|none~1|nor_conv_1x1~2|",
            (2, 1, 4, 3, 0, 2),
        ),
    ],
)
def test_native_keys(source: Source, key: str, architecture: tuple[int, ...]) -> None:
    assert source.codec.decode(key, source.slots) == architecture
    assert source.codec.encode(architecture, source.slots) == key


@pytest.mark.parametrize("source", list(SOURCES.values())[:4], ids=lambda source: source.name)
def test_every_key_decodes_to_what_it_encodes(source: Source) -> None:
    for architecture in product(*map(range, cardinalities(source.slots))):
        assert architecture_of(source.codec.encode(architecture, source.slots), source) == architecture


@JSON_SOURCES
def test_every_published_number_is_in_its_row(source: Source) -> None:
    entries = published(source)
    columns = source.read(json.dumps(entries).encode(), source)
    names = {
        "accuracy": ("val_acc_200", "mean_acc", "mean"),
        "runs": ("test_acc", "acc"),
        "params": ("params",),
        "flops": ("flops",),
        "test": ("test_acc_200",),
        "published_rank": ("rank",),
    }
    for position, (key, entry) in enumerate(entries.items()):
        row = int(np.ravel_multi_index(architecture_of(key, source), cardinalities(source.slots)))
        assert columns.file_order[position] == row
        for column, fields in names.items():
            array = getattr(columns, column)
            expected = [entry[field] for field in fields if field in entry]
            assert (array is None) == (not expected)
            if expected:
                assert array[row].tolist() == expected[0]


def _set(field: str, value: Any) -> Callable[[dict[str, Entry], str], None]:
    def change(entries: dict[str, Entry], key: str) -> None:
        entries[key][field] = value

    return change


def _drop(entries: dict[str, Entry], key: str) -> None:
    del entries[key]


def _drop_field(entries: dict[str, Entry], key: str) -> None:
    del entries[key]["val_acc_200"]


def _extra_key(entries: dict[str, Entry], key: str) -> None:
    entries[key.replace("none", "nor_conv_3x3")] = entries[key]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_drop, "is missing"),
        (_drop_field, "expected the fields"),
        (_extra_key, "not an architecture"),
        (_set("val_acc_200", float("nan")), "NaN where a number"),
        (_set("val_acc_200", float("inf")), "Infinity where a number"),
        (_set("val_acc_200", 100.5), "expected a number from 0 to 100"),
        (_set("val_acc_200", -0.1), "expected a number from 0 to 100"),
        (_set("val_acc_200", "91.0"), "expected a number from 0 to 100"),
        (_set("val_acc_200", True), "expected a number from 0 to 100"),
        (_set("val_acc_200", None), "expected a number from 0 to 100"),
        (_set("surplus", 1), "expected the fields"),
        (_set("rank", 2.0), "expected a positive integer"),
        (_set("rank", 10**30), "expected a positive integer"),
        (_set("rank", 999), "every number from 1 to 64 once"),
        (_set("test_acc_200", 1.0), "does not order"),
    ],
)
def test_a_changed_entry_is_refused(change: Callable[[dict[str, Entry], str], None], says: str) -> None:
    entries = published(CELLS)
    change(entries, "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|")
    with pytest.raises(MalformedSource, match=says) as refusal:
        CELLS.read(json.dumps(entries).encode(), CELLS)
    assert "fetch benchmark/nasbench201_cifar10.json again" in str(refusal.value)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("acc", [90.0, 91.0], "a list of 3 accuracies"),
        ("acc", [90.0, 91.0, 101.0], "expected a number from 0 to 100"),
        ("std", "0.1", "expected a number from 0 to 100"),
        ("mean", 12.5, "its runs average to"),
        ("params", 0, "expected a positive integer"),
        ("flops", 1.5, "expected a positive integer"),
    ],
)
def test_a_changed_training_is_refused(field: str, value: Any, says: str) -> None:
    entries = published(CHANNEL)
    entries["14"][field] = value
    with pytest.raises(MalformedSource, match=says) as refusal:
        CHANNEL.read(json.dumps(entries).encode(), CHANNEL)
    assert "14" in str(refusal.value)


@JSON_SOURCES
def test_a_key_twice_is_refused_by_name(source: Source) -> None:
    text = published_bytes(source).decode()
    key = next(iter(json.loads(text)))
    doubled = text[:-1] + f', "{key}": 0}}'
    with pytest.raises(MalformedSource, match="is there twice") as refusal:
        source.read(doubled.encode(), source)
    assert repr(key) in str(refusal.value)


@JSON_SOURCES
@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"null", b"\xff\xfe", b"[" * 100_000, b'{"a": 1}'])
def test_another_file_is_refused(source: Source, data: bytes) -> None:
    with pytest.raises(MalformedSource):
        source.read(data, source)


@JSON_SOURCES
def test_a_truncated_file_is_refused_wherever_it_ends(source: Source) -> None:
    data = published_bytes(source)
    for length in range(0, len(data), max(1, len(data) // 50)):
        with pytest.raises(MalformedSource, match="not whole JSON"):
            source.read(data[:length], source)


@pytest.mark.parametrize("key", ["000 ", "0003", "00", "００0", "²00", "-10", "+00"])
def test_keys_that_look_like_digits(key: str) -> None:
    assert MACRO.codec.decode(key, MACRO.slots) is None


def test_analog_cells_are_in_the_order_of_nas_bench_201(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = ANALOG.read(analog_pickle(monkeypatch), ANALOG)
    assert columns.test is None
    for (k0, k1, k2, k3, k4, k5), accuracy in analog_cells().items():
        # Code 0 is skip_connect (choice 1) and code 1 is none (choice 0); the third and fourth edge change places.
        architecture = tuple(1 - code for code in (k0, k1, k3, k2, k4, k5))
        assert columns.accuracy[np.ravel_multi_index(architecture, (2,) * 6)] == accuracy


def test_analog_data_cannot_run_code() -> None:
    class Malicious:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.system, ("exit 1",)

    with pytest.raises(MalformedSource, match=r"it asks for \w+\.system"):
        ANALOG.read(pickle.dumps({(0,) * 6: Malicious()}), ANALOG)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda cells: cells.pop((0,) * 6), "is missing"),
        (lambda cells: cells.update({(4,) * 6: cells.pop((0,) * 6)}), "does not name its own"),
        (lambda cells: cells.update({(0,) * 6: 91.0}), "does not name its own"),
        (
            lambda cells: vars(cells[0, 0, 0, 0, 0, 0]).update(baseline_accuracy=float("nan")),
            "expected a number from 0 to 100",
        ),
        (lambda cells: vars(cells[0, 0, 0, 0, 0, 0]).pop("baseline_accuracy"), "expected a number from 0 to 100"),
    ],
)
def test_changed_analog_data_is_refused(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[dict[Any, Any]], None], says: str
) -> None:
    with pytest.raises(MalformedSource, match=says):
        ANALOG.read(analog_pickle(monkeypatch, change), ANALOG)


@pytest.mark.parametrize("key", [(0,) * 5, (0, 0, 0, 0, 0, 5), (True,) * 6, "000000", (4,) * 6])
def test_a_foreign_analog_key_is_refused(monkeypatch: pytest.MonkeyPatch, key: Any) -> None:
    def rename(cells: dict[Any, Any]) -> None:
        cell = cells.pop((1,) * 6)
        vars(cell).update(architecture=key)
        cells[key] = cell

    with pytest.raises(MalformedSource, match="key"):
        ANALOG.read(analog_pickle(monkeypatch, rename), ANALOG)


@pytest.mark.parametrize("data", [b"", b"\x80\x04]\x94.", b"not a pickle", b"\x80\x04}\x94"])
def test_another_pickle_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedSource):
        ANALOG.read(data, ANALOG)


def test_the_wheel_is_found_without_importing_it(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(SourceNotFound, match=r"pip install 'analog-nasbench==0\.1\.3'"):
        analog_nasbench.installed_data()
    for version in ("0.1.2", "0.1.3"):
        described = tmp_path / "analog_nasbench-0.dist-info"
        described.mkdir(exist_ok=True)
        (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: analog-nasbench\nVersion: {version}\n")
        if version == "0.1.2":
            with pytest.raises(SourceNotFound, match=r"expected analog-nasbench 0\.1\.3, got 0\.1\.2"):
                analog_nasbench.installed_data()
    assert analog_nasbench.installed_data() == tmp_path / "analognasbench" / "data.anb"
    assert "analognasbench" not in sys.modules
