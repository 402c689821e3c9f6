from __future__ import annotations

import hashlib
import json
import random

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from cache.errors import InvalidRequest
from cache.key import JSON, NOT_IN_KEY, SCHEME, canonical, digest, keyed, request_key
from cache.record import CHAT
from tests.cache.records import chat_request

SAFE = 2**53 - 1
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-SAFE, SAFE)
    | FLOATS.filter(lambda number: not (SAFE < abs(number) < 1e21))
    | TEXT
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
)
REQUESTS = st.dictionaries(TEXT.filter(lambda name: name not in NOT_IN_KEY), VALUES, max_size=5)


def key(request: dict[str, JSON], sample: int = 0) -> str:
    return request_key(request, kind=CHAT, sample=sample)


@given(VALUES)
@example({"\U0001f600": 1, "\ufb33": 2, "a": 3})  # sorted by UTF-16 code units, not by code points
@example([1e21, -1.7e308, 0.1])
@example(['\x7f\u2028\x1f"\\/', -0.0, 1e21, 1e-7, 5e-324, 333333333.33333329, 1e23])
@example("a line\n" * 200)
def test_the_canonical_form_is_that_of_the_rfc8785_library(value: object) -> None:
    assert canonical(value) == rfc8785.dumps(value)  # type: ignore[arg-type]


def test_the_example_of_rfc_8785() -> None:
    value: JSON = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": '\u20ac$\u000f\u000aA\'B"\\"/',
        "literals": [None, True, False],
    }
    # fmt: off
    assert canonical(value) == (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\"/"}'
    ).encode()
    # fmt: on


@given(REQUESTS, st.randoms(use_true_random=False))
def test_the_order_of_names_is_not_in_the_key(request_: dict[str, JSON], order: random.Random) -> None:
    names = list(request_)
    order.shuffle(names)
    assert key({name: request_[name] for name in names}) == key(request_)


@given(st.integers(-SAFE, SAFE))
def test_one_and_one_point_zero_are_one_number(number: int) -> None:
    assert canonical(number) == canonical(float(number))
    assert key({"n": 1}) == key({"n": 1.0}) != key({"n": True})


@given(REQUESTS, TEXT.filter(lambda name: name not in NOT_IN_KEY), VALUES)
def test_any_other_parameter_is_in_the_key(request_: dict[str, JSON], name: str, value: JSON) -> None:
    if name not in request_ or canonical(request_[name]) != canonical(value):
        assert key({**request_, name: value}) != key(request_)


@pytest.mark.parametrize("name", NOT_IN_KEY)
def test_what_is_listed_is_not_in_the_key_at_the_top_and_only_there(name: str) -> None:
    request = chat_request("Hello")
    assert key({**request, name: "whatever"}) == key(request)
    assert keyed({**request, name: "whatever"}) == request
    assert key({**request, "extra_body": {name: "a"}}) != key({**request, "extra_body": {name: "b"}})


def test_sample_kind_and_scheme_are_in_the_key() -> None:
    request = chat_request("Hello")
    assert len({key(request), key(request, 1), request_key(request, kind="responses", sample=0)}) == 3
    whole: JSON = {"kind": CHAT, "request": request, "sample": 0, "scheme": SCHEME}
    assert key(request) == digest(whole) == "sha256:" + hashlib.sha256(canonical(whole)).hexdigest()


def test_the_scheme_is_a_contract() -> None:
    """This key was computed once and must never move: a cassette that is published holds such keys."""
    request = json.loads('{"model": "gpt-4", "messages": [{"role": "user", "content": "héllo\\n"}], "temperature": 0}')
    assert key(request) == "sha256:6d987a70358abdaec87cd0e48d86b0ac1563c3d0c949d23c8bea8f7285edb30d"


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (float("nan"), "nan, not finite or an integer beyond ±(2**53 - 1), at $.a[1]"),
        (float("-inf"), "-inf, not finite"),
        (b"bytes", "bytes at $.a[1]"),
        ({1: "x"}, "the key 1 (int, not a string) in $.a[1]"),
        ({None: "x", "b": 1}, "the key None (NoneType, not a string) in $.a[1]"),
        (2**53, "9007199254740992, not finite or an integer beyond"),
        (-(2**53), "-9007199254740992, not"),
        (10**22, "10000000000000000000000, not"),
        (2.0**53, "9007199254740992.0, not"),
        (-1e20, "-1e+20, not"),
        ("\ud800", "lone surrogate at $.a[1]"),
        ({"\ud800": 1}, "(the name)"),
        ({1, 2}, "set at $.a[1]"),
    ],
)
def test_what_is_not_json_is_refused_by_its_place(value: JSON, named: str) -> None:
    with pytest.raises(InvalidRequest, match="Expected JSON") as caught:
        canonical({"a": [0, value]})
    assert named in str(caught.value)


def test_nesting_without_end_is_refused() -> None:
    value: list[JSON] = []
    value.append(value)
    with pytest.raises(InvalidRequest, match="nested too deeply"):
        canonical(value)


@pytest.mark.parametrize("sample", [-1, True, 1.0, "0"])
def test_a_sample_is_a_number_from_zero(sample: int) -> None:
    with pytest.raises(InvalidRequest, match="Expected sample"):
        key({}, sample)
