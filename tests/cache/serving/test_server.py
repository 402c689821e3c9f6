"""Any program in any language, answered from records through a port: SDKs, plain HTTP, and what goes wrong."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest

from cache import cassette
from cache.__main__ import main
from cache.errors import CacheError, CorruptRecord
from cache.provider.endpoint import OpenAITransport
from cache.provider.limits import Limits
from cache.serving.responder import SAMPLE, Answered, Responder
from cache.serving.server import serving
from cache.serving.transport import responding
from cache.store import Store
from tests.cache.records import chat_record, chat_request
from tests.cache.server import Server, completion, cuts, events, fails, running, says

pytest.importorskip("uvicorn", reason="serves: install the extra `server`")
pytestmark = [pytest.mark.enable_socket, pytest.mark.network]

KEY = "sk-test-0123456789abcdefghij"
ROOT = Path(__file__).parents[3]
ONE = chat_record("Propose one.", answer="[1, 2]")
LONGER = "A third one, which is longer."
TWO = chat_record("Propose another.", answer="[3, 4]")


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A cassette of two records."""
    cassette.write(tmp_path / "two.jsonl", [ONE, TWO])
    return tmp_path / "two.jsonl"


@pytest.fixture
def upstream() -> Iterator[Server]:
    with running() as upstream:
        yield upstream


@contextmanager
def replaying(*places: Path) -> Iterator[str]:
    with responding(places) as responder, serving(responder) as url:
        yield url


@contextmanager
def recording(upstream: Server, store: Path, limits: Limits | None = None) -> Iterator[str]:
    asked = OpenAITransport(upstream.url, "none", limits=limits)
    with responding([], store=store, upstream=asked) as responder, serving(responder) as url:
        yield url


def post(url: str, body: object, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Send a body as a program without any SDK does."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {"Content-Type": "application/json", **{name.replace("_", "-"): said for name, said in headers.items()}}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, named), timeout=20) as response:
            return response.status, dict(response.headers), response.read()
    except urllib.error.HTTPError as error:
        return error.code, {name.lower(): said for name, said in error.headers.items()}, error.read()


def chat(url: str, text: str, path: str = "/v1", **headers: str) -> tuple[int, dict[str, Any]]:
    status, _, content = post(f"{url}{path}/chat/completions", chat_request(text), **headers)
    return status, json.loads(content)


def said(body: dict[str, Any]) -> str:
    return str(body["choices"][0]["message"]["content"])


# -- replay ---


def streaming(sdk: openai.OpenAI) -> Any:
    """What has a method `stream`, which was a trial at first."""
    return sdk.chat.completions if hasattr(sdk.chat.completions, "stream") else sdk.beta.chat.completions


def test_the_sdk_gets_a_recorded_answer_whole_and_as_a_stream_that_adds_up_to_it(file: Path) -> None:
    with replaying(file) as url, openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as sdk:
        asked: dict[str, Any] = chat_request("Propose one.")
        assert sdk.chat.completions.create(**asked).choices[0].message.content == "[1, 2]"
        pieces = list(sdk.chat.completions.create(**asked, stream=True))
        assert "".join(piece.choices[0].delta.content or "" for piece in pieces) == "[1, 2]"
        assert pieces[-1].choices[0].finish_reason == ONE.answer["choices"][0].get("finish_reason")  # type: ignore
        assert not any(piece.usage for piece in pieces)
        with streaming(sdk).stream(**asked) as stream:
            whole = stream.get_final_completion()
        assert whole.choices[0].message.content == "[1, 2]"


def test_what_only_a_stream_has_is_in_the_pieces(tmp_path: Path) -> None:
    call: dict[str, Any] = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": [1, 2]}'}}
    message = {"role": "assistant", "content": None, "tool_calls": [call, {**call, "id": "d"}], "reasoning": "hm"}
    choices: list[Any] = [{"index": 0, "message": message, "finish_reason": "tool_calls", "logprobs": {"content": []}}]
    record = chat_record("Call.")
    record = type(record)(record.request, completion("x", choices=choices))
    cassette.write(tmp_path / "calls.jsonl", [record])
    with replaying(tmp_path / "calls.jsonl") as url, openai.OpenAI(base_url=f"{url}/v1", api_key="none") as sdk:
        with streaming(sdk).stream(**chat_request("Call."), stream_options={"include_usage": True}) as stream:
            whole: Any = stream.get_final_completion().to_dict()
        assert whole["usage"] == record.answer["usage"]
        (choice,) = whole["choices"]
        calls = [(one["id"], one["function"]["arguments"]) for one in choice["message"]["tool_calls"]]
        assert calls == [("c", '{"a": [1, 2]}'), ("d", '{"a": [1, 2]}')]
        assert choice["message"]["reasoning"] == "hm"
        assert choice["finish_reason"] == "tool_calls"


def test_a_miss_explains_itself_and_is_not_asked_again(file: Path) -> None:
    with responding([file]) as responder, serving(responder) as url:
        sdk = openai.OpenAI(base_url=f"{url}/v1", api_key="none")
        with sdk, pytest.raises(openai.NotFoundError, match="Propose none") as caught:
            sdk.chat.completions.create(**chat_request("Propose none."))  # type: ignore[call-overload]
        assert caught.value.code == "replay_miss"
        status, body = chat(url, "Propose none.")
        assert status == 404
        assert "The nearest of 2 recorded requests is sha256:" in body["error"]["message"]
        assert "-Propose one.\n+Propose none." in body["error"]["message"]
        assert len(responder.misses) == 2  # the SDK's was not asked again


NO_REQUESTS = [
    ("/v1/models", b"{}", "Expected a POST request to one of /v1/chat/completions, "),
    ("/v1/threads/t/messages", b"{}", "Expected a POST request to one of"),
    ("/v1/chat/completions", b"{", "Expected a JSON object, got 1 bytes that are none."),
    ("/v1/chat/completions", b"[]", "Expected a JSON object, got 2 bytes that are none."),
    ("/v1/chat/completions", b'{"a": NaN}', "Expected JSON, got nan, not finite"),
    ("/v1/chat/completions", b'{"a": "\\ud800"}', "Expected JSON, got a string with a lone surrogate"),
    ("/v1/chat/completions", b'{"a":' + b"[" * 10**5, "Expected a JSON object"),
    ("/", b"", "Expected a POST request to one of"),
]


def test_what_is_no_request_is_refused_with_the_reason(file: Path) -> None:
    with replaying(file) as url:
        for path, body, expected in NO_REQUESTS:
            status, headers, content = post(url + path, body)
            assert (status, headers["x-should-retry"]) == (400, "false")
            assert expected in json.loads(content)["error"]["message"]


def test_any_prefix_leads_to_the_interface_and_whatever_another_method_wants_is_refused(file: Path) -> None:
    with replaying(file) as url:
        for path in ("", "/v1", "/api/v1", "/openai/deployments/test-1", "/s/a/v1", "/s/b"):
            assert said(chat(url, "Propose one.", path)[1]) == "[1, 2]"
        with pytest.raises(urllib.error.HTTPError, match="400"):
            urllib.request.urlopen(f"{url}/v1/chat/completions", timeout=20)


def test_stores_and_cassettes_answer_together_the_first_first(file: Path, tmp_path: Path) -> None:
    with Store(tmp_path / "store") as store:
        store.put(chat_record("Propose one.", answer="another"))
        store.put(chat_record(LONGER, answer="[5]"))
    with replaying(file, tmp_path / "store") as url:
        assert [said(chat(url, text)[1]) for text in ("Propose one.", LONGER)] == ["[1, 2]", "[5]"]
        assert f"-{LONGER}\n+{LONGER} Now." in chat(url, f"{LONGER} Now.")[1]["error"]["message"]
    with replaying(tmp_path / "store", file) as url:
        assert said(chat(url, "Propose one.")[1]) == "another"


# -- sessions ---


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    """A cassette in which one request has three samples of a session, and one beside it."""
    records = [chat_record("Roll.", answer=str(k), sample=sample) for k, sample in enumerate((0, 1000, 2000, 7))]
    cassette.write(tmp_path / "samples.jsonl", records)
    return tmp_path / "samples.jsonl"


def test_a_session_counts_and_others_do_not(samples: Path) -> None:
    with replaying(samples) as url:
        assert [said(chat(url, "Roll.")[1]) for _ in range(2)] == ["0", "0"]
        for session in ("/s/a/v1", "/s/b/v1"):
            assert [said(chat(url, "Roll.", session)[1]) for _ in range(3)] == ["0", "1", "2"]
        status, body = chat(url, "Roll.", "/s/a/v1")
        assert status == 404
        assert "its occurrence 3 in session a" in body["error"]["message"]
        assert "only the sample differs: recorded " in body["error"]["message"]


def test_a_retry_has_what_it_retries_and_a_header_names_a_sample(samples: Path) -> None:
    retry = {"x_stainless_retry_count": "1"}
    with replaying(samples) as url:
        assert said(chat(url, "Roll.", "/s/a/v1")[1]) == "0"
        assert said(chat(url, "Roll.", "/s/a/v1", **retry)[1]) == "0"
        assert said(chat(url, "Roll.", "/s/a/v1", **{SAMPLE: "7"})[1]) == "3"
        assert said(chat(url, "Roll.", "/s/a/v1")[1]) == "1"
        assert chat(url, "Roll.", **{SAMPLE: "-1"})[0] == 400


def test_a_session_stays_where_it_is_until_an_answer_is_delivered(upstream: Server, tmp_path: Path) -> None:
    upstream.behaviours = [fails(500), cuts(completion("lost")), says(completion("0")), says(completion("1"))]
    with recording(upstream, tmp_path / "store") as url:
        assert [chat(url, "Roll.", "/s/a/v1")[0] for _ in range(2)] == [500, 502]
        assert [said(chat(url, "Roll.", "/s/a/v1")[1]) for _ in range(2)] == ["0", "1"]
        assert said(chat(url, "Roll.", "/s/b/v1")[1]) == "0"
    with Store(tmp_path / "store") as store:
        assert {record.sample: record.text for record in store.export().values()} == {0: "0", 1000: "1"}


def test_a_client_that_goes_away_has_its_answer_the_next_time(
    upstream: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = threading.Event()

    def late(handler: Any) -> None:
        waiting.wait(10)
        says(completion("0"))(handler)

    noticed = threading.Event()

    def watched(*request: Any) -> Answered:
        answered = Responder.answer(responder, *request)
        lost = answered.lost

        def given_back() -> None:
            lost()
            noticed.set()

        answered.lost = given_back
        return answered

    upstream.behaviours = [late, says(completion("1"))]
    asked = OpenAITransport(upstream.url, "none")
    with responding([], store=tmp_path / "store", upstream=asked) as responder, serving(responder) as url:
        monkeypatch.setattr(responder, "answer", watched)
        host, port = url.removeprefix("http://").split(":")
        body = json.dumps(chat_request("Roll.")).encode()
        head = f"POST /s/a/v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(head.encode() + body)
            while not upstream.asked:
                pass
        waiting.set()
        while chat(url, "Roll.", "/s/b/v1")[0] != 200:
            pass
        assert noticed.wait(20)  # the answer of /s/b may be here before it is known that nobody took that of /s/a
        assert said(chat(url, "Roll.", "/s/a/v1")[1]) == "0"
    assert len(upstream.asked) == 1


# -- recording ---


def test_sessions_share_samples_and_equal_requests_at_once_are_asked_once(upstream: Server, tmp_path: Path) -> None:
    requests = [f"Request {n}" for n in range(6)]
    with recording(upstream, tmp_path / "store") as url, ThreadPoolExecutor(16) as pool:
        places = [(text, f"/s/{session}/v1") for session in range(8) for text in requests]
        answered = list(pool.map(lambda place: chat(url, *place)[0], places))
        assert answered == [200] * 48
        assert len(upstream.asked) == len(requests)
        assert {status for status, _ in pool.map(lambda _: chat(url, "The same."), range(16))} == {200}
    assert len(upstream.asked) == len(requests) + 1


def test_credentials_travel_and_never_rest(upstream: Server, tmp_path: Path) -> None:
    upstream.behaviours = [says(completion(f"Your key is {KEY}.")), fails(401, f"wrong key {KEY}")]
    headers = {"Authorization": f"Bearer {KEY}", "OpenAI_Organization": "org-of-mine", "Cookie": "session=0123456789"}
    with recording(upstream, tmp_path / "store") as url:
        assert KEY not in str(chat(url, "Say it.", **headers))
        status, body = chat(url, "Again.", **headers)
        assert (status, body["error"]["message"]) == (401, f"wrong key {KEY}")  # in the upstream's own words
        status, body = chat(url, f"Mine is {KEY}.", **headers)
        assert status == 400
        assert "Expected no credential in a record" in body["error"]["message"]
        assert KEY not in str(body)
    assert len(upstream.asked) == 2
    assert upstream.headers[0]["authorization"] == f"Bearer {KEY}"
    assert upstream.headers[0]["openai-organization"] == "org-of-mine"
    assert "cookie" not in upstream.headers[0]
    written = b"".join(path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.is_file())
    assert b"Say it." in written
    assert not any(secret in written for secret in (KEY.encode(), b"org-of-mine", b"0123456789"))


def test_a_stream_is_kept_whole_and_answers_streams_and_whole(upstream: Server, tmp_path: Path) -> None:
    pieces = [{"index": 0, "delta": {"role": "assistant", "content": text}} for text in ("[1,", " 2]")]
    chunks: list[Any] = [{"id": "c", "model": "test-1a", "choices": [piece]} for piece in pieces]
    chunks.append({"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    upstream.behaviours = [says(events(*chunks), Content_Type="text/event-stream")]
    with recording(upstream, tmp_path / "store") as url, openai.OpenAI(base_url=f"{url}/v1", api_key=KEY) as sdk:
        for _ in range(2):
            stream = sdk.chat.completions.create(**chat_request("Stream."), stream=True)  # type: ignore[call-overload]
            assert "".join(piece.choices[0].delta.content or "" for piece in stream) == "[1, 2]"
        whole = sdk.chat.completions.create(**chat_request("Stream."))  # type: ignore[call-overload]
        assert whole.choices[0].message.content == "[1, 2]"
    assert len(upstream.asked) == 1
    with Store(tmp_path / "store") as store:
        (record,) = store.export().values()
    assert record.text == "[1, 2]"
    assert record.request["stream"] is True


def test_an_answer_has_the_bytes_that_its_replay_will_have(upstream: Server, tmp_path: Path) -> None:
    upstream.behaviours = [says(completion("é", system_fingerprint="f", created=1.0))]
    for asked in (chat_request("One."), {**chat_request("Two."), "stream": True}):
        bodies = []
        for _ in range(2):
            with recording(upstream, tmp_path / "store") as url:
                bodies.append(post(f"{url}/v1/chat/completions", asked)[2])
        assert bodies[0] == bodies[1]
        assert bodies[0].isascii()
    assert len(upstream.asked) == 2


def test_other_interfaces_are_kept_and_given_to_the_letter(upstream: Server, tmp_path: Path) -> None:
    whole, stream = b'{ "usage": {"total_tokens": 12},\n "x": 1.50}', b'event: a\ndata: {"b": 1}\n\ndata: [DONE]\n\n'
    fails = b"event: error\ndata: {}\n\n"
    sent = [(whole, "application/json; charset=utf-8"), (stream, "text/event-stream"), (fails, "text/event-stream")]
    upstream.behaviours = [says(content, Content_Type=media) for content, media in sent * 4]
    asked = {"model": "m", "input": "text"}
    others = ["completions", "embeddings", "messages", "responses"]
    with recording(upstream, tmp_path / "store") as url:
        for path in others:
            for _ in range(2):
                _, headers, content = post(f"{url}/v1/{path}?beta=true", asked)
                assert (content, headers["content-type"]) == sent[0]
                _, headers, content = post(f"{url}/v1/{path}", {**asked, "stream": True})
                assert (content, headers["content-type"]) == sent[1]
            assert post(f"{url}/v1/{path}", {"fails": True})[0] == 502
    assert len(upstream.asked) == 12
    with Store(tmp_path / "store") as store:
        assert sorted(record.kind for record in store.export().values()) == sorted(others * 2)


def test_what_was_paid_for_and_cannot_be_given_is_kept_and_said(upstream: Server, tmp_path: Path) -> None:
    upstream.behaviours = [says(b'{"choices": [], "x": NaN}'), says(b"\xff"), says(f'{{"said": "{KEY}"}}'.encode())]
    with recording(upstream, tmp_path / "store") as url:
        for _ in range(2):
            status, body = chat(url, "Say it.")
            assert status == 400
            assert "got: Expected an answer that can be read, got NaN for a number." in body["error"]["message"]
            status, _, content = post(f"{url}/v1/responses", {"input": "bytes"})
            assert status == 400
            assert b"got bytes that are not UTF-8." in content
            _, _, content = post(f"{url}/v1/responses", {"input": "text"})
            assert content == b'{"said": "[withheld: a credential stood here]"}'
    assert len(upstream.asked) == 3


class Damaged(cassette.Cassette):
    def get(self, key: str, default: object = None) -> Any:  # noqa: ARG002
        raise CorruptRecord(f"The answer of {key} was changed.")


def test_damage_that_is_met_on_the_way_is_an_error_and_no_miss() -> None:
    responder = Responder(Damaged())
    for body in (chat_request("One."), chat_request("One.", stream=True)):
        answered = responder.answer("POST", "/v1/chat/completions", {}, json.dumps(body).encode())
        assert answered.status == 400
        assert b"was changed." in answered.content
    assert responder.misses == []


def test_ceilings_hold_and_say_so(upstream: Server, tmp_path: Path) -> None:
    with recording(upstream, tmp_path / "store", Limits(calls=2)) as url:
        answered = [chat(url, f"Request {n}") for n in range(3)]
        assert [status for status, _ in answered] == [200, 200, 400]
        assert "Expected at most 2 calls in this run, used 2." in answered[2][1]["error"]["message"]
        assert chat(url, "Request 1")[0] == 200
    with recording(upstream, tmp_path / "store", Limits(tokens=10)) as url:
        assert [chat(url, f"Request {n}")[0] for n in (3, 4)] == [200, 400]


def test_an_upstream_that_is_down_or_speaks_otherwise_is_an_error_of_its_own(tmp_path: Path) -> None:
    with running() as upstream:
        upstream.behaviours = [fails(429, "slow down", retry_after="7"), says(b"<html>a page</html>")]
        with recording(upstream, tmp_path / "store") as url:
            status, headers, content = post(f"{url}/v1/chat/completions", chat_request("One."))
            assert (status, headers["retry-after"]) == (429, "7")
            assert json.loads(content)["error"]["message"] == "slow down"
            status, body = chat(url, "One.")
            assert status == 502
            assert "a page" in body["error"]["message"]
        url_of_nobody = upstream.url
    asked = OpenAITransport(url_of_nobody, "none")
    with responding([], store=tmp_path / "store", upstream=asked) as responder, serving(responder) as url:
        status, body = chat(url, "One.")
        assert status == 502
        assert "got a closed port at the base URL" in body["error"]["message"]
    with Store(tmp_path / "store") as store:
        assert not len(store)


# -- the command ---


def environment(**changed: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **changed}


@contextmanager
def command(*arguments: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`python -m cache serve`, with the URL at which it answers."""
    words = [sys.executable, "-m", "cache", "serve", *map(str, arguments), "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()) as done:
        assert done.stdout
        try:
            yield done, done.stdout.readline().split()[-1].removesuffix("/v1")
        finally:
            done.kill()


def test_what_a_killed_recording_was_answered_is_not_asked_again(upstream: Server, tmp_path: Path) -> None:
    into = tmp_path / "mine.jsonl"
    options = "--into", into, "--record", "--upstream", upstream.url
    with command(*options) as (server, url):
        assert chat(url, "One.")[0] == 200
        server.send_signal(signal.SIGKILL)
        server.wait()
    assert not into.exists()
    with command(*options) as (server, url):
        assert [chat(url, text)[0] for text in ("One.", "Two.")] == [200, 200]
        assert main(["serve", *map(str, options)]) == 2  # one at a time
        server.send_signal(signal.SIGTERM)
        said_last = server.communicate()[1]
        expected = "1 requests were sent upstream; answers were billed for 10 tokens\n"
        assert (server.returncode, said_last) == (0, expected)
    assert len(upstream.asked) == 2
    assert len(cassette.read(into, exact=True)) == 2
    assert [path.name for path in tmp_path.iterdir() if "mine" in path.name] == ["mine.jsonl"]


def test_an_answer_that_could_not_be_kept_waits_for_the_next_recording(
    upstream: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def record() -> int:
        asked = OpenAITransport(upstream.url, "none")
        with responding([], into=tmp_path / "mine.jsonl", upstream=asked) as responder:
            body = json.dumps(chat_request("One.")).encode()
            return responder.answer("POST", "/v1/chat/completions", {}, body).status

    def full(*_: object) -> bool:
        raise CacheError("Expected to write the store, got: No space left on device.")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "put", full)
        assert record() == 400
    assert record() == 200
    assert len(upstream.asked) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["mine.jsonl"]


def test_a_recording_that_records_nothing_leaves_nothing(file: Path) -> None:
    upstream = "--record", "--upstream", "http://127.0.0.1:1/v1"
    assert run(file.with_name("new.jsonl"), *upstream, "--", "no-such-program") == 2
    damaged = file.with_name("damaged.jsonl")
    damaged.write_text("no cassette")
    assert run(damaged, *upstream, "--", "true") == 2
    assert {path.name for path in file.parent.glob("*.jsonl*")} == {"two.jsonl", "damaged.jsonl"}


PROGRAM = """
import os, sys, json, urllib.request
for text in sys.argv[1:]:
    body = json.dumps({"model": "test-1", "messages": [{"role": "system", "content": "You propose."},
                                                       {"role": "user", "content": text}]}).encode()
    key = {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}
    url = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
    assert os.environ["OPENAI_API_BASE"] == os.environ["OPENAI_BASE_URL"]
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, key)) as response:
            print(json.load(response)["choices"][0]["message"]["content"], os.environ["OPENAI_API_KEY"], flush=True)
    except urllib.error.HTTPError as error:
        print(error.code, flush=True)
sys.exit(7)
"""


def run(*arguments: object) -> int:
    return main(["run", *map(str, arguments)])


def test_a_program_runs_offline_and_ends_as_it_does(
    file: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert run(file, "--", sys.executable, "-c", PROGRAM, "Propose one.", "Propose another.") == 7
    assert capfd.readouterr() == ("[1, 2] none\n[3, 4] none\n", "")
    assert run(file, "--", sys.executable, "-c", PROGRAM, "Propose none.") == 1
    out, err = capfd.readouterr()
    assert out == "404\n"
    assert "-Propose one.\n+Propose none." in err


def test_a_program_is_recorded_and_then_replayed(
    upstream: Server, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    upstream.behaviours = [says(completion(text)) for text in "012"]
    into, program = tmp_path / "new.jsonl", ("--", sys.executable, "-c", PROGRAM, "Roll.", "Roll.")
    assert run(into, "--record", "--upstream", upstream.url, *program) == 7
    assert capfd.readouterr().out == f"0 {KEY}\n1 {KEY}\n"
    assert upstream.headers[0]["authorization"] == f"Bearer {KEY}"
    assert KEY not in into.read_text()
    assert run(into, *program) == 7
    assert capfd.readouterr().out == "0 none\n1 none\n"
    assert len(upstream.asked) == 2


def test_what_ends_a_program_ends_the_command(file: Path) -> None:
    assert run(file, "--", sys.executable, "-c", "import os; os.kill(os.getpid(), 15)") == 143
    program = "import sys; sys.exit(sys.argv[1:] != ['--option', '--', '--record'])"
    assert run(file, "--", sys.executable, "-c", program, "--option", "--", "--record") == 0
    for nothing in ([file], [file, "--"]):
        with pytest.raises(SystemExit, match="2"):
            run(*nothing)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["serve"], "Expected places to answer from, or --record with one of --into and --store."),
        (["serve", "{file}", "--record"], "Expected places to answer from"),
        (["serve", "{file}", "--into", "x.jsonl"], "Expected places to answer from"),
        (["serve", "{file}", "--upstream", "http://127.0.0.1:1/v1"], "Expected --record beside"),
        (["serve", "{file}", "--max-calls", "0"], "Expected --record beside"),
        (["serve", "nothing.jsonl"], "Expected a cassette at nothing.jsonl"),
        (["serve", "{file}", "--port", "70000"], "Expected a free port, got 70000"),
        (["serve", "--record", "--into", "no/x.jsonl", "--upstream", "http://127.0.0.1:1/v1"], "no/x.jsonl, got: No s"),
        (["serve", "--record", "--into", "x.jsonl", "--upstream", "nowhere"], "Expected a base URL such as"),
        (["run", "{file}", "--", "no-such-program"], "Expected a program to run, got no-such-program: No such file"),
        (["run", "nothing.jsonl", "--", "true"], "Expected a cassette at nothing.jsonl"),
    ],
)
def test_wrong_use_is_explained(
    arguments: list[str], expected: str, file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    assert main([word.format(file=file) for word in arguments]) == 2
    assert expected in capsys.readouterr().err


def test_a_port_that_is_taken_and_a_damaged_cassette_are_named(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with replaying(file) as url:
        assert main(["serve", str(file), "--port", url.rpartition(":")[2]]) == 2
    assert ": Address already in use" in capsys.readouterr().err
    file.write_bytes(file.read_bytes().replace(b"[1, 2]", b"[1, 3]"))
    assert main(["serve", str(file)]) == 2
    assert f" of {file}: The answer, observations or provenance" in capsys.readouterr().err
