"""The transport to any endpoint that speaks OpenAI's chat completions: the only place that imports `openai`.

A request is sent as it is, and again where that is worth it; every attempt is in the reply. The API key and the base
URL stay in here: neither is ever in a reply, in a message or in a log. Of `openai` the HTTP client is used: what is
sent and what comes back are the bytes themselves, whatever that version makes of them.
"""

from __future__ import annotations

import json
import logging
import math
import os
import platform
import random
import re
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from queue import Empty, SimpleQueue
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from cache.client import Reply
from cache.errors import CacheError, EndpointError, InvalidRequest
from cache.key import JSON, NOT_IN_KEY, canonical
from cache.provider.address import OPENAI, Address, is_loopback
from cache.provider.answer import LARGEST_BYTES, Answer, read_answer, read_verbatim
from cache.provider.credentials import KEY_VARIABLE, SHORTEST_KEY, headers_with_key
from cache.provider.failure import refused, unreached
from cache.provider.limits import KEPT, Clock, Limits, Spent, usage_of
from cache.record import CHAT, RESPONSES, body_of
from cache.redaction import refuse_credentials, withhold
from genius_replay.advice import install
from genius_replay.console import printable

if TYPE_CHECKING:
    import openai

TIMEOUT_S = 1800.0  # of an attempt: a local model on a slow machine thinks for minutes
SILENCE_S = 600.0  # without a byte
CONNECT_S = 30.0
ATTEMPTS = 6  # at one answer
PATIENCE_S = 600.0  # an endpoint that asks to wait longer is not waited for
SHOWN = 300  # characters of what an endpoint said; cut after credentials are withheld, or half of one is shown

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0  # doubled from attempt to attempt
_GRACE_S = 1.0  # for what times out by itself
_SOURCE = "an OpenAI-compatible endpoint"  # in the provenance of every record, with the model that answers
_REQUEST_ID = "x-request-id"  # the header in which an endpoint names an attempt
_BILLED = {"OPENAI_ORG_ID": "OpenAI-Organization", "OPENAI_PROJECT_ID": "OpenAI-Project"}
# Labels are outside the key, and yet part of the body.
_OPTIONS = (NOT_IN_KEY.keys() - {"user", "metadata", "store"}) | {"extra_body", "extra_query"}
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_CHATTY = ("openai", "httpx", "httpx2", "httpcore", "httpcore2")  # loggers that print URLs and headers
_STREAM_ENDS = re.compile(rb"[\r\n]data: ?\[DONE\]\s*\Z")  # some endpoints leave the connection open behind it


Response: TypeAlias = "tuple[int, Mapping[str, str], bytes, Exception | None]"
"""Status, headers, content, and what ended it before its end."""


class OpenAITransport(AbstractContextManager["OpenAITransport"]):
    """Sends requests to an endpoint; threads and forks may share it.

    One transport is one run: its `limits` hold for all that is sent through it, and `spent` says what was.

    Attributes: `spent`; `endpoint`, the digest that stands for the base URL in the provenance of what it answers.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        key_variable: str = KEY_VARIABLE,
        headers: Mapping[str, str] = MappingProxyType({}),
        query: Mapping[str, str] = MappingProxyType({}),
        timeout_s: float | None = None,
        kind: str = CHAT,
        limits: Limits | None = None,
        sleep: Callable[[float], None] = time.sleep,
        spent: Spent | None = None,
    ) -> None:
        """Make a transport; nothing is sent yet.

        Args:
            base_url: of the endpoint, with `/v1` if it has one; else OPENAI_BASE_URL, else OpenAI's own.
            api_key: else that in the variable `key_variable`. With a base URL it may be missing: local servers ask for
                none.
            key_variable: of the environment; where another one is named than by default, there has to be a key in it.
            headers: more of them. `$NAME` in a value stands for that variable of the environment. One in which a key
                travels (api-key, authorization, x-api-key) is sent instead of the key.
            query: more of it, behind that of the base URL.
            timeout_s: seconds after which an attempt has failed, whatever came until then. Without it there are
                `TIMEOUT_S`, `SILENCE_S` of them without a byte.
            kind: of the records that are made, which names the interface; one of `cache.record.PAID`.
            limits: what may be used.
            sleep: waits between attempts, in seconds.
            spent: what counts, with limits and a clock, where several transports are one run.

        Raises:
            CacheError: `openai` is not installed, there is no key, or key, header, URL, time-out, proxy or certificates
                cannot be used.
        """
        if timeout_s is not None and not 0 < timeout_s < math.inf:
            raise CacheError(f"Expected a time-out of more than 0 s, got {timeout_s:g}. Name another, or none.")
        named = (base_url or os.environ.get("OPENAI_BASE_URL") or "").strip()
        self._address, self._kind = Address(named or OPENAI, query, kind), kind
        self._headers, secrets = headers_with_key(headers, api_key, key_variable, needed=not named)
        self._secrets = [*secrets, *(one for one in self._address.secrets if len(one) >= SHORTEST_KEY)]
        self._timeout_s, self._silence_s = timeout_s or TIMEOUT_S, timeout_s or SILENCE_S
        self.spent = spent or Spent(limits or Limits(), Clock(sleep=sleep))
        self.endpoint = self._address.name
        self._answered = False  # at any time, whatever it said
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

        Whatever answer was paid for is returned, also one that cannot be read (`cache.provider.answer`).

        Raises:
            InvalidRequest: the request is no JSON, or holds an option of the client, such as a time-out.
            CacheError: the request holds a credential, the message says where; or a ceiling is reached, and nothing was
                sent.
            EndpointError: the endpoint will never answer this request, or no attempt brought an answer.
        """
        if options := sorted(_OPTIONS & request.keys()):
            raise InvalidRequest(
                f"Expected the body of a request, got {', '.join(options)}. Give that to the transport instead."
            )
        canonical(request)
        refuse_credentials({"request": request}, self._secrets)
        model = str(request.get("model"))
        attempts: list[dict[str, JSON]] = []
        while True:
            with ExitStack() as call:
                try:
                    call.enter_context(self.spent.reserved(request))
                except CacheError as ceiling:
                    before = [f"The last attempt: {attempt['error']}" for attempt in attempts[-1:]]
                    raise CacheError(" ".join([str(ceiling), *before])) from None
                began = self.spent.clock.passing()
                try:
                    answer, request_id = self._ask(json.dumps(request).encode())
                except EndpointError as error:
                    if error.usage is not None:
                        self.spent.count(model, "", error.usage)
                    latency_s = self.spent.clock.passing() - began
                    attempts.append(attempt_at(latency_s, error.status, error.request_id, error))
                    failed = error
                else:
                    attempts.append(attempt_at(self.spent.clock.passing() - began, 200, request_id))
                    return self.received(model, answer.body, answer.kept(self._secrets), attempts)
            self.spent.pause(failed, _pause_s(failed, attempts))

    def forward(self, interface: str, query: str, body: bytes, headers: Mapping[str, str]) -> Response:
        """Send a body once, as it is, under these headers alone, to an interface below the base URL.

        Whatever comes back is returned: status, headers, content, and what ended it before its end. Nothing is counted.

        Raises:
            EndpointError: nothing came back in time.
        """
        return self._response(body, self._address.at(interface, query), headers)

    def received(
        self, model: str, body: Mapping[str, JSON], kept: Mapping[str, JSON], attempts: list[dict[str, JSON]]
    ) -> Reply:
        """Count what an answer was billed for, and return it with all that is known of it.

        Args:
            model: that was asked.
            body: the answer as it came.
            kept: the answer as it is kept, without credentials.
            attempts: at it, in their order.
        """
        said, shown = body_of(body), body_of(kept)
        answered, named = said.get("model"), shown.get("model")
        self.spent.count(model, answered if isinstance(answered, str) else "", usage_of(said))
        who: dict[str, JSON] = {"model": named} if isinstance(named, str) else {}
        return Reply(kept, self._observed(shown, attempts), {"source": _SOURCE, "endpoint": self.endpoint, **who})

    def _ask(self, body: bytes) -> tuple[Answer, str | None]:
        """Return the answer and the endpoint's name for this attempt; raises EndpointError."""
        status, headers, content, broken = self._response(body)
        request_id = self._shown(headers.get(_REQUEST_ID, "")) or None
        try:
            if not 200 <= status < 300:
                raise refused(content, status, self._shown, headers)
            if type(broken).__name__ == "DecodingError":  # all of it came, and it will come so again
                return Answer(content, faults=["bytes that are not packed as their Content-Encoding says"]), request_id
            if self._kind == CHAT:
                return read_answer(content, self._shown, broken=broken is not None), request_id
            answer = read_verbatim(content, headers.get("content-type", ""), whole=broken is None)
            if self._kind == RESPONSES and not answer.faults:
                said = body_of(answer.body)
                if "output" not in said or (said.get("error") and not said["output"]):
                    raise replace(refused(content, 200, self._shown), usage=usage_of(said))
            return answer, request_id
        except EndpointError as error:
            if broken is not None and error.status is None:  # nor was it told
                error = replace(self._unreached(broken), usage=error.usage)
            error.status, error.request_id = status, request_id
            raise error from None

    def _response(self, body: bytes, url: str = "", headers: Mapping[str, str] | None = None) -> Response:
        """Return what came back in time; raises EndpointError where that is nothing.

        The network is waited for in a thread of its own: an endpoint that sends a byte now and then would never be
        silent for long, and yet never be done.
        """
        outcome: SimpleQueue[Response | Exception] = SimpleQueue()

        def fetch() -> None:
            try:
                outcome.put(self._fetched(body, url, headers, time.monotonic() + self._timeout_s))
            except Exception as error:  # whatever the resolver, TLS and HTTP raise
                outcome.put(error)

        threading.Thread(target=fetch, daemon=True).start()
        response: Response | Exception = TimeoutError()
        with suppress(Empty):
            response = outcome.get(timeout=self._timeout_s + _GRACE_S)
        if isinstance(response, RuntimeError):  # the transport has been closed
            raise response
        if isinstance(response, Exception):
            raise self._unreached(response)
        self._answered = True
        return response

    def _fetched(self, body: bytes, url: str, headers: Mapping[str, str] | None, deadline: float) -> Response:
        if headers is None:
            billed = {header: whom for name, header in _BILLED.items() if (whom := os.environ.get(name, "").strip())}
            headers = {"Content-Type": "application/json", **billed, **self._headers}
        headers = {**headers, "Accept-Encoding": "identity"}  # a small answer may be packed that is large unpacked
        content = bytearray()
        broken: Exception | None = None
        if self._process != os.getpid():  # a fork: the connections are its parent's
            self._client, self._process = self._connect(), os.getpid()
        with self._client.stream("POST", url or self._address.url, content=body, headers=headers) as response:
            try:
                for chunk in response.iter_bytes():
                    content += chunk
                    if len(content) > LARGEST_BYTES or _STREAM_ENDS.search(content, max(0, len(content) - SHOWN)):
                        break
                    if time.monotonic() > deadline:
                        raise TimeoutError
            except Exception as error:  # what came until then may be whole
                broken = error
            return response.status_code, response.headers, bytes(content), broken

    def _unreached(self, error: Exception) -> EndpointError:
        if isinstance(error, TimeoutError):
            return EndpointError(f"Expected a whole answer within {self._timeout_s:g} s, got none.")
        if type(error).__name__ == "ReadTimeout":
            return EndpointError(f"Expected an answer, got nothing for {self._silence_s:g} s.")
        return unreached(error, self._address, before=self._answered)

    def _observed(self, answer: Mapping[str, JSON], attempts: list[dict[str, JSON]]) -> dict[str, JSON]:
        """Return what surrounds an answer; what the endpoint does not say is left out."""
        return {
            **{name: answer[name] for name in ("model", "usage") if answer.get(name) is not None},
            "time": datetime.fromtimestamp(self.spent.clock.now(), timezone.utc).isoformat(timespec="seconds"),
            "latency_s": attempts[-1]["latency_s"],
            "attempts": attempts,
            "versions": self._versions,
        }

    def _shown(self, text: str) -> str:
        """Return what an endpoint says beside its answer, without key, base URL, and what a terminal obeys."""
        return printable(withhold(text, [*self._secrets, *self._address.private])[:SHOWN])

    def _connect(self) -> openai.DefaultHttpxClient:
        """Return a client that follows no redirect; on loopback it knows no proxy, whatever the environment says."""
        try:
            import openai
        except ImportError:
            raise CacheError(f"Expected the package openai, got none. Run `{install('openai')}`.") from None
        self._versions = {"openai": openai.__version__, "python": platform.python_version()}
        timeout = openai.Timeout(self._silence_s, connect=min(CONNECT_S, self._timeout_s))
        file, folder = (os.environ.get(variable) or None for variable in _CERTIFICATES)
        for variable, path in zip(_CERTIFICATES, (file, folder), strict=True):
            if path is not None and not Path(path).exists():
                raise CacheError(f"Expected certificates in {variable}, got none at {path}. Mend or unset it.")
        try:
            if not is_loopback(self._address.host):
                return openai.DefaultHttpxClient(timeout=timeout, follow_redirects=False)
            verify = ssl.create_default_context(cafile=file, capath=folder) if self._address.encrypted else False
            return openai.DefaultHttpxClient(timeout=timeout, follow_redirects=False, trust_env=False, verify=verify)
        except OSError as error:
            variables, reason = " or ".join(_CERTIFICATES), error.strerror
        except Exception as error:  # a proxy that is none, or whose package is missing; its text may hold a password
            variables = " or ".join(sorted(name for name in os.environ if name.lower().endswith("_proxy")))
            reason = str(error) if isinstance(error, ImportError) else type(error).__name__
        raise CacheError(f"Expected something that can be used in {variables}, got: {reason}. Mend or unset it.")


def attempt_at(latency_s: float, status: int | None, request_id: str | None, error: object = "") -> dict[str, JSON]:
    """Return one attempt as a record keeps it; what is not known is left out."""
    known: dict[str, JSON] = {"status": status, "request_id": request_id, "error": str(error)}
    return {"latency_s": round(latency_s, 6), **{name: said for name, said in known.items() if said}}


def _pause_s(error: EndpointError, attempts: Sequence[JSON]) -> float:
    """Return the seconds to wait before asking again: longer each time, and never less than the endpoint asks.

    Raises:
        EndpointError: `error` with all `attempts`, where asking again is no use or there were enough of them.
    """
    # Chance keeps processes that failed together from coming back together.
    backoff_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** (len(attempts) - 1)) * random.uniform(0.5, 1)
    wait_s = max(backoff_s, error.wait_s or 0)
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
