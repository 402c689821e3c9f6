"""Optuna's samplers as search methods, TPE first (Bergstra et al. 2011, "Algorithms for hyper-parameter optimization").

TPE and NSGA-II are listed; any other sampler of categorical choices becomes a method through `optuna_method`. Trials
run one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from harness.protocol import Evaluated, Method, Proposal, Trial
from harness.streams import Stream
from tables.space import Space

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler

MakeSampler = Callable[[int], "BaseSampler"]
"""Makes a sampler from a seed."""

INSTALL = "pip install '.[optuna]'"


class OptunaSearch:
    """One trial: a study whose single parameters are the slots, with categorical choices.

    Raises:
        ImportError: if Optuna is not installed.
    """

    def __init__(self, space: Space, stream: Stream, make_sampler: MakeSampler) -> None:
        try:
            import optuna
        except ImportError as error:
            raise ImportError(f"this method needs Optuna, which is not installed; {INSTALL}") from error
        optuna.logging.set_verbosity(optuna.logging.WARNING)  # otherwise every evaluation is a line
        self._failed = optuna.trial.TrialState.FAIL
        self._study = optuna.create_study(direction="maximize", sampler=make_sampler(stream.getrandbits(32)))
        self._distributions: dict[str, BaseDistribution] = {
            str(position): optuna.distributions.CategoricalDistribution(tuple(range(cardinality)))
            for position, cardinality in enumerate(space.cardinalities)
        }
        self._trial = self._study.ask(self._distributions)

    def ask(self) -> Proposal:
        """What the sampler suggests."""
        return Proposal(tuple(self._trial.params[name] for name in self._distributions))

    def tell(self, trial: Trial) -> None:
        """Report the accuracy, or that the suggestion failed, and have the sampler suggest again."""
        if isinstance(trial, Evaluated):
            self._study.tell(self._trial, trial.accuracy)
        else:
            self._study.tell(self._trial, state=self._failed)
        self._trial = self._study.ask(self._distributions)


def optuna_method(name: str, title: str, make_sampler: MakeSampler) -> Method:
    """The method of a sampler."""
    return Method(name, title, lambda space, stream: OptunaSearch(space, stream, make_sampler), version=1)


def _listed(name: str, sampler: str) -> Method:
    def make(seed: int) -> BaseSampler:
        made: BaseSampler = getattr(import_module("optuna.samplers"), sampler)(seed=seed)
        return made

    return optuna_method(name, f"Optuna's {sampler} with its defaults", make)


METHODS = (_listed("tpe", "TPESampler"), _listed("nsga2", "NSGAIISampler")) if find_spec("optuna") else ()
"""Empty where Optuna is not installed."""
