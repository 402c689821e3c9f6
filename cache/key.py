"""From a request to its key: SHA-256 over RFC 8785 canonical JSON.

The key of a request is the digest of `{"kind", "request", "sample", "scheme"}`. It is a documented contract: changing
one byte of it changes every key, so a change raises `SCHEME` and brings a migration.

The canonical form is RFC 8785 to the byte. The `rfc8785` library writes numbers, `msgspec` what is in order and sure to
be JSON, many times faster than the library; a property test holds the two equal.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TypeAlias

import msgspec
import rfc8785

from cache.errors import InvalidRequest

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"

SCHEME = 1  # of the key; part of every key and every record

DIGEST_PREFIX = "sha256:"
SHORT = 12  # digits of a key or digest where it stands in a list

# What cannot change the answer, and so is neither in the key nor in a record. Only top-level names of a request are
# looked up here; whatever is not listed is in the key, also parameters nobody has heard of yet.
NOT_IN_KEY: Mapping[str, str] = {
    "api_key": "credential",
    "authorization": "credential",
    "organization": "credential: whom to bill",
    "project": "credential: whom to bill",
    "default_headers": "HTTP headers carry credentials",
    "extra_headers": "HTTP headers carry credentials",
    "base_url": "where the model is served, not which model",
    "timeout": "how long the client waits",
    "max_retries": "how often the client tries",
    "user": "a label for the provider's abuse monitoring",
    "metadata": "labels for the provider's dashboard",
    "store": "whether the provider keeps a copy",
}

TOO_DEEP = "lists or objects nested too deeply"

SAFE_INTEGER = 2**53 - 1  # beyond it two integers share one IEEE 754 double, and so one key
_EXPONENT = 1e21  # from here on a number is written with an exponent, and read back as a float
_LONE = re.compile("[\ud800-\udfff]")  # half a surrogate pair


def canonical(value: JSON) -> bytes:
    """Return the RFC 8785 form of `value`: 1 and 1.0 give the same bytes, and so do two orders of an object's keys.

    >>> canonical({"b": 1.0, "a": "é"})
    b'{"a":"\\xc3\\xa9","b":1}'

    Raises:
        InvalidRequest: `value` is not JSON; the message names the place.

    References:
        https://www.rfc-editor.org/rfc/rfc8785
    """
    try:
        return msgspec.json.encode(_ordered(value))
    except _Fault as fault:
        raise InvalidRequest(f"Expected JSON, got {fault} ${fault.path}. Mend the request.") from None
    except RecursionError:
        raise InvalidRequest(f"Expected JSON, got {TOO_DEEP}. Mend the request.") from None


def digest(value: JSON) -> str:
    """Return `sha256:<hex>` of the canonical form of `value`; raises InvalidRequest if it has none."""
    return digest_bytes(canonical(value))


def short(digest: str) -> str:
    """The first digits of a key or digest, as lists and remarks name it.

    >>> short("sha256:a591a6d40bf420404a011733cfb7b190d62c65bf0bcda32b57b277d9ad9f146e")
    'a591a6d40bf4'
    """
    return digest.removeprefix(DIGEST_PREFIX)[:SHORT]


def digest_bytes(data: bytes) -> str:
    """Return `sha256:<hex>` of `data`."""
    return DIGEST_PREFIX + hashlib.sha256(data).hexdigest()


def keyed(request: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return `request` without what is written down in `NOT_IN_KEY`."""
    return {name: value for name, value in request.items() if name not in NOT_IN_KEY}


def question(request: Mapping[str, JSON], *, kind: str, sample: int) -> bytes:
    """Return the canonical bytes whose digest is the key; arguments and errors as in `request_key`."""
    if type(sample) is not int or sample < 0:
        raise InvalidRequest(f"Expected sample to be an integer from 0 on, got {sample!r}. Number answers from 0.")
    return canonical({"kind": kind, "request": keyed(request), "sample": sample, "scheme": SCHEME})


def request_key(request: Mapping[str, JSON], *, kind: str, sample: int) -> str:
    """Return the key of one answer to `request`.

    Args:
        request: the whole body that is sent; names in `NOT_IN_KEY` are left out of the key.
        kind: which interface answers, for instance `chat.completions`.
        sample: numbers independent answers to the same request, from 0.

    Raises:
        InvalidRequest: the request is not JSON, or `sample` is not an integer from 0 on.
    """
    return digest_bytes(question(request, kind=kind, sample=sample))


class _Fault(Exception):
    """Something is not JSON; the path leads to it from where it is caught."""

    path = ""


def _ordered(value: object) -> object:
    """Return `value` in the types that msgspec writes, names in order and numbers written; raises _Fault."""
    if isinstance(value, str):
        if not value.isascii() and _LONE.search(value):
            raise _Fault("a string with a lone surrogate at")
        return value[:]  # a plain one
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        with_exponent = isinstance(value, float) and _EXPONENT <= abs(value) < float("inf")
        if not (abs(value) <= SAFE_INTEGER or with_exponent):  # nor is NaN
            raise _Fault(f"{value}, not finite or an integer beyond ±(2**53 - 1), at")
        return int(value) if isinstance(value, int) else _number(value)
    place: str | int | None = None
    try:
        if isinstance(value, (list, tuple)):
            items = []
            for place, item in enumerate(value):  # noqa: B007 — it is named where it is caught
                items.append(_ordered(item))
            return items
        if isinstance(value, (dict, Mapping)):
            members = {}
            for place in _names(value):
                members[place[:]] = _ordered(value[place])
            return members
    except _Fault as fault:
        if place is not None:  # else it is in the names
            fault.path = (f".{place}" if isinstance(place, str) else f"[{place}]") + fault.path
        raise
    raise _Fault(f"{type(value).__name__} at")


def _names(value: Mapping[str, object]) -> list[str]:
    """Return names as RFC 8785 section 3.2.3 sorts them: by UTF-16 code units, which for ASCII is Python's order."""
    odd = [name for name in value if not isinstance(name, str)]
    if odd:
        raise _Fault(f"the key {odd[0]!r} ({type(odd[0]).__name__}, not a string) in")
    if (joined := "".join(value)).isascii():
        return sorted(value)
    if _LONE.search(joined):
        raise _Fault("a lone surrogate in a key (the name) in")
    return sorted(value, key=lambda name: name.encode("utf-16-be"))


@lru_cache(maxsize=1024)
def _number(value: float) -> msgspec.Raw:
    return msgspec.Raw(rfc8785.dumps(value))
