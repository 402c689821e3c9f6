"""Base URLs, and which hosts are this machine."""

from __future__ import annotations

import pytest

from cache.errors import CacheError
from cache.provider.address import Address, is_loopback


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.8.9.10", "127.1", "localhost", "LocalHost.", "a.localhost", "::1", "[::1]", "0.0.0.0", "::"],
)
def test_this_machine_is_known_by_all_its_names(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "example.com", "128.0.0.1", "10.127.0.1", "::2", "localhost.example", "127.x"])
def test_others_are_not_this_machine(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("http://h/v1", "http://h/v1/chat/completions"),
        (" http://h/v1/\r\n", "http://h/v1/chat/completions"),  # a2
        ("https://h", "https://h/chat/completions"),
        ("https://h/v1?api-version=2", "https://h/v1/chat/completions?api-version=2"),  # a7
        ("https://h/v1/?a=1&b=%2F", "https://h/v1/chat/completions?a=1&b=%2F"),
    ],
)
def test_the_interface_stands_behind_the_path(base_url: str, url: str) -> None:
    assert Address(base_url).url == url


@pytest.mark.parametrize(
    ("base_url", "mend"),
    [
        ("http://h.example/v1#here", "leave out # and on"),
        ("http://h.example/v1#", "leave out # and on"),
        ("http://h.example/v1/chat/completions", "leave out /chat/completions"),
        ("http://h.example/v1/chat/completions/?a=1", "leave out /chat/completions"),
        ("http://h.example/v1/completions", "leave out /chat/completions"),
        ("http://h.example/v1/responses", "leave out /chat/completions"),
        ("http://h.example/v1/\x1b[2J", "such as"),
        ("http://h.example:99999/v1", "such as"),
        ("h.example/v1", "such as"),
    ],
)
def test_what_would_be_garbled_is_refused_with_the_mend(base_url: str, mend: str) -> None:  # a7
    with pytest.raises(CacheError, match=mend) as caught:
        Address(base_url)
    assert "h.example" not in str(caught.value)


def test_a_digest_tells_endpoints_apart_and_says_nothing_else() -> None:
    one = Address("http://127.0.0.1:8000/v1")
    assert one.name == Address("http://me:word@LOCALHOST:8000/v1/?key=0123456789abcdef").name
    assert len({Address(url).name for url in ("http://h/v1", "https://h/v1", "http://h/v2", "http://h:81/v1")}) == 4
    assert one.name.startswith("sha256:")


def test_what_may_be_a_credential_in_a_url_is_known() -> None:
    assert Address("https://me:password@h/v1?key=0123456789abcdef&api-version=2024-10-21").secrets == (
        "password",
        "0123456789abcdef",
    )


def test_every_interface_has_its_place_and_both_queries() -> None:
    assert (
        Address("https://h/v1?api-version=2").at("/responses", "beta=1")
        == "https://h/v1/responses?api-version=2&beta=1"
    )
    assert Address("https://h/v1").at("/messages") == "https://h/v1/messages"
