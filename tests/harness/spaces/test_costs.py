"""The cost of single layers, against figures worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.spaces.costs import (
    NOTHING,
    Cost,
    batch_norm,
    conv,
    conv_bn,
    global_pool,
    linear,
    make_divisible,
    squeeze_excite,
    total,
)


def test_a_convolution_costs_its_weights_once_a_pixel() -> None:
    assert conv(3, 16, 3, 112) == Cost(432 * 112 * 112, 432 * 112 * 112, 432)


def test_groups_divide_the_weights_and_a_bias_adds_parameters_only() -> None:
    assert conv(96, 96, 5, 7, groups=96) == Cost(96 * 25 * 49, 96 * 25 * 49, 96 * 25)
    assert conv(320, 1280, 1, 1, bias=True) == Cost(409_600, 409_600, 410_880)


def test_only_the_counting_rule_of_thop_counts_batch_normalisation_and_pooling() -> None:
    assert batch_norm(16, 112) == Cost(0, 4 * 16 * 112 * 112, 32)
    assert global_pool(320, 7) == Cost(0, 50 * 320, 0)


def test_layers_made_of_others_cost_their_sum() -> None:
    assert conv_bn(3, 16, 3, 112) == total(conv(3, 16, 3, 112), batch_norm(16, 112))
    assert linear(1280, 1000) == Cost(1_280_000, 1_280_000, 1_281_000)
    assert squeeze_excite(64) == Cost(2048, 2048, 2048 + 80)


@given(st.lists(st.tuples(*[st.integers(0, 10**12)] * 3).map(lambda fields: Cost(*fields))))
def test_a_total_is_the_sum_of_each_field(costs: list[Cost]) -> None:
    assert total(*costs) == tuple(sum(cost[field] for cost in costs) for field in range(3))


def test_nothing_in_total_costs_nothing() -> None:
    assert total() == NOTHING


@given(st.integers(1, 10_000))
def test_channels_are_rounded_to_a_multiple_without_losing_a_tenth(channels: int) -> None:
    rounded = make_divisible(channels)
    assert rounded % 8 == 0
    assert rounded >= 0.9 * channels
    assert abs(rounded - channels) <= 8


@pytest.mark.parametrize(("channels", "rounded"), [(4, 8), (16.0, 16), (36.0, 40), (60.0, 64), (50, 48), (11, 16)])
def test_rounding_of_channels_by_example(channels: float, rounded: int) -> None:
    assert make_divisible(channels) == rounded
