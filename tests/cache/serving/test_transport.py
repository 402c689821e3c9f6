"""SDKs answered from a cassette in the place of a network: synchronous or not, with httpx and with httpx2."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import openai
import pytest

from cache import cassette
from cache.errors import CacheError
from cache.provider.endpoint import OpenAITransport
from cache.serving.transport import http_transport, responding
from tests.cache.records import chat_record, chat_request
from tests.cache.server import Server, completion, running, says

KEY = "sk-test-0123456789abcdefghij"
ASKED: dict[str, Any] = chat_request("Roll.")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A cassette with two samples of one request."""
    records = [chat_record("Roll.", answer=str(k), sample=1000 * k) for k in range(2)]
    cassette.write(tmp_path / "two.jsonl", records)
    return tmp_path / "two.jsonl"


@pytest.fixture
def upstream() -> Iterator[Server]:
    with running() as upstream:
        yield upstream


def test_the_sdk_replays_without_a_socket_and_misses_with_the_reason(file: Path) -> None:
    with openai.DefaultHttpxClient(transport=http_transport(file)) as http:
        sdk = openai.OpenAI(api_key="none", http_client=http)
        assert sdk.chat.completions.create(**ASKED).choices[0].message.content == "0"
        pieces = sdk.chat.completions.create(**ASKED, stream=True)
        assert "".join(piece.choices[0].delta.content or "" for piece in pieces) == "1"
        with pytest.raises(openai.NotFoundError, match="only the sample differs"):
            sdk.chat.completions.create(**ASKED)


def test_the_asynchronous_sdk_does(file: Path) -> None:
    async def ask() -> list[str | None]:
        async with openai.DefaultAsyncHttpxClient(transport=http_transport(file)) as http:
            sdk = openai.AsyncOpenAI(api_key="none", http_client=http)
            first = await sdk.chat.completions.create(**ASKED)
            stream = await sdk.chat.completions.create(**ASKED, stream=True)
            pieces = [piece.choices[0].delta.content or "" async for piece in stream]
            return [first.choices[0].message.content, "".join(pieces)]

    assert asyncio.run(ask()) == ["0", "1"]


@pytest.mark.parametrize("library", ["httpx", "httpx2"])
def test_clients_of_both_libraries_take_it(library: str, file: Path) -> None:
    httpx = pytest.importorskip(library)
    url = "https://api.openai.com/v1/chat/completions"
    with httpx.Client(transport=http_transport(file)) as client:
        assert client.post(url, json=ASKED).json()["choices"][0]["message"]["content"] == "0"

    async def ask() -> Any:
        async with httpx.AsyncClient(transport=http_transport(file)) as client:
            return (await client.post(url, json=ASKED)).json()

    assert asyncio.run(ask())["choices"][0]["message"]["content"] == "0"


@pytest.mark.enable_socket
@pytest.mark.network
def test_what_is_not_there_is_asked_and_is_there_afterwards(upstream: Server, tmp_path: Path) -> None:
    upstream.behaviours = [says(completion("0")), says(completion("1"))]
    into = tmp_path / "new.jsonl"
    for asked in (OpenAITransport(upstream.url, "none"), None):
        with openai.DefaultHttpxClient(transport=http_transport(into, upstream=asked)) as http:
            sdk = openai.OpenAI(api_key=KEY, http_client=http)
            said = [sdk.chat.completions.create(**ASKED).choices[0].message.content for _ in range(2)]
            assert said == ["0", "1"]
    assert len(upstream.asked) == 2
    assert upstream.headers[0]["authorization"] == f"Bearer {KEY}"
    assert KEY not in into.read_text("utf-8")
    assert [path.name for path in tmp_path.glob("new*")] == ["new.jsonl"]


PROGRAM = """
import sys, openai, cache
from cache.serving.transport import http_transport
upstream = cache.OpenAITransport(sys.argv[2], "none")
http = openai.DefaultHttpxClient(transport=http_transport(sys.argv[1], upstream=upstream))
sdk = openai.OpenAI(api_key="none", http_client=http)
sdk.chat.completions.create(model="m", messages=[])
"""


@pytest.mark.enable_socket
@pytest.mark.network
def test_a_program_that_closes_nothing_loses_nothing(upstream: Server, tmp_path: Path) -> None:
    into = tmp_path / "new.jsonl"
    words = [sys.executable, "-c", PROGRAM, str(into), upstream.url]
    subprocess.run(words, check=True, cwd=Path(__file__).parents[3], timeout=60)
    assert len(cassette.read(into, exact=True)) == 1


def test_one_recording_at_a_time_goes_into_a_cassette_and_what_it_lacks_is_said(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        responding([], into=file),
        pytest.raises(CacheError, match="another recording goes on"),
        responding([], into=file),
    ):
        pass
    (file.parent / "two.jsonl.store").mkdir()
    with responding([file]):
        assert "two.jsonl.store holds answers that are not in two.jsonl yet" in capsys.readouterr().err


def test_answers_that_do_not_fit_into_the_cassette_stay_beside_it(file: Path) -> None:
    other = chat_record("Roll.", answer="another")
    with pytest.raises(CacheError, match="Expected one record for"), responding([], into=file) as responder:
        responder._records.put(other)
    assert len(cassette.read(file)) == 2
    store = import_module("cache.store").Store(file.parent / "two.jsonl.store", read_only=True)
    with store:
        assert store.get(other.key) == other
