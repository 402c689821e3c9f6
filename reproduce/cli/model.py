"""The options that say which language model is asked, how, and what that may cost."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from math import inf

from cache.key import JSON
from cache.provider.limits import PRICES, Limits, read_prices
from genius_replay.options import infile
from reproduce import runs
from reproduce.errors import UsageError
from reproduce.planning import WINDOWED
from reproduce.protocols import PRESETS

PROTOCOL = f"how the model is talked to: {', '.join(PRESETS)}, or fields that differ (docs/record.md)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare them."""
    model = parser.add_argument_group("language model, for genius", "Its key is taken from OPENAI_API_KEY.")
    model.add_argument("--model", metavar="NAME", help="as the endpoint calls it")
    model.add_argument("--base-url", metavar="URL", help="such as http://127.0.0.1:8000/v1; else OPENAI_BASE_URL")
    model.add_argument("--fresh", action="store_true", help="use no answer that another endpoint gave before")
    model.add_argument("--temperature", type=float, nargs="+", default=[0.0], metavar="T", help="of every answer")
    model.add_argument(
        "--window", type=int, nargs=2, metavar=("LOW", "HIGH"), help=f"of the cost in millions; {WINDOWED} needs one"
    )
    model.add_argument("--answers", choices=runs.ANSWERS, default="free", help="or held to the space by the server")
    model.add_argument("--protocol", nargs="+", default=[], metavar=("NAME", "FIELD=VALUE"), help=PROTOCOL)
    model.add_argument(
        "--parameter", nargs="+", default=[], metavar="NAME=JSON", help="sent with every request, e.g. max_tokens=512"
    )
    ceiling = parser.add_argument_group("ceilings", "What was answered before one is reached is kept.")
    ceiling.add_argument("--max-calls", type=int, metavar="N", help="requests, of the whole command")
    ceiling.add_argument("--max-tokens", type=int, metavar="N", help="prompt and completion, of the whole command")
    ceiling.add_argument("--max-cost", type=float, metavar="MONEY", help="of the whole command; needs --prices")
    ceiling.add_argument("--calls-per-minute", type=int, metavar="N", help="requests; who would be one too many waits")
    ceiling.add_argument("--tokens-per-minute", type=int, metavar="N", help="prompt and completion, likewise")
    ceiling.add_argument("--prices", type=infile, metavar="FILE", help=PRICES)


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


def parameters(written: Sequence[str]) -> Mapping[str, JSON]:
    """What `--parameter` sends with every request; raises UsageError if one is of another form."""
    found: dict[str, JSON] = {}
    for one in written:
        name, equals, value = one.partition("=")
        try:
            known = {**found, "model": 0, "messages": 0, "temperature": 0, "seed": 0}
            found[name] = json.loads(value)
        except (ValueError, RecursionError):
            equals = ""
        if not name or not equals or name in known:
            raise UsageError(
                f"expected --parameter NAME=JSON such as top_p=0.9, each once and for what no other option gives, got "
                f"{one}"
            )
    return found
