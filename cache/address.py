"""Where an endpoint is: a base URL that was checked, and what of it may be shown to nobody."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, urlsplit

from cache.errors import CacheError
from cache.key import DIGEST_PREFIX, digest_bytes

OPENAI = "https://api.openai.com/v1"

_INTERFACE = "/chat/completions"
_OTHERS = ("/completions", "/responses")  # what else ends an address of an interface instead of a base URL
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_DIGITS = 16  # of the digest that names an endpoint
_LONG = 16  # characters of a value in the query from which on it may be a credential: dates of versions are shorter


@dataclass(frozen=True)
class Address:
    """The base URL of an endpoint; it names itself by a digest alone, since it is private.

    Raises:
        CacheError: when it is made of something else; the message does not show it.
    """

    base_url: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "base_url", self.base_url.strip())
        mend = "Mend the argument or OPENAI_BASE_URL."
        with suppress(ValueError):
            parts = self._parts
            if parts.path.rstrip("/").endswith((_INTERFACE, *_OTHERS)):
                raise CacheError(
                    f"Expected a base URL, got one that goes on (not shown): leave out {_INTERFACE}. {mend}"
                )
            if "#" in self.base_url:
                raise CacheError(
                    f"Expected a base URL, got one with a fragment (not shown): leave out # and on. {mend}"
                )
            plain = self.base_url.isprintable() and not set(self.base_url) & set(' \\"<>')
            if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and plain:
                return
        raise CacheError(f"Expected a base URL such as http://127.0.0.1:8000/v1, got another form (not shown). {mend}")

    @property
    def _parts(self) -> SplitResult:
        return urlsplit(self.base_url)

    @property
    def url(self) -> str:
        """Where requests go: the interface behind the path, and a query behind that."""
        return self._parts._replace(path=self._parts.path.rstrip("/") + _INTERFACE).geturl()

    @property
    def host(self) -> str:
        """The name or number of the machine."""
        return self._parts.hostname or ""

    @property
    def port(self) -> int:
        """The port, which may be that of the scheme."""
        return self._parts.port or (443 if self.encrypted else 80)

    @property
    def encrypted(self) -> bool:
        """Whether TLS is spoken."""
        return self._parts.scheme == "https"

    @property
    def name(self) -> str:
        """A digest that tells endpoints apart: of scheme, host, port and path, without a password or a query."""
        host = "localhost" if is_loopback(self.host) else self.host
        place = f"{self._parts.scheme}://{host}:{self.port}{self._parts.path.rstrip('/')}"
        return digest_bytes(place.encode())[: len(DIGEST_PREFIX) + _DIGITS]

    @property
    def secrets(self) -> tuple[str, ...]:
        """What in the URL may be a credential: the password, and long values of the query."""
        values = (value for _, value in parse_qsl(self._parts.query) if len(value) >= _LONG)
        return tuple(filter(None, (self._parts.password, *values)))

    @property
    def private(self) -> tuple[str, ...]:
        """What no message shows beside the secrets: the whole authority, the host, the query."""
        return tuple(filter(None, (self._parts.netloc, self.host, self._parts.query)))

    @property
    def proxies(self) -> Collection[str]:
        """The variables of the environment that may send requests through a proxy; none for loopback."""
        from urllib.request import proxy_bypass  # late: with it comes all of http, which a replay has no use for

        if is_loopback(self.host) or proxy_bypass(self.host):
            return ()
        return sorted(name for name, value in os.environ.items() if name.lower() in _PROXIES and value)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine (127.0.0.0/8, ::1, localhost, 0.0.0.0), which no proxy can reach for us."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    with suppress(OSError, ValueError):
        return socket.inet_aton(name)[0] in (0, 127)  # also 127.1
    with suppress(ValueError):
        address = ipaddress.IPv6Address(name)
        mapped = address.ipv4_mapped or address
        return mapped.is_loopback or mapped.is_unspecified
    return False
