"""Tasks side by side lose neither an error nor an item."""

from __future__ import annotations

import threading
from queue import Empty, SimpleQueue

import pytest

from genius_replay.side_by_side import SideBySide


@pytest.mark.parametrize("number", [1, 3])
def test_an_error_of_a_task_is_raised_whatever_it_is(number: int) -> None:
    def task(_: int) -> None:
        SimpleQueue[int]().get_nowait()

    with pytest.raises(Empty):
        SideBySide(number).each(task, range(5))


def test_a_thread_that_cannot_be_had_ends_it_when_the_others_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    start, asked, done = threading.Thread.start, [0], list[int]()

    def few(self: threading.Thread) -> None:
        asked[0] += 1
        if asked[0] == 4:  # the one that starts them, and two
            raise RuntimeError("can't start new thread")
        start(self)

    monkeypatch.setattr(threading.Thread, "start", few)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        SideBySide(4).each(done.append, range(8))
    assert sorted(done) == list(range(len(done)))
