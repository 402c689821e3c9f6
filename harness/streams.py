"""Random numbers that depend on (seed, trial, number of the draw) alone, for one trial or for many at once.

SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators"): draw n of a trial is a mix of
the trial's key plus n times a constant, so that all trials can be drawn as arrays and each is still the same stream.
"""

from __future__ import annotations

import random

import numpy as np
from numpy.typing import NDArray

_GAMMA = 0x9E3779B97F4A7C15
_MASK = 2**64 - 1
_UNIT = 2.0**-53  # a double holds 53 bits


def _mix(z: int) -> int:
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def _mix_array(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """`_mix` in place."""
    z ^= z >> np.uint64(30)
    z *= np.uint64(0xBF58476D1CE4E5B9)
    z ^= z >> np.uint64(27)
    z *= np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return z


def key_of_seed(seed: int) -> int:
    """The 64 bits that the streams of a seed have in common."""
    return _mix((seed + _GAMMA) & _MASK)


class Stream(random.Random):
    """The stream of one trial, with everything that `random.Random` offers; `random()` is one draw.

    >>> Stream(seed=0, trial=7).random() == Stream(seed=0, trial=7).random()
    True
    """

    def __new__(cls, *_seed_and_trial: int, **_named: int) -> Stream:
        """Python 3.10 takes one argument at most here, to seed what is not used."""
        return super().__new__(cls)

    def __init__(self, seed: int, trial: int) -> None:
        self._key = _mix((key_of_seed(seed) + (trial + 1) * _GAMMA) & _MASK)
        self._drawn = 0
        super().__init__()

    def seed(self, *args: object, **kwargs: object) -> None:
        """Does nothing: the stream is fixed by seed and trial."""

    def random(self) -> float:
        """The next number in [0, 1)."""
        return (self.getrandbits(64) >> 11) * _UNIT

    def getrandbits(self, k: int, /) -> int:
        """The next k bits; every 64 of them are one draw."""
        bits = 0
        for _ in range(0, k, 64):
            self._drawn += 1
            bits = bits << 64 | _mix((self._key + self._drawn * _GAMMA) & _MASK)
        return bits >> (-k % 64)

    def numpy(self) -> np.random.Generator:
        """A numpy generator that is fixed by seed and trial too."""
        return np.random.default_rng(self._key)


class Streams:
    """The streams of many trials, in step or each at its own pace."""

    def __init__(self, seed: int, trials: range) -> None:
        numbers = np.arange(trials.start + 1, trials.stop + 1, trials.step, dtype=np.uint64)
        self._keys = _mix_array(np.uint64(key_of_seed(seed)) + numbers * np.uint64(_GAMMA))
        self._drawn = np.zeros(len(trials), dtype=np.uint64)

    def __len__(self) -> int:
        return len(self._keys)

    def uniform(self, count: int, rows: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
        """The next `count` numbers in [0, 1) of every trial, or of these, as (trials, count); only they move on."""
        these = slice(None) if rows is None else rows
        steps: NDArray[np.uint64] = np.add.outer(self._drawn[these], np.arange(1, count + 1, dtype=np.uint64))
        steps *= np.uint64(_GAMMA)
        steps += self._keys[these, None]
        bits = _mix_array(steps)
        bits >>= np.uint64(11)
        self._drawn[these] += np.uint64(count)
        return np.asarray(np.multiply(bits, _UNIT))

    def indices(self, bound: int, rows: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """One draw below `bound` for every trial, or for these, as (trials,)."""
        return (self.uniform(1, rows)[:, 0] * bound).astype(np.int64)
