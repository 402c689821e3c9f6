"""What goes along with every request, and what of it is secret."""

from __future__ import annotations

import re

import pytest

from cache.errors import CacheError
from cache.provider.credentials import headers_with_key

SECRET = "0123456789abcdef"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("UNSET", raising=False)
    monkeypatch.setenv("MINE", SECRET)
    monkeypatch.setenv("SHORT", "password9")


def headers(given: str | None = None, variable: str = "OPENAI_API_KEY", *, needed: bool = False, **own: str) -> object:
    own = {name.replace("_", "-"): value for name, value in own.items()}
    return headers_with_key(own, given, variable, needed=needed)


def test_the_key_is_that_of_the_variable_and_is_known() -> None:
    assert headers(variable="MINE", needed=True) == ({"Authorization": f"Bearer {SECRET}"}, [SECRET])
    assert headers("given-by-hand", variable="MINE") == ({"Authorization": "Bearer given-by-hand"}, ["given-by-hand"])


def test_without_a_key_there_is_a_placeholder_that_is_no_secret() -> None:
    assert headers() == ({"Authorization": "Bearer none"}, [])


@pytest.mark.parametrize("name", ["api_key", "Authorization", "X_API_Key"])
def test_a_header_in_which_a_key_travels_is_sent_instead_of_the_key(name: str) -> None:
    sent = {name.replace("_", "-"): f"Bearer {SECRET}"}
    assert headers(needed=True, **{name: "Bearer $MINE"}) == (sent, [SECRET])


def test_what_may_be_a_credential_in_a_header_is_known() -> None:
    own = {"X-Title": "a short title", "Helicone-Auth": "Bearer a-secret", "X-Other": "${SHORT}", "X-Long": SECRET}
    filled, secrets = headers_with_key(own, None, "OPENAI_API_KEY", needed=False)
    assert filled["X-Other"] == "password9"
    assert secrets == ["a-secret", "password9", SECRET]


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (
            {"api-key": "$UNSET"},
            "Expected the variable UNSET for the header api-key, got none. Set it; a $ itself is $$.",
        ),
        ({"api-key": "hunter22$"}, "Expected a name behind every $ for the header api-key, got none."),
        ({"api-key": " "}, "Expected plain letters in the header api-key, got none or others (not shown)."),
        ({"api-key": "hunter22\nX-More: 1"}, "Expected plain letters in the header api-key"),
        ({"api-key": "hünter22"}, "Expected plain letters in the header api-key"),
        ({"a b": "1"}, "Expected the name of a header that may be set, got 'a b'."),
        ({"Content-Length": "1"}, "Expected the name of a header that may be set, got 'Content-Length'."),
    ],
)
def test_what_cannot_be_sent_is_said_and_not_shown(own: dict[str, str], said: str) -> None:
    with pytest.raises(CacheError, match=re.escape(said)) as caught:
        headers_with_key(own, None, "OPENAI_API_KEY", needed=False)
    assert "nter22" not in str(caught.value)


def test_a_variable_that_is_named_holds_a_key() -> None:
    with pytest.raises(CacheError, match=re.escape("got none. Set UNSET.")):
        headers(variable="UNSET")
    with pytest.raises(CacheError, match="Set OPENAI_API_KEY, or name a local server: --base-url"):
        headers(needed=True)
    with pytest.raises(CacheError, match=r"plain letters, got one with others \(not shown\)"):
        headers("a key")
