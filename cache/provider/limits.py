"""What a run may use: ceilings on calls, tokens and money; and the ledger, what records cost and using them saved.

A ceiling holds however many calls are underway: each holds its bound until it is known what it took. A token stands for
at least one byte of text in every vocabulary in use, so a prompt has no more tokens than its request has bytes, beside
what the server's template adds; an answer has no more than the request allows.

Nothing is written when an answer is replayed. What was saved is counted from the files that name the records they used,
such as trajectories: a record that was asked for here was paid for once, and every further use of it saved a call.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec

from cache.errors import CacheError
from cache.key import JSON
from cache.nearest import listed
from cache.record import PAID, Record, body_of

KEPT = "Every answer so far is kept: the same command goes on from here."
PRICES = '{"model": {"prompt": 2.5, "completion": 10}}, per million tokens'
"""The form of a price table."""

_MOST = 10**12  # tokens of one answer: more is no count, and could not be added up in a record
_KEY = re.compile(rb"sha256:[0-9a-f]{64}")


class Usage(NamedTuple):
    """The tokens that one or more answers were billed for, as the endpoint counted them.

    Attributes: `prompt` and `completion`; `others` that only its total has, which some use for thinking.
    """

    prompt: int = 0
    completion: int = 0
    others: int = 0

    @property
    def tokens(self) -> int:
        """All together."""
        return sum(self)

    def plus(self, more: Usage) -> Usage:
        """Both together."""
        return Usage(*(one + other for one, other in zip(self, more, strict=True)))


def usage_of(answer: Mapping[str, JSON]) -> Usage | None:
    """Return what an answer says of its tokens, None if it says nothing that can be believed.

    It is believed if its numbers are integers from 0 on, and either the total is there or both of its parts.

    >>> usage_of({"usage": {"prompt_tokens": 5, "completion_tokens": 2}})
    Usage(prompt=5, completion=2, others=0)
    """
    said = body_of(answer).get("usage")
    if not isinstance(said, Mapping):
        return None
    kinds = ("prompt", "input"), ("completion", "output"), ("total", "total")  # chat completions, others
    prompt, completion, total = (said.get(f"{one}_tokens", said.get(f"{other}_tokens")) for one, other in kinds)
    if total is None and (prompt is None or completion is None):
        return None
    counts = [0 if count is None else count for count in (prompt, completion, total)]
    known = [count for count in counts if type(count) is int and 0 <= count <= _MOST]
    if len(known) < len(counts):
        return None
    return Usage(known[0], known[1], max(0, known[2] - known[0] - known[1]))


def attempts_at(record: Record) -> list[Mapping[str, JSON]]:
    """Return what a record says of the attempts at its answer; nothing if it was published or reconstructed."""
    return [attempt for attempt in listed("attempts", record.observed) if isinstance(attempt, Mapping)]


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a million tokens of a model cost, in whatever currency the ceiling is in."""

    prompt: Annotated[float, msgspec.Meta(ge=0)]
    completion: Annotated[float, msgspec.Meta(ge=0)]

    def of(self, usage: Usage) -> float:
        """The cost of `usage`; tokens of unknown kind cost as the dearer one."""
        others = max(self.prompt, self.completion) * usage.others
        return (self.prompt * usage.prompt + self.completion * usage.completion + others) / 1e6


def read_prices(path: Path) -> dict[str, Price]:
    """Return the prices in a JSON file `{"model": {"prompt": 2.5, "completion": 10}}`, per million tokens.

    Raises:
        CacheError: the file cannot be read or has another form.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Price])
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise CacheError(f"Expected a price table {PRICES} in {path}, got {error}. Mend or name the file.") from None


MINUTE_S = 60.0
TEMPLATE = 256  # tokens that a server's template may add to the text of a request; more where an answer shows more
_ALLOWED = ("max_completion_tokens", "max_output_tokens", "max_tokens")


def allowed(request: Mapping[str, JSON]) -> int | None:
    """Return how many tokens the answer to a request may have, thinking included; None if it does not say.

    >>> allowed({"max_tokens": 100, "n": 2})
    200
    """
    found = [most for name in _ALLOWED if type(most := request.get(name)) is int and most >= 0]
    choices = request.get("n")
    return max(found) * (choices if type(choices) is int and choices > 0 else 1) if found else None


def prompt_bound(request: Mapping[str, JSON]) -> int:
    """Return how many tokens the prompt of a request may have: the bytes of the whole body, schemata included."""
    return len(json.dumps(request, ensure_ascii=False).encode("utf-8", "replace"))


@dataclass(frozen=True)
class Clock:
    """What waits, and where the times in records come from: by a clock of one's own they are the same bytes.

    Attributes:
        now: seconds since 1970.
        passing: seconds from any moment, of which differences are taken.
        sleep: waits so many seconds.
    """

    now: Callable[[], float] = time.time
    passing: Callable[[], float] = time.perf_counter
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Limits:
    """Ceilings of a run; None is no ceiling.

    Attributes:
        calls: requests that are sent, every attempt counted.
        tokens: prompt and completion tokens, as the endpoint counts them.
        cost: money, by `prices`.
        prices: by the name of the model, in requests and in answers.
        calls_per_minute: requests that are sent in any minute; who would be one too many waits.
        tokens_per_minute: of the requests that are sent in any minute, each by its bound until it is answered.

    Raises:
        CacheError: when it is made with a ceiling that is no number from 0 on, or a rate that lets nothing through.
    """

    calls: int | None = None
    tokens: int | None = None
    cost: float | None = None
    prices: Mapping[str, Price] = field(default_factory=dict)
    calls_per_minute: int | None = None
    tokens_per_minute: int | None = None

    def __post_init__(self) -> None:
        for ceiling in (self.calls, self.tokens, self.cost):
            if ceiling is not None and not ceiling >= 0:  # nor is NaN, which nothing ever reaches
                raise CacheError(f"Expected a ceiling from 0 on, got {ceiling}. Name another, or none.")
        for rate in (self.calls_per_minute, self.tokens_per_minute):
            if rate is not None and not rate >= 1:
                raise CacheError(f"Expected a rate of 1 or more a minute, got {rate}. Name another, or none.")


@dataclass
class _Call:
    """One call of a thread.

    Attributes:
        length: bytes of the request.
        tokens: that it counts in a minute.
        held: the tokens that it may take of the ceilings, and the `cost` of that.
        began: when it was sent.
    """

    length: int
    tokens: int
    held: int
    cost: float
    began: float = 0.0


class Spent:
    """What a run has used, and what refuses a call once a ceiling is reached; safe for threads.

    A request that says how long its answer may be holds its bound until it is done, so that no ceiling is passed. Of
    one that does not only the number of requests is exact: ceilings on tokens and money are known to be passed when
    answers are there. What an endpoint bills for an attempt of which it says nothing is not known at all.

    Attributes: `calls` sent, `usage` billed, `cost` of it where there is a price, `models` that answered, with how many
    answers each; the `clock` that it waits by.
    """

    def __init__(
        self,
        limits: Limits,
        clock: Clock | None = None,
        retrying: Callable[[Exception, float], object] = lambda error, seconds: None,  # noqa: ARG005
    ) -> None:
        """Begin to count.

        Args:
            limits: what may be used.
            clock: what is waited by, and where times come from.
            retrying: is told why an endpoint is asked again, and in how many seconds.
        """
        self.calls, self.usage, self.cost, self.models = 0, Usage(), 0.0, Counter[str]()
        self.clock = clock or Clock()
        self._limits, self._retrying = limits, retrying
        self._lock = threading.Condition()
        self._underway: dict[int, _Call] = {}  # by the thread that sends it
        self._minute = deque[_Call]()  # the calls of the last minute, in the order in which they were sent
        self._template = TEMPLATE
        self._uncounted = ""  # why a ceiling can no longer be watched

    @contextmanager
    def reserved(self, request: Mapping[str, JSON]) -> Iterator[None]:
        """Count one call, which is sent inside, and hold what it may take until it is done.

        It waits while calls that are underway hold what it may need, and until a minute has room for it.

        Raises:
            CacheError: a ceiling is reached, may be passed, or can no longer be watched, or is on money and the model
                has no price.
        """
        self._admit(request)
        try:
            yield
        finally:
            with self._lock:
                del self._underway[threading.get_ident()]
                self._lock.notify_all()

    def _admit(self, request: Mapping[str, JSON]) -> None:
        limits, model, most = self._limits, str(request.get("model")), allowed(request)
        if limits.cost is not None and model not in limits.prices:
            raise CacheError(f"Expected a price for {model!r}, got none. Add it to the price table: {PRICES}.")
        length = prompt_bound(request)
        while True:
            with self._lock:
                bound = Usage(length + self._template, most or 0)
                held = Usage() if most is None else bound
                cost = limits.prices[model].of(held) if model in limits.prices else 0.0
                call, wait_s = _Call(length, bound.tokens, held.tokens, cost), 0.0
                if not self._has_room(call):
                    self._lock.wait()
                elif not (wait_s := self._until_sent(call)):
                    call.began = self.clock.passing()
                    self.calls += 1
                    self._underway[threading.get_ident()] = call
                    self._minute.append(call)
                    return
            self.clock.sleep(wait_s)  # also for no time at all: whoever is to stop is told here

    def _has_room(self, call: _Call) -> bool:
        """Whether a call keeps the ceilings even if all that are underway take what they may.

        Raises:
            CacheError: it does not, whatever becomes of those.
        """
        limits, room = self._limits, True
        tokens = sum(one.held for one in self._underway.values())
        cost = sum(one.cost for one in self._underway.values())
        for used, others, more, ceiling, unit in (
            (self.calls, 0, 1, limits.calls, "calls"),
            (self.usage.tokens, tokens, call.held, limits.tokens, "tokens"),
            (self.cost, cost, call.cost, limits.cost, "in money"),
        ):
            if ceiling is not None and (used >= ceiling or used + more > ceiling):
                may = f", and the next request may take {more:g}" if used < ceiling else ""
                raise CacheError(f"Expected at most {ceiling:g} {unit} in this run, used {used:g}{may}. {KEPT}")
            room = room and (ceiling is None or used + others + more <= ceiling)
        if self._uncounted:
            raise CacheError(f"{self._uncounted} {KEPT}")
        return room

    def _until_sent(self, call: _Call) -> float:
        """Return the seconds until the last minute has room for a call; one that is too large for any goes alone."""
        limits, now = self._limits, self.clock.passing()
        while self._minute and self._minute[0].began + MINUTE_S <= now:
            self._minute.popleft()
        calls, tokens, wait_s = len(self._minute), sum(each.tokens for each in self._minute), 0.0
        for earlier in self._minute:
            few = limits.calls_per_minute is None or calls < limits.calls_per_minute
            if few and (limits.tokens_per_minute is None or tokens + call.tokens <= limits.tokens_per_minute):
                break
            calls, tokens, wait_s = calls - 1, tokens - earlier.tokens, earlier.began + MINUTE_S - now
        return wait_s

    def pause(self, error: Exception, seconds: float) -> None:
        """Say why an endpoint is asked again, and wait until then."""
        self._retrying(error, seconds)
        self.clock.sleep(seconds)

    def count(self, asked: str, answered: str, usage: Usage | None) -> None:
        """Add what an answer was billed for, or an attempt that brought none.

        Args:
            asked: the model in the request.
            answered: the model that the answer names, which is the one that is paid; empty if none is named.
            usage: of the answer; None if the endpoint did not say, or nothing that can be believed.
        """
        limits, model = self._limits, answered or asked
        with self._lock:
            self.models.update([answered] if answered else [])
            if usage is not None and (call := self._underway.get(threading.get_ident())):
                call.tokens = usage.tokens
                self._template = max(self._template, usage.prompt - call.length)
            if usage is not None:
                self.usage = self.usage.plus(usage)
                self.cost += limits.prices[model].of(usage) if model in limits.prices else 0.0
            elif limits.tokens is not None or limits.cost is not None:
                self._uncounted = (
                    "Expected the tokens of every answer as integers from 0 on, got none: no ceiling can be watched."
                    ' For a stream ask with stream_options={"include_usage": true}, else set a ceiling on calls.'
                )
            if limits.cost is not None and model not in limits.prices:
                self._uncounted = (
                    f"Expected a price for {model!r}, which answered in the place of {asked!r}, got none: the ceiling "
                    f"cannot be watched. Add it to the price table: {PRICES}."
                )


# -- the ledger ---

COLUMNS = ("records", "calls", "prompt", "completion", "seconds", "cost", "saved_calls", "saved_tokens", "saved_cost")
"""Of a ledger: answers that are kept, attempts at them (none for a record that was published or reconstructed), tokens
as the endpoint counted them, seconds over all attempts, money; and the calls, tokens and money that were not needed
again."""


def ledger(
    records: Iterable[Record], prices: Mapping[str, Price], uses: Mapping[str, int]
) -> dict[str, dict[str, float]]:
    """Return what records have cost together, by the name of the model in the request and by `COLUMNS`.

    Money goes by the model that answered, where it has a price, else by the one that was asked; with neither it is left
    out. `uses` is how often a key was used.
    """
    models: dict[str, dict[str, float]] = {}
    for record in records:
        if record.kind not in PAID:  # what else is kept has no price a token
            continue
        model = str(record.request.get("model"))
        attempts = attempts_at(record)
        latencies, said = [attempt.get("latency_s") for attempt in attempts], body_of(record.answer)
        usage, saved = usage_of(said) or Usage(), max(0, uses.get(record.key, 0) - bool(attempts))
        figures = {
            "records": 1,
            "calls": len(attempts),
            "prompt": usage.prompt,
            "completion": usage.completion,
            "seconds": sum((latency for latency in latencies if isinstance(latency, (int, float))), 0.0),
            "saved_calls": saved,
            "saved_tokens": saved * usage.tokens,
        }
        if price := prices.get(str(said.get("model")), prices.get(model)):
            cost = price.of(usage)
            figures.update(cost=cost, saved_cost=saved * cost)
        entry = models.setdefault(model, {})
        for name, figure in figures.items():
            entry[name] = entry.get(name, 0) + figure
    return dict(sorted(models.items()))


def keys_in(paths: Iterable[Path]) -> Counter[str]:
    """Return how often every key is named in files of any form: trajectories, reports, cassettes.

    Raises:
        CacheError: a file cannot be read, or names none.
    """
    found: Counter[str] = Counter()
    for path in paths:
        try:
            keys = _KEY.findall(path.read_bytes())
        except OSError as error:
            raise CacheError(f"Expected a file at {path}, got {error.strerror}. Name another file.") from None
        if not keys:
            raise CacheError(f"Expected keys of records (sha256:…) in {path}, got none. Name another file.")
        found.update(key.decode() for key in keys)
    return found
