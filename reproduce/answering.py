"""Who answers as the language model of a search: an endpoint, or a Python function of one's own.

Equal requests have equal keys whoever answers them, so that a record says who it was; the answers of a function are
kept apart by the digest of its source.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec

from cache.cassette import Cassette
from cache.client import Provider, Reply, Request
from cache.errors import CacheError
from cache.key import DIGEST_PREFIX, JSON, digest
from cache.provider.credentials import KEY_VARIABLE
from cache.provider.endpoint import OpenAITransport
from cache.provider.limits import Spent
from cache.record import PAID, Record
from genius_replay.console import warn
from genius_replay.showing import brief
from harness.loop import raised
from harness.run import Run
from harness.specification import KINDS, UNSET
from reproduce.errors import UsageError

SET_OTHERWISE = frozenset({"input", "messages", "model", "seed", "stream", "temperature"})
"""What is no parameter of an endpoint: others give it, and an answer that is streamed is not read."""

Answer: TypeAlias = Callable[[Sequence[Mapping[str, str]]], str]
"""A model as a function: the messages, each with its role and content → what it says."""


class Endpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A language model behind an endpoint, and how it is asked.

    >>> Endpoint("o4-mini", temperature="none", parameters={"reasoning_effort": "low"})
    <Endpoint o4-mini: chat>

    Attributes:
        model: as the endpoint calls it.
        base_url: such as http://127.0.0.1:8000/v1; else OPENAI_BASE_URL, else OpenAI's own.
        key_variable: of the environment, in which the key is.
        headers: sent with every request; `$NAME` in a value stands for that variable of the environment. A header
            api-key, x-api-key or authorization is sent instead of the key.
        query: put behind every address, such as the api-version of Azure.
        timeout_s: seconds after which an attempt at an answer has failed, by default 1,800, or 600 without a byte.
        api: the interface, "chat" (completions) or "responses".
        parameters: sent with every request of this endpoint.
        temperature: instead of that of the search; "none" leaves it out.

    Raises:
        UsageError: when it is made with something else.
    """

    model: str
    base_url: str | None = None
    key_variable: str = KEY_VARIABLE
    headers: dict[str, str] = {}
    query: dict[str, str] = {}
    timeout_s: float | None = None
    api: Literal["chat", "responses"] = "chat"
    parameters: dict[str, Any] = {}
    temperature: float | Literal["none"] | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be asked; of types msgspec checks those alone that come from a file."""
        if not (isinstance(self.model, str) and self.model and self.api in KINDS):
            apis = ", ".join(KINDS)
            raise UsageError(f"expected a model by name and an api of {apis}, got {self.model!r} and {self.api!r}")

    def __repr__(self) -> str:
        return brief(self, f"{self.model}: {self.api}")  # neither where it is nor a header, which are private

    def sent(self, parameters: Mapping[str, JSON], temperature: float | str) -> dict[str, JSON]:
        """What is sent with every request: what a search sends, and its temperature, unless there are own ones.

        Raises:
            UsageError: the temperature is none, or a parameter is said in another way.
        """
        every = {**parameters, **self.parameters}
        if others := sorted(SET_OTHERWISE & every.keys()):
            raise UsageError(f"expected only parameters that have no option of their own, got {', '.join(others)}")
        said = temperature if self.temperature is None else self.temperature
        if said == UNSET:
            return every
        if not (isinstance(said, int | float) and 0 <= said < inf):
            raise UsageError(f"expected every temperature from 0 on, or {UNSET}, got {said!r}")
        return {**every, "temperature": said}


def read_endpoints(path: Path) -> dict[str, Endpoint]:
    """The endpoints that a TOML file describes, by their names.

    Raises:
        UsageError: it cannot be read, or is of another form.
    """
    try:
        return msgspec.toml.decode(path.read_bytes(), type=dict[str, Endpoint])
    except (OSError, ImportError, UnicodeDecodeError, msgspec.MsgspecError) as error:
        form = 'a table of every endpoint by its name, such as [mine] and below it model = "gpt-4.1"'
        raise UsageError(f"{path}: expected {form}, got: {error}") from None


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
        if self.alone and any(record.provenance.get("endpoint") != self.name for record in _paid(kept)):
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


def _paid(kept: Cassette) -> Iterator[Record]:
    """The records of what models answered."""
    return (record for kind in PAID for record in kept.of_kind(kind))


@contextmanager
def endpoint(asked: Endpoint, spent: Spent, *, fresh: bool) -> Iterator[Answering]:
    """An endpoint with its ceilings, of which it is said at the end what was spent on it, and which models answered."""
    kept = "; what was answered is kept, the same search goes on from here"
    how: Any = {name: getattr(asked, name) for name in ("base_url", "key_variable", "headers", "query", "timeout_s")}
    with OpenAITransport(**how, kind=KINDS[asked.api], spent=spent) as transport:
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
