"""Many sessions that record the same at the same time, each in an order of its own."""

from __future__ import annotations

import http.client
import json
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cache.provider.endpoint import OpenAITransport
from cache.serving.server import serving
from cache.serving.transport import responding
from tests.cache.records import chat_request
from tests.cache.server import Handler, completion, running, says

pytest.importorskip("uvicorn", reason="serves: install the extra `server`")
pytestmark = [pytest.mark.enable_socket, pytest.mark.network, pytest.mark.slow]

SESSIONS, REQUESTS = 8, 200


def answers(handler: Handler) -> None:
    """Say what was asked, and how many were asked until then, which no second answer would repeat."""
    asked = handler.server.asked[-1]["messages"][-1]["content"]
    says(completion(f"{asked}: answer {len(handler.server.asked)}"))(handler)


def test_sessions_that_ask_the_same_reach_the_upstream_once_for_each_request(tmp_path: Path) -> None:
    texts = [f"Request {number}" for number in range(REQUESTS)]

    def session(url: str, name: int) -> dict[str, str]:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=120)
        found = {}
        for text in random.Random(name).sample(texts, REQUESTS):
            body = json.dumps(chat_request(text))
            connection.request("POST", f"/s/{name}/v1/chat/completions", body, {"Content-Type": "application/json"})
            found[text] = json.load(connection.getresponse())["choices"][0]["message"]["content"]
        connection.close()
        return found

    with running() as upstream:
        upstream.behaviours = [answers]
        asked = OpenAITransport(upstream.url, "none")
        records, pool = responding([], store=tmp_path / "store", upstream=asked), ThreadPoolExecutor(SESSIONS)
        with records as responder, serving(responder) as url, pool:
            found = list(pool.map(lambda name: session(url, name), range(SESSIONS)))
        assert len(upstream.asked) == REQUESTS
    assert all(answers == found[0] for answers in found)
    assert all(answer.startswith(f"{text}: answer ") for text, answer in found[0].items())
