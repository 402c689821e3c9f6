"""A download keeps only the published file, whatever the server does; what broke off starts anew.

The server is a real one on loopback that misbehaves on demand.
"""

from __future__ import annotations

import hashlib
import json
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from reproduce.data import HOME_VARIABLE, Fetched, Published, fetch, path_of, read_published
from reproduce.errors import Unreachable
from tests.reproduce.made_up import CONTENT, fetch_one, left_in, made_up

pytestmark = [pytest.mark.enable_socket, pytest.mark.network]

HALF = len(CONTENT) // 2


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "home"


Answer = Callable[[BaseHTTPRequestHandler], object]


def always(status: int, body: bytes = b"", length: int | None = -1, **headers: str) -> Answer:
    """Answer with `body`, declaring its length, or another `length`, or none at all."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        if length is not None:
            handler.send_header("Content-Length", str(len(body) if length < 0 else length))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


whole = always(200, CONTENT)
cut_short = always(200, CONTENT[:HALF], length=len(CONTENT))


class Server(ThreadingHTTPServer):
    """Answers each request with the next of `answers`, the last one for ever; counts what was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[Answer] = [whole]
        self.asked = 0
        self.over = threading.Event()  # lets an answer that waits come to its end

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked += 1
        (self.server.answers.pop(0) if len(self.server.answers) > 1 else self.server.answers[0])(self)

    def log_message(self, *_words: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.over.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def entry(server: Server) -> Published:
    return made_up("a", url=server.url)


def test_a_download_is_verified_and_then_left_alone(server: Server, entry: Published, home: Path) -> None:
    assert fetch_one(entry) == Fetched(entry, "downloaded")
    assert read_published(entry) == CONTENT
    assert left_in(home) == {"a.json"}
    assert fetch_one(entry).outcome == "already here"
    assert server.asked == 1
    assert fetch_one(entry, force=True).outcome == "downloaded"
    assert server.asked == 2


def test_a1_a_server_on_this_machine_is_asked_without_a_proxy(
    server: Server, entry: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert fetch_one(entry).outcome == "downloaded"
    assert server.asked == 1


def test_one_content_under_two_paths_is_downloaded_once(server: Server, entry: Published) -> None:
    twin = made_up("twin", url=server.url)
    results = fetch([entry, twin], force=True)
    assert [fetched.outcome for fetched in results] == ["downloaded", "copied"]
    assert read_published(twin) == CONTENT
    assert server.asked == 1


@pytest.mark.parametrize(
    "broken",
    [
        cut_short,
        always(200, CONTENT[:HALF], length=None),
        always(200, b"1000\r\n" + CONTENT[:4096] + b"\r\n1000\r\n", length=None, Transfer_Encoding="chunked"),
    ],
    ids=["of declared length", "without one", "chunked"],
)
def test_a_broken_transfer_keeps_nothing_and_starts_anew(
    broken: Answer, server: Server, entry: Published, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Handler, "protocol_version", "HTTP/1.1")

    def and_hang_up(handler: BaseHTTPRequestHandler) -> None:
        broken(handler)
        handler.close_connection = True

    server.answers = [and_hang_up, whole]
    problem = str(fetch_one(entry).problem)
    assert entry.url in problem
    assert "--mirror DIR" in problem
    assert left_in(home) == set()
    assert fetch_one(entry).outcome == "downloaded"


@pytest.mark.parametrize("body", [b"", b"<html>log in first</html>", CONTENT + b"more", CONTENT[:-1] + b"?"])
def test_a_wrong_file_is_never_kept(body: bytes, server: Server, entry: Published, home: Path) -> None:
    server.answers = [always(200, body)]
    problem = str(fetch_one(entry).problem)
    for word in (entry.url, entry.sha256, hashlib.sha256(body).hexdigest(), "--mirror DIR"):
        assert word in problem
    assert left_in(home) == set()


@pytest.mark.parametrize("status", [403, 404, 429, 500, 503])
def test_a_status_is_reported_and_the_rest_goes_on(status: int, server: Server, entry: Published) -> None:
    other = made_up("b", url=server.url)
    server.answers = [always(status), whole]
    refused, served = fetch([entry, other])
    assert not isinstance(refused.problem, Unreachable)
    assert f"status {status}" in str(refused.problem)
    assert served.outcome == "downloaded"


def test_a_server_that_falls_silent_is_reported(server: Server, entry: Published, home: Path) -> None:
    def fall_silent(handler: BaseHTTPRequestHandler) -> None:
        cut_short(handler)
        server.over.wait()

    server.answers = [fall_silent]
    assert "timed out" in str(fetch_one(entry, timeout_s=1.0).problem)
    assert left_in(home) == set()


def test_a_server_that_hangs_up_is_reported(server: Server, entry: Published) -> None:
    server.answers = [lambda _: None]
    problem = fetch_one(entry).problem
    assert not isinstance(problem, Unreachable)
    assert "RemoteDisconnected" in str(problem)


def test_a_server_that_never_answers_is_asked_once(server: Server, entry: Published) -> None:
    server.answers = [lambda _: server.over.wait()]
    other = made_up("b", b"another", url=server.url)
    results = list(fetch([entry, other], timeout_s=1.0))
    assert all(isinstance(fetched.problem, Unreachable) for fetched in results)
    assert "not tried" in str(results[1].problem)
    assert other.path in str(results[1].problem)
    assert server.asked == 1


def test_no_server_at_all_is_reported() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        entry = made_up("a", url=f"http://127.0.0.1:{closed.getsockname()[1]}")
        problem = fetch_one(entry).problem
    assert isinstance(problem, Unreachable)
    assert "Connection refused" in str(problem)
    assert "--mirror DIR" in str(problem)


def test_a_full_disk_keeps_what_was_there(server: Server, entry: Published, home: Path) -> None:
    assert fetch_one(entry).outcome == "downloaded"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        problem = fetch_one(entry, force=True).problem
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "make room" in str(problem)
    assert read_published(entry) == CONTENT
    assert left_in(home) == {"a.json"}


SCRIPT = """
import json, sys
from reproduce.__main__ import main
from reproduce.cli import fetch
from reproduce.data import Published
fetch.manifest = lambda: (Published(**json.loads(sys.argv[1])),)
sys.exit(main(["fetch"]))
"""


def test_ctrl_c_leaves_nothing_behind(server: Server, entry: Published, home: Path) -> None:
    def stall(handler: BaseHTTPRequestHandler) -> None:
        cut_short(handler)
        process.send_signal(signal.SIGINT)
        server.over.wait()

    server.answers = [stall, whole]
    words = [sys.executable, "-c", SCRIPT, json.dumps(asdict(entry))]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, preexec_fn=heed_interrupts)
    _, stderr = process.communicate()
    assert (process.returncode, stderr) == (130, "interrupted\n")
    assert left_in(home) == set()
    again = subprocess.run(words, capture_output=True, text=True, check=True)
    assert again.stderr.startswith("downloaded")


def heed_interrupts() -> None:
    """Whoever runs the tests in the background may have them ignored, and a child inherits that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_two_fetches_at_once_leave_one_right_file(server: Server, entry: Published, home: Path) -> None:
    both_are_here = threading.Barrier(2)

    def to_both(handler: BaseHTTPRequestHandler) -> None:
        both_are_here.wait()
        whole(handler)

    server.answers = [to_both]
    words = [sys.executable, "-c", SCRIPT, json.dumps(asdict(entry))]
    fetches = [subprocess.Popen(words, stderr=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait() for process in fetches] == [0, 0]
    assert path_of(entry).read_bytes() == CONTENT
    assert left_in(home) == {"a.json"}
