"""Small records for the tests of `cache`."""

from __future__ import annotations

from cache.key import JSON
from cache.record import Record


def chat_request(*texts: str, **parameters: JSON) -> dict[str, JSON]:
    """Return a request whose messages alternate between user and assistant, after one system message."""
    roles = ("user", "assistant")
    messages = [{"role": roles[turn % 2], "content": text} for turn, text in enumerate(texts)]
    return {"model": "test-1", "messages": [{"role": "system", "content": "You propose."}, *messages], **parameters}


def chat_record(*texts: str, answer: str = "[1, 2]", sample: int = 0, **parameters: JSON) -> Record:
    """Return a record of one answered request."""
    return Record(
        request=chat_request(*texts, **parameters),
        answer={"choices": [{"index": 0, "message": {"role": "assistant", "content": answer}}]},
        sample=sample,
        provenance={"source": "made for a test"},
        observed={"latency_s": 0.5},
    )
