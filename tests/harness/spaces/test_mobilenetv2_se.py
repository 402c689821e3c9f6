"""The cost of the ImageNet space: the paper's two networks, its FLOPs table, and what holds for every architecture."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.spaces.mobilenetv2_se import (
    BLOCKS,
    LAYERS_PER_STAGE,
    SPACE,
    choice_cost,
    cost,
    describe_costs,
    fixed_cost,
)
from tables.errors import InvalidArchitecture
from tables.space import Architecture
from tests.strategies import GENIUS_329, GENIUS_401, architectures

POSITIONS = range(len(SPACE.slots))


@pytest.mark.parametrize(
    ("architecture", "macs_thop", "params"),
    [(GENIUS_329, 329_412_864, 6_967_464), (GENIUS_401, 401_495_296, 7_452_328)],
)
def test_the_published_networks_cost_what_the_paper_prints(
    architecture: Architecture, macs_thop: int, params: int
) -> None:
    assert cost(architecture).macs_thop == macs_thop
    assert cost(architecture).params == params
    assert cost(architecture).macs < macs_thop


def test_an_architecture_of_another_space_has_no_cost() -> None:
    with pytest.raises(InvalidArchitecture, match="Layer 31 expects a choice from 0 to 6, got 7"):
        cost((0,) * 29 + (7,))


def test_all_that_is_skipped_costs_the_fixed_layers_and_five_changes_of_shape() -> None:
    changes = [choice_cost(position, 0).params for position in POSITIONS if position % LAYERS_PER_STAGE == 0]
    assert cost((0,) * 30).params == fixed_cost().params + sum(changes)
    assert all(choice_cost(position, 0).params == 0 for position in POSITIONS if position % LAYERS_PER_STAGE)


@given(architectures(SPACE), st.sampled_from(POSITIONS), st.integers(0, 6))
def test_one_slot_changes_the_total_by_the_difference_of_its_choices(
    architecture: Architecture, position: int, choice: int
) -> None:
    changed = (*architecture[:position], choice, *architecture[position + 1 :])
    before, after = choice_cost(position, architecture[position]), choice_cost(position, choice)
    for field in range(3):
        assert cost(changed)[field] - cost(architecture)[field] == after[field] - before[field]


@pytest.mark.parametrize("position", POSITIONS)
def test_no_block_costs_less_than_one_with_smaller_kernel_or_expansion(position: int) -> None:
    for one, (kernel, expansion) in enumerate(filter(None, BLOCKS), start=1):
        assert all(a > b for a, b in zip(choice_cost(position, one), choice_cost(position, 0), strict=True))
        for other, (larger_kernel, larger_expansion) in enumerate(filter(None, BLOCKS), start=1):
            if larger_kernel >= kernel and larger_expansion >= expansion and other != one:
                smaller, larger = choice_cost(position, one), choice_cost(position, other)
                assert all(a < b for a, b in zip(smaller, larger, strict=True))


@settings(max_examples=20)
@given(architectures(SPACE))
def test_a_description_of_costs_adds_up_to_the_cost(architecture: Architecture) -> None:
    *lines, rest = describe_costs().splitlines()
    table = [[float(number) for number in line.partition(": ")[2].split(", ")] for line in lines]
    described = float(rest.rpartition(" ")[2])
    for position, choice in enumerate(architecture):
        stage, layer = divmod(position, LAYERS_PER_STAGE)
        described += table[2 * stage + (layer > 0)][choice]
    assert described == pytest.approx(cost(architecture).macs_thop / 1e6, abs=31 * 0.05)


def test_all_published_flops_are_matched_to_the_last_digit(mirror: Path) -> None:
    messages = json.loads((mirror / "imagenet" / "chat_history" / "329M.json").read_text("utf-8"))
    rows = re.findall(r"^flops_stage(\d)_(first|rest) *= \[(.*)\]", messages[1]["content"], re.MULTILINE)
    assert len(rows) == 2 * len(SPACE.groups)
    compared = 0
    for stage, layer, row in rows:
        position = (int(stage) - 1) * LAYERS_PER_STAGE + (layer == "rest")
        for choice, printed in enumerate(row.split(",")):
            digits = len(printed.strip().partition(".")[2])
            computed = round(choice_cost(position, choice).macs_thop / 1e6, digits)
            assert computed == float(printed), f"stage {stage} {layer}, choice {choice}"
            compared += 1
    assert compared == 70
