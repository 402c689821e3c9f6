"""Every built-in search method holds every property."""

from __future__ import annotations

import pytest

from baselines.catalogue import METHODS
from harness.conformance.methods import OF_METHODS, Property
from harness.protocol import Method


@pytest.mark.parametrize("holds", OF_METHODS, ids=lambda holds: holds.__name__)
@pytest.mark.parametrize("method", METHODS.values(), ids=lambda method: method.name)
def test_method(method: Method, holds: Property[Method]) -> None:
    assert holds(method) is None
