"""What OpenAI's SDK asks beside chat completions, through a port: recorded, and replayed to the letter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import openai
import pytest

from cache.provider.endpoint import OpenAITransport
from cache.serving.server import serving
from cache.serving.transport import responding
from tests.cache.server import Handler, running, says

pytest.importorskip("uvicorn", reason="serves: install the extra `server`")
pytestmark = [
    pytest.mark.enable_socket,
    pytest.mark.network,
    pytest.mark.skipif(not hasattr(openai.OpenAI, "responses"), reason="openai has no responses before 1.66"),
]

PART: dict[str, Any] = {"type": "output_text", "text": "[1, 2]", "annotations": []}
ITEM: dict[str, Any] = {"id": "i", "type": "message", "role": "assistant", "status": "completed", "content": [PART]}
RESPONSE: dict[str, Any] = {
    "id": "r", "object": "response", "created_at": 1, "model": "m", "status": "completed", "output": [ITEM],
    "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
    "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5,
              "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}},
}  # fmt: skip
PLACE: dict[str, Any] = {"item_id": "i", "output_index": 0, "content_index": 0}
EVENTS: list[dict[str, Any]] = [
    {"type": "response.created", "response": {**RESPONSE, "status": "in_progress", "output": []}},
    {"type": "response.output_item.added", "output_index": 0, "item": {**ITEM, "content": []}},
    {"type": "response.content_part.added", **PLACE, "part": {**PART, "text": ""}},
    *({"type": "response.output_text.delta", **PLACE, "delta": text, "logprobs": []} for text in ("[1,", " 2]")),
    {"type": "response.output_text.done", **PLACE, "text": "[1, 2]", "logprobs": []},
    {"type": "response.completed", "response": RESPONSE},
]
VECTOR: dict[str, Any] = {"object": "embedding", "index": 0, "embedding": [0.5, -1.0]}


def answers(handler: Handler) -> None:
    """Answer by the path, as the SDK expects it."""
    if handler.path.endswith("/embeddings"):
        return says({"object": "list", "model": "m", "data": [VECTOR], "usage": {"total_tokens": 2}})(handler)
    if not handler.server.asked[-1].get("stream"):
        return says(RESPONSE)(handler)
    numbered = ({**event, "sequence_number": number} for number, event in enumerate(EVENTS))
    stream = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in numbered)
    return says(stream.encode(), Content_Type="text/event-stream")(handler)


def asked(url: str) -> list[Any]:
    """What the SDK makes of a response, of one that it puts together from a stream, and of a vector."""
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as sdk:
        whole = sdk.responses.create(model="m", input="Propose one.")
        with sdk.responses.stream(model="m", input="Propose one.") as stream:
            accumulated = stream.get_final_response()
        vectors = sdk.embeddings.create(model="m", input="text", encoding_format="float")
    return [whole.output_text, accumulated.output_text, accumulated.usage, vectors.data[0].embedding]


def test_responses_and_embeddings_replay_as_they_were_recorded(tmp_path: Path) -> None:
    with running() as upstream:
        upstream.behaviours = [answers]
        into = tmp_path / "mine.jsonl"
        recording = responding([], into=into, upstream=OpenAITransport(upstream.url, "none"))
        with recording as responder, serving(responder) as url:
            recorded = asked(url)
        with responding([into]) as responder, serving(responder) as url:
            assert asked(url) == recorded
        assert len(upstream.asked) == 3
    assert recorded[:2] == ["[1, 2]", "[1, 2]"]
    assert recorded[3] == [0.5, -1.0]
