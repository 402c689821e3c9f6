"""The transport to any endpoint that speaks OpenAI's chat completions: the only place that imports `openai`.

A request is sent as it is, and again where that is worth it; every attempt is in the reply. The API key and the base
URL stay in here: neither is ever in a reply, in a message or in a log.
"""

from __future__ import annotations

import logging
import os
import platform
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from types import TracebackType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cache.answer import read_answer
from cache.client import Reply
from cache.errors import AnswerBroken, CacheError, EndpointError, InvalidRequest, Unavailable
from cache.key import JSON, NOT_IN_KEY
from cache.limits import Limits, Meter, Spent, usage_of
from cache.redaction import refuse_credentials, withhold
from cache.retries import SHOWN, failure_of_status, pause_s

if TYPE_CHECKING:
    import openai

TIMEOUT_S = 600.0  # without a byte from the endpoint: a local model on a slow machine thinks for minutes

_REQUEST_ID = "x-request-id"  # the header in which an endpoint names an attempt
_SHORTEST_KEY = 8  # characters; a shorter one is a placeholder, and would be found in any text
_LABELS = frozenset({"user", "metadata", "store"})  # outside the key, and yet part of the body
_OPTIONS = (NOT_IN_KEY.keys() - _LABELS) | {"extra_body", "extra_query"}
_CHATTY = ("openai", "httpx", "httpx2", "httpcore", "httpcore2")  # loggers that print URLs and headers


class OpenAITransport:
    """Sends requests to an endpoint; threads and forks may share it.

    One transport is one run: its `limits` hold for all that is sent through it.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        limits: Limits | None = None,
        provenance: Mapping[str, JSON] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Make a transport; nothing is sent yet.

        Args:
            base_url: of the endpoint, with `/v1` if it has one; else OPENAI_BASE_URL, else OpenAI's own.
            api_key: else OPENAI_API_KEY. With a base URL it may be missing: local servers ask for none.
            timeout_s: seconds without a byte from the endpoint after which an attempt has failed.
            limits: what may be used.
            provenance: of every record, with the model that the answer itself names.
            sleep: waits between attempts, in seconds.

        Raises:
            CacheError: `openai` is not installed, there is no key, or key or URL cannot be used.
        """
        self._base_url = _checked_url(base_url or os.environ.get("OPENAI_BASE_URL"))
        self._api_key = _checked_key(api_key or os.environ.get("OPENAI_API_KEY"), needed=self._base_url is None)
        self._secrets = [self._api_key] if len(self._api_key) >= _SHORTEST_KEY else []
        self._timeout_s = timeout_s
        self._meter = Meter(limits or Limits())
        self._provenance = dict(provenance or {"source": "an OpenAI-compatible endpoint"})
        self._sleep = sleep
        for name in _CHATTY:
            logging.getLogger(name).setLevel(logging.WARNING)
        self._client, self._process = self._connect(), os.getpid()

    def __enter__(self) -> OpenAITransport:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections of this process; nothing can be sent afterwards."""
        if self._process == os.getpid():
            self._client.close()

    @property
    def spent(self) -> Spent:
        """What was sent and billed through this transport."""
        return self._meter.spent

    def send(self, request: Mapping[str, JSON]) -> Reply:
        """Send the whole body, again where that is worth it, and return what came back.

        Raises:
            InvalidRequest: the request holds an option of the client, such as a time-out.
            CredentialFound: the request or the answer holds a credential; the message says where.
            LimitReached: a ceiling is reached; nothing was sent.
            RequestRefused, ContextTooLong: the endpoint will never answer this request.
            Unavailable, AnswerBroken: no attempt brought an answer.
        """
        if options := sorted(_OPTIONS & request.keys()):
            raise InvalidRequest(
                f"Expected the body of a request, got {', '.join(options)}. Give that to the transport instead."
            )
        refuse_credentials({"request": request}, self._secrets)
        model = str(request.get("model"))
        attempts: list[dict[str, JSON]] = []
        while True:
            self._meter.reserve(model)
            began = time.perf_counter()
            try:
                answer, request_id = self._ask(request)
            except EndpointError as error:
                attempts.append(_attempt(began, error.status, error.request_id, error))
                self._sleep(pause_s(error, attempts))
            else:
                break
        attempts.append(_attempt(began, 200, request_id))
        self._meter.count(model, usage_of(answer))
        refuse_credentials({"answer": answer}, self._secrets)
        said: dict[str, JSON] = {"model": answer["model"]} if isinstance(answer.get("model"), str) else {}
        return Reply(answer, self._observed(answer, attempts), {**self._provenance, **said})

    def _ask(self, request: Mapping[str, JSON]) -> tuple[dict[str, JSON], str | None]:
        """Return the answer and the endpoint's name for this attempt; raises EndpointError."""
        import openai

        try:
            # As an extra body the request passes the client untouched, whatever the client knows of its parameters;
            # and a stream comes as one body, which is read when all of it is there.
            response = self._connected().chat.completions.with_raw_response.create(
                model="", messages=[], extra_body=dict(request)
            )
        except openai.APITimeoutError:
            raise Unavailable(f"Expected an answer, got nothing for {self._timeout_s:g} s.") from None
        except openai.APIConnectionError as error:
            reason = type(error.__cause__).__name__  # its text may name the endpoint
            raise Unavailable(f"Expected an answer, got a connection that failed ({reason}).") from None
        except openai.APIStatusError as error:
            headers, said = error.response.headers, error.body
            raise failure_of_status(
                error.status_code,
                self._withheld(str(said["message"] if isinstance(said, dict) and "message" in said else error.message)),
                code=f"{error.code} {error.type}",
                retry_after=headers.get("retry-after"),
                request_id=self._withheld(headers.get(_REQUEST_ID, "")),
            ) from None
        request_id = self._withheld(response.headers.get(_REQUEST_ID, ""))
        try:
            return read_answer(response.content, streamed=request.get("stream") is True), request_id
        except AnswerBroken as error:
            message = self._withheld(str(error))[:SHOWN]
            raise AnswerBroken(message, status=response.status_code, request_id=request_id) from None

    def _observed(self, answer: Mapping[str, JSON], attempts: list[dict[str, JSON]]) -> dict[str, JSON]:
        """Return what surrounds an answer; what the endpoint does not say is left out."""
        return {
            **{name: answer[name] for name in ("model", "usage") if answer.get(name) is not None},
            "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "latency_s": attempts[-1]["latency_s"],
            "attempts": attempts,
            "versions": self._versions,
        }

    def _withheld(self, text: str) -> str:
        """Return what an endpoint says beside its answer, without the key, the base URL or another credential."""
        address = urlsplit(self._base_url or "").netloc
        return withhold(text, [*self._secrets, *([address] if address else [])])

    def _connected(self) -> openai.OpenAI:
        if self._process != os.getpid():  # a fork: the connections are its parent's
            self._client, self._process = self._connect(), os.getpid()
        return self._client

    def _connect(self) -> openai.OpenAI:
        try:
            import openai
        except ImportError:
            raise CacheError("Expected the package openai, got none. Install it: `pip install '.[live]'`.") from None
        self._versions = {"openai": openai.__version__, "python": platform.python_version()}
        return openai.OpenAI(api_key=self._api_key, base_url=self._base_url, timeout=self._timeout_s, max_retries=0)


def _attempt(began: float, status: int | None, request_id: str | None, error: object = None) -> dict[str, JSON]:
    """Return one attempt as a record keeps it; what is not known is left out."""
    known: dict[str, JSON] = {"latency_s": round(time.perf_counter() - began, 6)}
    if status is not None:
        known["status"] = status
    if request_id:
        known["request_id"] = request_id
    if error is not None:
        known["error"] = str(error)
    return known


def _checked_url(url: str | None) -> str | None:
    """Return the base URL, None for OpenAI's own; raises CacheError, which does not show it."""
    if not url:
        return None
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise CacheError(
            "Expected a base URL such as http://127.0.0.1:8000/v1, got another form (not shown). "
            "Mend the argument or OPENAI_BASE_URL."
        )
    return url


def _checked_key(key: str | None, *, needed: bool) -> str:
    """Return the API key, a placeholder if none is needed; raises CacheError, which does not show it."""
    key = (key or "").strip()
    if not key and needed:
        raise CacheError("Expected an API key, got none. Set OPENAI_API_KEY, or OPENAI_BASE_URL for a local server.")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise CacheError(
            "Expected an API key of plain letters, got one with other characters (not shown). Set it anew."
        )
    return key or "none"
