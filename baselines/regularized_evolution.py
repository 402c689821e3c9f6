"""Regularized evolution (Real et al. 2019, "Regularized evolution for image classifier architecture search", AAAI).

A population of fixed size starts at random; then, again and again, the best of a few members drawn with replacement is
mutated, the child joins, and the oldest member leaves. "RE" is not one algorithm: sizes and mutation differ between
libraries, and so do the results. The presets name the library whose sizes they take.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.protocol import Evaluated, Method, Proposal, Trial
from harness.streams import Stream, Streams
from tables.space import Architecture, Space

BLOCK = 16  # children whose random numbers are drawn at once, which is faster


@dataclass(frozen=True)
class Settings:
    """Members, members drawn for each tournament, and how a slot is picked to mutate.

    `group_first` picks a group of slots and then one of its slots, as AutoDL-Projects does with the nodes and edges of
    a cell; otherwise every slot is as likely.
    """

    population: int
    sample: int
    group_first: bool = False


PRESETS = {
    "autodl": (Settings(10, 3, group_first=True), "AutoDL-Projects, exps/NATS-algos/regularized_ea.py"),
    "naslib": (Settings(30, 10), "NASLib"),
    "nni": (Settings(100, 25), "nni"),
    "syne-tune": (Settings(100, 10), "syne-tune"),
}
"""Sizes as each library sets them by default, with AutoDL-Projects' own mutation for AutoDL-Projects."""


class RegularizedEvolution:
    """One trial."""

    def __init__(self, space: Space, stream: Stream, settings: Settings) -> None:
        self._space = space
        self._stream = stream
        self._settings = settings
        self._population: deque[tuple[float, Architecture]] = deque(maxlen=settings.population)
        self._next = space.sample(stream)

    def ask(self) -> Proposal:
        """A random architecture until the population is full, then a child."""
        return Proposal(self._next)

    def tell(self, trial: Trial) -> None:
        """Let the proposal join the population, if it was evaluated; the oldest member leaves."""
        if isinstance(trial, Evaluated):
            self._population.append((trial.accuracy, self._next))
        if len(self._population) < self._settings.population:
            self._next = self._space.sample(self._stream)
        else:
            drawn = [self._population[self._below(len(self._population))] for _ in range(self._settings.sample)]
            self._next = self._mutate(max(drawn, key=lambda member: member[0])[1])

    def _mutate(self, parent: Architecture) -> Architecture:
        groups = [len(group.slots) for group in self._space.groups]
        if self._settings.group_first:
            group = self._below(len(groups))
            position = sum(groups[:group]) + self._below(groups[group])
        else:
            position = self._below(len(parent))
        cardinality = self._space.cardinalities[position]
        choice = self._below(cardinality - 1)
        choice = (choice + (choice >= parent[position])) % cardinality  # a single choice stays
        return (*parent[:position], choice, *parent[position + 1 :])

    def _below(self, bound: int) -> int:
        return int(self._stream.random() * bound)


class RegularizedEvolutionArrays:
    """Many trials."""

    def __init__(self, space: Space, streams: Streams, settings: Settings) -> None:
        self._space = space
        self._streams = streams
        self._settings = settings
        self._members = np.zeros((len(streams), settings.population), dtype=np.int64)
        self._accuracies = np.zeros((len(streams), settings.population))
        self._told = 0
        self._rows = np.arange(len(streams))
        self._cardinalities, self._strides = np.array(space.cardinalities), np.array(space.strides)
        self._groups = np.array([len(group.slots) for group in space.groups])
        self._firsts = np.cumsum(self._groups) - self._groups
        self._next = streams.indices(space.size)

    def ask(self) -> NDArray[np.int64]:
        """A random architecture until the populations are full, then a child of every trial."""
        return self._next

    def tell(self, proposals: NDArray[np.int64], accuracies: NDArray[np.float64]) -> None:
        """Let the proposals join, each in the place of the oldest member."""
        place = self._told % self._settings.population
        self._members[:, place], self._accuracies[:, place] = proposals, accuracies
        self._told += 1
        if self._told < self._settings.population:
            self._next = self._streams.indices(self._space.size)
            return
        population, sample = self._settings.population, self._settings.sample
        child = (self._told - population) % BLOCK
        if child == 0:
            count = sample + (3 if self._settings.group_first else 2)
            self._draws = self._streams.uniform(BLOCK * count).reshape(-1, BLOCK, count)
        draws = self._draws[:, child]
        age = (draws[:, :sample] * population).astype(np.int64)
        # The oldest stands behind the newest.
        drawn = (age + self._told) % population + population * self._rows[:, None]
        best = np.argmax(self._accuracies.take(drawn), axis=1)
        parents = self._members.take(drawn[self._rows, best])
        if self._settings.group_first:
            group = (draws[:, -3] * len(self._groups)).astype(np.int64)
            position = self._firsts[group] + (draws[:, -2] * self._groups[group]).astype(np.int64)
        else:
            position = (draws[:, -2] * len(self._cardinalities)).astype(np.int64)
        cardinality, stride = self._cardinalities[position], self._strides[position]
        choice = (draws[:, -1] * (cardinality - 1)).astype(np.int64)
        old = parents // stride % cardinality
        new = (choice + (choice >= old)) % cardinality  # a single choice stays
        self._next = parents + (new - old) * stride


def _method(preset: str) -> Method:
    settings, source = PRESETS[preset]
    title = f"regularized evolution, population {settings.population}, sample {settings.sample} ({source})"
    return Method(
        f"evolution-{preset}",
        title,
        lambda space, stream: RegularizedEvolution(space, stream, settings),
        lambda space, streams: RegularizedEvolutionArrays(space, streams, settings),
        version=1,
    )


METHODS = tuple(map(_method, PRESETS))
