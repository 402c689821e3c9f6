"""Small campaigns against a store and its cassettes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.campaigns import cassettes, store


@pytest.mark.parametrize("campaign", store.CAMPAIGNS)
def test_nothing_is_lost_in_silence(campaign: Callable[[int, int], str]) -> None:
    assert campaign(24, 1).startswith("24 ")


def test_every_edit_is_noticed() -> None:
    assert sum(cassettes.campaign(20, seed=1).values()) > 40
