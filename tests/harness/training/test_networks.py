"""Networks are what their cost model says: parameters and multiply-accumulates as torch counts them; they can learn."""

from __future__ import annotations

import random
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.spaces import find, nas_bench_201
from harness.spaces.costs import Cost
from harness.training.jobs import Scale
from tables.errors import InvalidArchitecture
from tables.space import Architecture
from tests.strategies import architectures

torch = pytest.importorskip("torch", reason="networks need torch: install the extra `train`")
FlopCounterMode = import_module("torch.utils.flop_counter").FlopCounterMode

INPUT_SIZE = {
    "mobilenetv2-se": 224,
    "nas-bench-macro": 32,
    "channel-bench-resnet": 32,
    "channel-bench-mobilenet": 32,
    "nas-bench-201": 32,
}
GENIUS_329 = "100010 101110 404300 430440 505550"
GENIUS_401 = "101011 110011 440404 450505 650605"

every_space = pytest.mark.parametrize("name", INPUT_SIZE)


def build(name: str, architecture: Architecture, classes: int = 0, channels_in: int = 3, **scale: Any) -> Any:
    classes = classes or (1000 if name == "mobilenetv2-se" else 10)
    make = import_module("harness.training.networks").build
    return make(name, architecture, classes=classes, channels_in=channels_in, scale=Scale(**scale))


def count(name: str, architecture: Architecture, size: int, **options: int) -> tuple[int, int]:
    """Multiply-accumulates and parameters as torch counts them."""
    network = build(name, architecture, **options).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 3, size, size))
    operations = counter.get_total_flops()  # two for each multiply-accumulate
    return operations // 2, sum(parameter.numel() for parameter in network.parameters())


@every_space
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_torch_counts_what_the_cost_model_says(name: str, data: st.DataObject) -> None:
    space = find(name)
    architecture = data.draw(architectures(space.SPACE))
    cost: Cost = space.cost(architecture)
    assert count(name, architecture, INPUT_SIZE[name]) == (cost.macs, cost.params)


@every_space
@pytest.mark.filterwarnings("ignore:distutils Version classes are deprecated")  # as thop is imported
def test_the_hooks_of_thop_count_what_the_cost_model_says(name: str) -> None:
    """With its own rules `macs_thop`; with normalisation and pooling free, `macs`."""
    thop = pytest.importorskip("thop", reason="the test counts with thop: install the extra `test`")
    nn = torch.nn
    free = dict.fromkeys((nn.BatchNorm2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d), lambda *_: None)
    images = torch.zeros(1, 3, INPUT_SIZE[name], INPUT_SIZE[name])
    space = find(name)
    for seed in range(3):
        architecture = space.SPACE.sample(random.Random(seed))
        cost: Cost = space.cost(architecture)
        for rules, macs in ((None, cost.macs_thop), (free, cost.macs)):
            network = build(name, architecture).eval()
            assert thop.profile(network, (images,), custom_ops=rules, verbose=False) == (macs, cost.params)


@pytest.mark.parametrize(("design", "params"), [(GENIUS_329, 6_967_464), (GENIUS_401, 7_452_328)])
def test_the_networks_that_genius_found(design: str, params: int) -> None:
    architecture = tuple(int(digit) for digit in design.replace(" ", ""))
    macs = find("mobilenetv2-se").cost(architecture).macs
    assert count("mobilenetv2-se", architecture, 224) == (macs, params)


def test_nas_bench_201_on_imagenet16_120() -> None:
    cost: Cost = nas_bench_201.cost((3, 1, 0, 4, 2, 1), classes=120, input_size=16)
    assert count("nas-bench-201", (3, 1, 0, 4, 2, 1), 16, classes=120) == (cost.macs, cost.params)


@every_space
@pytest.mark.parametrize("choice", [0, 1, 2])
def test_a_forward_and_a_backward_pass_run(name: str, choice: int) -> None:
    torch.manual_seed(0)
    network = build(name, (choice,) * len(find(name).SPACE.slots), classes=7)
    logits = network(torch.randn(2, 3, 48, 48))  # every network pools at the end, so any side will do
    assert logits.shape == (2, 7)
    torch.nn.functional.cross_entropy(logits, torch.tensor([0, 6])).backward()
    gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
    cut_off = name == "nas-bench-201" and choice == 0  # no operation anywhere: what stands before a cell learns nothing
    assert cut_off or len(gradients) == len(list(network.parameters()))


@every_space
def test_a_smaller_network_has_fewer_weights(name: str) -> None:
    """`width` scales what is between input and classifier, nothing else."""
    architecture = (2,) * len(find(name).SPACE.slots)
    grey = build(name, architecture, width=0.125, classes=7, channels_in=1)
    assert grey(torch.zeros(2, 1, 8, 8)).shape == (2, 7)
    sizes = [sum(map(torch.numel, build(name, architecture, width=width).parameters())) for width in (0.125, 1)]
    assert sizes[0] < sizes[1] / 10


def test_a_cell_may_be_stacked_less_often_and_reduced_lightly() -> None:
    architecture = (3,) * 6
    _, whole = count("nas-bench-201", architecture, 32)
    _, single = count("nas-bench-201", architecture, 32, cells_per_stage=1)
    _, light = count("nas-bench-201", architecture, 32, cells_per_stage=1, light_reduction=True)
    assert light < single < whole / 4


@every_space
def test_what_is_no_architecture_is_not_built(name: str) -> None:
    with pytest.raises(InvalidArchitecture, match="one a slot, got 2"):
        build(name, (0, 0))


def test_a_cell_sums_what_enters_each_node() -> None:
    """With x at node 0: node 1 = x, node 2 = x + node 1 = 2x, node 3 = x + node 1 + node 2 = 4x."""
    cell = import_module("harness.training.networks.nas_bench_201").Cell
    image = torch.randn(1, 16, 4, 4)
    torch.testing.assert_close(cell((1,) * 6, 16)(image), 4 * image)
    torch.testing.assert_close(cell((1, 0, 1, 0, 0, 1), 16)(image), image)
    torch.testing.assert_close(cell((0, 1, 1, 0, 1, 0), 16)(image), 0 * image)
