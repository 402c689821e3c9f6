"""Every built-in search space holds every property."""

from __future__ import annotations

import pytest

from harness import spaces
from harness.conformance.methods import Property
from harness.conformance.spaces import OF_SPACES
from harness.spaces import SpaceModule


@pytest.mark.parametrize("holds", OF_SPACES, ids=lambda holds: holds.__name__)
@pytest.mark.parametrize("name", spaces.NAMES)
def test_space(name: str, holds: Property[SpaceModule]) -> None:
    assert holds(spaces.find(name)) is None
