"""Every built-in search method holds every property."""

from __future__ import annotations

import pytest

from baselines import catalogue
from harness.conformance.methods import OF_METHODS, Property
from harness.protocol import Method

METHODS = {name: method for name, method in catalogue.METHODS.items() if method.with_model is None}
"""Those that search without a language model."""


@pytest.mark.parametrize("holds", OF_METHODS, ids=lambda holds: holds.__name__)
@pytest.mark.parametrize("method", METHODS.values(), ids=lambda method: method.name)
def test_method(method: Method, holds: Property[Method]) -> None:
    assert holds(method) is None
