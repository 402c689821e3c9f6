"""What is said while models are asked: one line that moves on a terminal, elsewhere a line a run."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from cache.provider.limits import Limits, Spent
from genius_replay.console import is_quiet, printable, warn
from harness.loop import After, Step
from harness.run import Run
from harness.specification import Specification

if TYPE_CHECKING:
    from rich.progress import Progress as Bar


class Progress(AbstractContextManager["Progress"]):
    """Runs, answers, rejections, tokens, money and the time that is left; threads may share it.

    Attributes: `spent` counts tokens and money, of these runs and perhaps of others.
    """

    def __init__(self, planned: Sequence[Specification]) -> None:
        self.spent = Spent(Limits())
        self._planned, self._lock = planned, threading.Lock()
        self._ended = self._answers = self._rejected = self._done = 0
        self._again, self._until = "", 0.0  # why an endpoint is asked again, and when
        self._shown: Bar | None = None

    def __enter__(self) -> Progress:
        if sys.stderr.isatty() and not is_quiet():
            from rich.console import Console  # late: nothing else needs it
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
            from rich.table import Column

            said = TextColumn(
                "{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")
            )
            columns = said, BarColumn(20), TimeRemainingColumn()
            self._shown = Progress(*columns, console=Console(stderr=True), transient=True)
            self._shown.add_task("", total=sum(one.budget.designs for one in self._planned))
            self._shown.start()
            self._show()
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            self._shown.stop()

    def after(self, also: After | None = None) -> After:
        """What is to be shown every step, and shows it to `also`."""

        def stepped(step: Step) -> bool | None:
            with self._lock:
                self._answers += step.trial.proposal.record is not None
                self._rejected += step.rejected is not None
                self._done += step.accuracy is not None
            self._show()
            return also(step) if also else None

        return stepped

    def ended(self, number: int, run: Run) -> None:
        """A run has come to its end."""
        with self._lock:
            self._ended += 1
            self._done += max(0, self._planned[number].budget.designs - len(run.trajectory.evaluated))
            said = f"{self._ended} of {len(self._planned)}: {run.specification.name}: {run.trajectory.summary}"
        if self._shown is None:
            warn(said)
        self._show()

    def retrying(self, error: Exception, seconds: float) -> None:
        """An endpoint is asked again in so many seconds; it is said once, however many wait."""
        now, said = time.monotonic(), f"{error}; asked again in {seconds:.0f} s"
        with self._lock:
            known, self._until = now < self._until, max(self._until, now + seconds)
            self._again = said
        if self._shown is None and not known:
            warn(said)
        self._show()

    def _show(self) -> None:
        if self._shown is None:
            return
        said = f"{self._ended}/{len(self._planned)} runs, {self._answers:,} answers, {self._rejected:,} rejected, "
        said += f"{self.spent.usage.tokens:,} tokens" + (f", {self.spent.cost:.4f} in money" if self.spent.cost else "")
        if time.monotonic() < self._until:
            said = f"{said}; {self._again}"
        self._shown.update(self._shown.task_ids[0], description=printable(said), completed=self._done)
