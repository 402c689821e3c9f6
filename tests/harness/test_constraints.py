"""What may be evaluated: GENIUS' window of rounded multiply-accumulates, any bound of any cost, and nothing twice."""

from __future__ import annotations

import pytest

from harness.constraints import Bound, MacsWindow, Within, novel
from harness.errors import HarnessError
from harness.protocol import Missed, Reason, Rejection, in_millions

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


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("macs<=60e6", Bound("macs", high=6e7)),
        (" latency_ms <= 12.5 ", Bound("latency_ms", high=12.5)),
        ("params>=1000", Bound("params", low=1000)),
        ("1000<=params", Bound("params", low=1000)),
        ("60e6>=macs", Bound("macs", high=6e7)),
        ("300e6<=macs<=330e6", Bound("macs", 3e8, 3.3e8)),
        ("330e6>=macs>=300e6", Bound("macs", 3e8, 3.3e8)),
        ("-2<=gain<=-1", Bound("gain", -2, -1)),
    ],
)
def test_a_bound_is_read_as_it_is_written(text: str, bound: Bound) -> None:
    assert Bound.read(text) == bound


@pytest.mark.parametrize(
    "text",
    ["", "macs", "macs<60", "macs<=", "macs<=60M", "macs<=nan", "macs<=1e999", "macs=<60", "60<=70", "2<=macs<=1",
     "1<=macs>=2", "1<=macs<=2<=3", "a-b<=1", "<=1", "1<=2<=3", "macs<=params"],
)  # fmt: skip
def test_what_is_no_bound_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(HarnessError, match="expected a constraint such as macs<=60e6") as refused:
        Bound.read(text)
    assert repr(text) in str(refused.value)


def test_bounds_are_exact_and_both_allowed() -> None:
    within = Within(Bound("latency_ms", 3, 12.5), lambda architecture: architecture[0] / 10)
    assert [within((tenths,), 0, ()) is None for tenths in (29, 30, 125, 126)] == [False, True, True, False]
    below, above = within((29,), 0, ()), within((137,), 0, ())
    detail = "latency_ms where from 3 to 12.5 latency_ms are allowed"
    missed = Missed("latency_ms", "2.9", "3", "0.1")
    assert below == Rejection(Reason.BELOW_LIMIT, f"2.9 {detail}", missed=missed)
    missed = Missed("latency_ms", "13.7", "12.5", "1.2")
    assert above == Rejection(Reason.ABOVE_LIMIT, f"13.7 {detail}", missed=missed)


def test_what_has_no_cost_is_left_to_what_measures() -> None:
    assert Within(Bound("latency_ms", high=1), lambda _: None)((0,), 0, ()) is None


def test_bounds_are_said_in_words() -> None:
    said = [str(Bound.read(text)) for text in ("macs<=6e7", "params>=1e3", "3e8<=flops<=3.3e8")]
    assert said == [
        "at most 60,000,000 multiply-accumulates",
        "at least 1,000 parameters",
        "from 300,000,000 to 330,000,000 multiply-accumulates",
    ]
