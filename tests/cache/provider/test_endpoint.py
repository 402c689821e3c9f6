"""The transport against a server on loopback that misbehaves as real ones do."""

from __future__ import annotations

import logging
import shutil
import subprocess
import time
import traceback
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from cache.client import Reply
from cache.errors import CacheError, EndpointError, InvalidRequest
from cache.key import JSON
from cache.provider.answer import LARGEST_BYTES
from cache.provider.endpoint import ATTEMPTS, OpenAITransport
from cache.provider.limits import Limits, Price, Usage
from tests.cache.records import chat_request
from tests.cache.server import (
    Behaviour,
    Handler,
    Server,
    completion,
    cuts,
    drips,
    events,
    fails,
    hangs_up,
    leaves_open,
    running,
    says,
    silent,
)

pytestmark = [pytest.mark.enable_socket, pytest.mark.network]

KEY = "sk-test-0123456789abcdefghij"
ANSWER = completion("[1, 2]")


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as server:
        yield server


class Clock:
    """Waits in no time, and remembers for how long."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def transport(server: Server, clock: Clock) -> Iterator[OpenAITransport]:
    with OpenAITransport(server.url, KEY, sleep=clock.sleep) as transport:
        yield transport


def attempts_of(reply: Reply) -> list[dict[str, Any]]:
    attempts = reply.observed["attempts"]
    assert isinstance(attempts, list)
    return attempts


def test_a_request_is_sent_as_it_is_and_its_answer_comes_back_verbatim(
    server: Server, transport: OpenAITransport
) -> None:
    answer = completion("a", "b", unheard_of={"x": [1, None]})
    server.behaviours = [says(answer, x_request_id="req-1")]
    request = chat_request("one", n=2, temperature=0, stop=None, user="me", unheard_of={"grammar": "root ::= [0-9]"})
    reply = transport.send(request)
    assert server.asked == [request]
    assert reply.answer == answer
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    (attempt,) = attempts_of(reply)
    assert (attempt["status"], attempt["request_id"]) == (200, "req-1")
    assert reply.observed["latency_s"] == attempt["latency_s"]
    assert (reply.observed["model"], reply.observed["usage"]) == ("test-1a", answer["usage"])
    assert set(reply.observed) == {"model", "usage", "time", "latency_s", "attempts", "versions"}


@pytest.mark.parametrize(
    ("failures", "told"),
    [
        ([fails(429)], ["status 429: not now"]),
        ([fails(429, Retry_After="7")], ["status 429: not now"]),
        ([fails(500), fails(503, "busy")], ["status 500: not now", "status 503: busy"]),
        ([cuts(ANSWER)], ["a connection that failed (RemoteProtocolError)"]),
        ([says(b"<html>502 Bad Gateway</html>")], ["an error in its place: 502 Bad Gateway"]),
        ([says(b'{"choices": [')], ['characters: {"choices": [']),
        ([says({"error": {"message": "overloaded"}})], ["an error in its place: overloaded"]),
    ],
)
def test_what_passes_by_itself_is_asked_again_and_kept_in_the_record(
    failures: list[Behaviour], told: list[str], server: Server, transport: OpenAITransport, clock: Clock
) -> None:
    server.behaviours = [*failures, says(ANSWER)]
    reply = transport.send(chat_request("one"))
    assert reply.answer == ANSWER
    assert len(server.asked) == len(failures) + 1 == transport.spent.calls
    *failed, last = attempts_of(reply)
    assert last["status"] == 200
    assert "error" not in last
    for attempt, text in zip(failed, told, strict=True):
        assert text in attempt["error"]
    assert len(clock.waited) == len(failures)


def test_an_endpoint_that_says_nothing_is_asked_again(server: Server, clock: Clock) -> None:
    server.behaviours = [silent, says(ANSWER)]
    with OpenAITransport(server.url, KEY, timeout_s=1, sleep=clock.sleep) as transport:
        first, _second = attempts_of(transport.send(chat_request("one")))
    assert "got nothing for 1 s" in first["error"]
    assert "status" not in first


def test_the_server_says_how_long_to_wait(server: Server, transport: OpenAITransport, clock: Clock) -> None:
    server.behaviours = [
        fails(429, Retry_After="7"),
        fails(503, Retry_After="Mon, 01 Jan 2001 00:00:00 GMT"),
        fails(429, Retry_After="soon"),
        fails(429),
        says(ANSWER),
    ]
    transport.send(chat_request("one"))
    assert clock.waited[0] == 7
    for n, waited in enumerate(clock.waited):
        assert waited >= 2.0 ** (n - 1)
    assert [waited <= 2.0**n for n, waited in enumerate(clock.waited)] == [False, True, True, True]


def test_nobody_waits_for_hours(server: Server, transport: OpenAITransport, clock: Clock) -> None:
    server.behaviours = [fails(429, Retry_After="86400")]
    with pytest.raises(EndpointError, match=r"asks to wait 86400 s. Try again then. Every answer so far is kept"):
        transport.send(chat_request("one"))
    assert clock.waited == []


@pytest.mark.parametrize("behaviour", [fails(500), says(b"no JSON")], ids=["500", "no JSON"])
def test_enough_is_enough(behaviour: Behaviour, server: Server, transport: OpenAITransport) -> None:
    server.behaviours = [behaviour]
    with pytest.raises(EndpointError, match=f"attempt {ATTEMPTS}, the last one") as caught:
        transport.send(chat_request("one"))
    assert len(server.asked) == len(caught.value.attempts) == ATTEMPTS


@pytest.mark.parametrize(
    ("behaviour", "advice"),
    [
        (fails(400, "temperature must be below 2"), "below 2 Change the request as the endpoint says"),
        (fails(401, "who are you?"), "Check the API key"),
        (fails(404, "no such model"), "Check the model's name"),
        (fails(422), "Change the request"),
        (fails(429, "no credit", "insufficient_quota"), "wants to be paid"),
        (fails(400, "too many tokens", "context_length_exceeded"), "fewer or shorter messages"),
        (fails(400, "This model's maximum context length is 512 tokens"), "longer context"),
    ],
)
def test_what_does_not_pass_is_asked_once_and_says_what_to_change(
    behaviour: Behaviour, advice: str, server: Server, transport: OpenAITransport
) -> None:
    server.behaviours = [behaviour]
    with pytest.raises(EndpointError, match=advice) as caught:
        transport.send(chat_request("one"))
    assert not caught.value.passes
    assert len(server.asked) == 1


def test_no_server_at_all(server: Server, clock: Clock) -> None:
    closed = Server()
    url = closed.url
    closed.server_close()
    with (
        OpenAITransport(url, sleep=clock.sleep) as transport,
        pytest.raises(EndpointError, match="got a closed port at"),
    ):
        transport.send(chat_request("one"))
    assert clock.waited == []


# -- on the way ---

ELSEWHERE = "http://endpoint.invalid/v1"  # a name that no resolver has


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"])
@pytest.mark.parametrize("proxy", ["a server", "socks5://127.0.0.1:1", "nonsense://127.0.0.1:1"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.2"])
def test_a1_loopback_is_never_asked_through_a_proxy(
    variable: str, proxy: str, host: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    url = server.url.replace("127.0.0.1", host)
    if host == "127.0.0.2":
        url = server.url  # bound to one address alone
    with running() as other:
        monkeypatch.setenv(variable, other.url if proxy == "a server" else proxy)
        with OpenAITransport(url, KEY) as transport:
            assert transport.send(chat_request("one")).answer == ANSWER
        assert other.asked == []


def test_other_hosts_are_asked_through_the_proxy(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url)
    with OpenAITransport(ELSEWHERE, KEY) as transport:
        assert transport.send(chat_request("one")).answer == ANSWER


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:1"),
        ("HTTPS_PROXY", "nonsense://me:password@127.0.0.1:1"),
        ("SSL_CERT_FILE", "/nowhere/at.pem"),
        ("SSL_CERT_FILE", __file__),
        ("SSL_CERT_DIR", "/nowhere"),
    ],
)
def test_a2_an_environment_that_cannot_be_used_is_named(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value.startswith("socks5") and find_spec("socksio"):
        pytest.skip("the package for socks proxies is installed")
    monkeypatch.setenv(variable, value)
    with pytest.raises(CacheError, match=variable) as caught:
        OpenAITransport("https://endpoint.invalid/v1", KEY)
    assert "password" not in str(caught.value)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody signed, with its key."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names]
    subprocess.run([*command, "-keyout", path, "-out", f"{path}.crt"], check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + Path(f"{path}.crt").read_bytes())
    return path


def fails_once(url: str, match: str, clock: Clock) -> None:
    with OpenAITransport(url, KEY, sleep=clock.sleep) as transport, pytest.raises(EndpointError, match=match) as caught:
        transport.send(chat_request("one"))
    assert clock.waited == []
    assert url.split("/")[2] not in str(caught.value)


def test_a3_each_failure_has_its_own_sentence_and_is_not_met_again(
    server: Server, certificate: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(certificate) as encrypted:
        url = encrypted.url.replace("http:", "https:")
        fails_once(url, "a certificate that is not trusted .*SSL_CERT_FILE", clock)
        fails_once(encrypted.url, "TLS at the base URL, which says http. Begin it with https://", clock)
        assert encrypted.asked == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with OpenAITransport(url, KEY) as transport:
            assert transport.send(chat_request("one")).answer == ANSWER
    fails_once(server.url.replace("http:", "https:"), "no TLS at the base URL .*begin it with http://", clock)
    fails_once(ELSEWHERE, "no address for the host of the base URL", clock)
    fails_once(f"http://{'x' * 70}.invalid/v1", "an address that cannot be asked|no address for the host", clock)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    fails_once(ELSEWHERE, "a closed port at the proxy in HTTP_PROXY", clock)


def test_an_endpoint_that_was_reached_may_come_back(server: Server, clock: Clock) -> None:
    server.behaviours = [hangs_up, says(ANSWER)]
    with OpenAITransport(server.url, KEY, sleep=clock.sleep) as transport:
        transport.send(chat_request("one"))
        server.shutdown()
        server.server_close()
        server.behaviours = [hangs_up]
        with pytest.raises(EndpointError, match=f"attempt {ATTEMPTS}, the last one"):
            transport.send(chat_request("two"))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a6_no_redirect_is_followed(status: int, server: Server, transport: OpenAITransport) -> None:
    server.behaviours = [says(b"", status, Location=f"{server.url}/elsewhere")]
    with pytest.raises(EndpointError, match=r"a redirect to .*not followed") as caught:
        transport.send(chat_request("one"))
    assert len(server.asked) == 1
    assert not caught.value.passes


@pytest.mark.parametrize("query", ["?api-version=1", "?a=1&b=2"])
def test_a7_a_query_stands_behind_the_path(query: str, server: Server) -> None:
    paths = []

    def behave(handler: Handler) -> None:
        paths.append(handler.path)
        says(ANSWER)(handler)

    server.behaviours = [behave]
    with OpenAITransport(f" {server.url}/{query}\r\n", KEY) as transport:
        transport.send(chat_request("one"))
    assert paths == [f"/v1/chat/completions{query}"]


def test_the_words_of_an_error_are_shown_without_what_a_terminal_obeys(
    server: Server, transport: OpenAITransport
) -> None:
    server.behaviours = [says("<html><p>no \x1b]52;c;x\x07 \u202e".encode(), 400, x_request_id="a")]
    with pytest.raises(EndpointError, match=r"status 400: no \\x1b\]52;c;x\\x07 \\u202e Change") as caught:
        transport.send(chat_request("one"))
    assert caught.value.request_id == "a"


@pytest.mark.parametrize("behaviour", [drips(b'{"choices":'), drips(b"", headers=True)], ids=["body", "headers"])
def test_an_answer_that_drips_has_a_deadline(behaviour: Behaviour, server: Server, clock: Clock) -> None:
    server.behaviours = [behaviour, says(ANSWER)]
    began = time.monotonic()
    with OpenAITransport(server.url, KEY, timeout_s=1, sleep=clock.sleep) as transport:
        first, _second = attempts_of(transport.send(chat_request("one")))
    assert "a whole answer within 1 s, got none" in first["error"]
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("behaviour", [says, lambda body: fails(400, body.decode())], ids=["answer", "error"])
def test_what_never_ends_is_read_to_a_size(behaviour: Any, server: Server, transport: OpenAITransport) -> None:
    server.behaviours = [behaviour(b'{"choices": "' + b"x" * 2 * LARGEST_BYTES)]
    if behaviour is says:
        assert "more than" in str(transport.send(chat_request("one")).answer["unreadable"])
    else:
        with pytest.raises(EndpointError, match="status 400") as caught:
            transport.send(chat_request("one"))
        assert len(str(caught.value)) < 1000
    assert len(server.asked) == 1


def test_an_answer_that_is_packed_wrongly_is_paid_for_once(server: Server, transport: OpenAITransport) -> None:
    server.behaviours = [says(ANSWER, Content_Encoding="gzip")]
    assert "Content-Encoding" in str(transport.send(chat_request("one")).answer["unreadable"])
    assert len(server.asked) == 1


@pytest.mark.parametrize("end", [True, False])
def test_a_whole_stream_needs_no_end_of_the_connection(end: bool, server: Server) -> None:
    server.behaviours = [leaves_open(events(*PIECES, end=end))]
    with OpenAITransport(server.url, KEY, timeout_s=60 if end else 1) as transport:
        assert len(attempts_of(transport.send(chat_request("one", n=2, stream=True)))) == 1


# -- streams ---


def piece(index: int, finish: str | None = None, **delta: JSON) -> JSON:
    choice: JSON = {"index": index, "delta": delta, "finish_reason": finish}
    return {"id": "c-1", "object": "chat.completion.chunk", "model": "test-1a", "choices": [choice]}


PIECES = [
    piece(0, role="assistant", content=""),
    piece(0, content="[1,"),
    piece(1, role="assistant", content="[3"),
    piece(0, content=" 2]"),
    piece(1, "length"),
    piece(0, "stop"),
]
USAGE: JSON = {"id": "c-1", "choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}


def test_a_stream_becomes_the_body_that_would_have_come_without(server: Server, transport: OpenAITransport) -> None:
    server.behaviours = [says(events(*PIECES, USAGE), Content_Type="text/event-stream")]
    reply = transport.send(chat_request("one", n=2, stream=True))
    assert reply.answer == {
        "id": "c-1",
        "object": "chat.completion",
        "model": "test-1a",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "[1, 2]"}, "finish_reason": "stop"},
            {"index": 1, "message": {"role": "assistant", "content": "[3"}, "finish_reason": "length"},
        ],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3},
    }
    assert transport.spent.usage == Usage(7, 3)


@pytest.mark.parametrize(
    "cut",
    [
        b"",
        events(*PIECES[:-1], end=False),
        events(*PIECES[:3], {"error": {"message": "overloaded"}}),
        events(*PIECES)[:-30],
        events(),
    ],
    ids=["nothing", "no end", "an error", "a torn event", "only an end"],
)
def test_a_stream_that_ends_early_is_never_an_answer(cut: bytes, server: Server, transport: OpenAITransport) -> None:
    server.behaviours = [says(cut), says(events(*PIECES))]
    reply = transport.send(chat_request("one", stream=True))
    assert [attempt.get("error") is None for attempt in attempts_of(reply)] == [False, True]
    assert len(server.asked) == 2


def test_calls_of_tools_are_put_together(server: Server, transport: OpenAITransport) -> None:
    server.behaviours = [
        says(
            events(
                piece(0, tool_calls=[{"index": 0, "id": "t", "function": {"name": "f", "arguments": '{"a"'}}]),
                piece(0, tool_calls=[{"index": 1, "id": "u", "function": {"name": "g", "arguments": ""}}]),
                piece(0, tool_calls=[{"index": 0, "function": {"arguments": ": 1}"}}]),
                piece(0, "tool_calls"),
            )
        )
    ]
    choices = transport.send(chat_request("one", stream=True)).answer["choices"]
    assert isinstance(choices, list)
    assert choices[0]["message"]["tool_calls"] == [
        {"index": 0, "id": "t", "function": {"name": "f", "arguments": '{"a": 1}'}},
        {"index": 1, "id": "u", "function": {"name": "g", "arguments": ""}},
    ]


# -- limits ---


def spending(server: Server, **limits: Any) -> OpenAITransport:
    return OpenAITransport(server.url, limits=Limits(**limits), sleep=lambda _seconds: None)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"calls": 2}, "at most 2 calls in this run, used 2"),
        ({"tokens": 20}, "at most 20 tokens in this run, used 20"),
        (
            {"cost": 1e-4, "prices": {"test-1": Price(1, 1), "test-1a": Price(2, 12)}},
            "at most 0.0001 in money in this run, used 0.0001",
        ),
    ],
)
def test_a_ceiling_stops_before_it_sends(limits: dict[str, Any], message: str, server: Server) -> None:
    with spending(server, **limits) as transport:
        for _ in range(2):
            transport.send(chat_request("one"))
        with pytest.raises(CacheError, match=message):
            transport.send(chat_request("one"))
        spent = transport.spent
        assert (spent.calls, spent.usage, spent.cost) == (2, Usage(14, 6), 2 * 5e-5 if "cost" in limits else 0)
    assert len(server.asked) == 2


def test_every_attempt_is_a_call(server: Server) -> None:
    server.behaviours = [fails(500)]
    with spending(server, calls=3) as transport, pytest.raises(CacheError, match="at most 3 calls"):
        transport.send(chat_request("one"))
    assert len(server.asked) == 3


def test_a_ceiling_does_not_hide_why_it_was_reached(server: Server, clock: Clock) -> None:
    server.behaviours = [fails(503, "loading the model")]
    with (
        OpenAITransport(server.url, KEY, limits=Limits(calls=2), sleep=clock.sleep) as transport,
        pytest.raises(CacheError, match=r"at most 2 calls in this run, used 2.*status 503: loading the model"),
    ):
        transport.send(chat_request("one"))


def test_a_ceiling_on_money_needs_a_price(server: Server) -> None:
    with spending(server, cost=1) as transport, pytest.raises(CacheError, match="Expected a price for 'test-1'"):
        transport.send(chat_request("one"))
    assert server.asked == []


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        7,
        {"prompt_tokens": 7},
        {"prompt_tokens": -1000, "completion_tokens": 3},
        {"prompt_tokens": False, "completion_tokens": 3},
        {"prompt_tokens": 7.0, "completion_tokens": 3},
        {"prompt_tokens": "7", "completion_tokens": 3},
        {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": -10},
        {"prompt_tokens": 2**60, "completion_tokens": 3},
    ],
    ids=str,
)
def test_a_ceiling_that_cannot_be_watched_stops_after_the_answer(usage: JSON, server: Server) -> None:
    server.behaviours = [says({**ANSWER, "usage": usage})]
    for limits in ({"tokens": 1000}, {"cost": 1, "prices": {"test-1": Price(1, 1), "test-1a": Price(1, 1)}}):
        with spending(server, **limits) as transport:
            transport.send(chat_request("one"))
            with pytest.raises(CacheError, match="include_usage"):
                transport.send(chat_request("one"))
    with spending(server, calls=3) as transport:
        assert [transport.send(chat_request("one")).answer["usage"] is None for _ in range(2)] == [usage is None] * 2


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": 7, "completion_tokens": 3}, 10),
        ({"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 50}, 50),
        ({"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 5}, 10),
        ({"total_tokens": 5}, 5),
    ],
)
def test_tokens_are_the_larger_of_the_total_and_the_sum(usage: JSON, tokens: int, server: Server) -> None:
    server.behaviours = [says({**ANSWER, "usage": usage})]
    with spending(server, tokens=1000) as transport:
        transport.send(chat_request("one"))
        assert transport.spent.usage.tokens == tokens


def test_a12_tokens_of_discarded_answers_are_counted(server: Server) -> None:
    usage: JSON = {"prompt_tokens": 900, "completion_tokens": 100}
    server.behaviours = [
        says({"error": {"message": "overloaded"}, "usage": usage}),
        says({**ANSWER, "choices": [{"message": {"content": None}, "finish_reason": "length"}], "usage": usage}),
        says(ANSWER),
    ]
    with spending(server, tokens=1500) as transport:
        transport.send(chat_request("one"))
        assert transport.spent.usage.tokens == 2000
        with pytest.raises(CacheError, match="at most 1500 tokens in this run, used 2000"):
            transport.send(chat_request("two"))


def test_a13_the_model_that_answers_is_the_one_that_is_paid(server: Server) -> None:
    server.behaviours = [says({**ANSWER, "model": "dear"}), says({**ANSWER, "model": "test-1"})]
    prices = {"test-1": Price(1, 1), "dear": Price(100, 100)}
    with spending(server, cost=1, prices=prices) as transport:
        transport.send(chat_request("one"))
        transport.send(chat_request("two"))
        assert transport.spent.cost == pytest.approx(1.01e-3)
        assert transport.spent.models == {"dear": 1, "test-1": 1}
    server.behaviours = [says({**ANSWER, "model": "dearer"})]
    with spending(server, cost=1, prices=prices) as transport:
        transport.send(chat_request("one"))
        with pytest.raises(CacheError, match="a price for 'dearer', which answered in the place of 'test-1', got none"):
            transport.send(chat_request("two"))


@pytest.mark.parametrize("ceiling", [{"cost": float("nan")}, {"tokens": -1}, {"calls": -1}])
def test_a_ceiling_that_nothing_reaches_is_refused(ceiling: dict[str, Any]) -> None:
    with pytest.raises(CacheError, match="Expected a ceiling from 0 on"):
        Limits(**ceiling)


@pytest.mark.parametrize("model", [7, None, ["a"], {"b": 1}, "", "\x1b[2J"])
def test_a15_nothing_about_an_answer_is_lost_to_an_odd_model(model: JSON, server: Server) -> None:
    server.behaviours = [says({**ANSWER, "model": model, "owned_by": {"odd": [1]}, "system_fingerprint": 7})]
    with spending(server, tokens=1000) as transport:
        reply = transport.send(chat_request("one"))
    assert reply.answer["model"] == model
    assert ("model" in reply.provenance) == isinstance(model, str)
    assert reply.provenance["endpoint"] == transport.endpoint
    assert server.url not in str(reply)


# -- credentials ---


def test_key_and_base_url_come_from_the_environment(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CacheError, match="Set OPENAI_API_KEY"):
        OpenAITransport()
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    with OpenAITransport() as transport:
        transport.send(chat_request("one"))
    monkeypatch.setenv("OPENAI_API_KEY", KEY + "\n")
    with OpenAITransport() as transport:
        transport.send(chat_request("one"))
    assert [headers["authorization"] for headers in server.headers] == ["Bearer none", f"Bearer {KEY}"]


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://secret.example/v1", "http://:80/", "http://[secret"])
def test_a_base_url_that_is_none_is_not_shown(url: str) -> None:
    with pytest.raises(CacheError, match="Expected a base URL such as") as caught:
        OpenAITransport(url, KEY)
    assert url not in str(caught.value)


def test_a_key_that_cannot_be_sent_is_not_shown(server: Server) -> None:
    with pytest.raises(CacheError, match="not shown") as caught:
        OpenAITransport(server.url, "sk-plänted")
    assert "sk-" not in str(caught.value)


@pytest.mark.parametrize("key", [KEY, "no-usual-form-at-all"])
@pytest.mark.parametrize("behave", [fails, says], ids=["refused", "broken"])
def test_neither_key_nor_base_url_is_ever_said(
    key: str, behave: Any, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said = f"Incorrect API key provided: {key}, at {server.url}"
    server.behaviours = [fails(401, said, x_request_id=key) if behave is fails else says(said.encode())]
    address = server.url.split("/")[2]
    with (
        OpenAITransport(server.url, key, sleep=lambda _seconds: None) as transport,
        pytest.raises(EndpointError) as caught,
    ):
        transport.send(chat_request("one"))
    shown = "".join(traceback.format_exception(caught.value)) + caplog.text + repr(vars(caught.value)) + repr(transport)
    assert key not in shown
    assert address not in shown
    assert "withheld" in shown


@pytest.mark.parametrize("key", [KEY, "no-usual-form-at-all"])
def test_a_planted_key_is_refused_before_anything_is_sent(key: str, server: Server) -> None:
    with OpenAITransport(server.url, key) as transport:
        with pytest.raises(CacheError, match=r"at \$\.request\.messages\[1\]\.content"):
            transport.send(chat_request(f"my key is {key}"))
        with pytest.raises(InvalidRequest, match=r"got extra_headers, timeout\. Give that to the transport"):
            transport.send(chat_request("one", extra_headers={"Authorization": f"Bearer {key}"}, timeout=3))
    assert server.asked == []


@pytest.mark.parametrize("key", [KEY, "no-usual-form-at-all"])
def test_of_an_answer_that_holds_the_key_the_rest_is_kept(key: str, server: Server) -> None:
    server.behaviours = [says(completion("fine", f"you are {key}"))]
    with OpenAITransport(server.url, key) as transport:
        reply = transport.send(chat_request("one"))
    withheld = "What looked like a credential was withheld at $.answer.choices[1].message.content."
    expected = completion("fine", "you are [withheld: a credential stood here]", withheld=withheld)
    assert reply.answer == expected
    assert key not in str(reply)


@pytest.mark.parametrize("key", [KEY, "no-usual-form-at-all"])
def test_a_key_beside_the_answer_is_withheld_at_its_place(key: str, server: Server, clock: Clock) -> None:
    server.behaviours = [
        fails(500, f"failed for {key}", x_request_id=f"req-{key}"),
        says(ANSWER, x_request_id=f"req-{key}"),
    ]
    with OpenAITransport(server.url, key, sleep=clock.sleep) as transport:
        reply = transport.send(chat_request("one"))
    first, second = attempts_of(reply)
    assert first["request_id"] == second["request_id"] == "req-[withheld: a credential stood here]"
    assert "failed for [withheld: a credential stood here]" in first["error"]
    assert key not in str(reply)
