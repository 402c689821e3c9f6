"""An endpoint on loopback that answers, and misbehaves, as real ones do."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cache.key import JSON

Behaviour = Callable[["Handler"], None]


def completion(*texts: str, **others: JSON) -> dict[str, JSON]:
    """A chat.completion body with one choice a text."""
    choices: list[JSON] = [
        {"index": n, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        for n, text in enumerate(texts)
    ]
    usage: JSON = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    return {"id": "c-1", "object": "chat.completion", "model": "test-1a", "choices": choices, "usage": usage, **others}


def events(*chunks: JSON, end: bool = True) -> bytes:
    """The body of a stream."""
    data = [json.dumps(chunk) for chunk in chunks] + (["[DONE]"] if end else [])
    return "".join(f"data: {text}\n\n" for text in data).encode()


def says(body: JSON | bytes, status: int = 200, **headers: str) -> Behaviour:
    """Answer with `body`; an underscore in the name of a header is a hyphen."""

    def behave(handler: Handler) -> None:
        handler.give(body if isinstance(body, bytes) else json.dumps(body).encode(), status, headers)

    return behave


def fails(status: int, message: str = "not now", code: str | None = None, **headers: str) -> Behaviour:
    """Answer with an error in OpenAI's form."""
    return says({"error": {"message": message, "type": "made_up", "code": code}}, status, **headers)


def cuts(body: JSON) -> Behaviour:
    """Close the connection in the middle of the body."""

    def behave(handler: Handler) -> None:
        content = json.dumps(body).encode()
        handler.give(content[: len(content) // 2], 200, {"Content-Length": str(len(content))})
        handler.close_connection = True

    return behave


def drips(body: bytes, *, headers: bool = False) -> Behaviour:
    """Send a byte now and then, of the body or already of the headers, and never come to an end."""

    def behave(handler: Handler) -> None:
        handler.close_connection = True
        if not headers:
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(body) + 10**6))
            handler.end_headers()
            handler.wfile.write(body)
        else:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        with suppress(OSError):
            while not handler.server.over.wait(0.1):
                handler.wfile.write(b" ")

    return behave


def hangs_up(handler: Handler) -> None:
    """Close the connection without a word."""
    handler.close_connection = True


def leaves_open(body: bytes) -> Behaviour:
    """Send a whole stream and keep the connection open behind it."""

    def behave(handler: Handler) -> None:
        handler.give(body, 200, {"Content-Length": str(len(body) + 1)})
        silent(handler)

    return behave


def silent(handler: Handler) -> None:
    """Say nothing until the test is over."""
    handler.server.over.wait(10)
    handler.close_connection = True


class Server(ThreadingHTTPServer):
    """Answers each request with the next of `behaviours`, the last one for ever; remembers what was asked."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, certificate: Path | None = None) -> None:
        """Speak TLS if there is a certificate, in a file with its key."""
        super().__init__(("127.0.0.1", 0), Handler)
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.behaviours: list[Behaviour] = [says(completion("[1, 2]"))]
        self.asked: list[dict[str, Any]] = []  # the bodies
        self.headers: list[dict[str, str]] = []
        self.over = threading.Event()
        self.lock = threading.Lock()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that go away, or speak another protocol, are what is tested."""

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    """One connection, which stays open from request to request."""

    disable_nagle_algorithm = True  # head and body go out apart, and the second would wait 40 ms for the first
    server: Server
    body: dict[str, Any]  # of the request that is answered
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked.append({"method": "GET"})
        self.give(b"{}", 200, {})

    def do_CONNECT(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        body = self.body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.asked.append(body)
            self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
            behaviours = self.server.behaviours
            behave = behaviours.pop(0) if len(behaviours) > 1 else behaviours[0]
        behave(self)

    def give(self, body: bytes, status: int, headers: dict[str, str]) -> None:
        """Send a response."""
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: object) -> None:
        pass


@contextmanager
def running(certificate: Path | None = None) -> Iterator[Server]:
    """A server that runs until the block ends."""
    with Server(certificate) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join()
