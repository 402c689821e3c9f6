"""Who answers as the language model of a search: an endpoint, or a Python function of one's own.

Equal requests have equal keys whoever answers them, so that a record says who it was; the answers of a function are
kept apart by the digest of its source.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from cache.cassette import Cassette
from cache.client import Provider, Reply, Request
from cache.errors import CacheError
from cache.key import DIGEST_PREFIX, JSON, digest
from cache.provider.endpoint import OpenAITransport
from cache.provider.limits import Spent
from cache.record import CHAT
from genius_replay.console import warn
from harness.loop import raised
from harness.run import Run
from reproduce.errors import UsageError

Answer: TypeAlias = Callable[[Sequence[Mapping[str, str]]], str]
"""A model as a function: the messages, each with its role and content → what it says."""


@dataclass(frozen=True)
class Answering:
    """Whoever answers.

    Attributes:
        send: answers a request.
        name: the digest that stands for whoever answers, in the provenance of every record.
        alone: whether no answer of others is to be used.
    """

    send: Provider
    name: str
    alone: bool

    @property
    def apart(self) -> str:
        """The folder of a store in which answers are kept apart; empty where they are not."""
        return self.name.removeprefix(DIGEST_PREFIX) if self.alone else ""

    def refuse_others(self, into: Path | None, kept: Cassette) -> None:
        """Refuse a recording that is to grow and holds answers of others, where there are to be none.

        Raises:
            UsageError: it does.
        """
        if self.alone and any(record.provenance.get("endpoint") != self.name for record in kept.of_kind(CHAT)):
            raise UsageError(
                f"{into}: expected answers of this endpoint or function alone, got others, or it is not known whose; "
                "it was left as it is: name another file with --into"
            )

    def warn_of_others(self, found: Sequence[Run]) -> None:
        """Say how many answers are not from here, or not known to be."""
        answers = [record.provenance.get("endpoint") for one in found for record in one.answers]
        if others := sum(name != self.name for name in answers):
            warn(
                f"{others} of {len(answers)} answers were kept before, from another endpoint than the one named, or it "
                "is not known from which; to ask this one, search again with --fresh"
            )


@contextmanager
def endpoint(base_url: str | None, spent: Spent, *, fresh: bool) -> Iterator[Answering]:
    """An endpoint with its ceilings, of which it is said at the end what was spent on it, and which models answered."""
    kept = "; what was answered is kept, the same search goes on from here"
    with OpenAITransport(base_url, spent=spent) as transport:
        try:
            yield Answering(transport.send, transport.endpoint, fresh)
            kept = ""
        finally:
            cost = f", {spent.cost:.4f} in money" if spent.cost else ""
            models = f", answered by {' and '.join(sorted(spent.models))}" if spent.models else ""
            warn(f"{spent.calls} requests sent, {spent.usage.tokens} tokens{cost}{models}{kept}")


def function(complete: Answer, model: str) -> Answering:
    """A Python function under the name of a model.

    Raises:
        UsageError: it has no source by which its answers could be kept.
    """
    try:
        source = inspect.getsource(complete)
    except (TypeError, OSError) as error:
        raise UsageError(
            f"expected a model as a function whose source can be read, by which its answers are kept, got "
            f"{complete!r}; write it with def in a file or a notebook"
        ) from error
    name = digest({"function": complete.__qualname__, "source": source})

    def send(request: Request) -> Reply:
        messages = request["messages"]
        assert isinstance(messages, list)
        try:
            text = complete([dict(message) for message in messages])
        except Exception as error:
            raise CacheError(f"{model}: expected an answer, got {raised(error)}; what was answered is kept") from error
        if not isinstance(text, str):
            raise CacheError(f"{model}: expected a text as the answer, got {text!r:.200}; what was answered is kept")
        choice: JSON = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        said: dict[str, JSON] = {"source": "a Python function", "endpoint": name, "model": model}
        return Reply({"choices": [choice]}, provenance=said)

    return Answering(send, name, alone=True)
