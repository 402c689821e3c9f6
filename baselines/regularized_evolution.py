"""Regularized evolution (Real et al. 2019, "Regularized evolution for image classifier architecture search", AAAI).

A population of fixed size starts at random; then, again and again, the best of a few members drawn with replacement is
mutated, the child joins, and the oldest member leaves. "RE" is not one algorithm: sizes, tournament and mutation differ
between libraries, and so do the results. Each preset follows the code of the library that it names, read there:

- AutoDL-Projects, exps/NATS-algos/regularized_ea.py, `mutate_topology_func`: a node of the cell, one of its edges,
  another operation. A node is here a group of slots, in every space. (For its spaces of widths AutoDL-Projects has
  another mutation, one slot that may keep its value, which is not this preset.)
- NASLib, optimizers/discrete/re/optimizer.py, and syne-tune, searchers/regularized_evolution.py: one slot, another
  choice. syne-tune draws slot and choice again until something differs: the same where all slots have as many choices.
- nni 2, nas/strategy/evolution.py: a tournament without replacement; every slot is drawn anew with probability 0.05,
  and may come out as it was. Most children are copies of their parent. (nni 3 rejects copies by default, `dedup=True`.)
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.protocol import Evaluated, Method, Proposal, Trial
from harness.streams import Stream, Streams
from tables.space import Architecture, Space


class Settings(NamedTuple):
    """How a library evolves.

    Attributes:
        population: members.
        sample: members drawn for each tournament.
        distinct: whether a tournament's members are all different ones (drawn without replacement).
        group_first: whether a group of slots is drawn first and then one of its slots; else each slot is as likely.
        rate: the probability with which every slot is drawn anew, in place of one slot that gets another choice.
    """

    population: int
    sample: int
    distinct: bool = False
    group_first: bool = False
    rate: float | None = None

    def draws(self, slots: int) -> tuple[int, int]:
        """How many random numbers a tournament takes, and how many the mutation of an architecture of `slots`."""
        mutation = 2 * slots if self.rate is not None else 3 if self.group_first else 2
        return self.population if self.distinct else self.sample, mutation


PRESETS = {
    "autodl": (Settings(10, 3, group_first=True), "AutoDL-Projects, its mutation of cells", 1),
    "naslib": (Settings(30, 10), "NASLib", 1),
    "nni": (Settings(100, 25, distinct=True, rate=0.05), "nni 2", 2),
    "syne-tune": (Settings(100, 10), "syne-tune", 1),
}
"""Settings as each library has them by default, the library, and the version of the method."""


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
        """Let what was evaluated join the population; the oldest member leaves."""
        if isinstance(trial, Evaluated):
            self._population.append((trial.accuracy, trial.architecture))
        if len(self._population) < self._settings.population:
            self._next = self._space.sample(self._stream)
        else:
            tournament, mutation = self._settings.draws(len(self._next))
            self._next = self._mutate(self._winner(self._draw(tournament)), self._draw(mutation))

    def _winner(self, draws: list[float]) -> Architecture:
        size = len(self._population)
        if self._settings.distinct:
            places = sorted(range(size), key=draws.__getitem__)[: self._settings.sample]
        else:
            places = [int(draw * size) for draw in draws]
        return max((self._population[place] for place in places), key=lambda member: member[0])[1]

    def _mutate(self, parent: Architecture, draws: list[float]) -> Architecture:
        rate, cardinalities = self._settings.rate, self._space.cardinalities
        if rate is not None:
            anew = [int(draw * count) for draw, count in zip(draws[len(parent) :], cardinalities, strict=True)]
            slots = zip(parent, anew, draws[: len(parent)], strict=True)
            return tuple(new if draw < rate else old for old, new, draw in slots)
        groups = [len(group.slots) for group in self._space.groups]
        if self._settings.group_first:
            group = int(draws[0] * len(groups))
            position = sum(groups[:group]) + int(draws[1] * groups[group])
        else:
            position = int(draws[0] * len(parent))
        cardinality = cardinalities[position]
        choice = int(draws[-1] * (cardinality - 1))
        choice = (choice + (choice >= parent[position])) % cardinality  # a single choice stays
        return (*parent[:position], choice, *parent[position + 1 :])

    def _draw(self, count: int) -> list[float]:
        return [self._stream.random() for _ in range(count)]


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

    def reject(self, rows: NDArray[np.int64]) -> None:
        """Propose again in these trials."""
        self._next = self._next.copy()
        population, told = self._settings.population, self._told
        if told < population:
            self._next[rows] = self._streams.indices(self._space.size, rows)
            return
        tournament, mutation = self._settings.draws(len(self._strides))
        draws = self._streams.uniform(tournament + mutation, rows)
        if self._settings.distinct:
            age = np.argsort(draws[:, :tournament], axis=1, kind="stable")[:, : self._settings.sample]
        else:
            age = (draws[:, :tournament] * population).astype(np.int64)
        # The oldest stands behind the newest.
        drawn = (age + told) % population + population * rows[:, None]
        best = np.argmax(self._accuracies.take(drawn), axis=1)
        parents = self._members.take(drawn[np.arange(len(rows)), best])
        self._next[rows] = self._mutated(parents, draws[:, tournament:])

    def tell(self, proposals: NDArray[np.int64], accuracies: NDArray[np.float64]) -> None:
        """Let the proposals join, each in the place of the oldest member, and propose again in all."""
        place = self._told % self._settings.population
        self._members[:, place], self._accuracies[:, place] = proposals, accuracies
        self._told += 1
        self.reject(self._rows)

    def _mutated(self, parents: NDArray[np.int64], draws: NDArray[np.float64]) -> NDArray[np.int64]:
        slots = len(self._strides)
        if self._settings.rate is not None:
            old = parents[:, None] // self._strides % self._cardinalities
            new = (draws[:, slots:] * self._cardinalities).astype(np.int64)
            change = np.where(draws[:, :slots] < self._settings.rate, new - old, 0)
            return np.asarray(parents + change @ self._strides)
        if self._settings.group_first:
            group = (draws[:, 0] * len(self._groups)).astype(np.int64)
            position = self._firsts[group] + (draws[:, 1] * self._groups[group]).astype(np.int64)
        else:
            position = (draws[:, 0] * slots).astype(np.int64)
        cardinality, stride = self._cardinalities[position], self._strides[position]
        choice = (draws[:, -1] * (cardinality - 1)).astype(np.int64)
        old = parents // stride % cardinality
        new = (choice + (choice >= old)) % cardinality  # a single choice stays
        return np.asarray(parents + (new - old) * stride)


def _method(preset: str) -> Method:
    settings, source, version = PRESETS[preset]
    title = f"regularized evolution, population {settings.population}, sample {settings.sample} ({source})"
    one = partial(RegularizedEvolution, settings=settings)
    many = partial(RegularizedEvolutionArrays, settings=settings)
    return Method(f"evolution-{preset}", title, one, many, version=version, random_first=settings.population)


METHODS = tuple(map(_method, PRESETS))
