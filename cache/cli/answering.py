"""Any program answered from recordings, and recorded: commands that return what the program does."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Any

from cache.errors import CacheError
from cache.provider.credentials import NO_KEY
from cache.provider.endpoint import OpenAITransport
from cache.provider.limits import Limits, read_prices
from cache.serving import server
from cache.serving.transport import responding
from genius_replay.console import say


def serve(
    places: list[Path],
    *,
    port: int,
    into: Path | None,
    store: Path | None,
    rewrite: list[tuple[str, str]],
    **asked: Any,
) -> None:
    """Answer programs that speak OpenAI's protocol, on a port of this machine."""
    upstream = _upstream(**asked)
    if bool(upstream) != bool(into or store) or (into and store) or not (upstream or places):
        raise CacheError("Expected places to answer from, or --record with one of --into and --store. Name these.")
    records = responding(places, into=into, store=store, upstream=upstream, rewrite=dict(rewrite))
    with records as responder, suppress(KeyboardInterrupt), server.serving(responder, port=port) as url:
        missing = "asked upstream and kept" if upstream else "an error that explains itself"
        say(f"base URL  {url}/v1\nsessions  {url}/s/NAME/v1\nWhat is not recorded is {missing}. Ctrl-C stops this.")
        Event().wait()


def run(place: Path, command: list[str], *, rewrite: list[tuple[str, str]], **asked: Any) -> int:
    """Run a program that speaks OpenAI's protocol, and answer it; the exit code is its own, 1 after a miss."""
    return server.run(place, command, upstream=_upstream(**asked), rewrite=dict(rewrite))


def _upstream(*, record: bool, upstream: str | None, prices: Path | None, **ceilings: Any) -> OpenAITransport | None:
    """Return who is asked, and how much, by the options of a command that records; None without --record."""
    if record:
        limits = Limits(**ceilings, prices=read_prices(prices) if prices else {})
        return OpenAITransport(upstream, NO_KEY, limits=limits)
    if upstream or prices or {*ceilings.values()} != {None}:
        raise CacheError("Expected --record beside what is asked upstream, got none. Add it, or leave the rest out.")
    return None
