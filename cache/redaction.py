"""What looks like a credential, and where it stands: it may be in no record and in no message."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from cache.errors import CacheError
from cache.key import JSON

AnyJSON = TypeVar("AnyJSON", bound=JSON)

WITHHELD = "[withheld: a credential stood here]"

_NAMES = {
    "access_token", "api-key", "api_key", "apikey", "authorization", "client_secret", "password",
    "proxy-authorization", "x-api-key",
}  # fmt: skip
# Long and with a digit: prose about "sk-learn" or "bearer" is no credential.
_FORMS = re.compile(
    r"\bsk-(?=[A-Za-z_-]*\d)[A-Za-z0-9_-]{20,}"  # OpenAI, Anthropic
    r"|\bhf_[A-Za-z0-9]{30,}"  # Hugging Face
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"  # AWS
    r"|\bAIza[0-9A-Za-z_-]{35}"  # Google
    r"|\bghp_[A-Za-z0-9]{36}|\bgithub_pat_[A-Za-z0-9_]{22,}"  # GitHub
    r"|(?i:\bbearer)\s+(?=[A-Za-z._~+/=-]*\d)[A-Za-z0-9._~+/=-]{16,}"
    r"|(?i:\bauthorization)\W{1,5}(?i:bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"
)
# One of these is in every credential above; looking for them first makes the rest of the text cost nothing.
_HINTS = ("sk-", "hf_", "akia", "asia", "aiza", "ghp_", "github_pat_", "bearer", "authorization")


def refuse_credentials(value: JSON, known: Collection[str] = ()) -> None:
    """Raise CacheError if `value` holds a credential of a usual form or one of the `known` ones.

    The message names the first place as a path from `$`, never the credential.
    """
    for place in redact(value, known)[1]:
        raise CacheError(
            f"Expected no credential in a record, got something that looks like one at {place}. "
            "Remove it there; pass credentials to the client of the endpoint, never in what is recorded."
        )


def redact(value: AnyJSON, known: Collection[str] = (), path: str = "$") -> tuple[AnyJSON, list[str]]:
    """Return `value` with `WITHHELD` wherever a credential of a usual form or one of the `known` stood, and the places.

    A place is a path from `path`; it does not show the credential.
    """
    places: list[str] = []
    return _redacted(value, path, known, places), places


def withhold(text: str, known: Collection[str] = ()) -> str:
    """Return `text` with `WITHHELD` wherever a credential of a usual form or one of the `known` strings stood.

    >>> withhold("the key is hunter22", known=["hunter22"])
    'the key is [withheld: a credential stood here]'
    """
    for secret in known:
        text = text.replace(secret, WITHHELD)
    folded = text.lower()
    return _FORMS.sub(WITHHELD, text) if any(hint in folded for hint in _HINTS) else text


def _redacted(value: Any, path: str, known: Collection[str], places: list[str]) -> Any:
    if isinstance(value, str) and (said := withhold(value, known)) != value:
        places.append(path)
        return said
    if isinstance(value, Mapping):
        members = {}
        for name, item in value.items():
            if (said := withhold(name, known)) != name:
                places.append(f"{path} (the name of a member)")
                members[said] = _redacted(item, f"{path}.{WITHHELD}", known, places)
            elif name.lower() in _NAMES and isinstance(item, str) and item not in ("", WITHHELD):
                places.append(f"{path}.{name}")
                members[name] = WITHHELD
            else:
                members[name] = _redacted(item, f"{path}.{name}", known, places)
        return members
    if isinstance(value, (list, tuple)):
        items = []
        for position, item in enumerate(value):  # no comprehension: it would be one more call a level
            items.append(_redacted(item, f"{path}[{position}]", known, places))
        return items
    return value
