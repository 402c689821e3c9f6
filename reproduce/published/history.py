"""A published chat history, cut into dialogues and read as records: what was sent and answered elsewhere.

References:
    https://github.com/mingkai-zheng/GENIUS (imagenet/chat_history)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

import msgspec

from cache.key import JSON
from cache.record import Record
from harness.run import SAMPLES
from reproduce.errors import MalformedConversation


class Dialogue(NamedTuple):
    """Messages that belong to one another: every assistant turn answers all that stand before it here."""

    position: int  # of the first message in the file, from 0
    messages: list[dict[str, str]]


def dialogues(data: bytes) -> list[Dialogue]:
    """Cut a published file, a JSON list of `{"role", "content"}`, into its dialogues.

    A dialogue starts at every `system` message. Where that is missing, it starts at a user message that follows an
    answer and begins with the first line of the file's first user message: the problem is stated anew.

    Raises:
        MalformedConversation: the file is no such list; the message names the position.
    """
    found: list[Dialogue] = []
    problem = ""  # its first line
    for position, message in enumerate(_messages(data)):
        role, content = message["role"], message["content"]
        problem = problem or (content.partition("\n")[0].strip() if role == "user" else "")
        restated = role == "user" and problem and content.startswith(problem)
        if role == "system" or (restated and found[-1].messages[-1]["role"] == "assistant"):
            found.append(Dialogue(position, []))
        found[-1].messages.append(message)
    return found


def chat_history(data: bytes, *, model: str, source: Mapping[str, JSON], sample: int = 0) -> Iterator[Record]:
    """Yield a record for every assistant turn of a published conversation, with what precedes it in its dialogue.

    Args:
        data: the file, as `dialogues` takes it.
        model: the model that answered, which the file does not say.
        source: where the file is from; becomes the provenance, with `turn`, the turn's position in the file from 0.
        sample: numbers independent answers to the same request, from 0; a request that the file itself repeats is
            numbered `harness.run.SAMPLES` further on each time.

    Raises:
        MalformedConversation: as `dialogues`. Nothing is yielded before the whole file is checked.
    """
    asked: list[list[dict[str, str]]] = []
    for dialogue in dialogues(data):
        for n, message in enumerate(dialogue.messages):
            if message["role"] != "assistant":
                continue
            said = dialogue.messages[:n]
            yield Record(
                request={"model": model, "messages": [*said]},
                answer={"choices": [{"index": 0, "message": message}]},
                sample=sample + SAMPLES * asked.count(said),
                provenance={**source, "turn": dialogue.position + n},
            )
            asked.append(said)


class _Message(msgspec.Struct, forbid_unknown_fields=True):
    content: str
    role: Literal["assistant", "system", "user"]


def _messages(data: bytes) -> list[dict[str, str]]:
    """Return the messages of a published file, each with a role and a text, in an order that makes requests."""
    try:
        messages = msgspec.json.decode(data, type=list[_Message])
    except (ValueError, msgspec.MsgspecError) as error:
        raise MalformedConversation(
            f"expected a JSON list of messages with role and content, got: {error}. Fetch the file again."
        ) from None
    before = None
    for position, message in enumerate(messages):
        if position == 0 and message.role != "system":
            raise MalformedConversation(
                f"expected message 0 to be a system message, got {message.role}. Fetch the whole file."
            )
        if message.role == "assistant" and before != "user":
            raise MalformedConversation(
                f"expected message {position} to answer a user, got an assistant after a {before}. "
                "Fetch the file again, or mend the message."
            )
        before = message.role
    return [{"role": message.role, "content": message.content} for message in messages]
