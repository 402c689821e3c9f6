"""An endpoint on loopback that answers, and misbehaves, as real ones do."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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


def silent(handler: Handler) -> None:
    """Say nothing until the test is over."""
    handler.server.over.wait(10)
    handler.close_connection = True


class Server(ThreadingHTTPServer):
    """Answers each request with the next of `behaviours`, the last one for ever; remembers what was asked."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behaviours: list[Behaviour] = [says(completion("[1, 2]"))]
        self.asked: list[dict[str, Any]] = []  # the bodies
        self.headers: list[dict[str, str]] = []
        self.over = threading.Event()
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    """One connection, which stays open from request to request."""

    server: Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
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
def running() -> Iterator[Server]:
    """A server that runs until the block ends."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join()
