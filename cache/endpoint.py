"""The transport to any endpoint that speaks OpenAI's chat completions: the only place that imports `openai`.

A request is sent as it is, and again where that is worth it; every attempt is in the reply. The API key and the base
URL stay in here: neither is ever in a reply, in a message or in a log.
"""

from __future__ import annotations

import logging
import math
import os
import platform
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cache.answer import read_answer
from cache.client import Reply
from cache.errors import CacheError, EndpointError, InvalidRequest
from cache.key import JSON, NOT_IN_KEY
from cache.limits import KEPT, Limits, Spent, usage_of
from cache.redaction import refuse_credentials, withhold

if TYPE_CHECKING:
    import openai

TIMEOUT_S = 600.0  # without a byte from the endpoint: a local model on a slow machine thinks for minutes
ATTEMPTS = 6  # at one answer
PATIENCE_S = 600.0  # an endpoint that asks to wait longer is not waited for
SHOWN = 300  # characters of what an endpoint said; cut after credentials are withheld, or half of one is shown

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0  # doubled from attempt to attempt
_PASSES = frozenset({408, 409, 425, 429})  # statuses below 500 that pass by themselves
_NO_MONEY = "insufficient_quota"  # a 429 that does not
_TOO_LONG = ("context_length_exceeded", "exceed_context_size", "context length", "context size", "context window")
_ADVICE = {
    401: "Check the API key (OPENAI_API_KEY): the endpoint does not take it.",
    402: "Check the account: the endpoint wants to be paid first.",
    403: "Check what the API key may be used for: the endpoint does not allow this.",
    404: "Check the model's name and the base URL (OPENAI_BASE_URL), which usually ends in /v1.",
}
_SOURCE = "an OpenAI-compatible endpoint"  # in the provenance of every record, with the model that answers
_REQUEST_ID = "x-request-id"  # the header in which an endpoint names an attempt
_SHORTEST_KEY = 8  # characters; a shorter one is a placeholder, and would be found in any text
# Labels are outside the key, and yet part of the body.
_OPTIONS = (NOT_IN_KEY.keys() - {"user", "metadata", "store"}) | {"extra_body", "extra_query"}
_CHATTY = ("openai", "httpx", "httpx2", "httpcore", "httpcore2")  # loggers that print URLs and headers


class OpenAITransport(AbstractContextManager["OpenAITransport"]):
    """Sends requests to an endpoint; threads and forks may share it.

    One transport is one run: its `limits` hold for all that is sent through it, and `spent` says what was.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        limits: Limits | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Make a transport; nothing is sent yet.

        Args:
            base_url: of the endpoint, with `/v1` if it has one; else OPENAI_BASE_URL, else OpenAI's own.
            api_key: else OPENAI_API_KEY. With a base URL it may be missing: local servers ask for none.
            timeout_s: seconds without a byte from the endpoint after which an attempt has failed.
            limits: what may be used.
            sleep: waits between attempts, in seconds.

        Raises:
            CacheError: `openai` is not installed, there is no key, or key or URL cannot be used.
        """
        self._base_url = _checked_url(base_url or os.environ.get("OPENAI_BASE_URL"))
        key = api_key or os.environ.get("OPENAI_API_KEY", "")
        self._api_key = _checked_key(key.strip(), needed=not self._base_url)
        self._secrets = [self._api_key] if len(self._api_key) >= _SHORTEST_KEY else []
        self._timeout_s = timeout_s
        self.spent = Spent(limits or Limits())
        self._sleep = sleep
        for name in _CHATTY:
            logging.getLogger(name).setLevel(logging.WARNING)
        self._client, self._process = self._connect(), os.getpid()

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections of this process; nothing can be sent afterwards."""
        if self._process == os.getpid():
            self._client.close()

    def send(self, request: Mapping[str, JSON]) -> Reply:
        """Send the whole body, again where that is worth it, and return what came back.

        Raises:
            InvalidRequest: the request holds an option of the client, such as a time-out.
            CacheError: the request or the answer holds a credential, the message says where; or a ceiling is reached,
                and nothing was sent.
            EndpointError: the endpoint will never answer this request, or no attempt brought an answer.
        """
        if options := sorted(_OPTIONS & request.keys()):
            raise InvalidRequest(
                f"Expected the body of a request, got {', '.join(options)}. Give that to the transport instead."
            )
        refuse_credentials({"request": request}, self._secrets)
        model = str(request.get("model"))
        attempts: list[dict[str, JSON]] = []
        while True:
            self.spent.reserve(model)
            began = time.perf_counter()
            try:
                answer, request_id = self._ask(request)
            except EndpointError as error:
                attempts.append(_attempt(began, error.status, error.request_id, error))
                self._sleep(_pause_s(error, attempts))
            else:
                break
        attempts.append(_attempt(began, 200, request_id))
        self.spent.count(model, usage_of(answer))
        refuse_credentials({"answer": answer}, self._secrets)
        said: dict[str, JSON] = {"model": answer["model"]} if isinstance(answer.get("model"), str) else {}
        return Reply(answer, self._observed(answer, attempts), {"source": _SOURCE, **said})

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
            raise EndpointError(f"Expected an answer, got nothing for {self._timeout_s:g} s.") from None
        except openai.APIConnectionError as error:
            reason = type(error.__cause__).__name__  # its text may name the endpoint
            raise EndpointError(f"Expected an answer, got a connection that failed ({reason}).") from None
        except openai.APIStatusError as error:
            raise self._failure(error) from None
        request_id = self._withheld(response.headers.get(_REQUEST_ID, ""))
        try:
            return read_answer(response.content, streamed=request.get("stream") is True), request_id
        except EndpointError as error:
            message = self._withheld(str(error))[:SHOWN]
            raise EndpointError(message, status=response.status_code, request_id=request_id) from None

    def _failure(self, error: openai.APIStatusError) -> EndpointError:
        """Return what a response with an error status stands for: something that passes, or what to change first."""
        status, headers, body = error.status_code, error.response.headers, error.body
        said = self._withheld(str(body["message"] if isinstance(body, dict) and "message" in body else error.message))
        words = f"{error.code} {error.type} {said}".lower()
        advice = _ADVICE.get(status, "Change the request as the endpoint says.")
        if status in (400, 413) and any(word in words for word in _TOO_LONG):
            advice = "Send fewer or shorter messages, or name a model with a longer context."
        elif _NO_MONEY in words:
            advice = _ADVICE[402]
        elif status in _PASSES or status >= 500:
            advice = ""
        message = f"Expected an answer, got status {status}: {said[:SHOWN]} {advice}".rstrip()
        wait_s, request_id = (
            _retry_after_s(headers.get("retry-after", "")),
            self._withheld(headers.get(_REQUEST_ID, "")),
        )
        return EndpointError(message, passes=not advice, status=status, wait_s=wait_s, request_id=request_id)

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
            raise CacheError("Expected the package openai, got none. Run `python -m pip install openai`.") from None
        self._versions = {"openai": openai.__version__, "python": platform.python_version()}
        return openai.OpenAI(api_key=self._api_key, base_url=self._base_url, timeout=self._timeout_s, max_retries=0)


def _attempt(began: float, status: int | None, request_id: str | None, error: object = "") -> dict[str, JSON]:
    """Return one attempt as a record keeps it; what is not known is left out."""
    known: dict[str, JSON] = {"status": status, "request_id": request_id, "error": str(error)}
    return {"latency_s": round(time.perf_counter() - began, 6), **{name: said for name, said in known.items() if said}}


def _retry_after_s(header: str) -> float | None:
    """Return the seconds that a Retry-After header asks to wait: a number, or a date; None if it says neither.

    References:
        https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    seconds = math.nan
    with suppress(ValueError):
        date = parsedate_to_datetime(header)
        seconds = date.replace(tzinfo=date.tzinfo or timezone.utc).timestamp() - time.time()
    with suppress(ValueError):
        seconds = float(header)
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _pause_s(error: EndpointError, attempts: Sequence[JSON]) -> float:
    """Return the seconds to wait before asking again: what the endpoint asks, else longer each time.

    Raises:
        EndpointError: `error` with all `attempts`, where asking again is no use or there were enough of them.
    """
    wait_s = error.wait_s
    if wait_s is None:  # chance keeps processes that failed together from coming back together
        wait_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** (len(attempts) - 1)) * random.uniform(0.5, 1)
    if not error.passes:
        last = ""
    elif len(attempts) >= ATTEMPTS:
        last = f" That was attempt {len(attempts)}, the last one. Try again later. {KEPT}"
    elif wait_s > PATIENCE_S:
        last = f" It asks to wait {wait_s:.0f} s. Try again then. {KEPT}"
    else:
        return wait_s
    error.message, error.attempts = f"{error}{last}", tuple(attempts)
    raise error


# -- where to, and as whom ---


def _checked_url(url: str | None) -> str | None:
    """Return the base URL, None for OpenAI's own; raises CacheError, which does not show it."""
    with suppress(ValueError):
        parts = urlsplit(url or "")
        if not url or (parts.scheme in ("http", "https") and parts.hostname and parts.port != 0):
            return url or None
    raise CacheError(
        "Expected a base URL such as http://127.0.0.1:8000/v1, got another form (not shown). "
        "Mend the argument or OPENAI_BASE_URL."
    )


def _checked_key(key: str, *, needed: bool) -> str:
    """Return the API key, a placeholder if none is needed; raises CacheError, which does not show it."""
    if not key and needed:
        raise CacheError(
            "Expected an API key, got none. Set OPENAI_API_KEY, or name a local server: --base-url or OPENAI_BASE_URL."
        )
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise CacheError("Expected an API key of plain letters, got one with others (not shown). Set it anew.")
    return key or "none"
