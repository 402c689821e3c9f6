"""A port on this machine behind which recorded answers lie, for any program in any language.

`serving` runs it in a thread, `run` while another program runs, which finds it by its environment. What each request is
answered with says `cache.serving.responder`.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cache.errors import CacheError
from cache.provider.credentials import NO_KEY
from cache.provider.endpoint import OpenAITransport
from cache.rewriting import NO_RULES
from cache.serving.responder import Responder
from cache.serving.transport import responding
from genius_replay.advice import install
from genius_replay.console import fail

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

LOOPBACK = "127.0.0.1"
WORKERS = 256  # requests that are answered at once: those that wait for an upstream hold up no other


@contextmanager
def serving(responder: Responder, *, port: int = 0) -> Iterator[str]:
    """Answer requests to a port of this machine while the block runs; gives the URL, without a path.

    Args:
        responder: gives the answers.
        port: 0 for one that is free.

    Raises:
        CacheError: a package is missing, or the port is taken.
    """
    try:
        import uvicorn
        from starlette.applications import Starlette
        from starlette.requests import ClientDisconnect
        from starlette.responses import Response
        from starlette.routing import Route
    except ImportError as error:
        how = install("starlette", "uvicorn")
        raise CacheError(f"Expected the packages starlette and uvicorn, got: {error}. Run `{how}`.") from None

    async def answer(request: Request) -> Response:
        try:
            body = await request.body()
        except ClientDisconnect:
            return Response()
        target = f"{request.url.path}?{request.url.query}".rstrip("?")
        made = partial(responder.answer, request.method, target, dict(request.headers), body)
        answered = await asyncio.get_running_loop().run_in_executor(pool, made)
        if await request.is_disconnected():
            answered.lost()
        return Response(answered.content, answered.status, dict(answered.headers))

    app = Starlette(routes=[Route("/{path:path}", answer, methods=["DELETE", "GET", "PATCH", "POST", "PUT"])])
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    with listening(port) as listener, ThreadPoolExecutor(WORKERS) as pool:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield f"http://{LOOPBACK}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def listening(port: int) -> socket.socket:
    """Return a socket that listens to a port of this machine, 0 for one that is free; raises CacheError."""
    try:
        if port not in range(1 << 16):
            raise OSError(0, "No such port")
        listener = socket.create_server((LOOPBACK, port), backlog=1024)
        # Connections inherit it; asyncio sees none of TCP in a socket made so, and each answer would wait 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except OSError as error:
        raise CacheError(
            f"Expected a free port, got {port}: {error.strerror}. Stop the program that has it, or choose another."
        ) from None


def run(
    file: Path,
    command: Sequence[str],
    *,
    upstream: OpenAITransport | None = None,
    rewrite: Mapping[str, str] = NO_RULES,
) -> int:
    """Run a program whose requests are answered from a cassette; returns its exit code, 1 if something was missed.

    It finds the base URL of a session in OPENAI_BASE_URL and OPENAI_API_BASE, and in replay a key that is none.

    Args:
        file: the cassette.
        command: the program with its arguments.
        upstream: makes what is not recorded, by which `file` grows.
        rewrite: as in `cache.serving.transport.responding`.

    Raises:
        CacheError: the cassette or the program cannot be used, or a package is missing.
    """
    records = responding([file], into=file if upstream else None, upstream=upstream, rewrite=rewrite)
    with records as responder, serving(responder) as url:
        base = f"{url}/s/run/v1"
        others = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
        past = ",".join(filter(None, (LOOPBACK, "localhost", others)))
        changed = {"OPENAI_BASE_URL": base, "OPENAI_API_BASE": base, "NO_PROXY": past, "no_proxy": past}
        key = os.environ.get("OPENAI_API_KEY") if upstream else None
        try:
            code = subprocess.call(command, env={**os.environ, **changed, "OPENAI_API_KEY": key or NO_KEY})
        except OSError as error:
            raise CacheError(f"Expected a program to run, got {command[0]}: {error.strerror}. Name another.") from None
    for miss in responder.misses:
        fail(miss)
    return 1 if responder.misses else code if code >= 0 else 128 - code  # as shells say which signal ended it
