"""A download goes on where it broke off, whatever the server does, and never keeps a wrong file.

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
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from reproduce.cli.fetch import Fetched, fetch
from reproduce.data import HOME_VARIABLE, Published, path_of, read_published
from reproduce.errors import CannotWrite, DownloadFailed, Unreachable, WrongDigest
from tests.reproduce.made_up import CONTENT, Recorder, fetch_one, left_in, made_up, part_of, write

pytestmark = [pytest.mark.enable_socket, pytest.mark.network]

HALF = len(CONTENT) // 2


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "home"


Answer = Callable[[BaseHTTPRequestHandler, int], None]  # (handler, offset that the Range header asks for)


def always(status: int, body: bytes = b"", length: int | None = -1, **headers: str) -> Answer:
    """Answer with `body`, declaring its length, or another `length`, or none at all."""

    def answer(handler: BaseHTTPRequestHandler, _offset: int) -> None:
        handler.send_response(status)
        if length is not None:
            handler.send_header("Content-Length", str(len(body) if length < 0 else length))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def span(offset: int) -> str:
    return f"bytes {offset}-{len(CONTENT) - 1}/{len(CONTENT)}"


whole = always(200, CONTENT)
cut_short = always(200, CONTENT[:HALF], length=len(CONTENT))


def ranged(handler: BaseHTTPRequestHandler, offset: int) -> None:
    """What a server that knows its trade does."""
    if not offset:
        whole(handler, offset)
    elif offset < len(CONTENT):
        always(206, CONTENT[offset:], Content_Range=span(offset))(handler, offset)
    else:
        always(416)(handler, offset)


class Server(ThreadingHTTPServer):
    """Answers each request with the next of `answers`, the last one for ever; remembers what was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[Answer] = [ranged]
        self.asked: list[str | None] = []  # the Range header of each request
        self.over = threading.Event()  # lets an answer that waits come to its end

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers["Range"]
        self.server.asked.append(wanted)
        answer = self.server.answers.pop(0) if len(self.server.answers) > 1 else self.server.answers[0]
        answer(self, int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0)

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
    progress = Recorder()
    assert fetch([entry], mirror=None, progress=progress) == [Fetched(entry, "downloaded")]
    assert progress.received == sorted(progress.received)
    assert progress.received[-1] == ("a", len(CONTENT))
    assert read_published(entry) == CONTENT
    assert left_in(home) == {"a.json"}
    assert fetch_one(entry).outcome == "already here"
    assert server.asked == [None]
    assert fetch_one(entry, force=True).outcome == "downloaded"
    assert server.asked == [None, None]


def test_a_file_of_unknown_size_is_downloaded_too(entry: Published) -> None:
    assert fetch_one(replace(entry, size=None)).outcome == "downloaded"


def test_one_content_under_two_paths_is_downloaded_once(server: Server, entry: Published) -> None:
    twin = made_up("twin", url=server.url)
    results = fetch([entry, twin], mirror=None, force=True, progress=Recorder())
    assert [fetched.outcome for fetched in results] == ["downloaded", "copied"]
    assert read_published(twin) == CONTENT
    assert server.asked == [None]


def test_a_broken_transfer_is_kept_and_continued(server: Server, entry: Published, home: Path) -> None:
    server.answers = [cut_short, ranged]
    problem = fetch_one(entry).problem
    assert isinstance(problem, DownloadFailed)
    for word in (entry.url, "256,000", "128,000", "the same command goes on"):
        assert word in str(problem)
    assert part_of(entry).read_bytes() == CONTENT[:HALF]
    assert left_in(home) == {"a.json.part"}
    assert fetch_one(entry).outcome == "downloaded"
    assert server.asked == [None, f"bytes={HALF}-"]
    assert left_in(home) == {"a.json"}


def test_a_transfer_may_break_off_again_and_again(server: Server, entry: Published) -> None:
    def a_little_more(handler: BaseHTTPRequestHandler, offset: int) -> None:
        body = CONTENT[offset : offset + 100_000]
        rest = len(CONTENT) - offset
        always(206 if offset else 200, body, length=rest, Content_Range=span(offset))(handler, offset)

    server.answers = [a_little_more]
    outcomes = [fetch_one(entry).outcome for _ in range(3)]
    assert outcomes == ["failed", "failed", "downloaded"]
    assert server.asked == [None, "bytes=100000-", "bytes=200000-"]


@pytest.mark.parametrize("size", [len(CONTENT), None])
@pytest.mark.parametrize(
    "refusal",
    [
        whole,
        always(416),
        always(206, CONTENT[:9], Content_Range="bytes 0-8/256000"),
        always(206, CONTENT[HALF:], Content_Range="nonsense"),
        always(206, CONTENT[HALF:]),
    ],
    ids=["ignores Range", "416", "another range", "nonsense", "no Content-Range"],
)
def test_a_server_that_does_not_go_on_there_is_asked_for_everything(
    refusal: Answer, size: int | None, server: Server, entry: Published
) -> None:
    entry = replace(entry, size=size)
    write(part_of(entry), CONTENT[:HALF])
    server.answers = [refusal, whole]
    assert fetch_one(entry).outcome == "downloaded"
    assert server.asked == [f"bytes={HALF}-", None]


def test_a_range_of_another_file_is_not_joined_on(server: Server, entry: Published) -> None:
    write(part_of(entry), CONTENT[:HALF])
    longer = f"bytes {HALF}-{len(CONTENT)}/{len(CONTENT) + 1}"
    server.answers = [always(206, b"?" * (HALF + 1), Content_Range=longer), whole]
    assert fetch_one(entry).outcome == "downloaded"


def test_a_complete_part_needs_no_server(server: Server, entry: Published) -> None:
    write(part_of(entry), CONTENT)
    assert fetch_one(entry).outcome == "downloaded"
    assert server.asked == []


@pytest.mark.parametrize("size", [len(CONTENT), None])
@pytest.mark.parametrize("part", [CONTENT + b"more", bytes(len(CONTENT))], ids=["too long", "as long but wrong"])
def test_a_part_with_nothing_to_build_on_starts_over(
    part: bytes, size: int | None, server: Server, entry: Published
) -> None:
    entry = replace(entry, size=size)
    write(part_of(entry), part)
    assert fetch_one(entry).outcome == "downloaded"
    assert server.asked[-1] is None
    assert read_published(entry) == CONTENT


def test_a_wrong_part_costs_one_more_try(entry: Published, home: Path) -> None:
    write(part_of(entry), b"wrong")
    assert isinstance(fetch_one(entry).problem, WrongDigest)
    assert left_in(home) == set()
    assert fetch_one(entry).outcome == "downloaded"


@pytest.mark.parametrize("body", [b"", b"<html>log in first</html>", CONTENT + b"more", CONTENT[:-1] + b"?"])
def test_a_wrong_file_is_never_kept(body: bytes, server: Server, entry: Published, home: Path) -> None:
    server.answers = [always(200, body)]
    problem = fetch_one(entry).problem
    assert isinstance(problem, WrongDigest)
    for word in (entry.url, entry.sha256, hashlib.sha256(body).hexdigest(), "--mirror DIR"):
        assert word in str(problem)
    assert left_in(home) == set()


def test_without_a_declared_length_the_known_size_tells_a_broken_transfer(server: Server, entry: Published) -> None:
    server.answers = [always(200, CONTENT[:HALF], length=None), ranged]
    assert isinstance(fetch_one(entry).problem, DownloadFailed)
    assert fetch_one(entry).outcome == "downloaded"
    assert server.asked == [None, f"bytes={HALF}-"]


def test_a_broken_chunked_transfer_is_kept(server: Server, entry: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    body = b"1000\r\n" + CONTENT[:4096] + b"\r\n1000\r\n"
    server.answers = [always(200, body, length=None, Transfer_Encoding="chunked")]
    monkeypatch.setattr(Handler, "protocol_version", "HTTP/1.1")
    problem = fetch_one(replace(entry, size=None)).problem
    assert isinstance(problem, DownloadFailed)
    assert part_of(entry).read_bytes() == CONTENT[:4096]


@pytest.mark.parametrize("status", [403, 404, 429, 500, 503])
def test_a_status_is_reported_and_the_rest_goes_on(status: int, server: Server, entry: Published) -> None:
    other = made_up("b", url=server.url)
    server.answers = [always(status), whole]
    refused, served = fetch([entry, other], mirror=None, progress=Recorder())
    assert isinstance(refused.problem, DownloadFailed)
    assert not isinstance(refused.problem, Unreachable)
    assert f"status {status}" in str(refused.problem)
    assert served.outcome == "downloaded"


def test_a_status_does_not_cost_the_part(server: Server, entry: Published) -> None:
    write(part_of(entry), CONTENT[:HALF])
    server.answers = [always(503), ranged]
    assert fetch_one(entry).outcome == "failed"
    assert fetch_one(entry).outcome == "downloaded"
    assert server.asked == [f"bytes={HALF}-"] * 2


def test_a_server_that_falls_silent_keeps_the_part(server: Server, entry: Published) -> None:
    def fall_silent(handler: BaseHTTPRequestHandler, offset: int) -> None:
        cut_short(handler, offset)
        server.over.wait()

    server.answers = [fall_silent, ranged]
    problem = fetch_one(entry, timeout_s=1.0).problem
    assert isinstance(problem, DownloadFailed)
    assert "timed out" in str(problem)
    assert part_of(entry).read_bytes() == CONTENT[:HALF]


def test_a_server_that_hangs_up_is_reported(server: Server, entry: Published) -> None:
    def hang_up(_handler: BaseHTTPRequestHandler, _offset: int) -> None:
        pass

    server.answers = [hang_up]
    problem = fetch_one(entry).problem
    assert isinstance(problem, DownloadFailed)
    assert "RemoteDisconnected" in str(problem)


def test_a_server_that_never_answers_is_asked_once(server: Server, entry: Published) -> None:
    def wait(_handler: BaseHTTPRequestHandler, _offset: int) -> None:
        server.over.wait()

    server.answers = [wait]
    other = made_up("b", b"another", url=server.url)
    results = fetch([entry, other], mirror=None, progress=Recorder(), timeout_s=1.0)
    assert all(isinstance(fetched.problem, Unreachable) for fetched in results)
    assert "not tried" in str(results[1].problem)
    assert other.path in str(results[1].problem)
    assert server.asked == [None]


def test_no_server_at_all_is_reported() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        entry = made_up("a", url=f"http://127.0.0.1:{closed.getsockname()[1]}")
        problem = fetch_one(entry).problem
    assert isinstance(problem, Unreachable)
    assert "Connection refused" in str(problem)
    assert "--mirror DIR" in str(problem)


def test_a_full_disk_keeps_the_part_and_the_same_command_goes_on(server: Server, entry: Published) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        problem = fetch_one(entry).problem
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert isinstance(problem, CannotWrite)
    assert "make room" in str(problem)
    kept = part_of(entry).read_bytes()
    assert kept == CONTENT[: len(kept)] != b""
    assert fetch_one(entry).outcome == "downloaded"
    assert server.asked == [None, f"bytes={len(kept)}-"]


SCRIPT = """
import argparse, json, sys
from reproduce.cli import fetch
from reproduce.data import Published
fetch.manifest = lambda: (Published(**json.loads(sys.argv[1])),)
sys.exit(fetch.run(argparse.Namespace(names=[], mirror=None, force=False)))
"""


def test_ctrl_c_keeps_the_part_and_the_same_command_goes_on(server: Server, entry: Published, home: Path) -> None:
    def stall(handler: BaseHTTPRequestHandler, offset: int) -> None:
        cut_short(handler, offset)
        while not (part.exists() and part.stat().st_size):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        server.over.wait()

    part = part_of(entry)
    server.answers = [stall, ranged]
    words = [sys.executable, "-c", SCRIPT, json.dumps(asdict(entry))]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    _, stderr = process.communicate()
    assert process.returncode == 130
    assert stderr.strip() == "interrupted: what has arrived is kept, the same command goes on from there"
    kept = part.read_bytes()
    assert kept == CONTENT[: len(kept)] != b""
    again = subprocess.run(words, capture_output=True, text=True, check=True)
    assert again.stderr.startswith("downloaded")
    assert server.asked == [None, f"bytes={len(kept)}-"]
    assert left_in(home) == {"a.json"}


def test_two_fetches_at_once_never_leave_a_wrong_file(server: Server, entry: Published, home: Path) -> None:
    both_are_here = threading.Barrier(2)

    def to_both(handler: BaseHTTPRequestHandler, offset: int) -> None:
        both_are_here.wait()
        whole(handler, offset)

    server.answers = [to_both]
    words = [sys.executable, "-c", SCRIPT, json.dumps(asdict(entry))]
    fetches = [subprocess.Popen(words, stderr=subprocess.DEVNULL) for _ in range(2)]
    codes = {process.wait() for process in fetches}
    assert codes <= {0, 2}
    assert not path_of(entry).exists() or path_of(entry).read_bytes() == CONTENT
    server.answers = [ranged]
    assert fetch_one(entry).outcome != "failed"
