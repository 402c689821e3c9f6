"""Any program that speaks OpenAI's protocol, answered from records: what each of its requests is answered with.

A `Responder` takes an HTTP request and gives what answers it; `cache.serving.server` puts it behind a port,
`cache.serving.transport` gives it to an SDK in the place of a network. Without an upstream it is strict replay. With
one, what is not recorded is forwarded under the program's own credentials, stored, and answered then; the credentials
are never kept.

Chat completions are records like those of `cache.provider.endpoint`, whoever recorded them; what was answered whole is
streamed where a stream is asked for, and what was streamed answers whole. Other interfaces (`cache.record.PAID`) are
kept as the text that came.

The same request again has the same answer. In a *session* (`/s/NAME/v1`) its k-th occurrence, from 0, is the sample
1000·k instead. Equal requests at one moment take them in the order in which they came; k moves on when an answer was
delivered, and a retry that says so gets the sample of what it retries. A header (`SAMPLE`) names a sample outright.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

from cache.client import Client, Records, Reply, Request
from cache.errors import CacheError, EndpointError, InvalidRequest, ReplayMiss
from cache.key import canonical
from cache.nearest import listed
from cache.provider.answer import read_answer, read_verbatim
from cache.provider.credentials import SHORTEST_KEY
from cache.provider.endpoint import SHOWN, OpenAITransport, attempt_at
from cache.record import CHAT, PAID, Record
from cache.redaction import refuse_credentials, withhold
from cache.rewriting import Rules
from genius_replay.console import printable

SAMPLE = "x-replay-sample"  # the header that names a sample
APART = 1000  # samples from one occurrence of a request to the next

_RETRIES = "x-stainless-retry-count"  # the header in which SDKs say how often they have asked before
_INTERFACES = sorted(kind.replace(".", "/") for kind in PAID)
# Threads have messages too, which are no answers.
_PLACE = re.compile(
    r"(?!.*/threads/)(?:/s/(?P<session>[^/?]+))?(?:/[^?]*?)??"
    rf"/(?P<interface>{'|'.join(_INTERFACES)})/?(?:\?(?P<query>.*))?"
)
_TRAVELS = {"stream", "stream_options"}  # say how an answer travels
_SECRET = {"api-key", "authorization", "openai-organization", "openai-project", "x-api-key"}
# Headers of one connection, and what is said to this endpoint alone.
_NOT_PASSED = {
    "accept-encoding", "connection", "content-encoding", "content-length", "cookie", "expect", "host", "keep-alive",
    "proxy-authorization", "set-cookie", "te", "trailer", "transfer-encoding", "upgrade", SAMPLE,
}  # fmt: skip
_JSON, _EVENTS = "application/json", "text/event-stream"


@dataclass
class Answered:
    """What answers an HTTP request: `status`, `content`, `headers`.

    `lost` is called where it did not reach who asked: the next one who asks the same in the session gets the same.
    """

    status: int
    content: bytes
    headers: Mapping[str, str]
    lost: Callable[[], object] = tuple  # does nothing


@dataclass
class _Occurrences:
    """Of one request in a session: which are answered or underway, and which was taken last."""

    taken: set[int] = field(default_factory=set)
    last: int = 0


class _Passed(Exception):
    """The upstream refused, and its own words answer: status, content and headers."""


class _Asked:
    """An HTTP request as it is understood: `kind` of record, `request`; `whole` is that without how it travels."""

    def __init__(self, place: re.Match[str], headers: Mapping[str, str], body: bytes) -> None:
        """Read it; raises InvalidRequest."""
        self.interface, self.session, self.query = place["interface"], place["session"], place["query"] or ""
        self.headers, self.body, self.kind = headers, body, self.interface.replace("/", ".")
        try:
            self.request: dict[str, Any] = json.loads(body)
            self.whole = {name: said for name, said in self.request.items() if name not in _TRAVELS}
        except (ValueError, RecursionError, AttributeError):
            raise InvalidRequest(f"Expected a JSON object, got {len(body)} bytes that are none.") from None

    @property
    def forms(self) -> list[dict[str, Any]]:
        """The request as it came, then as it would ask for the same answer whole, or as a stream."""
        usage = {"stream_options": {"include_usage": True}}
        return [self.request, self.whole, {**self.whole, "stream": True}, {**self.whole, "stream": True, **usage}]


class Responder:
    """Answers HTTP requests from records, and has what is not there made by an upstream; threads may share it.

    Attributes: `misses`, what was asked in vain, explained.
    """

    def __init__(self, records: Records, upstream: OpenAITransport | None = None, rewrites: Rules = ()) -> None:
        """Answer from `records`; `upstream` makes what is not in them, for a fee; `rewrites` are rules of keys."""
        self._records, self._upstream, self._rewrites = records, upstream, rewrites
        self._kept = Client(records, rewrites=rewrites)
        self.misses: list[str] = []
        self._sessions: dict[tuple[str, str], _Occurrences] = {}
        self._lock = threading.Lock()

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answered:
        """Return what answers a request; an error in OpenAI's form where nothing does.

        Args:
            method: of HTTP.
            target: path and query; a path that begins with `/s/NAME` is of that session.
            headers: names in small letters.
            body: as it came.
        """
        lost: Callable[[], object] = tuple
        try:
            place = _PLACE.fullmatch(target)
            if place is None or method != "POST":
                paths = ", ".join(f"/v1/{interface}" for interface in _INTERFACES)
                raise InvalidRequest(f"Expected a POST request to one of {paths}, got {method} {target}.")
            asked = _Asked(place, headers, body)
            lost, sample, where = self._numbered(asked)
            found = (self._kept.find(CHAT, form, sample=sample) for form in asked.forms) if asked.kind == CHAT else ()
            record = next(filter(None, found), None)
            if record is None:
                providers = {asked.kind: partial(_forwarded, asked, up)} if (up := self._upstream) else {}
                client = Client(self._records, providers, rewrites=self._rewrites)
                record = client.ask(asked.kind, asked.request, sample=sample, where=where)
            content, media = _shown(record, asked.request)
            return Answered(200, content, {"content-type": media}, lost)
        except _Passed as passed:
            answered = Answered(*passed.args)
        except CacheError as error:
            answered = self._failed(error)
        lost()
        return answered

    def _numbered(self, asked: _Asked) -> tuple[Callable[[], object], int, str]:
        """Take the next occurrence of a request in its session: what gives it back, its sample, and which it is."""
        where = f"a request to {asked.interface}"
        named = asked.headers.get(SAMPLE, "" if asked.session else "0")
        if named:
            if not (named.isascii() and named.isdecimal()):
                raise InvalidRequest(f"Expected a number from 0 on in the header {SAMPLE}, got {named!r}.")
            return tuple, int(named), where
        key = asked.session, self._kept.key(asked.kind, asked.whole)
        with self._lock:
            of_it = self._sessions.setdefault(key, _Occurrences())
            free = next(k for k in count() if k not in of_it.taken)
            retried = asked.headers.get(_RETRIES, "0") != "0" and free > of_it.last  # which is underway, or was lost
            of_it.last = k = of_it.last if retried else free
            of_it.taken.add(k)
        return partial(of_it.taken.discard, k), k * APART, f"{where}, its occurrence {k} in session {asked.session}"

    def _failed(self, error: CacheError) -> Answered:
        """Return an error in OpenAI's form, and in Anthropic's, with whether it is worth asking again."""
        status, code, again = 400, "refused", {"x-should-retry": "false"}
        if isinstance(error, ReplayMiss):
            status, code = 404, "replay_miss"
            self.misses.append(str(error))
        elif isinstance(error, EndpointError):
            status = error.status if error.status and error.status >= 400 else 502  # 200: an error instead of an answer
            code, again = "upstream_failed", {"x-should-retry": str(error.passes).lower()}
            again |= {"retry-after": f"{error.wait_s:.0f}"} if error.wait_s else {}
        said = {"message": printable(str(error)), "type": code, "param": None, "code": code}
        content = json.dumps({"type": "error", "error": said}).encode()
        return Answered(status, content, {"content-type": _JSON, **again})


def _forwarded(asked: _Asked, upstream: OpenAITransport, request: Request) -> Reply:
    """Have the upstream answer, once; raises _Passed where it refuses, for the program decides what then."""
    words = (word for name, said in asked.headers.items() if name in _SECRET for word in said.split())
    secrets = [word for word in words if len(word) >= SHORTEST_KEY]
    refuse_credentials({"request": request}, secrets)
    with upstream.spent.reserved(request):
        return _exchanged(asked, upstream, str(request.get("model")), secrets)


def _exchanged(asked: _Asked, upstream: OpenAITransport, model: str, secrets: list[str]) -> Reply:
    passing = upstream.spent.clock.passing
    began = passing()
    headers = {name: said for name, said in asked.headers.items() if name not in _NOT_PASSED}
    status, said, content, broken = upstream.forward(f"/{asked.interface}", asked.query, asked.body, headers)
    headers = {name.lower(): value for name, value in said.items() if name.lower() not in _NOT_PASSED}
    if not 200 <= status < 300:
        raise _Passed(status, content, headers)
    try:
        if asked.kind == CHAT:
            answer = read_answer(
                content, lambda text: printable(withhold(text, secrets)[:SHOWN]), broken=broken is not None
            )
        else:
            answer = read_verbatim(content, headers.get("content-type", _JSON), whole=broken is None)
    except EndpointError as error:
        if error.usage is not None:
            upstream.spent.count(model, "", error.usage)
        raise
    return upstream.received(model, answer.body, answer.kept(secrets), [attempt_at(passing() - began, status, None)])


# -- answers as they travel ---


def _shown(record: Record, request: Request) -> tuple[bytes, str]:
    """Return a recorded answer in the form that was asked for, and its media type.

    Raises:
        CacheError: it cannot be read, which is all that is kept of it beside its bytes.
    """
    match dict(record.answer):
        case {"text": str(text), "content_type": str(media)} if record.kind != CHAT:
            return text.encode(), media
        case {"choices": _} as answer:
            if not request.get("stream"):
                return _text(answer).encode(), _JSON
            options = request.get("stream_options")
            chunks = _chunks(answer, usage=isinstance(options, Mapping) and bool(options.get("include_usage")))
            return "".join(f"data: {said}\n\n" for said in (*map(_text, chunks), "[DONE]")).encode(), _EVENTS
        case other:
            why = other.get("unreadable", other)
            raise CacheError(f"Expected an answer that can be given again in {record.key}, got: {why}")


def _text(answer: Mapping[str, Any]) -> str:
    """Return an answer as it is found again: programs that keep it have the same bytes recorded and replayed."""
    return json.dumps(json.loads(canonical(dict(answer))))


def _chunks(answer: Mapping[str, Any], *, usage: bool) -> Iterator[dict[str, Any]]:
    """Yield the pieces of a stream that add up to a whole answer: of each choice its message, then its end."""
    head = {name: said for name, said in answer.items() if name not in ("choices", "usage")}
    head["object"] = "chat.completion.chunk"
    for position, choice in enumerate(listed("choices", answer)):
        rest: dict[str, Any] = {"index": position, **(choice if isinstance(choice, Mapping) else {})}
        said, ended = rest.pop("message", None), rest.pop("finish_reason", None)
        message: dict[str, Any] = {**said} if isinstance(said, Mapping) else {}
        if calls := listed("tool_calls", message):
            message["tool_calls"] = [{"index": n, **call} for n, call in enumerate(calls) if isinstance(call, Mapping)]
        yield {**head, "choices": [{**rest, "delta": message, "finish_reason": None}]}
        yield {**head, "choices": [{"index": rest["index"], "delta": {}, "finish_reason": ended}]}
    if usage and "usage" in answer:
        yield {**head, "choices": [], "usage": answer["usage"]}
