"""A small campaign of mutated replies; how long each takes is said, and tested by hand alone."""

from __future__ import annotations

from tests.campaigns import replies


def test_no_mutated_reply_breaks_a_reader() -> None:
    assert replies.campaign(1000, seed=1).keys() == replies.READERS.keys()
    assert all(len(text) <= replies.SIZE for _, text in replies.mutated(1000, seed=1))
