"""A table from a CSV file: every way to write an architecture, and every way in which a file can be wrong."""

from __future__ import annotations

from contextlib import suppress
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tables import own
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


@settings(max_examples=50)
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


def test_numbers_are_keys_of_a_space_that_counts_so() -> None:
    space = Space("one", "One", (Group("All", (Slot("Width", tuple(f"{n} channels" for n in range(12))),)),))
    data = "\n".join(["architecture,accuracy", *(f"[{n}],{50 + n}" for n in range(12))])
    assert read(data.encode(), "mine", space)[1]["accuracy"].tolist() == list(range(50, 62))
    with pytest.raises(TableError, match="line 3: no architecture of this table"):
        read(data.replace("[1]", "[x]").encode(), "mine", space)


@pytest.mark.parametrize("broken", ["1,61", "01.0,61"])
def test_a_space_names_lost_zeros_too(broken: str) -> None:  # d8
    data = f"architecture,accuracy\n00,60\n{broken}\n10,62\n11,63\n".encode()
    with pytest.raises(TableError, match=r"line 3: (expected 2 symbols .* lost its leading zeros|.* got the number)"):
        read(data, "mine", _space("0 1", "0 1"))


def test_a_table_may_hold_a_part_of_its_space() -> None:
    source, columns = read(WITH_TEST, "mine", _space("0 1", "0 1 2"))
    assert columns["place"].tolist() == [0, 1, 3, 4]
    assert columns["accuracy"].tolist() == read(WITH_TEST, "mine")[1]["accuracy"].tolist()
    assert source.remarks == (
        "2 of 6 architectures have no figure, the first is '0-2': a proposal of one is rejected, and ranks are among "
        "the 4 others",
    )


def _widths(layers: int = 2, *, choices: str = "8 16 32") -> Space:
    names = tuple(choices.split())
    return Space("w", "W", (Group("All", tuple(Slot(f"Layer {n}", names) for n in range(1, layers + 1))),))


def test_slots_may_be_columns() -> None:
    space, data = _widths(), b"layer 2,accuracy,Layer 1\n8,50,16\n32,60,8\n"
    source, columns = read(data, "mine", space)
    assert source.space is space
    assert columns["place"].tolist() == [space.index_of((0, 2)), space.index_of((1, 0))]
    assert columns["accuracy"].tolist() == [60, 50]
    assert columns["file_order"].tolist() == [1, 0]


def test_without_a_space_the_columns_before_the_accuracy_are_slots() -> None:
    data = b"Rate;Width;accuracy;params\n0.001;16;50;10\n1e-4;8;60;20\n10.0;128;61;30\n"
    source, columns = read(data, "mine")
    assert source.space.slots == (Slot("rate", ("1e-4", "0.001", "10.0")), Slot("width", ("8", "16", "128")))
    assert columns["place"].tolist() == [0, 4, 8]
    assert columns["params"].tolist() == [20, 10, 30]


@pytest.mark.parametrize(
    ("text", "space", "says"),
    [
        ("layer 1,layer 2,accuracy\n8,64,50\n", _widths(), "line 2: Layer 2 takes 8, 16, 32, got '64'"),
        (
            "layer 1,layer 3,accuracy\n8,8,50\n",
            _widths(),
            "in place of architecture there may be the columns layer 1, layer 2",
        ),
        ("layer 1,accuracy\n8,50\n", _widths(), "line 1: expected the header .* got 'layer 1,accuracy'"),
        ("layer 1,layer 2,accuracy,hue?\n8,8,50,1\n", _widths(), "line 1: expected the header .*hue"),
        ("layer 1,layer 2,accuracy\n8,8,50\n16,8,50\n8,8,50\n", _widths(), "line 4: '8, 8' is there already"),
        ("key,accuracy\n012,50\n", None, "in place of architecture there may be a column for each slot"),
        ("a,,accuracy\n0,1,50\n", None, "line 1: expected the header"),
        ("a,seed,accuracy\n0,1,50\n", None, "line 1: expected the header"),
        ("a,b,accuracy\n0,1,50\n1,1,60\n", None, "b is '1' in every line, which is no choice; leave it out"),
    ],
)
def test_columns_that_do_not_fit_are_named(text: str, space: Space | None, says: str) -> None:
    with pytest.raises(TableError, match=says):
        read(text.encode(), "mine", space)


def test_few_rows_of_a_huge_space_take_no_more_room_than_they_are() -> None:
    space = _widths(40, choices="2 3")
    data = "architecture,accuracy\n" + "".join(f"{' '.join(f'{n:040b}')},{50 + n}\n" for n in range(3))
    assert read(data.encode(), "mine", space)[1]["place"].tolist() == [0, 1, 2]
    with pytest.raises(TableError, match=r"expected at most 2\^63 architectures in the space of a table, got more"):
        read(data.encode(), "mine", _widths(40, choices="2 3 4"))


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


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("architecture,accuracy,test\n0,50,0.5\n1,60,0.6\n", "no test accuracy is above 1", id="d6"),
        pytest.param(
            "architecture,accuracy\n0,60\n1,61\n10,62\n11,63\n", "line 2: .* as in line 4, got 1: '0'", id="d8"
        ),
        pytest.param("architecture,accuracy\n1.0,60\n10.0,61\n", "got the number '1.0'; spreadsheets", id="d8 float"),
        pytest.param("architecture,accuracy\n2.22E+07,6\n2.22E+06,7\n", "the number '2.22E.07'", id="d8 exponent"),
        pytest.param("architecture,accuracy\n1.E+01,6\n1.E+02,7\n", "the number '1.E.01'", id="d8 point"),
        pytest.param('architecture,accuracy\n"1,1E+01",6\n"1,2E+01",7\n', "the number '1,1E.01'", id="d8 comma"),
        *(
            pytest.param(
                "\n".join(
                    ["architecture,accuracy", *(f'"{a}{mark}11{b}",{a * b + 6}' for a in (1, 2) for b in (1, 2))]
                ),
                f"got the number '1{mark}111'",
                id=f"d8 thousands {mark!r}",
            )
            for mark in ",. "
        ),
        pytest.param("architecture,accuracy\n1-1,6\n01. Feb,7\n", "the date '01. Feb'", id="d8 date"),
        pytest.param("architecture,accuracy\n1-13,6\nMar-14,7\n", "the date 'Mar-14'", id="d8 month"),
        pytest.param("architecture,accuracy\n2001-01-02 00:00:00,6\n2001-01-03,7\n", "the date", id="d8 day"),
        pytest.param("architecture,accuracy\n٠٠,6\n٠١,7\n", "got 2 names such as '٠٠'", id="keys of other digits"),
        pytest.param("architecture,accuracy\nnet a,6\nnet b,7\n", "symbol 1 is 'net' in every line", id="constant"),
        pytest.param(
            "architecture,accuracy\nnet-1,6\nnet-2,7\n", "got 2 names such as 'net-1' that show none", id="d1 ids"
        ),
        pytest.param("architecture,accuracy\na,6\nb,7\nc,8\n", "got 3 names such as 'a'", id="d1 letters"),
        pytest.param("architecture,accuracy\na3f9,6\nb771,7\n", "got 2 names such as 'a3f9'", id="d1 hashes"),
        pytest.param(
            "architecture,accuracy\n|a~0|+|a~1|,6\n|b~0|+|a~1|,7\n|a~0|+|b~1|,7\n",
            "the first is '.b~0.+.b~1.'",
            id="d1 part",
        ),
        pytest.param(
            "architecture;accuracy\n0;50,5\n1;60,5\n", "got '50,5' .write a decimal point", id="decimal comma"
        ),
        pytest.param("architecture,accuracy,accuracy\n0,50,50\n", "expected the header", id="column twice"),
        pytest.param("accuracy,architecture\n50,0\n", "expected the header", id="other order"),
        pytest.param(
            "architecture,accuracy,runs\n0,50,1\n", "costs such as latency_ms, each once", id="reserved column"
        ),
        pytest.param("architecture,accuracy,test_ms\n0,50,1\n", "params, flops and seed may follow", id="a test's"),
        pytest.param("architecture,accuracy,ms,ms\n0,50,1,1\n", "such as latency_ms, each once", id="cost twice"),
        pytest.param("architecture,accuracy,ms\n0,50,NaN\n", "expected ms as a number, got 'NaN'", id="cost NaN"),
        pytest.param("architecture,accuracy,ms\n0,50,\n", "expected ms as a number, got ''", id="no cost"),
        pytest.param("architecture,accuracy,ms\n0,50,1e999\n", "expected ms as a number, got '1e999'", id="infinite"),
        pytest.param("architecture;accuracy;ms\n0;50;1,5\n", "a decimal point, not a comma", id="cost with a comma"),
        pytest.param(
            "architecture,accuracy\n0,50\n1,60\n0,50\n1,60\n2,70\n", "expected 2 lines of '2'", id="d11 fewer"
        ),
        pytest.param(
            "architecture,accuracy\n0,50\n0,60\n1,6\n1,7\n1,8\n2,6\n2,6\n",
            "line 6: '1' is there already",
            id="d11 more",
        ),
        pytest.param(
            "architecture,accuracy,seed\n0,50,1\n0,60,1\n1,6,1\n1,7,2\n", "a seed of its own in", id="d11 seed"
        ),
        pytest.param("architecture,accuracy,params\n0,50,1\n1,60,0\n", "params as a whole number above 0", id="params"),
        pytest.param("architecture,accuracy,flops\n0,50,1.5\n1,60,2\n", "flops as a whole number above 0", id="flops"),
        pytest.param(
            "architecture,accuracy,flops\n0,5,1\n0,6,2\n1,6,2\n1,7,2\n", "the same flops in every", id="flops of seeds"
        ),
        pytest.param("architecture,accuracy\n0,5_0\n1,60\n", "got '5_0'", id="underscore"),
        pytest.param("architecture,accuracy\n0,٥\n1,60\n", "expected an accuracy", id="other digits"),
        pytest.param("architecture,accuracy\na\0 x,50\nb x,60\n", "cannot be printed|NUL", id="NUL"),
        pytest.param(f"architecture,accuracy\n{'0' * 99_999},50\n", "more than 10,000 characters", id="long"),
        pytest.param(f"architecture,accuracy\n{'0' * 200_000},50\n", "not CSV", id="longer"),
        pytest.param(
            f"architecture,accuracy\n{'01' * 4000},50\n{'10' * 4000},60\n", "nearly all architectures", id="wide"
        ),
    ],
)
def test_what_people_bring_is_refused_with_a_true_reason(text: str, says: str) -> None:
    with pytest.raises(TableError, match=f"^/here/mine.csv(, line \\d+)?: .*({says})|^/here/mine.csv, {says}"):
        read(text.encode(), "mine", place="/here/mine.csv")


CELL_OPERATIONS = ("none", "nor_conv_3x3", "skip_connect")
NOTATIONS = {
    "d1": [f"|{a}~0|+|{b}~0|{c}~1|" for a, b, c in product(CELL_OPERATIONS, repeat=3)],
    "sizes": [f"{a}:{b}:64" for a, b in product((8, 16), (8, 32))],
    "micro": [f"64-41414-{a}_{b}{c}" for a, b, c in product("0123", repeat=3)],
    "underscores": [f"k{a}_e{b}" for a, b in product("357", "46")],
    "tuples": [f"({a}, '{b}')" for a, b in product("01", ("x", "y-z"))],
    "nested": [f"[('{a}', 0)], [('{b}', 0), ('{c}', 1)]" for a, b, c in product(("up", "down"), repeat=3)],
    "dashes": [f"conv-{a}/{b}" for a, b in product("35", ("max-pool", "skip"))],
}


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("d1", [CELL_OPERATIONS] * 3),
        ("sizes", [("8", "16"), ("8", "32")]),
        ("micro", [("0", "1", "2", "3")] * 3),
        ("underscores", [("k3", "k5", "k7"), ("e4", "e6")]),
        ("tuples", [("0", "1"), ("'x'", "'y-z'")]),
        ("nested", [("down", "up")] * 3),
        ("dashes", [("conv-3", "conv-5"), ("max-pool", "skip")]),
    ],
)
def test_keys_in_the_notations_of_the_field(name: str, choices: list[tuple[str, ...]]) -> None:
    keys = NOTATIONS[name]
    data = "\n".join(["architecture,accuracy", *(f'"{key}",{20 + n}' for n, key in enumerate(keys))]).encode()
    source, columns = read(data, "mine")
    assert [slot.choices for slot in source.space.slots] == choices
    assert sorted(columns["accuracy"].tolist()) == [20 + n for n in range(len(keys))]
    for key, row in zip(keys, columns["file_order"].tolist(), strict=True):
        assert columns["accuracy"][row] == 20 + keys.index(key)
        for symbol, slot in zip(source.space.architecture_at(row), source.space.slots, strict=True):
            assert slot.choices[symbol] in key


def test_keys_of_a_declared_space_are_of_that_space() -> None:
    """d1: what names its choices can be known; digits say nothing of what they stand for."""
    named = Space(
        "named", "", (Group("", (Slot("A", ("b", "a")), Slot("B", ("b", "a")))),), notation=Notation("{}~{}", True)
    )
    digits = Space(
        "digits", "", (Group("", (Slot("A", ("x", "y")), Slot("B", ("x", "y")))),), notation=Notation("{}{}")
    )
    keys = [f"{a}~{b}" for a, b in product("ab", repeat=2)]
    data = "\n".join(["architecture,accuracy", *(f"{key},{50 + n}" for n, key in enumerate(keys))]).encode()
    source, columns = read(data, "mine", spaces=(digits, named))
    assert source.space is named
    assert columns["accuracy"].tolist() == [53, 52, 51, 50]
    source, _ = read(WITH_TEST, "mine", spaces=(digits, named))
    assert source.space.name == "mine"


@pytest.mark.parametrize("header", ["architecture,accuracy,test", "architecture,seed,accuracy,test"])
def test_several_lines_an_architecture_are_runs(tmp_path: Path, header: str) -> None:  # d11
    seeded = "seed" in header
    lines = [
        f"{key},{f'{seed},' if seeded else ''}{70 + key + seed / 10},{60 + seed}"
        for seed in range(3)
        for key in range(2)
    ]
    data = "\n".join([header, *lines]).encode()
    path = build(*read(data, "mine"), data, tmp_path)
    table, held_out = Table.open(path), HeldOut.open(path)
    assert table.runs is not None
    assert table.runs.tolist() == [[70, 70.1, 70.2], [71, 71.1, 71.2]]
    assert table.accuracy.tolist() == pytest.approx([70.1, 71.1])
    assert held_out.test.tolist() == [61, 61]
    with pytest.raises(TableError, match="is what a search is judged by"):
        table.column("test_runs")


def test_costs_are_kept(tmp_path: Path) -> None:
    data = b"architecture,accuracy,params,flops\n0,50,10,200\n1,60,20,100\n"
    table = Table.open(build(*read(data, "mine"), data, tmp_path))
    assert table.params is not None
    assert table.flops is not None
    assert (table.params.tolist(), table.flops.tolist(), table.runs) == ([10, 20], [200, 100], None)


def test_further_columns_are_costs_too(tmp_path: Path) -> None:
    data = b"architecture,accuracy,Ping_ms,params,energy\n1,60,7.5,20,-1\n0,50,3,10,1e3\n1,61,8.5,20,1\n0,51,4,10,0\n"
    table = Table.open(build(*read(data, "mine"), data, tmp_path), whole=True)
    assert table.costs == ("params", "energy", "ping_ms")
    found = [column.tolist() for name in table.costs if (column := table.column(name)) is not None]
    assert found == [[10, 20], [500, 0], [3.5, 8]]


def test_fractions_among_percentages_are_remarked(tmp_path: Path) -> None:  # d6
    data = b"architecture,accuracy,test\n0,70,69\n1,0.71,0.7\n2,0.72,70\n"
    table = Table.open(build(*read(data, "mine"), data, tmp_path))
    assert table.info.remarks == (
        "2 of 3 figures of accuracy are at most 1 %: fractions among percentages?",
        "1 of 3 figures of test accuracy are at most 1 %: fractions among percentages?",
    )


@pytest.mark.parametrize(("first", "remarks"), [("0.7", 1), ("0", 1), ("2", 0), ("1\n02,1.2", 0)])
def test_a_few_fractions_far_below_the_percentages_are_remarked(first: str, remarks: int) -> None:  # d6
    rows = first if "\n" in first else f"{first}\n02,72"
    source, _ = read(f"architecture,accuracy\n00,{rows}\n01,71\n10,70\n11,73\n12,74\n".encode(), "mine")
    assert len(source.remarks) == remarks


def test_errors_beside_accuracies_are_remarked() -> None:
    lines = [f"{a}{b},{90 + 3 * a + b},{10 - 3 * a - b}" for a, b in product(range(3), repeat=2)]
    source, _ = read("\n".join(["architecture,accuracy,test", *lines]).encode(), "mine")
    assert [remark.split(":")[1] for remark in source.remarks] == [" are the figures of one errors?"]


def test_sizes_that_look_like_thousands_are_read() -> None:
    lines = [f'"{a},{b}",{50 + n}' for n, (a, b) in enumerate(product((128, 256), repeat=2))]
    source, _ = read("\n".join(["architecture,accuracy", *lines]).encode(), "mine")
    assert [slot.choices for slot in source.space.slots] == [("128", "256")] * 2


@pytest.mark.parametrize("delimiter", [";", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_other_separators_and_line_endings(delimiter: str, ending: str) -> None:
    text = ending.join(delimiter.join(line) for line in (("Architecture", "accuracy"), ("0", "50"), ("1", "60.5"), ()))
    assert read(text.encode("utf-8-sig"), "mine")[1]["accuracy"].tolist() == [50, 60.5]


def test_keys_with_braces_of_their_own_are_no_notation() -> None:
    with pytest.raises(TableError):
        read(b"architecture,accuracy,test\n01,73,72.75\n{},71.25,70.5\n11,74.25,73\n10,70.5,69.5\n", "mine")


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_file_is_refused_or_read(data: st.DataObject) -> None:
    """Whatever its bytes, and never by another exception."""
    whole = b'architecture,accuracy,test,params\n"|a~0|+|b~0|",50,51,7\n"|a~0|+|c~0|",60,61,8\n' * 2
    damaged = bytearray(data.draw(st.sampled_from((whole, WITH_TEST))))
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(damaged)))
        piece = data.draw(
            st.sampled_from((b"", b"\0", b'"', b",", b";", b"\n", b"\r", b"nan", b"-", b"\xff", b"{}", b"1e999"))
        )
        damaged[start : start + data.draw(st.integers(0, 20))] = piece
    with suppress(TableError):
        read(bytes(damaged), "mine")


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


def test_what_is_no_number_has_its_place_behind_the_numbers() -> None:
    """NaN is neither before nor behind any number: it would stand elsewhere in every process."""
    assert sorted(["b", "nan", "10", "9"], key=own._by_size) == ["9", "10", "b", "nan"]
