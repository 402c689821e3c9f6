"""Published conversations as records: what was sent and answered elsewhere, read in the form it was published."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from cache.errors import ImportFailed
from cache.key import JSON
from cache.record import Record

_ROLES = ("system", "user", "assistant")


def chat_history(data: bytes, *, model: str, source: Mapping[str, JSON], sample: int = 0) -> Iterator[Record]:
    """Yield a record for every assistant turn of a published conversation.

    Args:
        data: a JSON list of `{"role", "content"}`; a new request starts at every `system` message, and an assistant
            turn answers everything since then.
        model: the model that answered, which the file does not say.
        source: where the file is from; becomes the provenance, with `turn`, the turn's position in the file from 0.
        sample: numbers independent answers to the same request, from 0.

    Raises:
        ImportFailed: the file is no such list; the message names the position. Nothing is yielded before the whole
            file is checked.

    References:
        https://github.com/mingkai-zheng/GENIUS (imagenet/chat_history)
    """
    messages = _messages(data)
    start = 0
    for turn, message in enumerate(messages):
        if message["role"] == "system":
            start = turn
        elif message["role"] == "assistant":
            yield Record(
                request={"model": model, "messages": messages[start:turn]},
                answer={"choices": [{"index": 0, "message": message}]},
                sample=sample,
                provenance={**source, "turn": turn},
            )


def _messages(data: bytes) -> list[dict[str, str]]:
    """Return the messages of a published file, each with a role and a text, in an order that makes requests."""
    try:
        messages = json.loads(data)
    except ValueError as error:
        raise ImportFailed(f"Expected a JSON list of messages, got {error}. Fetch the file again.") from None
    if not isinstance(messages, list):
        raise ImportFailed(f"Expected a JSON list of messages, got {type(messages).__name__}. Name a chat history.")
    before = None
    for position, message in enumerate(messages):
        match message:
            case {"role": str(role), "content": str()} if len(message) == 2 and role in _ROLES:
                pass
            case _:
                raise ImportFailed(
                    f"Expected role ({', '.join(_ROLES)}) and content as text in message {position}, got "
                    f"{json.dumps(message)[:120]}. Fetch the file again, or mend the message."
                )
        if position == 0 and role != "system":
            raise ImportFailed(f"Expected message 0 to be a system message, got {role}. Fetch the whole file.")
        if role == "assistant" and before != "user":
            raise ImportFailed(
                f"Expected message {position} to answer a user, got an assistant after a {before}. "
                "Fetch the file again, or mend the message."
            )
        before = role
    return messages
