"""What a run may use: ceilings on calls, tokens and money, and the prices that turn tokens into money."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cache.errors import CacheError, LimitReached
from cache.key import JSON

_FORM = '{"model": {"prompt": 2.5, "completion": 10}}, per million tokens'


@dataclass(frozen=True)
class Usage:
    """The tokens that one or more answers were billed for, as the endpoint counted them."""

    prompt: int = 0
    completion: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.prompt + other.prompt, self.completion + other.completion)

    @property
    def tokens(self) -> int:
        """Prompt and completion together."""
        return self.prompt + self.completion


def usage_of(answer: Mapping[str, JSON]) -> Usage | None:
    """Return what a chat.completion body says of its tokens, None if it says nothing."""
    match answer:
        case {"usage": {"prompt_tokens": int(prompt), "completion_tokens": int(completion)}}:
            return Usage(prompt, completion)
        case {"usage": {"prompt_tokens": int(prompt)}}:
            return Usage(prompt, 0)
    return None


@dataclass(frozen=True)
class Price:
    """What a million tokens of a model cost, in whatever currency the ceiling is in."""

    prompt: float
    completion: float

    def of(self, usage: Usage) -> float:
        """The cost of `usage`."""
        return (self.prompt * usage.prompt + self.completion * usage.completion) / 1e6


def read_prices(path: Path) -> dict[str, Price]:
    """Return the prices in a JSON file `{"model": {"prompt": 2.5, "completion": 10}}`, per million tokens.

    Raises:
        CacheError: the file cannot be read or has another form.
    """
    try:
        table = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise CacheError(f"Expected a price table {_FORM} in {path}, got {error}. Mend or name the file.") from None
    prices = {}
    for model, price in table.items() if isinstance(table, dict) else [("", table)]:
        match price:
            case {"prompt": int() | float() as prompt, "completion": int() | float() as completion, **others} if (
                not others and 0 <= prompt < math.inf and 0 <= completion < math.inf
            ):
                prices[model] = Price(prompt, completion)
            case _:
                got = f"{json.dumps(price)[:80]} for {model!r}" if model else f"a {type(table).__name__}"
                raise CacheError(f"Expected a price table {_FORM} in {path}, got {got}. Mend the file.")
    return prices


@dataclass(frozen=True)
class Limits:
    """Ceilings of a run; None is no ceiling.

    Attributes:
        calls: requests that are sent, every attempt counted.
        tokens: prompt and completion tokens, as the endpoint counts them.
        cost: money, by `prices`.
        prices: by the name of the model in the request.
    """

    calls: int | None = None
    tokens: int | None = None
    cost: float | None = None
    prices: Mapping[str, Price] = field(default_factory=dict)


@dataclass(frozen=True)
class Spent:
    """What was used so far: `calls` sent, tokens billed, `cost` of them where there is a price."""

    calls: int = 0
    usage: Usage = Usage()
    cost: float = 0.0


class Meter:
    """Counts what is spent and refuses a call once a ceiling is reached; safe for threads.

    Tokens are known when an answer is there, so calls that are underway at the same time may pass that ceiling; what an
    endpoint bills for an attempt that brought no answer is not known at all.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._spent = Spent()
        self._uncounted = False  # an answer came without its tokens

    @property
    def spent(self) -> Spent:
        """What was spent since the meter was made."""
        return self._spent

    def reserve(self, model: str) -> None:
        """Count one call to `model`, which is sent next.

        Raises:
            LimitReached: a ceiling is reached, or can no longer be watched.
            CacheError: there is a ceiling on money and no price for `model`.
        """
        limits = self._limits
        if limits.cost is not None and model not in limits.prices:
            raise CacheError(f"Expected a price for {model!r}, got none. Add it to the price table: {_FORM}.")
        with self._lock:
            spent = self._spent
            for used, ceiling, unit in (
                (spent.calls, limits.calls, "calls"),
                (spent.usage.tokens, limits.tokens, "tokens"),
                (spent.cost, limits.cost, "in money"),
            ):
                if ceiling is not None and used >= ceiling:
                    raise LimitReached(f"Expected at most {ceiling:g} {unit} in this run, used {used:g}. {_GO_ON}")
            if self._uncounted and (limits.tokens is not None or limits.cost is not None):
                raise LimitReached(
                    "Expected the tokens of every answer, got one without: the ceiling cannot be watched. For a stream "
                    f'ask with stream_options={{"include_usage": true}}, else set a ceiling on calls. {_GO_ON}'
                )
            self._spent = Spent(spent.calls + 1, spent.usage, spent.cost)

    def count(self, model: str, usage: Usage | None) -> None:
        """Add what the answer of `model` was billed for; None if the endpoint did not say."""
        with self._lock:
            spent = self._spent
            if usage is None:
                self._uncounted = True
                return
            price = self._limits.prices.get(model)
            cost = spent.cost + (price.of(usage) if price else 0.0)
            self._spent = Spent(spent.calls, spent.usage + usage, cost)


_GO_ON = "Every answer so far is kept: the same command goes on from here."
