"""What a space derives from its declaration, on a made-up space and on the ImageNet space."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.spaces.mobilenetv2_se import SPACE as IMAGENET
from tables.errors import InvalidArchitecture
from tables.space import Architecture, Space
from tests.strategies import WIDTHS, architectures

SPACES = pytest.mark.parametrize("space", [WIDTHS, IMAGENET], ids=lambda space: space.name)


def test_size_and_cardinalities_are_those_of_the_slots() -> None:
    assert WIDTHS.cardinalities == (2, 3, 4, 4, 4)
    assert WIDTHS.size == 2 * 3 * 4**3
    assert IMAGENET.size == 7**30


def test_layers_of_the_imagenet_space_are_numbered_as_in_the_paper() -> None:
    assert [(group.name, group.slots[0].name, group.slots[-1].name) for group in IMAGENET.groups] == [
        ("Stage 1", "Layer 2", "Layer 7"),
        ("Stage 2", "Layer 8", "Layer 13"),
        ("Stage 3", "Layer 14", "Layer 19"),
        ("Stage 4", "Layer 20", "Layer 25"),
        ("Stage 5", "Layer 26", "Layer 31"),
    ]


@given(architectures(WIDTHS))
def test_validate_returns_any_sequence_as_a_tuple(architecture: Architecture) -> None:
    assert WIDTHS.validate(list(architecture)) == architecture


@pytest.mark.parametrize("architecture", [(), (0, 0, 0, 0), (0, 0, 0, 0, 0, 0)])
def test_a_wrong_length_is_refused_with_both_lengths(architecture: Architecture) -> None:
    with pytest.raises(InvalidArchitecture, match=f"widths: expected 5 choices.* got {len(architecture)}"):
        WIDTHS.validate(architecture)


@pytest.mark.parametrize("choice", [3, -1, 1.0, True, "1", None])
def test_what_is_no_choice_is_refused_with_slot_expectation_and_value(choice: Any) -> None:
    with pytest.raises(InvalidArchitecture) as raised:
        WIDTHS.validate((0, choice, 0, 0, 0))
    assert str(raised.value) == f"widths: Layer 2 expects a choice from 0 to 2, got {choice!r}"


@given(architectures(WIDTHS))
def test_split_gives_one_tuple_a_group_and_loses_nothing(architecture: Architecture) -> None:
    first, second = WIDTHS.split(architecture)
    assert (len(first), len(second)) == (2, 3)
    assert first + second == architecture


def test_symbols_start_where_the_space_says() -> None:
    assert WIDTHS.symbols((0, 2, 3)) == (1, 3, 4)
    assert IMAGENET.symbols((0, 2, 3)) == (0, 2, 3)


@given(st.integers())
def test_a_sample_is_an_architecture_and_its_seed_decides_it(seed: int) -> None:
    sample = WIDTHS.sample(random.Random(seed))
    assert WIDTHS.validate(sample) == sample
    assert WIDTHS.sample(random.Random(seed)) == sample


def test_sampling_reaches_every_architecture() -> None:
    rng = random.Random(0)
    assert len({WIDTHS.sample(rng) for _ in range(5000)}) == WIDTHS.size


@given(architectures(WIDTHS))
def test_neighbours_are_all_architectures_at_distance_one(architecture: Architecture) -> None:
    neighbours = list(WIDTHS.neighbours(architecture))
    assert len(set(neighbours)) == len(neighbours) == sum(cardinality - 1 for cardinality in WIDTHS.cardinalities)
    for neighbour in neighbours:
        assert WIDTHS.validate(neighbour) == neighbour
        assert sum(a != b for a, b in zip(architecture, neighbour, strict=True)) == 1


@SPACES
@given(data=st.data())
def test_the_json_schema_admits_every_architecture(space: Space, data: st.DataObject) -> None:
    architecture = data.draw(architectures(space))
    assert admits(space.json_schema(), {"architecture": list(space.symbols(architecture))})


@SPACES
@given(data=st.data())
def test_the_json_schema_admits_nothing_else(space: Space, data: st.DataObject) -> None:
    symbols = list(space.symbols(data.draw(architectures(space))))
    position = data.draw(st.integers(0, len(symbols) - 1))
    wrong = data.draw(st.sampled_from([space.first_symbol - 1, space.first_symbol + space.cardinalities[position]]))
    schema = space.json_schema()
    assert not admits(schema, {"architecture": [*symbols[:position], wrong, *symbols[position + 1 :]]})
    assert not admits(schema, {"architecture": symbols[:-1]})
    assert not admits(schema, {"architecture": [*symbols, symbols[-1]]})
    assert not admits(schema, {"architecture": symbols, "reason": "it is good"})
    assert not admits(schema, {})
    assert not admits(schema, symbols)


@SPACES
@given(data=st.data())
def test_the_gbnf_grammar_derives_every_architecture_as_json(space: Space, data: st.DataObject) -> None:
    symbols = list(space.symbols(data.draw(architectures(space))))
    assert derives(space.gbnf(), json.dumps({"architecture": symbols}, separators=(",", ":")))


@pytest.mark.parametrize("symbols", ["1,1,1,1", "1,1,1,1,1,1", "0,1,1,1,1", "3,1,1,1,1", "1, 1, 1, 1, 1"])
def test_the_gbnf_grammar_derives_nothing_else(symbols: str) -> None:
    assert not derives(WIDTHS.gbnf(), f'{{"architecture":[{symbols}]}}')


def test_an_integer_of_any_library_is_a_choice() -> None:
    found = WIDTHS.validate([np.int64(1), np.uint8(2), *np.array([3, 0, 1])])
    assert found == (1, 2, 3, 0, 1)
    assert {type(choice) for choice in found} == {int}
    for other in (np.True_, True, 1.0, np.float64(1), "1", None, np.array([1, 2])):
        with pytest.raises(InvalidArchitecture, match="expects a choice from 0 to 1, got"):
            WIDTHS.validate([other, 2, 3, 0, 1])  # type: ignore[list-item]


def admits(schema: dict[str, Any], value: object) -> bool:
    """Whether a value satisfies a JSON Schema: the few keywords that the harness uses, and no others."""
    used = {"type", "properties", "required", "additionalProperties", "prefixItems", "items", "minItems", "maxItems"}
    if "enum" in schema:
        assert schema.keys() == {"enum"}
        return value in schema["enum"]
    assert schema.keys() <= used
    if schema["type"] == "object":
        properties, required = schema["properties"], schema["required"]
        assert schema["additionalProperties"] is False
        return (
            isinstance(value, dict)
            and set(required) <= value.keys() <= properties.keys()
            and all(admits(properties[name], each) for name, each in value.items())
        )
    assert (schema["type"], schema["items"]) == ("array", False)
    entries: Sequence[dict[str, Any]] = schema["prefixItems"]
    return (
        isinstance(value, list)
        and schema["minItems"] <= len(value) <= schema["maxItems"]
        and len(value) <= len(entries)
        and all(admits(entry, each) for entry, each in zip(entries, value, strict=False))
    )


def derives(gbnf: str, text: str) -> bool:
    """Whether a GBNF grammar without recursion derives a text: every rule becomes a regular expression."""
    rules = dict(line.split(" ::= ") for line in gbnf.splitlines())
    assert rules.keys() == {"root"} | {name for name in rules if re.fullmatch(r"slot\d+", name)}

    def expression(rule: str) -> str:
        pattern = ""
        for literal, name, bar in re.findall(r'"((?:[^"\\]|\\.)*)"|(\w+)|(\|)', rule):
            pattern += bar or (f"(?:{expression(rules[name])})" if name else re.escape(literal.replace('\\"', '"')))
        return pattern

    return re.fullmatch(expression(rules["root"]), text) is not None
