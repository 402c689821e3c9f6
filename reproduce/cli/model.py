"""The options that say which language model is asked, how, and what that may cost."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from math import inf
from typing import Any

from cache.key import JSON
from cache.provider.credentials import KEY_VARIABLE
from cache.provider.limits import PRICES, Limits, read_prices
from genius_replay.advice import meant
from genius_replay.options import infile
from harness.specification import KINDS, UNSET
from reproduce import runs
from reproduce.errors import UsageError
from reproduce.searching.answering import Endpoint, read_endpoints
from reproduce.searching.planning import WINDOWED
from reproduce.searching.protocols import PRESETS

PROTOCOL = f"how the model is talked to: {', '.join(PRESETS)}, or fields that differ (docs/record.md)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare them."""
    model = parser.add_argument_group("language model, for genius")
    model.add_argument("--model", nargs="+", default=[], metavar="NAME", help="as its endpoint or --endpoints calls it")
    model.add_argument("--fresh", action="store_true", help="use no answer that another endpoint gave before")
    warmth = f"of every answer, or {UNSET}"
    model.add_argument("--temperature", type=_temperature, nargs="+", default=[0.0], metavar="T", help=warmth)
    model.add_argument(
        "--window", type=int, nargs=2, metavar=("LOW", "HIGH"), help=f"of the cost in millions; {WINDOWED} needs one"
    )
    model.add_argument("--answers", choices=runs.ANSWERS, default="free", help="or held to the space by the server")
    words = f"FILE.md of yours, {runs.PLAIN}, or {runs.PUBLISHED}, in which GPT-4 was asked (default: our own)"
    model.add_argument("--prompt", nargs="+", default=[], metavar="NAME", help=words)
    model.add_argument("--protocol", nargs="+", default=[], metavar=("NAME", "FIELD=VALUE"), help=PROTOCOL)
    model.add_argument(
        "--parameter", nargs="+", default=[], metavar="NAME=VALUE", help="sent with every request, e.g. max_tokens=512"
    )
    where = parser.add_argument_group("endpoint of the model")
    where.add_argument("--base-url", metavar="URL", help="such as http://127.0.0.1:8000/v1; else OPENAI_BASE_URL")
    where.add_argument("--key-variable", metavar="NAME", help=f"that holds the key (default: {KEY_VARIABLE})")
    where.add_argument("--header", nargs="+", default=[], metavar="NAME=VALUE", help="$NAME is that variable's value")
    where.add_argument("--query", nargs="+", default=[], metavar="NAME=VALUE", help="of the URL, such as api-version")
    where.add_argument("--timeout", type=float, metavar="S", help="of an attempt, in seconds")
    where.add_argument("--api", choices=tuple(KINDS), help="the interface that is asked (default: chat)")
    where.add_argument("--endpoints", type=infile, metavar="FILE.toml", help="all this of several, by name")
    ceiling = parser.add_argument_group("ceilings", "What was answered before one is reached is kept.")
    ceiling.add_argument("--max-calls", type=int, metavar="N", help="requests, of the whole command")
    ceiling.add_argument("--max-tokens", type=int, metavar="N", help="prompt and completion, of the whole command")
    ceiling.add_argument("--max-cost", type=float, metavar="MONEY", help="of the whole command; needs --prices")
    ceiling.add_argument("--calls-per-minute", type=int, metavar="N", help="requests; who would be one too many waits")
    ceiling.add_argument("--tokens-per-minute", type=int, metavar="N", help="prompt and completion, likewise")
    ceiling.add_argument("--prices", type=infile, metavar="FILE", help=PRICES)


def endpoints(args: argparse.Namespace) -> list[Endpoint]:
    """Who is asked, nobody without a model; of a file without names all that it describes.

    Raises:
        UsageError: an option does not fit.
    """
    said = {name: getattr(args, name) for name in ("base_url", "key_variable", "api")} | {"timeout_s": args.timeout}
    said |= {"headers": pairs("--header", args.header) or None, "query": pairs("--query", args.query) or None}
    own = {name: value for name, value in said.items() if value is not None}
    if args.endpoints is None:
        return [Endpoint(name, **own) for name in args.model]
    if own:
        raise UsageError("expected either --endpoints FILE or options of one endpoint, which the file says of each")
    found = read_endpoints(args.endpoints)
    for name in args.model:
        if name not in found:
            known = ", ".join(found)
            raise UsageError(f"{args.endpoints}: expected --model as one of {known}, got {name}{meant(name, found)}")
    return [found[name] for name in args.model or found]


def limits(args: argparse.Namespace) -> Limits:
    """The ceilings on what an endpoint may cost; raises UsageError if one is out of range, or a price is missing."""
    for name in ("max_calls", "max_tokens", "max_cost", "calls_per_minute", "tokens_per_minute"):
        number = getattr(args, name)
        if number is not None and not 0 < number < inf:
            raise UsageError(f"{args.command}: expected a positive --{name.replace('_', '-')}, got {number}")
    if args.max_cost is not None and args.prices is None:
        raise UsageError(f"{args.command}: --max-cost needs --prices FILE, the price of a million tokens of each model")
    prices, rates = read_prices(args.prices) if args.prices else {}, (args.calls_per_minute, args.tokens_per_minute)
    return Limits(args.max_calls, args.max_tokens, args.max_cost, prices, *rates)


def pairs(option: str, written: Sequence[str]) -> dict[str, str]:
    """What an option says of names; raises UsageError, without a value, if one is of another form or comes again."""
    found: dict[str, str] = {}
    for name, equals, value in (one.partition("=") for one in written):
        if not name or not equals or name in found:
            raise UsageError(f"expected {option} NAME=VALUE, each once, got {name if equals else 'another form'}")
        found[name] = value
    return found


def parameters(written: Sequence[str]) -> dict[str, JSON]:
    """What `--parameter` sends with every request: what is no JSON is a text; a dot in a name leads into an object.

    >>> parameters(["max_tokens=512", "reasoning.effort=low", 'stop="1"'])
    {'max_tokens': 512, 'reasoning': {'effort': 'low'}, 'stop': '1'}

    Raises:
        UsageError: one is of another form.
    """
    found: dict[str, Any] = {}
    for name, value in pairs("--parameter", written).items():
        *path, last = name.split(".")
        place = found
        for step in path:
            place = place.setdefault(step, {})
            if not isinstance(place, dict):
                raise UsageError(f"expected --parameter {name} in an object, got it in {json.dumps(place)}")
        try:
            place[last] = json.loads(value, parse_constant=str)  # NaN is no number that can be sent
        except (ValueError, RecursionError) as error:
            if value[:1] in ("{", "[", '"'):
                raise UsageError(f"expected JSON in --parameter {name}, got {value[:80]}: {error}") from None
            place[last] = value
    return found


def _temperature(written: str) -> float | str:
    try:
        return written if written == UNSET else float(written)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number or {UNSET}, got {written}") from None
