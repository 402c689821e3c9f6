"""The declared spaces: sizes, the benchmarks' own keys, agreement with the tables, exact costs."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from harness import spaces
from harness.spaces import mobilenetv2_se, nas_bench_201, nas_bench_macro
from harness.spaces.channel_bench import MOBILENET, RESNET
from harness.spaces.costs import Cost
from reproduce.benchmarks import BENCHMARKS, open_benchmark
from tables.errors import InvalidArchitecture
from tables.space import Architecture, Space

SMALL = [module.SPACE for module in (nas_bench_macro, RESNET, MOBILENET, nas_bench_201)]

small_spaces = pytest.mark.parametrize("space", SMALL, ids=lambda space: space.name)


def all_architectures(space: Space) -> list[Architecture]:
    return list(product(*map(range, space.cardinalities)))


@pytest.mark.parametrize(
    ("space", "size"),
    [(mobilenetv2_se.SPACE, 7**30), *zip(SMALL, (3**8, 4**7, 4**7, 5**6), strict=True)],
    ids=lambda value: value.name if isinstance(value, Space) else "",
)
def test_size(space: Space, size: int) -> None:
    assert space.size == size


@small_spaces
def test_every_key_is_read_back(space: Space) -> None:
    for architecture in all_architectures(space):
        assert space.from_native(space.to_native(architecture)) == architecture


@small_spaces
def test_networks_are_counted(space: Space) -> None:
    networks = {space.network(architecture) for architecture in all_architectures(space)}
    assert len(networks) == (space.networks or space.size)


def test_identities_of_nas_bench_macro_commute_behind_the_first_layer_of_a_stage() -> None:
    def network(key: str) -> object:
        return nas_bench_macro.SPACE.network(nas_bench_macro.SPACE.from_native(key))

    assert network("22212220") == network("22212202")  # the optimum's two keys
    assert network("22210220") == network("22201202")
    assert len({network(key) for key in ("22012220", "22102220", "20212220", "02212220", "22212022")}) == 5


@pytest.mark.parametrize("name", [name for name, each in BENCHMARKS.items() if each.by_network])
def test_tables_that_count_by_network_have_one_row_a_network(name: str, fetched: Path) -> None:
    opened, space = open_benchmark(name), BENCHMARKS[name].space
    assert opened.table.runs is not None
    rows: dict[object, set[tuple[float, ...]]] = {}
    for row, architecture in enumerate(all_architectures(space)):
        rows.setdefault(space.network(architecture), set()).add(tuple(opened.table.runs[row].tolist()))
    assert len(rows) == space.networks
    assert {len(each) for each in rows.values()} == {1}


def test_architectures_of_one_network_were_published_with_one_accuracy(fetched: Path) -> None:
    table = open_benchmark("nas-bench-macro").table
    of_network: dict[object, set[float]] = {}
    for architecture in all_architectures(nas_bench_macro.SPACE):
        accuracies = of_network.setdefault(nas_bench_macro.SPACE.network(architecture), set())
        accuracies.add(float(table.accuracy[table.index_of(architecture)]))
    assert all(len(accuracies) == 1 for accuracies in of_network.values())


@pytest.mark.parametrize(
    ("table", "macs", "params"),
    [
        ("nas-bench-201-cifar10", 15_647_360, 129_306),
        ("nas-bench-201-cifar100", 15_653_120, 135_156),
        ("nas-bench-201-imagenet16-120", 3_919_360, 136_456),
        ("nas-bench-201-digits", 6_816, 1_242),
    ],
)
def test_the_cost_of_a_cell_depends_on_the_data_of_the_table(table: str, macs: int, params: int) -> None:
    cell = (4, 1, 2, 0, 4, 2)
    assert spaces.counted_macs("nas-bench-201", cell, BENCHMARKS[table]) == macs
    assert BENCHMARKS[table].cost(cell).params == params


def test_every_table_belongs_to_its_space() -> None:
    for name in spaces.NAMES:
        space = spaces.find(name)
        assert space.SPACE.name == name
        assert all(table.space is space.SPACE for table in space.FACTS.tables)
    assert list(BENCHMARKS.values())[1:] == list(spaces.tables())


@pytest.mark.parametrize(
    ("space", "key", "architecture"),
    [
        (nas_bench_macro.SPACE, "02012100", (0, 2, 0, 1, 2, 1, 0, 0)),
        (RESNET.SPACE, "4432214", (3, 3, 2, 1, 1, 0, 3)),
        (
            nas_bench_201.SPACE,
            "|nor_conv_3x3~0|+|skip_connect~0|none~1|+|avg_pool_3x3~0|nor_conv_1x1~1|skip_connect~2|",
            (3, 1, 0, 4, 2, 1),
        ),
        (mobilenetv2_se.SPACE, str([0, 1, 2, 3, 4, 5, 6] * 4 + [0, 1]), (*range(7), *range(7)) * 2 + (0, 1)),
    ],
    ids=lambda value: value.name if isinstance(value, Space) else "",
)
def test_keys_are_the_benchmarks_own(space: Space, key: str, architecture: Architecture) -> None:
    assert space.to_native(architecture) == key
    assert space.from_native(key) == architecture


@pytest.mark.parametrize(
    ("space", "text"),
    [
        (nas_bench_macro.SPACE, "0201210"),
        (nas_bench_macro.SPACE, "020121000"),
        (nas_bench_macro.SPACE, "02012103"),
        (nas_bench_macro.SPACE, "02012100\n"),
        (nas_bench_macro.SPACE, "0201210٠"),
        (MOBILENET.SPACE, "0432214"),
        (nas_bench_201.SPACE, "|none~0|+|none~0|none~1|+|none~0|none~1|none~1|"),
        (nas_bench_201.SPACE, "|none~0|+|none~0|none~1|+|none~0|none~1|nor_conv_5x5~2|"),
        (mobilenetv2_se.SPACE, "[1, 2, 3]"),
    ],
)
def test_other_keys_are_refused(space: Space, text: str) -> None:
    with pytest.raises(InvalidArchitecture, match=f"^{space.name}: expected a key such as ") as refusal:
        space.from_native(text)
    assert repr(text) in str(refusal.value)


def test_a_refusal_names_what_a_key_looks_like() -> None:
    with pytest.raises(InvalidArchitecture) as refusal:
        RESNET.SPACE.from_native("5555555")
    assert str(refusal.value) == (
        "channel-bench-resnet: expected a key such as 1111111 with 1, 2, 3, 4 in each slot, got '5555555'"
    )


def test_nothing_outside_the_space_is_written() -> None:
    with pytest.raises(InvalidArchitecture, match="Layer 8 expects a choice from 0 to 2, got 3"):
        nas_bench_macro.SPACE.to_native((0, 0, 0, 0, 0, 0, 0, 3))


CostOf = Callable[[Architecture], Cost]


@pytest.mark.parametrize(
    ("space", "cost", "file"),
    [
        (nas_bench_macro.SPACE, nas_bench_macro.cost, "nas-bench-macro_cifar10.json"),
        (RESNET.SPACE, RESNET.cost, "Results_ResNet.json"),
        (MOBILENET.SPACE, MOBILENET.cost, "Results_MobileNet.json"),
    ],
    ids=["nas-bench-macro", "channel-bench-resnet", "channel-bench-mobilenet"],
)
def test_costs_are_those_published_for_every_architecture(space: Space, cost: CostOf, file: str, mirror: Path) -> None:
    published = {
        key: (entry["flops"], entry["params"])
        for key, entry in json.loads((mirror / "benchmark" / file).read_bytes()).items()
    }
    computed = {space.to_native(each): cost(each) for each in all_architectures(space)}
    assert {key: (cost.macs, cost.params) for key, cost in computed.items()} == published


@pytest.mark.parametrize(
    ("space", "cost", "key", "expected"),
    [
        (nas_bench_macro.SPACE, nas_bench_macro.cost, "02012100", Cost(47_327_744, 49_307_392, 890_666)),
        (RESNET.SPACE, RESNET.cost, "4432214", Cost(794_495_488, 796_183_296, 6_208_394)),
        (
            MOBILENET.SPACE,
            MOBILENET.cost,
            "4432214",
            Cost(122_923_008, 127_151_104, 716_234),
        ),
        (
            nas_bench_201.SPACE,
            nas_bench_201.cost,
            "|nor_conv_3x3~0|+|skip_connect~0|none~1|+|avg_pool_3x3~0|nor_conv_1x1~1|skip_connect~2|",
            Cost(47_104_640, 48_585_408, 344_346),
        ),
    ],
    ids=lambda value: value.name if isinstance(value, Space) else "",
)
def test_costs_of_one_architecture(space: Space, cost: CostOf, key: str, expected: Cost) -> None:
    """`macs` and `params` as published for the first three; `macs_thop` as thop 0.1.1 counts the built network."""
    assert cost(space.from_native(key)) == expected


@pytest.mark.parametrize(("classes", "size"), [(10, 32), (100, 32), (120, 16)])
def test_nas_bench_201_costs_by_hand(classes: int, size: int) -> None:
    """A cell of 3×3 convolutions only: 90 of them, the stem, two reductions, the last normalisation, the classifier."""
    area = size * size
    weights = {16: 9 * 16 * 16, 32: 9 * 32 * 32, 64: 9 * 64 * 64}
    shortcut = {32: 16 * 32, 64: 32 * 64}
    reduction = {width: weights[width] // 2 + weights[width] + shortcut[width] for width in (32, 64)}
    macs = 30 * (weights[16] * area + weights[32] * area // 4 + weights[64] * area // 16)
    macs += 27 * 16 * area + reduction[32] * area // 4 + reduction[64] * area // 16 + 64 * classes
    params = 30 * sum(weight + 2 * width for width, weight in weights.items()) + 27 * 16 + 2 * 16
    params += reduction[32] + 4 * 32 + reduction[64] + 4 * 64 + 2 * 64 + 64 * classes + classes
    cost = nas_bench_201.cost((3,) * 6, classes=classes, input_size=size)
    assert (cost.macs, cost.params) == (macs, params)
    if classes == 10:
        assert (macs, params) == (220_119_680, 1_531_546)
