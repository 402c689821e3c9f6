"""What goes along with every request to an endpoint: its key and headers of one's own, and what of them is secret."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from string import Template

from cache.errors import CacheError
from cache.provider.address import LONG

KEY_VARIABLE = "OPENAI_API_KEY"
NO_KEY = "none"  # in the place of a key, where none is needed
SHORTEST_KEY = 8  # characters; a shorter one is a placeholder, and would be found in any text

_CARRIES_KEY = {"api-key", "authorization", "x-api-key"}
_SECRET = re.compile(r"auth|cookie|key|pass|secret|token", re.IGNORECASE)  # in the name of a header whose value is so
_NAME = re.compile(r"[!#%&'*+.^_`|~0-9A-Za-z-]+")
_OURS = {"accept-encoding", "connection", "content-encoding", "content-length", "content-type", "transfer-encoding"}


def headers_with_key(
    headers: Mapping[str, str], api_key: str | None, variable: str, *, needed: bool
) -> tuple[dict[str, str], list[str]]:
    """Return the headers of every request, and what in them may be a credential.

    Args:
        headers: of one's own; `$NAME` in a value stands for that variable of the environment. One in which a key
            travels (api-key, authorization, x-api-key) is sent instead of the key.
        api_key: else that in the variable.
        variable: of the environment; in another one than usual there has to be a key.
        needed: whether there has to be one all the same.

    Raises:
        CacheError: there is no key, or something cannot be sent; the message does not show it.
    """
    filled = {name: _filled(name, written) for name, written in headers.items()}
    secrets = [
        word
        for name, value in filled.items()
        for word in value.split()
        if "$" in headers[name] or _SECRET.search(name) or len(word) >= LONG
    ]
    if not _CARRIES_KEY & {name.lower() for name in headers}:
        key = (api_key or os.environ.get(variable, "")).strip()
        if not key and (needed or variable != KEY_VARIABLE):
            local = ", or name a local server: --base-url or OPENAI_BASE_URL" if variable == KEY_VARIABLE else ""
            raise CacheError(f"Expected an API key, got none. Set {variable}{local}.")
        if not (key.isascii() and key.isprintable()) or " " in key:
            raise CacheError("Expected an API key of plain letters, got one with others (not shown). Set it anew.")
        secrets.append(key)
        filled["Authorization"] = f"Bearer {key or NO_KEY}"
    return filled, [one for one in secrets if len(one) >= SHORTEST_KEY]


def _filled(name: str, written: str) -> str:
    """Return the value of a header with the variables that it names; raises CacheError, which does not show it."""
    if not _NAME.fullmatch(name) or name.lower() in _OURS:
        raise CacheError(f"Expected the name of a header that may be set, got {name!r}. Leave it out.")
    try:
        value = Template(written).substitute(os.environ).strip()
    except (KeyError, ValueError) as error:
        what = f"the variable {error.args[0]}" if isinstance(error, KeyError) else "a name behind every $"
        raise CacheError(f"Expected {what} for the header {name}, got none. Set it; a $ itself is $$.") from None
    if not (value and value.isascii() and value.isprintable()):
        raise CacheError(f"Expected plain letters in the header {name}, got none or others (not shown). Mend it.")
    return value
