"""Where an endpoint is: a base URL that was checked, and what of it may be shown to nobody."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType
from urllib.parse import parse_qsl, urlencode, urlsplit

from cache.errors import CacheError
from cache.key import DIGEST_PREFIX, digest_bytes
from cache.record import CHAT

OPENAI = "https://api.openai.com/v1"

_INTERFACE = "/chat/completions"
_OTHERS = ("/completions", "/responses")  # what else ends an address of an interface instead of a base URL
_PLAIN = re.compile(r"[^\s\x00-\x20\x7f\\\"<>]+")  # what else is in a URL would be garbled
_DIGITS = 16  # of the digest that names an endpoint
LONG = 16  # characters of a value in the query from which on it may be a credential: dates of versions are shorter


class Address:
    """The base URL of an endpoint; it names itself by a digest alone, since it is private.

    Attributes:
        url: where requests go: the interface behind the path, and a query behind that.
        host: the name or number of the machine.
        port: that of the scheme if none is given.
        encrypted: whether TLS is spoken.
        name: a digest that tells endpoints apart: of scheme, host, port and path, without a password or a query.
        secrets: what may be a credential: the password, and long values of the query.
        private: what no message shows beside the secrets: the whole authority, the host, the query.
    """

    def __init__(self, base_url: str, query: Mapping[str, str] = MappingProxyType({}), kind: str = CHAT) -> None:
        """Read a base URL.

        Args:
            base_url: as it was given.
            query: more of it, behind its own.
            kind: of the records that are made of what is answered there, which names the interface.

        Raises:
            CacheError: it is something else; the message does not show it.
        """
        base_url, wrong = base_url.strip(), "another form (not shown)"
        with suppress(ValueError):
            parts = urlsplit(base_url)
            path, self.host, port = parts.path.rstrip("/"), parts.hostname or "", parts.port
            if path.endswith((_INTERFACE, *_OTHERS)):
                wrong = f"more (not shown): leave out {_INTERFACE} at its end"
            elif "#" in base_url:
                wrong = "a fragment in it (not shown): leave out # and on"
            elif parts.scheme in ("http", "https") and self.host and port != 0 and _PLAIN.fullmatch(base_url):
                wrong = ""
        if wrong:
            raise CacheError(
                f"Expected a base URL such as http://127.0.0.1:8000/v1, got {wrong}. "
                "Mend the argument or OPENAI_BASE_URL."
            )
        self.encrypted = parts.scheme == "https"
        self.port = port or (443 if self.encrypted else 80)
        parts = parts._replace(path=path, query="&".join(filter(None, (parts.query, urlencode(query)))))
        self._parts = parts
        self.url = self.at(f"/{kind.replace('.', '/')}")
        host = "localhost" if is_loopback(self.host) else self.host
        place = digest_bytes(f"{parts.scheme}://{host}:{self.port}{path}".encode())
        self.name = place[: len(DIGEST_PREFIX) + _DIGITS]
        values = (value for _, value in parse_qsl(parts.query) if len(value) >= LONG)
        self.secrets = tuple(filter(None, (parts.password, *values)))
        self.private = tuple(filter(None, (parts.netloc, self.host, parts.query)))

    def at(self, interface: str, query: str = "") -> str:
        """Return where the requests of an interface go, such as `/responses`; a query stands behind one's own."""
        path, query = self._parts.path + interface, "&".join(filter(None, (self._parts.query, query)))
        return self._parts._replace(path=path, query=query).geturl()

    @property
    def proxies(self) -> list[str]:
        """The variables of the environment that may send requests through a proxy; none for loopback."""
        from urllib.request import proxy_bypass  # late: with it comes all of http, which a replay has no use for

        if is_loopback(self.host) or proxy_bypass(self.host):
            return []
        names = ("all_proxy", "https_proxy" if self.encrypted else "http_proxy")
        return sorted(name for name, value in os.environ.items() if name.lower() in names and value)


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
