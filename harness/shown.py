"""What a run that was performed shows of itself, in a notebook, a data frame and a study of Optuna."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from genius_replay.advice import install
from genius_replay.showing import HtmlCell, brief, data_frame, html_table
from harness.loop import Step, Trajectory
from harness.protocol import Evaluated, Rejected
from tables.space import Space

if TYPE_CHECKING:
    from optuna import Study
    from pandas import DataFrame

COLUMNS = {
    "iteration": "T",
    "turn": "Turn",
    "architecture": "Architecture",
    "macs": "MACs (M)",
    "told": "Told (%)",
    "true": "True (%)",
    "rejected": "Rejected",
}
"""By their names in a data frame, what the columns are headed in print."""


class Shown:
    """A run with its steps: `harness.run.Run`, and a published run that was replayed."""

    trajectory: Trajectory
    if TYPE_CHECKING:  # a property here would be the default of a field of the same name

        @property
        def title(self) -> str:
            """The run in words."""

        @property
        def space(self) -> Space:
            """What was searched."""

    def __repr__(self) -> str:
        return brief(self, f"{self.title}: {self.trajectory.summary}")

    def _repr_html_(self) -> str:
        """The steps as a table; figures are rounded as the harness tells them."""
        rows = []
        for iteration, turn, architecture, macs, told, true, rejected in self._rows():
            millions = "" if macs is None else f"{macs / 1e6:.1f}"
            accuracies = ("" if accuracy is None else f"{accuracy:.2f}" for accuracy in (told, true))
            texts = (str(turn), architecture or "", millions, *accuracies, rejected or "")
            rows.append([HtmlCell(str(iteration), names_row=True), *map(HtmlCell, texts)])
        return html_table(self.title, [*COLUMNS.values()], rows, [self.trajectory.summary])

    def to_frame(self) -> DataFrame:
        """A row for every step, unrounded.

        `macs` are single operations; `told` and `true` are accuracies in percent, which differ only where a published
        run was told something else; `rejected` is the reason for which a proposal was not evaluated.

        Raises:
            ImportError: pandas is not installed.
        """
        return data_frame([*COLUMNS], self._rows())

    def to_optuna(self) -> Study:
        """A study in memory with a trial for every step, for Optuna's plots, importances and dashboard.

        Its parameters are the space's slots, its value is the accuracy that was told, in percent. A design that was
        not evaluated is a pruned trial, an answer in which no design was found a failed one. What else is known of a
        step stands in its `user_attrs`, by the names in `COLUMNS`.

        Raises:
            ImportError: Optuna is not installed.
        """
        try:
            import optuna
        except ModuleNotFoundError as error:
            raise ImportError(f"a study needs Optuna, which is not installed; {install('optuna')}") from error
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)  # else it says that there is a new study
        study = optuna.create_study(direction="maximize", study_name=self.title)
        optuna.logging.set_verbosity(verbosity)
        named = Counter(slot.name for slot in self.space.slots)
        names = [
            slot.name if named[slot.name] == 1 else f"{group.name}, {slot.name}"
            for group in self.space.groups
            for slot in group.slots
        ]
        choices = [slot.choices for slot in self.space.slots]
        for step, row in zip(self.trajectory.steps, self._rows(), strict=True):
            design = step.trial.architecture
            state = optuna.trial.TrialState.COMPLETE
            if step.accuracy is None:
                state = optuna.trial.TrialState.FAIL if design is None else optuna.trial.TrialState.PRUNED
            written = {} if design is None else dict(zip(names, map(tuple.__getitem__, choices, design), strict=True))
            study.add_trial(
                optuna.trial.create_trial(
                    state=state,
                    value=step.accuracy,
                    params=written,
                    distributions={
                        name: optuna.distributions.CategoricalDistribution(offered)
                        for name, offered in zip(names, choices, strict=True)
                        if name in written
                    },
                    user_attrs=dict(zip(COLUMNS, row, strict=True)),
                )
            )
        return study

    def _rows(self) -> list[tuple[Any, ...]]:
        return [self._row(step) for step in self.trajectory.steps]

    def _row(self, step: Step) -> tuple[Any, ...]:
        trial, told = step.trial, step.told
        return (
            step.iteration,
            step.turn,
            None if trial.architecture is None else self.space.to_native(trial.architecture),
            trial.macs,
            step.accuracy,
            trial.accuracy if isinstance(trial, Evaluated) else None,
            told.rejection.reason.value if isinstance(told, Rejected) else None,
        )
