"""Optuna's samplers as search methods, TPE first (Bergstra et al. 2011, "Algorithms for hyper-parameter optimization").

TPE and NSGA-II are listed; any other sampler of categorical choices becomes a method through `optuna_method`. Trials
run one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from genius_replay.advice import needing
from harness.protocol import Evaluated, Exhausted, Method, Proposal, Trial
from harness.streams import Stream
from tables.space import Space

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler

MakeSampler = Callable[[int], "BaseSampler"]
"""Makes a sampler from a seed."""


class OptunaSearch:
    """One trial: a study whose single parameters are the slots, with categorical choices.

    Raises:
        ImportError: if Optuna is not installed.
    """

    def __init__(self, space: Space, stream: Stream, make_sampler: MakeSampler) -> None:
        with needing("optuna", what="this method"):
            import optuna
        optuna.logging.set_verbosity(optuna.logging.WARNING)  # otherwise every evaluation is a line
        self._create_trial, self._states = optuna.trial.create_trial, optuna.trial.TrialState
        self._study = optuna.create_study(direction="maximize", sampler=make_sampler(stream.getrandbits(32)))
        self._exhausted = False
        self._study.stop = self._stop  # type: ignore[method-assign]  # what a sampler calls when it has tried all
        self._distributions: dict[str, BaseDistribution] = {
            str(position): optuna.distributions.CategoricalDistribution(tuple(range(cardinality)))
            for position, cardinality in enumerate(space.cardinalities)
        }
        self._trial = self._study.ask(self._distributions)

    def ask(self) -> Proposal:
        """What the sampler suggests.

        Raises:
            Exhausted: if it has tried all that it may, such as a grid.
        """
        if self._exhausted:
            raise Exhausted("the sampler has tried all that it may")
        return Proposal(tuple(self._trial.params[name] for name in self._distributions))

    def tell(self, trial: Trial) -> None:
        """Report the accuracy, or that the suggestion failed, and have the sampler suggest again.

        What it did not suggest joins the study, and its suggestion stands.
        """
        accuracy = trial.accuracy if isinstance(trial, Evaluated) else None
        state = self._states.FAIL if accuracy is None else self._states.COMPLETE
        if trial.architecture is not None and trial.architecture != self.ask().architecture:
            params = dict(zip(self._distributions, trial.architecture, strict=True))
            self._study.add_trial(
                self._create_trial(params=params, distributions=self._distributions, value=accuracy, state=state)
            )
            return
        self._study.tell(self._trial, accuracy, state)
        if not self._exhausted:
            self._trial = self._study.ask(self._distributions)

    def _stop(self) -> None:
        self._exhausted = True


def optuna_method(name: str, title: str, make_sampler: MakeSampler, *, random_first: int = 0) -> Method:
    """The method of a sampler, which proposes its `random_first` proposals at random."""
    search = partial(OptunaSearch, make_sampler=make_sampler)
    return Method(name, title, search, version=1, random_first=random_first, packages=("optuna",))


def _listed(name: str, sampler: str, random_first: int) -> Method:
    def make(seed: int) -> BaseSampler:
        made: BaseSampler = getattr(import_module("optuna.samplers"), sampler)(seed=seed)
        return made

    return optuna_method(name, f"Optuna's {sampler} with its defaults", make, random_first=random_first)


METHODS = (_listed("tpe", "TPESampler", 10), _listed("nsga2", "NSGAIISampler", 50)) if find_spec("optuna") else ()
"""Empty where Optuna is not installed."""
