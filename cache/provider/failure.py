"""Why an attempt brought no answer, in a sentence, and whether it is worth asking again.

What an endpoint said is judged by its words first: whoever is out of credit, or asks for more than fits, is not asked
again whatever the status is. What happened on the way is judged by its cause. An endpoint that was never reached is not
waited for; one that was may come back.
"""

from __future__ import annotations

import html
import json
import math
import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from email.utils import mktime_tz, parsedate_tz

from cache.errors import EndpointError
from cache.provider.address import Address
from cache.provider.limits import usage_of

_PASSES = frozenset({408, 409, 425, 429})  # statuses below 500 that pass by themselves
_READ = 16384  # characters of an error that are judged; nobody says more of it than that
_PROBE_S = 5.0
_NAMES = ("error", "errors", "message", "detail", "msg", "error_description", "title")  # of what is said to people
_PAGE = re.compile(r"<(html|head|body|!doctype)", re.IGNORECASE)
_MARKUP = re.compile(r"<(script|style)\b.*?</\1>|<[^<>]*>", re.IGNORECASE | re.DOTALL)
_TOO_LONG = re.compile(r"context[ _](length|size|window)|maximum context|(prompt|input) is too long|reduce the length")
_NO_MONEY = re.compile(
    r"insufficient[ _](quota|credit|balance|funds)|(credit|account) balance|(no|out of|more|enough) credit"
    r"|payment required|billing[ _]hard[ _]limit"
)
_SOON = re.compile(
    r"overload|rate.?limit|too many requests|time.?out|timed out|temporar|unavailable|busy|again (later|in|shortly)"
    r"|internal|server.?error|capacity|upstream|gateway|loading|throttl|not ready"
)
_ADVICE = {
    401: "Check the API key (OPENAI_API_KEY, or --key-variable or --header): the endpoint does not take it.",
    402: "Check the account: the endpoint wants to be paid first.",
    403: "Check what the API key may be used for: the endpoint does not allow this.",
    404: "Check the model's name and the base URL (OPENAI_BASE_URL), which usually ends in /v1.",
    407: "Check HTTP_PROXY, HTTPS_PROXY and ALL_PROXY: the proxy wants a password.",
}


# -- what an endpoint said ---


def refused(
    content: bytes, status: int, shown: Callable[[str], str], headers: Mapping[str, str] | None = None
) -> EndpointError:
    """Return what an error stands for: something that passes, or what to change first.

    Its words are the texts of its JSON, of its HTML page, or all of it.

    Args:
        content: the body, or the error that stood in the place of an answer.
        status: of HTTP; 200 for an error in the place of an answer.
        shown: makes the endpoint's words fit to be shown.
        headers: of HTTP.
    """
    headers, text = headers or {}, content.decode("utf-8-sig", "replace")
    body, said = None, ""
    with suppress(ValueError, RecursionError):
        body = json.loads(text)
        said = _said(body)
    text = text[:_READ]
    if not said:
        said = html.unescape(_MARKUP.sub(" ", text)) if _PAGE.search(text) else text
    match body:
        case {"error": {"code": int(code)}} if status < 300 and 400 <= code < 600:
            status = code  # as routers say what the endpoint behind them said
    what = f"status {status}: " if status >= 300 else "an error in its place: "
    what += shown(" ".join(said.split())) or "no word"
    advice = _advice(text.lower(), status)
    if 300 <= status < 400:
        what = f"status {status}, a redirect to {shown(headers.get('location', 'nowhere'))}, which is not followed"
        advice = "with a request that costs. Name that base URL."
    return EndpointError(
        f"Expected an answer, got {what} {advice}".rstrip(),
        passes=not advice,
        status=status,
        wait_s=_retry_after_s(headers),
        usage=usage_of(body) if isinstance(body, dict) else None,
    )


def _said(value: object) -> str:
    if isinstance(value, list):
        return "; ".join(filter(None, map(_said, value)))
    if isinstance(value, dict):
        return "; ".join(dict.fromkeys(filter(None, (_said(value.get(name)) for name in _NAMES))))
    return value if isinstance(value, str) else ""


def _advice(said: str, status: int) -> str:
    """Return what to change before asking again; nothing for what passes by itself."""
    if _TOO_LONG.search(said):
        return "Send fewer or shorter messages, or name a model with a longer context."
    if _NO_MONEY.search(said):
        return _ADVICE[402]
    passes = status in _PASSES or status >= 500 or (status < 300 and _SOON.search(said))
    return "" if passes else _ADVICE.get(status, "Change the request as the endpoint says.")


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a Retry-After header asks to wait: a number, or a date; None if it says neither.

    A date counts from the response's own, which is of the same clock.

    References:
        https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    said, seconds = headers.get("retry-after", ""), math.nan
    with suppress(ValueError, OverflowError):
        if date := parsedate_tz(said):
            now = parsedate_tz(headers.get("date", ""))
            seconds = mktime_tz(date) - (mktime_tz(now) if now else time.time())
    with suppress(ValueError):
        seconds = float(said)
    return max(0.0, seconds) if math.isfinite(seconds) else None


# -- what happened on the way ---


def unreached(error: Exception, address: Address, *, before: bool) -> EndpointError:
    """Return what an exception of the network stands for; its text may name the endpoint, and is not shown.

    Args:
        error: of the HTTP library, or of what is below it.
        address: where the request went.
        before: whether this endpoint has answered before, so that it may come back.
    """
    proxies = address.proxies
    where = f"the proxy in {' or '.join(proxies)}" if proxies else "the base URL"
    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None and isinstance(cause, Exception):
        causes.append(cause)
    kind, passes = type(error).__name__, False
    for cause in causes:
        match cause:
            case ssl.SSLCertVerificationError():
                what = f"a certificate that is not trusted ({cause.verify_message.partition(',')[0]}). "
                what += f"Name the file of who signed it in SSL_CERT_FILE, or mend {where}."
            case ssl.SSLError():
                what, passes = f"no TLS at {where} ({cause.reason}). For plain HTTP begin it with http://.", before
            case socket.gaierror():
                what, passes = f"no address for the host of {where} ({cause.strerror}). Check its name.", before
            case ConnectionRefusedError():
                what, passes = f"a closed port at {where}. Start the server, or check host and port.", before
            case _:
                continue
        return EndpointError(f"Expected an answer, got {what}", passes)
    if kind.endswith("Timeout"):
        what, passes = f"nothing at {where} in time ({kind}).", before or kind != "ConnectTimeout"
    elif kind in ("InvalidURL", "UnsupportedProtocol", "LocalProtocolError") or isinstance(error, UnicodeError):
        what = f"an address that cannot be asked ({kind}). Mend {where}."
    elif not (before or address.encrypted or proxies) and _speaks_tls(address):
        what = f"TLS at {where}, which says http. Begin it with https://."
    else:
        what, passes = f"a connection that failed ({kind}), to {where}.", before or kind != "ProxyError"
    return EndpointError(f"Expected an answer, got {what}", passes)


def _speaks_tls(address: Address) -> bool:
    """Whether a handshake succeeds; nothing is sent in it but the host's name."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with suppress(OSError), socket.create_connection((address.host, address.port), _PROBE_S) as plain:
        context.wrap_socket(plain, server_hostname=address.host).close()
        return True
    return False
