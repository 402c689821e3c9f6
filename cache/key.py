"""From a request to its key: SHA-256 over RFC 8785 canonical JSON.

The key of a request is the digest of `{"kind", "request", "sample", "scheme"}`. It is a documented contract: changing
one byte of it changes every key, so a change raises `SCHEME` and brings a migration.

The canonical form is RFC 8785 to the byte. The `rfc8785` library writes the numbers; strings, arrays and objects are
written here with the C encoder of `json`, several times faster than the library; a property test holds the two equal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from json.encoder import encode_basestring
from typing import TypeAlias

import rfc8785

from cache.errors import InvalidRequest

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"

SCHEME = 1  # of the key; part of every key and every record

DIGEST_PREFIX = "sha256:"

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

_SAFE_INTEGER = 2**53 - 1  # beyond it two integers share one IEEE 754 double, and so one key
_EXPONENT = 1e21  # from here on a number is written with an exponent, and read back as a float
_LONG = 256  # characters; from here on a lookup is cheaper than writing the string again


def canonical(value: JSON) -> bytes:
    """Return the RFC 8785 form of `value`: 1 and 1.0 give the same bytes, and so do two orders of an object's keys.

    Raises:
        InvalidRequest: `value` is not JSON; the message names the place.

    References:
        https://www.rfc-editor.org/rfc/rfc8785
    """
    parts: list[str] = []
    try:
        _write(value, parts.append)
        return "".join(parts).encode()
    except (TypeError, ValueError):
        raise InvalidRequest(f"Expected JSON, got {_fault(value, '$')}. Mend the request.") from None
    except RecursionError:
        raise InvalidRequest("Expected JSON, got lists or objects nested without end. Mend the request.") from None


def digest(value: JSON) -> str:
    """Return `sha256:<hex>` of the canonical form of `value`; raises InvalidRequest if it has none."""
    return digest_bytes(canonical(value))


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


def _write(value: JSON, emit: Callable[[str], object]) -> None:
    if isinstance(value, str):
        emit(_long_string(value) if len(value) >= _LONG else encode_basestring(value))
    elif value is None:
        emit("null")
    elif isinstance(value, bool):
        emit("true" if value else "false")
    elif isinstance(value, int):
        if abs(value) > _SAFE_INTEGER:
            raise ValueError
        emit(int.__repr__(value))
    elif isinstance(value, float):
        if value.is_integer() and _SAFE_INTEGER < abs(value) < _EXPONENT:
            raise ValueError  # would be written as the integer that is refused above
        emit(_number(value))
    elif isinstance(value, (dict, Mapping)):
        _write_object(value, emit)
    elif isinstance(value, (list, tuple)):
        before = "["
        for item in value:
            emit(before)
            _write(item, emit)
            before = ","
        emit("]" if value else "[]")
    else:
        raise TypeError


def _write_object(value: Mapping[str, JSON], emit: Callable[[str], object]) -> None:
    # RFC 8785 section 3.2.3 sorts names by UTF-16 code units; for ASCII that is the order Python has.
    names = sorted(value) if "".join(value).isascii() else sorted(value, key=lambda name: name.encode("utf-16-be"))
    before = "{"
    for name in names:
        emit(before + encode_basestring(name) + ":")
        _write(value[name], emit)
        before = ","
    emit("}" if value else "{}")


@lru_cache(maxsize=1024)
def _long_string(text: str) -> str:
    """Prompts repeat from turn to turn: most long messages of a request were written for the request before it."""
    return encode_basestring(text)


@lru_cache(maxsize=1024)
def _number(value: float) -> str:
    return rfc8785.dumps(value).decode()


def _fault(value: object, path: str) -> str:
    """Name the first place in `value` that is not JSON; empty if there is none."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            if not isinstance(name, str):
                return f"the key {name!r} ({type(name).__name__}, not a string) in {path}"
            if fault := _fault(name, f"{path}.{name!r} (the name)") or _fault(item, f"{path}.{name}"):
                return fault
    elif isinstance(value, (list, tuple)):
        for position, item in enumerate(value):
            if fault := _fault(item, f"{path}[{position}]"):
                return fault
    elif isinstance(value, str):
        if any("\ud800" <= character <= "\udfff" for character in value):
            return f"a string with a lone surrogate at {path}"
    elif isinstance(value, (int, float)):
        written_whole = isinstance(value, int) or not _EXPONENT <= abs(value) < float("inf")
        if written_whole and not abs(value) <= _SAFE_INTEGER:  # NaN is neither
            return f"{value}, not finite or an integer beyond ±(2**53 - 1), at {path}"
    elif value is not None:
        return f"{type(value).__name__} at {path}"
    return ""
