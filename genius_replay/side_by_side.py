"""Tasks side by side: so many threads, which begin them in their order and stop together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TypeVar

from genius_replay.console import warn

T = TypeVar("T")


class Stopped(BaseException):
    """What goes on side by side is to stop before this is done; no error, so that nobody takes it for one."""


class SideBySide:
    """So many tasks at a time; of one at a time, none is in a thread.

    After Ctrl-C nothing more is begun, and what is underway is waited for; a second one does not wait.
    """

    def __init__(self, number: int = 1) -> None:
        self.number = number
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Let nothing more be begun."""
        self._stopping.set()

    @property
    def stopped(self) -> bool:
        """Whether nothing more is begun."""
        return self._stopping.is_set()

    def go_on(self, wait_s: float = 0.0) -> None:
        """Wait so many seconds before a task goes on; raises Stopped, at once, if it is not to."""
        if self._stopping.wait(wait_s):
            raise Stopped

    def each(self, task: Callable[[T], object], items: Iterable[T]) -> None:
        """Do a task with every item, unless it stops; raises whatever one raises, when the others have stopped."""
        left, failed = SimpleQueue[T](), list[BaseException]()
        for item in items:
            left.put(item)

        def work() -> None:
            with suppress(Stopped):
                while True:
                    self.go_on()
                    try:
                        item = left.get_nowait()
                    except Empty:
                        return
                    task(item)

        def guarded() -> None:
            try:
                work()
            except BaseException as error:
                failed.append(error)
                self.stop()

        if self.number == 1:
            return work()
        over = threading.Event()

        def all_of_them() -> None:
            started = list[threading.Thread]()
            try:
                for _ in range(min(self.number, left.qsize())):
                    thread = threading.Thread(target=guarded, daemon=True)
                    thread.start()
                    started.append(thread)
            except BaseException as error:  # no more threads can be had
                failed.append(error)
                self.stop()
            for thread in started:
                thread.join()
            over.set()

        try:
            threading.Thread(target=all_of_them, daemon=True).start()  # so that Ctrl-C finds each of them started
            over.wait()
        except KeyboardInterrupt:
            self.stop()
            warn("interrupted: answers that are underway are waited for and kept; Ctrl-C again drops them")
            over.wait()
            raise
        for error in failed:
            raise error
        return None
