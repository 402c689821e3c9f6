"""Tests of one's own whose language model answers from a cassette: offline, strictly, and under a fixture `llm`.

It is opted into by name, with `pytest_plugins = ["cache.pytest_plugin"]` in the `conftest.py` at the root, or with
`-p cache.pytest_plugin`. A test that is marked `@pytest.mark.cassette("file.jsonl")`, a path from the folder of its
file, fails with an explanation if it asks what is not recorded; `pytest --llm-record` asks OPENAI_BASE_URL or OpenAI.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cached_property
from typing import Any

import pytest

from cache.errors import CacheError
from cache.provider.credentials import NO_KEY
from cache.provider.endpoint import OpenAITransport
from cache.serving.server import serving
from cache.serving.transport import SESSION, http_transport

_RECORD = "--llm-record"
_HOW = f" `pytest {_RECORD}` records it."


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that records."""
    parser.addoption(_RECORD, action="store_true", help="ask a language model what cassettes lack, and keep it there")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    what = "from which the fixture `llm` answers, beside the test's file; by pattern what stands in its place in keys"
    config.addinivalue_line("markers", f"cassette(file, rewrite={{}}): {what}")


class Model:
    """A language model that answers from the cassette of a test, through both doors in one session.

    Attributes: `client`, OpenAI's SDK, which needs no socket here.
    """

    def __init__(self, transport: Any, key: str, stack: ExitStack) -> None:
        import openai

        self._responder, self._stack = transport.responder, stack
        http = openai.DefaultHttpxClient(transport=transport)
        self.client = openai.OpenAI(api_key=key, http_client=http, max_retries=0)

    @cached_property
    def base_url(self) -> str:
        """Where other programs and SDKs find it, on a port of this machine."""
        return f"{self._stack.enter_context(serving(self._responder))}{SESSION}/v1"


@pytest.fixture
def llm(request: pytest.FixtureRequest) -> Iterator[Model]:
    """A language model that answers from the cassette that the test's marker names."""
    marker = request.node.get_closest_marker("cassette")
    if marker is None or len(marker.args) != 1 or marker.kwargs.keys() - {"rewrite"}:
        pytest.fail('Expected @pytest.mark.cassette("file.jsonl") at a test that uses `llm`. Add it.', pytrace=False)
    try:
        upstream = OpenAITransport() if request.config.getoption(_RECORD) else None
        file = request.path.parent / marker.args[0]
        transport = http_transport(file, upstream=upstream, rewrite=marker.kwargs.get("rewrite", {}))
    except CacheError as error:
        pytest.fail(f"{error}{'' if request.config.getoption(_RECORD) else _HOW}", pytrace=False)
    with ExitStack() as stack:
        stack.callback(transport.close)
        yield Model(transport, os.environ.get("OPENAI_API_KEY", NO_KEY) if upstream else NO_KEY, stack)
    if transport.responder.misses:
        pytest.fail("\n\n".join(transport.responder.misses) + _HOW, pytrace=False)
