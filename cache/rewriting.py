"""Rules by which what is new in every call, such as a date or a random id, stays out of the key of a request.

A rule is a pattern and the text that stands in its place; rules are applied in their order to every text of a request,
at whatever depth, and to no name of a member. The key is that of the request as rewritten; what is sent, and what is
kept, is the request as it was. A record that a rule touched names its rules, so that reading it applies them again.

Patterns are RE2's, which reads a text in time linear in its length whatever the pattern: neither a rule of one's own
nor a recording of somebody else's can hang what reads it. It knows no look-around and no back-references.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, TypeAlias

from cache.errors import CacheError, InvalidRequest
from cache.key import JSON, TOO_DEEP
from genius_replay.advice import install

Rules: TypeAlias = tuple[tuple[str, str], ...]
"""Patterns and what stands in their place, in the order in which they are applied."""
NO_RULES: Mapping[str, str] = MappingProxyType({})


def rules(declared: Mapping[str, str]) -> Rules:
    """Return rules that can be applied.

    Raises:
        CacheError: a pattern is none, or google-re2 is not installed.
    """
    for pattern in declared:
        _compiled(pattern)
    return tuple(declared.items())


def rewritten(request: Mapping[str, JSON], rules: Rules) -> Mapping[str, JSON]:
    """Return a request as its key sees it.

    >>> rewritten({"messages": [{"content": "It is 2026-11-28."}]}, ((r"\\d{4}-\\d\\d-\\d\\d", "DATE"),))
    {'messages': [{'content': 'It is DATE.'}]}

    Raises:
        CacheError: as `rules` does.
        InvalidRequest: the request is nested too deeply.
    """
    if not rules:
        return request
    try:
        return {name: _rewritten(said, rules) for name, said in request.items()}
    except RecursionError:
        raise InvalidRequest(f"Expected JSON, got {TOO_DEEP}. Mend the request.") from None


def shown(rules: Rules) -> str:
    """Return rules as the command line takes them."""
    return " ".join(f"--rewrite '{pattern}={replacement}'" for pattern, replacement in rules) or "none"


def _rewritten(value: JSON, rules: Rules) -> JSON:
    if isinstance(value, str):
        for pattern, replacement in rules:
            try:
                value = _compiled(pattern).sub(lambda _, text=replacement: text, value)
            except UnicodeEncodeError:  # half a surrogate pair, which has no key either
                break
        return value
    if isinstance(value, Mapping):
        return {name: _rewritten(said, rules) for name, said in value.items()}
    return [_rewritten(said, rules) for said in value] if isinstance(value, (list, tuple)) else value


@lru_cache
def _compiled(pattern: str) -> Any:
    try:
        import re2
    except ImportError:
        raise CacheError(f"Expected google-re2 to rewrite requests, got none. Run `{install('google-re2')}`.") from None
    quiet = re2.Options()
    quiet.log_errors = False
    try:
        return re2.compile(pattern, quiet)
    except (re2.error, UnicodeEncodeError) as error:
        why = error.args[0].decode(errors="replace") if isinstance(error, re2.error) else error
        raise CacheError(
            f"Expected a pattern of RE2 in a rule that rewrites requests, got {pattern!r}: {why}. Mend it; its syntax: "
            "https://github.com/google/re2/wiki/Syntax"
        ) from None
