"""The statements of problems: complete, without contradiction, and true of the network that is measured."""

from __future__ import annotations

import json
import re
from importlib import resources

import numpy as np
import pytest

from baselines.genius import Prompts
from harness import spaces
from harness.digits import table as digits
from harness.spaces import channel_bench, mobilenetv2_se, nas_bench_201, nas_bench_macro
from harness.training import recipes
from harness.training.jobs import Scale, Training
from reproduce import benchmarks, runs

MEASURED = [(each.name, each.space.name) for each in benchmarks.BENCHMARKS.values()] + [(None, "mobilenetv2-se")]


def wording(table: str | None, space: str, answers: str = "free", training: Training | None = None) -> Prompts:
    window = (270, 330) if space == "mobilenetv2-se" else None
    return runs.wording(spaces.find(space).SPACE, answers, window, training or table)


@pytest.mark.parametrize("answers", runs.ANSWERS)
@pytest.mark.parametrize(("table", "space"), MEASURED)
def test_a_form_is_demanded_once_and_nothing_contradicts_it(table: str | None, space: str, answers: str) -> None:
    prompts = wording(table, space, answers)
    assert prompts.form == runs.form(spaces.find(space).SPACE, answers).demand
    said = {name: text for name, text in prompts.parts.items() if name != "form"}
    assert not any(word in text for text in said.values() for word in ("JSON", "lists", "Answer with", "explain"))
    assert ("Design: none" in prompts.closing) == (answers == "free")  # JSON has no word for it
    assert prompts.problem in prompts.opening  # a later iteration is told the problem too
    assert not re.search(r"\[ *\w+ *, *\w+", json.dumps(prompts.parts))  # an example would become the answer
    assert set(re.findall(r"\$\w+", json.dumps(prompts.parts))) <= {
        *("$number", "$design", "$accuracy", "$macs", "$bound", "$difference", "$reason", "$form")
    }


def numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)]


def problem(table: str | None, space: str, training: Training | None = None) -> str:
    return wording(table, space, training=training).problem


def test_digits_are_measured_by_the_network_that_is_built() -> None:
    said = problem(digits.NAME, "nas-bench-201")
    first, second = digits.CHANNELS
    assert f"{digits.CLASSES} classes, input 8 x 8" in said
    assert f"{digits.TRAINING} digits to train on" in said
    assert f"A {digits.KERNEL}x{digits.KERNEL} convolution with stride {digits.STRIDE} to {first} channels" in said
    assert f"stand two cells, at {first} channels and at {second}" in said
    assert len(digits.CHANNELS) == 2
    assert digits.patches(np.zeros((1, 8, 8), np.float32)).shape[:2] == (
        digits.KERNEL**2,
        digits.SIDE**2,
    )


@pytest.mark.parametrize("benchmark", nas_bench_201.FACTS.tables, ids=lambda each: each.name)
def test_nas_bench_201_is_measured_by_the_network_that_is_built(benchmark: spaces.Benchmark) -> None:
    said = problem(benchmark.name, "nas-bench-201")
    how = benchmark.cost.keywords  # type: ignore[attr-defined]
    assert f"({how['classes']} classes, input {how['input_size']} x {how['input_size']})" in said
    assert f"the cell {nas_bench_201.CELLS_PER_STAGE} times each at 16, 32 and 64 channels" in said
    assert nas_bench_201.CHANNELS == (16, 32, 64)
    assert f"to {nas_bench_201.CHANNELS[0]} channels comes first" in said
    assert "a residual block of stride 2 in between" in said
    assert [line for line in said.split("\n") if re.match(r"\d: ", line)] == [
        "0: none (the edge is cut)",
        *(f"{n}: {name}" for n, name in enumerate(("skip connection", "1x1 convolution", "3x3 convolution"), 1)),
        "4: 3x3 average pool",
    ]
    edges = re.search(r"of the edges (.*)\.", said)
    assert edges is not None
    slots = [slot.name.replace("→", " to ") for slot in nas_bench_201.SPACE.slots]
    assert edges[1].split(", ") == slots


def test_nas_bench_macro_is_measured_by_the_network_that_is_built() -> None:
    said = problem("nas-bench-macro", "nas-bench-macro")
    assert "(10 classes, input 32 x 32)" in said
    assert f"to {nas_bench_macro.STEM_CHANNELS} channels comes first" in said
    assert f"a 1x1 convolution to {nas_bench_macro.HEAD_CHANNELS} channels" in said
    for number, stage in enumerate(nas_bench_macro.STAGES, start=1):
        (line,) = re.findall(rf"stage {number}: (.*)", said)
        channels = {nas_bench_macro.LAYERS[layer].outputs for layer in stage}
        assert [stage[0] + 1, stage[-1] + 1, *channels] == numbers(line)
        assert [nas_bench_macro.LAYERS[layer].stride for layer in stage] == [2, *[1] * (len(stage) - 1)]
    for number, block in enumerate(nas_bench_macro.BLOCKS):
        (line,) = re.findall(rf"^{number}: (.*)", said, re.MULTILINE)
        assert block is None or numbers(line) == [*block]


@pytest.mark.parametrize("bench", [channel_bench.RESNET, channel_bench.MOBILENET], ids=lambda each: each.SPACE.name)
def test_channel_bench_is_measured_by_the_network_that_is_built(bench: channel_bench.ChannelBench) -> None:
    said = problem(bench.SPACE.name, bench.SPACE.name)
    assert "(10 classes, input 32 x 32)" in said
    widths: dict[str, int] = {}
    for names, width in re.findall(r"((?:c\d, )*c\d): (\d+)", said):
        widths |= dict.fromkeys(names.split(", "), int(width))
    assert bench.SPACE.largest is not None
    assert tuple(widths[f"c{n}"] for n in range(7)) == bench.widths(bench.SPACE.largest)
    blocks = re.findall(r"c(\d) to c(\d) to c(\d)( \(stride 2\))?", said)
    mobile = bench is channel_bench.MOBILENET
    built = channel_bench.blocks(tuple(range(7)))[: 4 if mobile else 5]
    assert [(block.layer.inputs, block.middle, block.layer.outputs, block.layer.stride == 2) for block in built] == [
        (int(a), int(b), int(c), bool(stride)) for a, b, c, stride in blocks
    ]
    assert "from 1 to 4" in said
    assert channel_bench.QUARTERS == (1, 2, 3, 4)


def test_the_imagenet_space_is_measured_by_the_network_that_is_built() -> None:
    said = problem(None, "mobilenetv2-se")
    assert "(1000 classes, input 224 x 224)" in said
    first = mobilenetv2_se.LAYERS[:: mobilenetv2_se.LAYERS_PER_STAGE]
    channels = [layer.outputs for layer in first]
    assert f"at {', '.join(map(str, channels[:-1]))} and {channels[-1]} channels" in said
    assert [layer.stride for layer in first] == [2, 2, 2, 1, 2]
    assert "halves the resolution except in stage 4" in said
    slots = mobilenetv2_se.SPACE.slots
    assert f"layers {slots[0].name.split()[1]} to {slots[-1].name.split()[1]} of the network" in said
    assert len(slots) == 30
    for number, block in enumerate(mobilenetv2_se.BLOCKS):
        (line,) = re.findall(rf"^{number}: (.*)", said, re.MULTILINE)
        assert block is None or numbers(line) == [*block]


def test_what_is_trained_is_what_is_stated() -> None:
    recipe = next(iter(recipes.RECIPES.values()))
    scale = Scale(width=0.25, cells_per_stage=1, light_reduction=True)
    training = Training("nas-bench-201", "digits", "sha256:" + "0" * 64, recipe, network=scale)
    said = problem(None, "nas-bench-201", training)
    assert f"the pictures digits (input {recipe.input_size} x {recipe.input_size})" in said
    assert "all numbers of channels multiplied by 0.25" in said
    assert "the cell 1 times each" in said
    assert "a 2x2 average pool and a 1x1 convolution in between" in said


def test_every_statement_is_of_something_that_is_measured() -> None:
    names = {name.replace("-", "_") for pair in MEASURED for name in pair if name}
    files = {each.name for each in resources.files("baselines.prompts").iterdir() if each.name.endswith(".md")}
    assert {file.removesuffix(".md") for file in files} - {runs.PLAIN} <= names
