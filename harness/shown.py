"""What a run that was performed shows of itself, in a notebook, a data frame and a study of Optuna."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from genius_replay.advice import needing
from genius_replay.showing import brief, data_frame, html_cell, html_table
from harness.loop import Trajectory
from harness.protocol import Evaluated
from tables.space import Space

if TYPE_CHECKING:
    from optuna import Study
    from pandas import DataFrame

COLUMNS = ("iteration", "turn", "architecture", "macs", "told", "true", "rejected")
MOST = 200  # rows of a table in a notebook
HEADINGS = ("T", "Turn", "Architecture", "MACs", "Told (%)", "True (%)", "Rejected")


class Shown:
    """A run with its steps: `harness.run.Run`, and a published run that was replayed."""

    trajectory: Trajectory

    def what(self) -> tuple[str, Space]:
        """The run in words, and what was searched."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return brief(self, f"{self.what()[0]}: {self.trajectory.summary}")

    def _repr_html_(self) -> str:
        """The first steps as a table, up to `MOST`."""
        rows = ([html_cell(value, names_row=not n) for n, value in enumerate(row)] for row in [*self._rows()][:MOST])
        more = [f"These are the first {MOST}; `to_frame()` has all."] if len(self.trajectory.steps) > MOST else []
        return html_table(self.what()[0], HEADINGS, rows, [self.trajectory.summary, *more])

    def to_frame(self) -> DataFrame:
        """A row for every step, unrounded.

        `macs` are single operations; `told` and `true` are accuracies in percent, which differ only where a published
        run was told something else; `rejected` is the reason for which a proposal was not evaluated.

        Raises:
            ImportError: pandas is not installed.
        """
        return data_frame(COLUMNS, [*self._rows()])

    def to_optuna(self) -> Study:
        """A study in memory with a trial for every step, for Optuna's plots, importances and dashboard.

        Its parameters are the space's slots, its value is the accuracy that was told, in percent. A design that was
        not evaluated is a pruned trial, an answer in which no design was found a failed one. What else is known of a
        step stands in its `user_attrs`, by the names in `COLUMNS`.

        Raises:
            ImportError: Optuna is not installed.
        """
        with needing("optuna", what="a study"):
            import optuna
        title, space = self.what()
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)  # else it says that there is a new study
        study = optuna.create_study(direction="maximize", study_name=title)
        optuna.logging.set_verbosity(verbosity)
        states, slots = optuna.trial.TrialState, space.slots
        names = [slot.name for slot in slots]
        if len({*names}) < len(names):
            names = [f"{n} {name}" for n, name in enumerate(names, start=1)]
        offered = [optuna.distributions.CategoricalDistribution(slot.choices) for slot in slots]
        for step, row in zip(self.trajectory.steps, self._rows(), strict=True):
            design = step.trial.architecture
            written = [slot.choices[n] for slot, n in zip(slots, design or (), strict=design is not None)]
            trial = optuna.trial.create_trial(
                state=states.FAIL if design is None else states.PRUNED if step.accuracy is None else states.COMPLETE,
                value=step.accuracy,
                params=dict(zip(names, written, strict=False)),
                distributions=dict(zip(names, offered, strict=True)) if written else {},
                user_attrs=dict(zip(COLUMNS, row, strict=True)),
            )
            study.add_trial(trial)
        return study

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        _, space = self.what()
        for step in self.trajectory.steps:
            trial = step.trial
            written = None if trial.architecture is None else space.to_native(trial.architecture)
            true = trial.accuracy if isinstance(trial, Evaluated) else None
            yield step.iteration, step.turn, written, trial.macs or None, step.accuracy, true, step.rejected
