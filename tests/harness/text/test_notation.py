"""Every notation that a person may type, and the refusal of what is none or more than one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.spaces import channel_bench, mobilenetv2_se, nas_bench_201, nas_bench_macro
from harness.text.notation import from_any
from tables.errors import InvalidArchitecture
from tables.space import Group, Slot, Space
from tests.strategies import architectures

MACRO, RESNET, CELL = nas_bench_macro.SPACE, channel_bench.RESNET.SPACE, nas_bench_201.SPACE
SPACES = [MACRO, RESNET, channel_bench.MOBILENET.SPACE, CELL, mobilenetv2_se.SPACE]


@settings(max_examples=60)
@given(st.data())
def test_every_notation_of_an_architecture_is_read(data: st.DataObject) -> None:
    space = data.draw(st.sampled_from(SPACES))
    architecture = data.draw(architectures(space))
    symbols = [str(symbol) for symbol in space.symbols(architecture)]
    written = [space.to_native(architecture), f"  {space.to_native(architecture)}\n"]
    written += ["".join(symbols), " ".join(symbols), ",".join(symbols), f"[{', '.join(symbols)}]", str(tuple(symbols))]
    assert {from_any(space, text) for text in written} == {architecture}


@pytest.mark.parametrize(
    ("space", "text", "architecture"),
    [
        (CELL, "nor_conv_3x3, none, none, skip_connect, none, avg_pool_3x3", (3, 0, 0, 1, 0, 4)),
        (CELL, "['nor_conv_1x1', 'none', 'none', 'none', 'none', 'none']", (2, 0, 0, 0, 0, 0)),
        (RESNET, "256, 128, 64, 512, 384, 256, 128", (3, 1, 0, 3, 2, 1, 0)),
        (RESNET, "[256 128 64 512 384 256 128]", (3, 1, 0, 3, 2, 1, 0)),
        (
            RESNET,
            "256 channels, 128 channels, 64 channels, 512 channels, 384 channels, 256 channels, 128 channels",
            (3, 1, 0, 3, 2, 1, 0),
        ),
    ],
)
def test_names_and_widths_are_read(space: Space, text: str, architecture: tuple[int, ...]) -> None:
    assert from_any(space, text) == architecture


@pytest.mark.parametrize(
    ("space", "text", "problem"),
    [
        (MACRO, "", "expected 8 entries, got 0"),
        (MACRO, "0201210", "expected 8 entries, got 7"),
        (MACRO, "[[0, 2], [0, 1, 2], [1, 0, 0]]", r"Layer 1 takes 0, 1, 2 .* got '\[0'"),
        (MACRO, "[0, 2, 0, 1, 2, 1, 0, 3]", "Layer 8 takes 0, 1, 2 .* got '3'"),
        (RESNET, "0123012", "Layer 1 takes 1, 2, 3, 4 .* got '0'"),
        (
            RESNET,
            "256, 128, 64, 512, 384, 256, 100",
            "Layer 7 takes 1, 2, 3, 4 .*128 channels; 256 channels.* got '100'",
        ),
        (RESNET, "4, 4, 4, 4, 384, 384, 384", "expected either symbols or names or widths, got some of each"),
        (CELL, "|nor_conv_3x3~0|", "expected 6 entries, got 1"),
        (CELL, "none, none, none, none, none, nor_conv_5x5", "2→3 takes 0, 1, 2, 3, 4 .* got 'nor_conv_5x5'"),
    ],
)
def test_anything_else_is_refused_with_what_is_wrong(space: Space, text: str, problem: str) -> None:
    with pytest.raises(InvalidArchitecture, match=problem) as refusal:
        from_any(space, text)
    assert f"is written like {space.to_native([0] * len(space.slots))}" in str(refusal.value)


def test_what_can_be_read_in_two_ways_is_refused() -> None:
    slots = tuple(Slot(f"Layer {n}", ("2 channels", "1 channels")) for n in (1, 2))
    space = Space("narrow", "Symbols that are also widths", (Group("Channels", slots),), first_symbol=1)
    with pytest.raises(InvalidArchitecture, match=r"2 ways; .* own key: \[1, 2\] or \[2, 1\]"):
        from_any(space, "1, 2")
    assert from_any(space, "1 channels, 2 channels") == (1, 0)
    assert from_any(space, "[1, 2]") == (0, 1)  # its own key


@settings(max_examples=100)
@given(st.sampled_from(SPACES), st.text(alphabet="0123456789[](),|~+ '\"noe_x\n٣²"))
def test_no_text_does_anything_but_be_read_or_refused(space: Space, text: str) -> None:
    try:
        architecture = from_any(space, text)
    except InvalidArchitecture:
        return
    assert space.validate(architecture) == architecture
