"""A table from a CSV file: every way to write an architecture, and every way in which a file can be wrong."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tables.csv import read
from tables.errors import TableError
from tables.source import Measure
from tables.space import Group, Notation, Slot, Space
from tables.storage import build
from tables.table import HeldOut, Table

WITH_TEST = b"""architecture,accuracy,test
01,73,72.75
00,71.25,70.5
11,74.25,73
10,70.5,69.5
"""


def test_a_file_becomes_a_table(tmp_path: Path) -> None:
    path = build(*read(WITH_TEST, "mine"), WITH_TEST, tmp_path)
    table, held_out = Table.open(path), HeldOut.open(path)
    assert (table.name, table.measure, table.cardinalities) == ("mine", Measure.VALIDATION, (2, 2))
    assert table.accuracy.tolist() == [71.25, 73, 70.5, 74.25]
    assert held_out.test.tolist() == [70.5, 72.75, 69.5, 73]
    assert path.name == "mine.h5"


def test_without_test_accuracies_the_table_says_that_there_is_no_split(tmp_path: Path) -> None:
    data = b"architecture,accuracy\n0,50\n1,60\n"
    table = Table.open(build(*read(data, "mine"), data, tmp_path))
    assert table.measure is Measure.NO_SPLIT
    assert table.accuracy.tolist() == [50, 60]


@pytest.mark.parametrize(
    ("written", "choices"),
    [
        (("03", "04", "13", "14"), (("0", "1"), ("3", "4"))),
        (('"0, 9"', '"0, 10"', '"1, 9"', '"1, 10"'), (("0", "1"), ("9", "10"))),
        (('"[0, 9]"', '"[0, 10]"', '"[1, 9]"', '"[1, 10]"'), (("0", "1"), ("9", "10"))),
        (("a;x", "a;y", "b;x", "b;y"), (("a", "b"), ("x", "y"))),
        (("conv 8", "conv 16", "skip 8", "skip 16"), (("conv", "skip"), ("8", "16"))),
    ],
)
def test_every_way_to_write_an_architecture(written: tuple[str, ...], choices: tuple[tuple[str, ...], ...]) -> None:
    data = "\n".join(["architecture,accuracy", *(f"{each},{50 + n}" for n, each in enumerate(written))]).encode()
    source, columns = read(data, "mine")
    assert source.space.slots == (Slot("Slot 1", choices[0]), Slot("Slot 2", choices[1]))
    assert columns["accuracy"].tolist() == [50, 51, 52, 53]
    for architecture in product(range(2), repeat=2):
        assert source.space.from_native(source.space.to_native(architecture)) == architecture


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_the_order_of_the_lines_does_not_matter(data: st.DataObject) -> None:
    counts = data.draw(st.lists(st.integers(2, 4), min_size=1, max_size=4))
    architectures = list(product(*map(range, counts)))
    accuracies = data.draw(
        st.lists(st.floats(2, 100), min_size=len(architectures), max_size=len(architectures)), label="accuracies"
    )
    lines = [
        f"{' '.join(map(str, each))} ,{accuracy!r}" for each, accuracy in zip(architectures, accuracies, strict=True)
    ]
    order = data.draw(st.permutations(range(len(lines))))
    text = "\r\n".join(["architecture, accuracy", *(lines[row] for row in order)]).encode("utf-8-sig")
    source, columns = read(text, "mine")
    assert source.space.cardinalities == tuple(counts)
    assert columns["accuracy"].tolist() == accuracies
    assert columns["file_order"].tolist() == order
    assert "test" not in columns


def _space(*choices: str, first_symbol: int = 0) -> Space:
    slots = tuple(Slot(f"Layer {n}", tuple(each.split())) for n, each in enumerate(choices, start=1))
    return Space("two", "Two", (Group("All", slots),), first_symbol, notation=Notation("{}-{}", names=not first_symbol))


def test_a_space_gives_choices_their_order() -> None:
    source, columns = read(WITH_TEST, "mine", space := _space("1 0", "0 1"))
    assert source.space is space
    assert columns["accuracy"].tolist() == [70.5, 74.25, 71.25, 73]


@pytest.mark.parametrize("written", ["1-1 1-2 2-1 2-2", "11 12 21 22", "1;1 1;2 2;1 2;2"])
def test_a_space_reads_its_own_keys_and_its_symbols(written: str) -> None:
    data = "\n".join(["architecture,accuracy", *(f"{each},{50 + n}" for n, each in enumerate(written.split()))])
    source, columns = read(data.encode(), "mine", _space("small large", "small large", first_symbol=1))
    assert columns["accuracy"].tolist() == [50, 51, 52, 53]
    assert source.space.slots[0].choices == ("small", "large")


def test_a_space_tells_what_an_incomplete_file_lacks() -> None:
    with pytest.raises(TableError, match="2 of 6 architectures are missing, the first is '0-2'"):
        read(WITH_TEST, "mine", _space("0 1", "0 1 2"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "line 1: expected the header architecture,accuracy or architecture,accuracy,test, got ''"),
        ("00,50\n", "line 1: expected the header .* got '00,50'"),
        ("architecture,accuracy\n", "line 1: expected a line for every architecture, got none"),
        ("architecture,accuracy\n0,50\n1\n", "line 3: expected 2 entries, got 1"),
        ("architecture,accuracy\n0,1,50\n", "line 2: expected 2 entries, got 3; .* has to stand in quotes"),
        ("architecture,accuracy,test\n0,50\n", "line 2: expected 3 entries, got 2"),
        ("architecture,accuracy\n0,50\n1,nan\n", "line 3: expected an accuracy from 0 to 100, got 'nan'"),
        ("architecture,accuracy\n0,50\n1,inf\n", "line 3: expected an accuracy from 0 to 100, got 'inf'"),
        ("architecture,accuracy\n0,50\n1,101\n", "line 3: expected an accuracy from 0 to 100, got '101'"),
        ("architecture,accuracy\n0,50\n1,-1\n", "line 3: expected an accuracy from 0 to 100, got '-1'"),
        ("architecture,accuracy\n0,50\n1,good\n", "line 3: expected an accuracy from 0 to 100, got 'good'"),
        ("architecture,accuracy\n0,50\n1,\n", "line 3: expected an accuracy from 0 to 100, got ''"),
        ("architecture,accuracy,test\n0,50,60\n1,50,\n", "line 3: expected an accuracy from 0 to 100, got ''"),
        ("architecture,accuracy\n0,0.5\n1,0.6\n", "line 2: no accuracy is above 1.*multiply them by 100"),
        ("architecture,accuracy\n00,50\n0,60\n", "line 3: expected 2 symbols as in line 2, got 1"),
        ('architecture,accuracy\n"",50\n', "line 2: expected 1 symbols as in line 2, got 0"),
        ("architecture,accuracy\n00,50\n01,60\n", "line 2: symbol 1 is '0' in every line.*leave it out"),
        ("architecture,accuracy\n0,50\n\n1,60\n0,50\n", "line 5: '0' is there already, in line 2"),
        ("architecture,accuracy\n00,50\n01,60\n10,70\n", "1 of 4 architectures are missing, the first is '11'"),
        ('architecture,accuracy\n"0,50\n', "line 2: not CSV"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_the_line(text: str, says: str) -> None:
    with pytest.raises(TableError, match=f"^mine(, |: ){says}"):
        read(text.encode(), "mine")


def test_a_sparse_file_of_a_huge_space_is_refused_at_once() -> None:
    lines = [" ".join([str(n)] * 30) + ",50" for n in range(7)]
    data = "\n".join(["architecture,accuracy", *lines]).encode()
    with pytest.raises(TableError, match=f"{7**30 - 7} of {7**30} architectures are missing"):
        read(data, "mine")


def test_what_a_space_does_not_offer_is_refused_with_the_line() -> None:
    says = r"line 4: no architecture of this table \(two: expected a key such as 0-0 with 0, 2 or 0, 1 .* got '11'\)"
    with pytest.raises(TableError, match=says):
        read(WITH_TEST, "mine", _space("0 2", "0 1"))


def test_text_in_another_encoding_is_refused() -> None:
    with pytest.raises(TableError, match="save the file as UTF-8"):
        read("architecture,accuracy\nä b,50\n".encode("utf-16"), "mine")


def test_dense_order_is_that_of_every_table() -> None:
    _, columns = read(WITH_TEST, "mine")
    assert np.array_equal(np.argsort(columns["file_order"]), [1, 0, 3, 2])
