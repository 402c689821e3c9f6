"""Ceilings and rates for calls that are underway at the same time; no network, no waiting."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from cache.errors import CacheError
from cache.provider.limits import MINUTE_S, TEMPLATE, Clock, Limits, Price, Spent, Usage, allowed, prompt_bound
from tests.cache.records import chat_request

PRICE = Price(1, 10)


class Watch:
    """A clock that moves only when somebody waits, and says how much was sent when."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.clock = Clock(passing=lambda: self.seconds, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def answered(spent: Spent, request: dict[str, Any], usage: Usage) -> None:
    with spent.reserved(request):
        spent.count(request["model"], "", usage)


@pytest.mark.parametrize(
    ("said", "most"),
    [
        ({}, None),
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 5, "max_tokens": 7}, 7),
        ({"max_output_tokens": 5, "n": 3}, 15),
        ({"max_tokens": "5"}, None),
        ({"max_tokens": True}, None),
        ({"max_tokens": -1}, None),
        ({"max_tokens": 5, "n": "many"}, 5),
    ],
)
def test_how_long_an_answer_may_be(said: dict[str, Any], most: int | None) -> None:
    assert allowed(chat_request("one", **said)) == most


def test_a_prompt_has_no_more_tokens_than_its_request_has_bytes() -> None:
    assert prompt_bound(chat_request("é" * 50)) - prompt_bound(chat_request("")) == 100
    assert prompt_bound({"messages": ["\ud800"]}) > 0


@pytest.mark.parametrize("unit", ["calls", "tokens", "cost"])
def test_no_ceiling_is_passed_by_calls_that_are_underway_together(unit: str) -> None:
    """Each takes its whole bound or less; sixteen at a time."""
    request = chat_request("one", max_tokens=100)
    bound = Usage(prompt_bound(request) + TEMPLATE, 100)
    each = {"calls": 1, "tokens": bound.tokens, "cost": PRICE.of(bound)}[unit]
    ceiling = 10.5 * each if unit != "calls" else 10
    limits: dict[str, Any] = {unit: ceiling, "prices": {"test-1": PRICE}}
    spent = Spent(Limits(**limits))
    together, most = 0, 0
    lock, draws = threading.Lock(), random.Random(0)

    def ask(_: int) -> None:
        nonlocal together, most
        with suppress(CacheError), spent.reserved(request):
            with lock:
                together += 1
                most = max(most, together)
                usage = bound if draws.random() < 0.5 else Usage(draws.randrange(bound.prompt), draws.randrange(100))
            threading.Event().wait(0.001)
            spent.count("test-1", "", usage)
            with lock:
                together -= 1

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(ask, range(400)))
    used = {"calls": spent.calls, "tokens": spent.usage.tokens, "cost": spent.cost}[unit]
    assert ceiling - each < used <= ceiling
    assert 1 < most <= 10
    with pytest.raises(CacheError, match=r"Expected at most .* Every answer so far is kept"):
        answered(spent, request, bound)


def test_who_is_held_up_by_others_waits_and_is_not_refused() -> None:
    request = chat_request("one", max_tokens=100)
    bound = prompt_bound(request) + TEMPLATE + 100
    spent = Spent(Limits(tokens=bound + 10))
    with ThreadPoolExecutor(1) as pool:
        with spent.reserved(request):
            waiting = pool.submit(answered, spent, request, Usage(1, 1))
            threading.Event().wait(0.05)
            assert spent.calls == 1
            spent.count("test-1", "", Usage(5, 5))
        waiting.result(10)
    assert (spent.calls, spent.usage.tokens) == (2, 12)
    with pytest.raises(CacheError, match=rf"used 12, and the next request may take {bound}\."):
        answered(spent, request, Usage())


def test_an_attempt_that_brings_nothing_gives_back_what_it_held() -> None:
    request = chat_request("one", max_tokens=100)
    spent = Spent(Limits(tokens=prompt_bound(request) + TEMPLATE + 100))
    for _ in range(3):
        with suppress(OSError), spent.reserved(request):
            raise OSError
    answered(spent, request, Usage(1, 1))
    assert (spent.calls, spent.usage.tokens) == (4, 2)


def test_without_a_length_only_requests_are_exact() -> None:
    spent = Spent(Limits(tokens=20))
    with spent.reserved(chat_request("one")), suppress(CacheError):
        spent.count("test-1", "", Usage(10, 9))
    answered(spent, chat_request("one"), Usage(50, 50))
    with pytest.raises(CacheError, match="at most 20 tokens in this run, used 119"):
        answered(spent, chat_request("one"), Usage())


def test_a_template_that_is_longer_than_was_thought_is_counted_from_then_on() -> None:
    request = chat_request("one", max_tokens=10)
    length = prompt_bound(request)
    spent = Spent(Limits(tokens=2 * (length + 1000)))
    answered(spent, request, Usage(length + 990, 10))
    answered(spent, request, Usage(length + 990, 10))
    with pytest.raises(CacheError, match="Expected at most"):
        answered(spent, request, Usage())


def test_no_minute_has_more_calls_than_its_rate() -> None:
    watch, sent = Watch(), list[float]()
    spent = Spent(Limits(calls_per_minute=5), watch.clock)
    for _ in range(23):
        answered(spent, chat_request("one"), Usage(1, 1))
        sent.append(watch.seconds)
        watch.seconds += 1
    assert all(later - earlier >= MINUTE_S for earlier, later in zip(sent, sent[5:], strict=False))
    assert watch.seconds < 23 / 5 * MINUTE_S  # nor does it wait for longer


def test_no_minute_has_more_tokens_than_its_rate_and_an_answer_frees_what_it_did_not_take() -> None:
    watch, sent = Watch(), list[tuple[float, int]]()
    request, draws = chat_request("one", max_tokens=100), random.Random(1)
    bound = prompt_bound(request) + TEMPLATE + 100
    spent = Spent(Limits(tokens_per_minute=2 * bound), watch.clock)
    for _ in range(60):
        used = draws.randrange(100)
        answered(spent, request, Usage(used, 1))
        sent.append((watch.seconds, used + 1))
        watch.seconds += 0.5
    for began, _ in sent:
        assert sum(tokens for at, tokens in sent if began <= at < began + MINUTE_S) <= 2 * bound
    assert sum(at < MINUTE_S for at, _ in sent) > 4  # two would fit by their bounds


def test_what_is_too_large_for_any_minute_goes_alone() -> None:
    watch = Watch()
    spent = Spent(Limits(tokens_per_minute=1), watch.clock)
    for expected in (0, MINUTE_S, 2 * MINUTE_S):
        answered(spent, chat_request("one"), Usage(50, 50))
        assert watch.seconds == expected


def test_a_rate_that_lets_nothing_through_is_refused() -> None:
    with pytest.raises(CacheError, match="Expected a rate of 1 or more a minute, got 0"):
        Limits(calls_per_minute=0)


def test_why_an_endpoint_is_asked_again_is_told() -> None:
    watch, told = Watch(), list[tuple[str, float]]()
    spent = Spent(Limits(), watch.clock, retrying=lambda error, seconds: told.append((str(error), seconds)))
    spent.pause(CacheError("busy"), 3.0)
    assert (told, watch.seconds) == ([("busy", 3.0)], 3.0)
