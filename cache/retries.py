"""What an endpoint's failure means: whether to ask again, after how long, or what to change first."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

from cache.errors import ContextTooLong, EndpointError, RequestRefused, Unavailable
from cache.key import JSON

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
_KEPT = "Every answer so far is kept: the same command goes on from here."


def failure_of_status(
    status: int, said: str, *, code: str = "", retry_after: str | None = None, request_id: str | None = None
) -> EndpointError:
    """Return the error that a response with an error status stands for.

    Args:
        status: of HTTP, 400 or more.
        said: the text of the response.
        code: the names that the endpoint gives the error.
        retry_after: the header of that name.
        request_id: the endpoint's name for the attempt.
    """
    words = f"{code} {said}".lower()
    kind: type[EndpointError] = RequestRefused
    advice = _ADVICE.get(status, "Change the request as the endpoint says.")
    if status in (400, 413) and any(word in words for word in _TOO_LONG):
        kind, advice = ContextTooLong, "Send fewer or shorter messages, or name a model with a longer context."
    elif _NO_MONEY in words:
        advice = _ADVICE[402]
    elif status in _PASSES or status >= 500:
        kind, advice = Unavailable, ""
    message = f"Expected an answer, got status {status}: {said[:SHOWN]} {advice}".rstrip()
    wait_s = retry_after_s(retry_after, datetime.now(timezone.utc))
    return kind(message, status=status, wait_s=wait_s, request_id=request_id)


def retry_after_s(header: str | None, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks to wait: a number, or a date; None if it says neither.

    References:
        https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            date = parsedate_to_datetime(header)
        except ValueError:
            return None
        seconds = (date.replace(tzinfo=date.tzinfo or timezone.utc) - now).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None


def pause_s(error: EndpointError, attempts: Sequence[JSON]) -> float:
    """Return the seconds to wait before asking again: what the endpoint asks, else longer each time.

    Raises:
        EndpointError: `error` with all `attempts`, where asking again is no use or there were enough of them.
    """
    wait_s = error.wait_s
    if wait_s is None:  # chance keeps processes that failed together from coming back together
        wait_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** (len(attempts) - 1)) * random.uniform(0.5, 1)
    if isinstance(error, RequestRefused):
        message = str(error)
    elif len(attempts) >= ATTEMPTS:
        message = f"{error} That was attempt {len(attempts)}, the last one. Try again later. {_KEPT}"
    elif wait_s > PATIENCE_S:
        message = f"{error} It asks to wait {wait_s:.0f} s. Try again then. {_KEPT}"
    else:
        return wait_s
    raise type(error)(
        message, status=error.status, wait_s=error.wait_s, request_id=error.request_id, attempts=attempts
    ) from None
