"""Text from outside is shown without what a terminal obeys."""

from __future__ import annotations

import pytest

from genius_replay.console import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, ümläut, 中文 🙂\n\ttab", "plain, ümläut, 中文 🙂\n\ttab"),
        ("\x1b[2J\x1b]52;c;aGk=\x07", r"\x1b[2J\x1b]52;c;aGk=\x07"),
        ("a\rb\x00\x7f\x9b31m", r"a\rb\x00\x7f\x9b31m"),
        ("txt.\u202egnp.exe\u2066x\u2069", r"txt.\u202egnp.exe\u2066x\u2069"),
        ("half \ud83d, other \udc00", r"half \ud83d, other \udc00"),
    ],
)
def test_what_a_terminal_obeys_is_shown_as_its_escape(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(shown) == shown
