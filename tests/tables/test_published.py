"""Readers of published files: every number where it belongs, and nothing accepted that a benchmark does not publish."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tables.errors import InvalidArchitecture, TableError
from tests.tables.made_up import (
    CELLS,
    CHANNEL,
    MACRO,
    Entry,
    Made,
    architecture_of,
    published,
    published_bytes,
    read,
)

JSON_SOURCES = pytest.mark.parametrize("source", [MACRO, CHANNEL, CELLS], ids=lambda source: source.name)


@JSON_SOURCES
def test_every_published_number_is_in_its_row(source: Made) -> None:
    entries = published(source)
    columns = read(json.dumps(entries).encode(), source)
    names = {
        "accuracy": ("val_acc_200", "mean_acc", "mean"),
        "runs": ("test_acc", "acc"),
        "params": ("params",),
        "flops": ("flops",),
        "test": ("test_acc_200",),
        "published_rank": ("rank",),
    }
    for position, (key, entry) in enumerate(entries.items()):
        row = source.space.index_of(architecture_of(key, source))
        assert columns["file_order"][position] == row
        for column, fields in names.items():
            expected = [entry[field] for field in fields if field in entry]
            assert (column in columns) == bool(expected)
            if expected:
                assert columns[column][row].tolist() == expected[0]


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
    with pytest.raises(TableError, match=says) as refusal:
        read(json.dumps(entries).encode(), CELLS)
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
    with pytest.raises(TableError, match=says) as refusal:
        read(json.dumps(entries).encode(), CHANNEL)
    assert "14" in str(refusal.value)


@JSON_SOURCES
def test_a_key_twice_is_refused_by_name(source: Made) -> None:
    text = published_bytes(source).decode()
    key = next(iter(json.loads(text)))
    doubled = text[:-1] + f', "{key}": 0}}'
    with pytest.raises(TableError, match="is there twice") as refusal:
        read(doubled.encode(), source)
    assert repr(key) in str(refusal.value)


@JSON_SOURCES
@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"null", b"\xff\xfe", b"[" * 100_000, b'{"a": 1}'])
def test_another_file_is_refused(source: Made, data: bytes) -> None:
    with pytest.raises(TableError):
        read(data, source)


@JSON_SOURCES
def test_a_truncated_file_is_refused_wherever_it_ends(source: Made) -> None:
    data = published_bytes(source)
    for length in range(0, len(data), max(1, len(data) // 50)):
        with pytest.raises(TableError, match="not whole JSON"):
            read(data[:length], source)


@pytest.mark.parametrize("key", ["000 ", "0003", "00", "００0", "²00", "-10", "+00"])
def test_keys_that_look_like_digits(key: str) -> None:
    with pytest.raises(InvalidArchitecture):
        architecture_of(key, MACRO)
