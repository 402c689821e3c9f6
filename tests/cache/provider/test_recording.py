"""Recording from many threads and processes: everyone gets the one answer that was asked for once and stored."""

from __future__ import annotations

import inspect
import os
import resource
import signal
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.resources.chat.completions import Completions

from cache.cassette import Cassette
from cache.client import Client, Records, Tally
from cache.errors import CacheError, EndpointError
from cache.key import JSON, NOT_IN_KEY, request_key
from cache.provider.endpoint import OpenAITransport
from cache.provider.limits import Limits
from cache.record import CHAT, Record
from cache.store import Store
from tests.cache.records import chat_request
from tests.cache.server import Handler, Server, completion, cuts, events, fails, running, says, silent
from tests.cache.test_store_processes import fork, join

pytestmark = [pytest.mark.enable_socket, pytest.mark.network]

KEY = "sk-test-0123456789abcdefghij"
REQUESTS = [chat_request(f"request {number}") for number in range(200)]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with running() as server:
        yield server


def transport(server: Server, **arguments: Any) -> OpenAITransport:
    return OpenAITransport(server.url, KEY, sleep=lambda _seconds: None, **arguments)


def record_all(server: Server, folder: Path) -> None:
    with Store(folder) as store, OpenAITransport(server.url, KEY) as endpoint:
        client = Client(store, {CHAT: endpoint.send})
        for request in REQUESTS:
            client.ask(CHAT, request)


def test_eight_processes_ask_200_times_not_1600(server: Server, tmp_path: Path) -> None:
    join(*(fork(lambda: record_all(server, tmp_path)) for _ in range(8)))
    assert len(server.asked) == len(REQUESTS) == 200
    with Store(tmp_path) as store:
        assert len(store) == 200
        assert store.verify() == []
        client = Client(store)
        assert all(client.ask(CHAT, request).text == "[1, 2]" for request in REQUESTS)
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".lock"] == []


@pytest.mark.parametrize("place", ["store", "cassette"])
def test_threads_that_share_a_client_ask_once(place: str, server: Server, tmp_path: Path) -> None:
    with Store(tmp_path) as store, transport(server) as endpoint, ThreadPoolExecutor(8) as pool:
        records: Records = store if place == "store" else Cassette()
        client = Client(records, {CHAT: endpoint.send})

        def ask(request: dict[str, JSON]) -> str:
            try:
                return client.ask(CHAT, request).text
            finally:
                store.close()  # the connections of this thread

        texts = set(pool.map(ask, REQUESTS[:10] * 8))
    assert texts == {"[1, 2]"}
    assert len(server.asked) == 10
    assert client.tally == Tally(requests=80, hits=70, misses=10)


def test_who_dies_while_asking_blocks_nobody(server: Server, tmp_path: Path) -> None:
    asked = threading.Event()

    def never(handler: Handler) -> None:
        asked.set()
        silent(handler)

    server.behaviours = [never, says(completion("[1, 2]"))]

    def ask() -> None:
        with Store(tmp_path) as store, OpenAITransport(server.url, KEY) as endpoint:
            assert Client(store, {CHAT: endpoint.send}).ask(CHAT, REQUESTS[0]).text == "[1, 2]"

    holder = fork(ask)
    assert asked.wait(10)
    waiting = fork(ask)
    os.kill(holder, signal.SIGKILL)
    os.waitpid(holder, 0)
    join(waiting)
    assert len(server.asked) == 2


def test_who_fails_lets_the_next_one_ask(server: Server, tmp_path: Path) -> None:
    server.behaviours = [fails(400), says(completion("[1, 2]"))]
    with Store(tmp_path) as store, transport(server) as endpoint:
        client = Client(store, {CHAT: endpoint.send})
        with pytest.raises(EndpointError):
            client.ask(CHAT, REQUESTS[0])
        assert client.ask(CHAT, REQUESTS[0]).text == "[1, 2]"
        assert store.verify() == []


def test_an_answer_is_stored_before_it_is_returned(server: Server, tmp_path: Path) -> None:
    with Store(tmp_path) as store, transport(server) as endpoint:
        record = Client(store, {CHAT: endpoint.send}).ask(CHAT, REQUESTS[0])
        with Store(tmp_path, read_only=True) as another:
            assert another.get(record.key) == record


def test_a_store_that_cannot_be_written_is_never_asked_for(server: Server, tmp_path: Path) -> None:
    Store(tmp_path).close()
    with Store(tmp_path, read_only=True) as store, transport(server) as endpoint:
        client = Client(store, {CHAT: endpoint.send})
        with pytest.raises(CacheError, match="read_only"):
            client.ask(CHAT, REQUESTS[0])
    assert server.asked == []


FAULTS = {
    "429": fails(429),
    "429 with Retry-After": fails(429, Retry_After="1"),
    "500": fails(500),
    "cut": cuts(completion("[1, 2]")),
    "no JSON": says(b"<html>502 Bad Gateway</html>"),
    "an error in its place": says({"error": "overloaded"}),
    "time-out": silent,
    "stream that ends early": says(events({"choices": [{"index": 0, "delta": {"content": "["}}]}, end=False)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_after_a_fault_one_answer_is_stored(fault: str, server: Server, tmp_path: Path) -> None:
    last: JSON = {
        "choices": [{"index": 0, "delta": {"role": "assistant", "content": "[1, 2]"}, "finish_reason": "stop"}]
    }
    streamed = fault.startswith("stream")
    server.behaviours = [FAULTS[fault], FAULTS[fault], says(events(last) if streamed else completion("[1, 2]"))]
    request = chat_request("one", stream=True) if streamed else chat_request("one")
    patience_s = 1 if fault == "time-out" else 60
    with Store(tmp_path) as store, transport(server, timeout_s=patience_s) as endpoint:
        client = Client(store, {CHAT: endpoint.send})
        record = client.ask(CHAT, request)
        assert client.ask(CHAT, request) == record == Client(store).ask(CHAT, request)
        assert (len(store), record.text) == (1, "[1, 2]")
    attempts = record.observed["attempts"]
    assert isinstance(attempts, list)
    assert len(attempts) == len(server.asked) == 3


def test_a_ceiling_keeps_everything_and_the_next_run_goes_on(server: Server, tmp_path: Path) -> None:
    def run(ceiling: int) -> None:
        with transport(server, limits=Limits(calls=ceiling)) as endpoint:
            client = Client(store, {CHAT: endpoint.send})
            for request in REQUESTS:
                client.ask(CHAT, request)

    with Store(tmp_path) as store:
        for ceiling, kept in [(3, 3), (4, 7)]:
            with pytest.raises(CacheError, match="the same command goes on from here"):
                run(ceiling)
            assert len(store) == kept
    assert len(server.asked) == 7


def test_a_server_that_is_down_stores_nothing(server: Server, tmp_path: Path) -> None:
    server.behaviours = [fails(503)]
    with Store(tmp_path) as store, transport(server) as endpoint:
        with pytest.raises(EndpointError, match="the same command goes on from here"):
            Client(store, {CHAT: endpoint.send}).ask(CHAT, REQUESTS[0])
        assert len(store) == 0


@pytest.mark.parametrize("key", [KEY, "AKIAABCDEFGHIJKLMNOP"])
def test_a_planted_key_reaches_no_record(key: str, server: Server, tmp_path: Path) -> None:
    server.behaviours = [
        fails(500, f"failed for {key}", x_request_id=key),
        says(completion("[1, 2]"), x_request_id=key),
        says(completion(f"you are {key}")),
    ]
    with Store(tmp_path) as store, transport(server) as endpoint:
        client = Client(store, {CHAT: endpoint.send})
        with pytest.raises(CacheError, match=r"at \$\.request\.messages\[1\]\.content"):
            client.ask(CHAT, chat_request(f"I am {key}"))
        assert "withheld" in str(client.ask(CHAT, chat_request("one")).observed)
        for _ in range(2):
            assert client.ask(CHAT, chat_request("two")).text == "you are [withheld: a credential stood here]"
        assert len(store) == 2
        assert store.verify() == []
    assert len(server.asked) == 3
    assert all(key.encode() not in path.read_bytes() for path in tmp_path.iterdir())


# -- a store that fails when an answer is there ---


def full(*_: object) -> bool:
    raise CacheError("Expected room, got a disk that is full. Make room.")


def test_what_cannot_be_kept_waits_and_is_not_asked_for_again(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(tmp_path) as store, transport(server) as endpoint:
        for _ in range(3):  # as often as the command is given again
            with monkeypatch.context() as failing:
                failing.setattr(Store, "put", full)
                with pytest.raises(CacheError, match="a disk that is full"):
                    Client(store, {CHAT: endpoint.send}).ask(CHAT, REQUESTS[0])
        client = Client(store, {CHAT: endpoint.send})
        record = client.ask(CHAT, REQUESTS[0])
        assert (record.text, client.tally) == ("[1, 2]", Tally(requests=1, hits=1))
        assert store.get(record.key) == record
    assert len(server.asked) == 1
    assert [path.name for path in tmp_path.iterdir() if path.suffix in (".answer", ".lock")] == []


def test_what_is_left_of_somebody_who_died_while_asking_is_no_answer(server: Server, tmp_path: Path) -> None:
    key = request_key(REQUESTS[0], kind=CHAT, sample=0)
    for content in (bytes(2**18), b"", b'{"digest": "torn', Record(REQUESTS[1], completion("[3]")).to_line()):
        with Store(tmp_path) as store, transport(server) as endpoint:
            with store.claim(key) as path:
                assert isinstance(path, Path)
                path.write_bytes(content)
            assert Client(store, {CHAT: endpoint.send}).ask(CHAT, REQUESTS[0]).text == "[1, 2]"
        for each in tmp_path.iterdir():
            each.unlink()
    assert len(server.asked) == 4


def test_without_room_for_an_answer_nothing_is_asked(server: Server, tmp_path: Path) -> None:
    def ask() -> None:
        with Store(tmp_path) as store, transport(server) as endpoint:
            resource.setrlimit(resource.RLIMIT_FSIZE, (2**17, 2**17))
            with pytest.raises(CacheError, match=r"Expected room for an answer in .*Make room first"):
                Client(store, {CHAT: endpoint.send}).ask(CHAT, REQUESTS[0])

    join(fork(ask))
    assert server.asked == []
    assert not list(tmp_path.glob("*.answer"))


def test_nothing_waits_where_an_attempt_fails(server: Server, tmp_path: Path) -> None:
    server.behaviours = [fails(400)]
    with Store(tmp_path) as store, transport(server) as endpoint, pytest.raises(EndpointError):
        Client(store, {CHAT: endpoint.send}).ask(CHAT, REQUESTS[0])
    assert not list(tmp_path.glob("*.answer"))


@pytest.mark.parametrize(
    "body",
    [
        b'{"choices": true}',
        b'{"choices": [{"message": {"content": null}}], "usage": {"total_tokens": -1}, "model": [1]}',
        b'{"choices": [], "choices": []}',
        b'{"choices": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        '{"choices": [{"message": {"content": "\u00e4"}}]}'.encode("latin-1"),
    ],
    ids=["true", "null", "twice", "deep", "Latin-1"],
)
def test_what_is_no_good_answer_is_paid_for_once(body: bytes, server: Server, tmp_path: Path) -> None:
    server.behaviours = [says(body)]
    with Store(tmp_path) as store, transport(server) as endpoint:
        client = Client(store, {CHAT: endpoint.send})
        first = client.ask(CHAT, REQUESTS[0])
        assert client.ask(CHAT, REQUESTS[0]) == first
        assert "choices" in first.answer or "unreadable" in first.answer
        assert store.verify() == []
    assert len(server.asked) == 1


# -- the key over the parameters that the client of openai knows ---

NOT_PARAMETERS = {"self", "messages", "model", "extra_query", "extra_body"}  # the last two are no members of a body
PARAMETERS = sorted(set(inspect.signature(Completions.create).parameters) - NOT_PARAMETERS)
OPTIONS = sorted(set(inspect.signature(openai.OpenAI.__init__).parameters) & set(NOT_IN_KEY))
VALUES = st.one_of(st.booleans(), st.integers(-9, 9), st.text(max_size=5), st.lists(st.text(max_size=3), max_size=2))


def key_of(request: Mapping[str, JSON]) -> str:
    return request_key(request, kind=CHAT, sample=0)


def test_the_list_of_parameters_is_not_empty() -> None:
    assert {"temperature", "seed", "response_format", "timeout", "extra_headers"} <= set(PARAMETERS)
    assert {"api_key", "base_url", "timeout", "max_retries", "default_headers"} <= set(OPTIONS)


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from(PARAMETERS), VALUES, max_size=4), st.sampled_from(PARAMETERS), VALUES, VALUES)
def test_every_parameter_is_in_the_key_unless_it_is_written_down(
    others: dict[str, JSON], name: str, value: JSON, changed: JSON
) -> None:
    request = chat_request("one", **others)
    keys = {key_of(request | {name: value}), key_of(request | {name: changed})}
    assert (len(keys) == 2) == (name not in NOT_IN_KEY and repr(value) != repr(changed))


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from(OPTIONS), VALUES))
def test_no_credential_base_url_or_time_out_changes_the_key(options: dict[str, JSON]) -> None:
    assert key_of(chat_request("one", **options)) == key_of(chat_request("one"))


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_parameter_in_the_key_reaches_the_endpoint(name: str, server: Server) -> None:
    request = chat_request("one", **{name: None})
    with transport(server) as endpoint:
        if name in ("timeout", "extra_headers"):
            with pytest.raises(CacheError, match="to the transport"):
                endpoint.send(request)
        else:
            endpoint.send(request)
            assert server.asked == [request]
