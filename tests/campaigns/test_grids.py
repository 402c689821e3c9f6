"""The campaign of grids, in little."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaigns.grids import campaign

pytestmark = [pytest.mark.enable_socket, pytest.mark.network]


def test_a_grid_that_is_killed_loses_and_repays_nothing(tmp_path: Path) -> None:
    assert campaign(1, tmp_path, seed=1, trials=6).startswith("1 commands killed")


@pytest.mark.slow
def test_twenty_kills(tmp_path: Path) -> None:
    assert campaign(20, tmp_path).startswith("20 ")
