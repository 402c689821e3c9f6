"""What an endpoint says of a failure reaches whoever asked, and its words decide whether asking again helps."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cache.provider.failure import refused


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("plain text", "plain text"),
        ({"error": "as a text"}, "as a text"),
        ({"error": {"message": "as usual", "type": "x"}}, "as usual"),
        ([{"error": {"message": "in a list", "code": 400}}], "in a list"),
        ({"error": [{"message": "one"}, {"message": "two"}]}, "one; two"),
        ({"detail": "of a framework"}, "of a framework"),
        ({"detail": [{"loc": ["body", "n"], "msg": "field required"}]}, "field required"),
        ({"errors": ["a", "b"]}, "a; b"),
        ({"error": "Bad Request", "message": "why"}, "Bad Request; why"),
        ({"object": "error", "message": "of vLLM"}, "of vLLM"),
        ({"error": {"code": 7}}, '{"error": {"code": 7}}'),
        ({"error": None}, '{"error": null}'),
        (
            "<html><head><title>502 Bad Gateway</title><style>p {}</style></head><p>&lt;nginx&gt;",
            "502 Bad Gateway <nginx>",
        ),
        ("\ufeff" + json.dumps({"error": "behind a mark"}), "behind a mark"),
        ("", "no word"),
        ("[" * 50000, "[" * 300),
    ],
)
def test_the_words_of_an_error_are_shown_in_whatever_form_they_come(body: Any, said: str) -> None:  # a4
    content = body if isinstance(body, str) else json.dumps(body)
    assert str(refused(content.encode(), 400, lambda text: text[:300])).startswith(
        f"Expected an answer, got status 400: {said} "
    )


@pytest.mark.parametrize(
    ("status", "said", "passes", "advice"),
    [
        (500, "This model's maximum context length is 512 tokens", False, "fewer or shorter"),
        (503, "insufficient balance", False, "wants to be paid"),
        (429, "Your credit balance is too low", False, "wants to be paid"),
        (429, "slow down", True, "slow down"),
        (500, "oops", True, "oops"),
        (200, "the engine is overloaded", True, "in its place: the engine"),
        (200, "unknown parameter", False, "Change the request"),
        (407, "no", False, "HTTP_PROXY"),
        (418, "teapot", False, "Change the request"),
    ],
)
def test_words_come_before_the_status(status: int, said: str, passes: bool, advice: str) -> None:
    error = refused(json.dumps({"error": {"message": said}}).encode(), status, str)
    assert (error.passes, advice in str(error)) == (passes, True)
    assert refused(b"[" * 200_000 + said.encode(), 500, str).passes


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_a_redirect_is_said_and_never_passes(status: int) -> None:  # a6
    error = refused(b"", status, str, {"location": "https://elsewhere.example/v1"})
    assert not error.passes
    assert "a redirect to https://elsewhere.example/v1, which is not followed" in str(error)


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "-7"}, 0),
        ({"retry-after": "1e999"}, None),
        ({"retry-after": "soon"}, None),
        ({}, None),
        # The endpoint's clock is years ahead.
        ({"retry-after": "Wed, 01 Jan 2098 00:00:30 GMT", "date": "Wed, 01 Jan 2098 00:00:00 GMT"}, 30),
        ({"retry-after": "Wed, 01 Jan 2098 00:00:00 GMT", "date": "Wed, 01 Jan 2098 00:00:30 GMT"}, 0),
        ({"retry-after": "Mon, 01 Jan 2001 00:00:00 GMT", "date": "yesterday"}, 0),
        ({"retry-after": "Mon, 01 Jan 99999 00:00:00 GMT"}, None),
    ],
)
def test_a_date_to_retry_at_counts_from_the_date_of_the_response(headers: dict[str, str], wait_s: float | None) -> None:
    assert refused(b"", 503, str, headers).wait_s == wait_s  # a16
