"""What may be evaluated: GENIUS' window of rounded multiply-accumulates, and nothing twice."""

from __future__ import annotations

import pytest

from harness.constraints import MacsWindow, novel
from harness.protocol import Reason, Rejection, in_millions

WINDOW = MacsWindow(270, 330)


@pytest.mark.parametrize("macs", [269_500_001, 270_000_000, 329_412_864, 330_072_448, 330_499_999])
def test_a_cost_that_rounds_into_the_window_passes(macs: int) -> None:
    assert WINDOW((0,), macs, ()) is None


@pytest.mark.parametrize(("macs", "cost"), [(330_500_001, 331), (331_000_000, 331), (9_000_000_000, 9000)])
def test_a_cost_above_the_window_is_rejected_with_both_figures(macs: int, cost: int) -> None:
    detail = f"{cost} M where 270 to 330 M are allowed"
    assert WINDOW((0,), macs, ()) == Rejection(Reason.ABOVE_WINDOW, detail, bound=330)


@pytest.mark.parametrize(("macs", "cost"), [(269_499_999, 269), (0, 0)])
def test_a_cost_below_the_window_is_rejected_with_both_figures(macs: int, cost: int) -> None:
    detail = f"{cost} M where 270 to 330 M are allowed"
    assert WINDOW((0,), macs, ()) == Rejection(Reason.BELOW_WINDOW, detail, bound=270)


def test_what_is_fed_back_is_rounded_and_not_truncated() -> None:
    assert [in_millions(macs) for macs in (1_499_999, 1_500_001, 2_000_000)] == [1, 2, 2]


def test_an_architecture_is_evaluated_once() -> None:
    assert novel((1, 2), 0, {(2, 1)}) is None
    rejection = novel((1, 2), 0, {(1, 2)})
    assert rejection is not None
    assert rejection.reason is Reason.REPEATED
