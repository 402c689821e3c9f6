"""Who answers as the language model of a search: an endpoint, or a Python function of one's own.

Equal requests have equal keys whoever answers them, so that a record says who it was; the answers of a function are
kept apart by the digest of its source.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from math import inf
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import structs

from cache.cassette import Cassette
from cache.client import Provider, Reply, Request
from cache.errors import CacheError
from cache.key import DIGEST_PREFIX, JSON, digest
from cache.provider.credentials import KEY_VARIABLE
from cache.provider.endpoint import OpenAITransport
from cache.provider.limits import Spent
from cache.record import CHAT, PAID, Record
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
        if found := msgspec.toml.decode(path.read_bytes(), type=dict[str, Endpoint]):
            return found
        raise ValueError("none")
    except (OSError, ImportError, ValueError, msgspec.MsgspecError) as error:
        form = 'a table of every endpoint by its name, such as [mine] and below it model = "gpt-4.1"'
        raise UsageError(f"{path}: expected {form}, got: {error}") from None


@dataclass(frozen=True)
class Answering:
    """Whoever answers.

    Attributes:
        providers: what answers a request, by kind of record.
        names: the digest that stands for whoever answers, in the provenance of every record, by model.
        alone: whether no answer of others is to be used.
    """

    providers: Mapping[str, Provider]
    names: Mapping[str, str]
    alone: bool

    @property
    def apart(self) -> str:
        """The folder of a store in which answers are kept apart, of several together; empty where they are not."""
        names = sorted({*self.names.values()})
        return (names[0] if len(names) == 1 else digest(list(names))).removeprefix(DIGEST_PREFIX) if self.alone else ""

    def refuse_others(self, into: Path | None, kept: Cassette) -> None:
        """Refuse a recording that is to grow and holds answers of these models by others, where there are to be none.

        Raises:
            UsageError: it does.
        """
        if self.alone and any(map(self._is_of_another, _paid(kept))):
            raise UsageError(
                f"{into}: expected answers of this endpoint or function alone, got others, or it is not known whose; "
                "it was left as it is: name another file with --into"
            )

    def warn_of_others(self, found: Sequence[Run]) -> None:
        """Say how many answers are not from here, or not known to be."""
        answers = [record for one in found for record in one.answers]
        if others := sum(map(self._is_of_another, answers)):
            warn(
                f"{others} of {len(answers)} answers were kept before, from another endpoint than the one named, or it "
                "is not known from which; to ask this one, search again with --fresh"
            )

    def _is_of_another(self, record: Record) -> bool:
        name = self.names.get(str(record.request.get("model")))
        return name is not None and record.provenance.get("endpoint") != name


def _paid(kept: Cassette) -> Iterator[Record]:
    """The records of what models answered."""
    return (record for kind in PAID for record in kept.of_kind(kind))


@contextmanager
def endpoints(asked: Sequence[Endpoint], spent: Spent, *, fresh: bool) -> Iterator[Answering]:
    """Endpoints under the same ceilings, of which it is said at the end what was spent, and which models answered.

    Raises:
        UsageError: one model is behind two of them, so that it could not be said whose an answer is.
        CacheError: one of them cannot be asked.
    """
    places: dict[tuple[str, str], Endpoint] = {}
    for each in asked:
        place = structs.replace(each, parameters={}, temperature=None)
        if places.setdefault((KINDS[each.api], each.model), place) != place:
            raise UsageError(
                f"expected every model behind one endpoint, got {each.model} behind two, whose requests are the same; "
                "search with one after the other, into two files, with --fresh"
            )
    kept = "; what was answered is kept, the same search goes on from here"
    sending: dict[str, dict[str, OpenAITransport]] = {}
    with ExitStack() as stack:
        for (kind, model), place in places.items():
            how: Any = {
                name: getattr(place, name) for name in ("base_url", "key_variable", "headers", "query", "timeout_s")
            }
            sending.setdefault(kind, {})[model] = stack.enter_context(OpenAITransport(**how, kind=kind, spent=spent))
        names = {model: each.endpoint for models in sending.values() for model, each in models.items()}
        try:
            yield Answering({kind: partial(_sent, models) for kind, models in sending.items()}, names, fresh)
            kept = ""
        finally:
            cost = f", {spent.cost:.4f} in money" if spent.cost else ""
            models = f", answered by {' and '.join(sorted(spent.models))}" if spent.models else ""
            warn(f"{spent.calls} requests sent, {spent.usage.tokens} tokens{cost}{models}{kept}")


def _sent(models: Mapping[str, OpenAITransport], request: Request) -> Reply:
    """The answer of the endpoint that has the model."""
    return models[str(request["model"])].send(request)


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

    return Answering({CHAT: send}, {model: name}, alone=True)
