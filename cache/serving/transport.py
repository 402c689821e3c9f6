"""Places of records for any program, and a transport that answers its SDK from them in the place of a network."""

from __future__ import annotations

import atexit
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

from cache import cassette
from cache.cassette import Cassette
from cache.client import Shelf
from cache.errors import CacheError
from cache.provider.endpoint import OpenAITransport
from cache.rewriting import NO_RULES, Rules, rules, shown
from cache.serving.responder import Responder
from cache.store import Store
from genius_replay import files
from genius_replay.console import warn


@contextmanager
def responding(
    places: Sequence[Path],
    *,
    into: Path | None = None,
    store: Path | None = None,
    upstream: OpenAITransport | None = None,
    rewrite: Mapping[str, str] = NO_RULES,
) -> Iterator[Responder]:
    """Give a responder that replays from cassettes and from folders of stores, and can record if it is said where to.

    Args:
        places: the first that has an answer gives it.
        into: a cassette that grows when the block ends. Meanwhile answers lie in a store beside it, `FILE.store`;
            whoever records into the cassette next takes from there what one who was killed left.
        store: the folder of a store that grows, also by several who record at the same time.
        upstream: makes what is not recorded; it is closed when the block ends.
        rewrite: by pattern what stands in its place in the key of a request (`cache.rewriting`). Without it the rules
            are those that the places were recorded with.

    Raises:
        CacheError: a place cannot be read or written, or was recorded with other rules.
    """
    with ExitStack() as stack:
        found: list[Cassette | Store] = []
        if into is not None:
            found.append(stack.enter_context(_growing(into)))
        elif store is not None:
            found.append(stack.enter_context(Store(store)))
        for place in dict.fromkeys([*places, *([into] if into else [])]):
            if place.is_dir():
                found.append(stack.enter_context(Store(place, read_only=True)))
            elif place != into or place.exists():
                found.append(cassette.read(place, exact=place == into))
            if place != into and _beside(place).is_dir():
                warn(f"{_beside(place)} holds answers that are not in {place.name} yet: record into it again.")
        if upstream is not None:
            stack.enter_context(upstream)
        yield Responder(Shelf(found, new=found[0]), upstream, _rules(found, rewrite))
    if upstream is not None:
        spent = upstream.spent
        warn(f"{spent.calls} requests were sent upstream; answers were billed for {spent.usage.tokens:,} tokens")


def _rules(places: Sequence[Cassette | Store], rewrite: Mapping[str, str]) -> Rules:
    """Return the rules that are declared, else those that places were recorded with; they have to be the same."""
    declared, kept = rules(rewrite), set().union(*(place.rules() for place in places))
    if len(kept | {declared} - {()}) > 1:
        recorded = "; ".join(sorted(map(shown, kept)))
        raise CacheError(
            f"Expected one list of rules that rewrite requests, got {shown(declared)} for what was recorded with: "
            f"{recorded}. Name none, and those of the recording hold; recordings with different ones go one by one."
        )
    return max(kept, default=declared)


SESSION = "/s/program"  # of a program that has one for itself


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.store")


@contextmanager
def _growing(into: Path) -> Iterator[Store]:
    """Give a store beside a cassette, which is put into it and removed when the block ends."""
    folder = _beside(into)
    try:
        folder.mkdir(exist_ok=True)
        alone = files.lock(folder / "recording.lock", wait=False)
    except OSError as error:
        why = "another recording goes on" if isinstance(error, BlockingIOError) else error.strerror
        raise CacheError(f"Expected to record into {into}, got: {why}. Name another file.") from None
    with alone, ExitStack() as afterwards, Store(folder) as store:
        try:
            yield store
        finally:
            if len(store):
                cassette.grow(into, store.export().values())
            if not any(folder.glob("*.answer")):  # which could not be kept, and waits there
                afterwards.callback(shutil.rmtree, folder)


# -- in the place of a network ---


def http_transport(
    file: Path | str, *, upstream: OpenAITransport | None = None, rewrite: Mapping[str, str] = NO_RULES
) -> Any:
    """Return what answers an SDK from a cassette in the place of a network, as the `transport` of its HTTP client.

        openai.OpenAI(http_client=openai.DefaultHttpxClient(transport=http_transport("mine.jsonl")))
        openai.AsyncOpenAI(http_client=openai.DefaultAsyncHttpxClient(transport=http_transport("mine.jsonl")))

    Clients of httpx and of httpx2 take it, synchronous or not. It is one session: the k-th time that a request is asked
    through it gets the sample 1000·k. Its attribute `responder` knows what was missed.

    Args:
        file: a cassette.
        upstream: is asked what is not there, under the SDK's credentials, whatever base URL that has. The cassette has
            grown when the HTTP client is closed, at the latest when Python ends.
        rewrite: as in `responding`, such as `{r"\\d{4}-\\d\\d-\\d\\d": "DATE"}`.

    Raises:
        CacheError: the cassette cannot be read or written, or was recorded with other rules.
    """
    return _Transport(Path(file), upstream, rewrite)


class _Transport(AbstractContextManager["_Transport"], AbstractAsyncContextManager["_Transport"]):
    def __init__(self, file: Path, upstream: OpenAITransport | None, rewrite: Mapping[str, str]) -> None:
        self._stack = ExitStack()
        records = responding([file], into=file if upstream else None, upstream=upstream, rewrite=rewrite)
        self.responder = self._stack.enter_context(records)
        atexit.register(self.close)

    def close(self) -> None:
        atexit.unregister(self.close)
        self._stack.close()

    async def aclose(self) -> None:
        self.close()

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def handle_request(self, request: Any) -> Any:
        return self._answered(request, request.read())

    async def handle_async_request(self, request: Any) -> Any:
        import anyio.to_thread  # comes with both

        return await anyio.to_thread.run_sync(self._answered, request, await request.aread())

    def _answered(self, request: Any, body: bytes) -> Any:
        target = SESSION + request.url.raw_path.decode()
        answered = self.responder.answer(request.method, target, dict(request.headers), body)
        library = sys.modules[type(request).__module__.partition(".")[0]]  # httpx, or httpx2 of openai 3
        return library.Response(answered.status, headers=dict(answered.headers), content=answered.content)
