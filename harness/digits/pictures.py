"""Digits made hard enough to tell small networks apart: scikit-learn's 8×8 pictures under strong noise.

300 digits train, 700 validate, 797 test; the division is drawn once. Pixels are standardised and get Gaussian noise of
their own standard deviation: fresh noise every time a digit is trained on, one fixed noise on validation and test.
Noise and order of training follow from the seed alone, so that every network of a seed is shown the same pictures.

Pictures come as the patches that a 4×4 convolution of stride 2 reads: it is the same first layer in every network, and
cutting them once saves doing so in every training. Arrays are (16 pixels of a patch, 16 positions, pictures).
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from harness.training.data.dataset import digits

TRAINING, VALIDATION = 300, 700  # digits; the rest tests
NOISE = 1.0  # standard deviations of a pixel
BATCH = 50
STEPS = 60
KERNEL, STRIDE, PADDING = 4, 2, 1  # of the first layer
SIDE = 4  # of what the first layer gives

Pictures: TypeAlias = NDArray[np.float32]
Labels: TypeAlias = NDArray[np.int64]

_DIVISION, _VALIDATION_NOISE, _TEST_NOISE, _TRAINING_NOISE = range(
    4
)  # streams of random numbers, apart from each other


class Part(NamedTuple):
    """Patches (16, 16, n) and labels (n,)."""

    patches: Pictures
    labels: Labels


@cache
def validation() -> Part:
    """700 digits under a noise that never changes."""
    return _noisy(_digits()[1], np.random.default_rng(_VALIDATION_NOISE))


@cache
def test() -> Part:
    """797 digits under a noise that never changes."""
    return _noisy(_digits()[2], np.random.default_rng(_TEST_NOISE))


def training(seed: int) -> tuple[Part, ...]:
    """The batches of one training in order: all 300 digits once, in an order of the seed's, then again.

    Raises:
        TrainingError: scikit-learn is not installed.
    """
    rng = np.random.default_rng((_TRAINING_NOISE, seed))
    pictures, labels = _digits()[0]
    passes = -(-STEPS * BATCH // TRAINING)
    order = np.concatenate([rng.permutation(TRAINING) for _ in range(passes)])[: STEPS * BATCH].reshape(STEPS, BATCH)
    return tuple(_noisy((pictures[batch], labels[batch]), rng) for batch in order)


@cache
def _digits() -> tuple[tuple[Pictures, Labels], ...]:
    """The three parts: standardised pictures (n, 8, 8) and labels (n,)."""
    arrays = digits()
    order = np.random.default_rng(_DIVISION).permutation(len(arrays.labels))
    pictures = arrays.images[order, :, :, 0].astype(np.float32)
    pictures = (pictures - pictures[:TRAINING].mean()) / pictures[:TRAINING].std()
    ends = (TRAINING, TRAINING + VALIDATION)
    return tuple(zip(np.split(pictures, ends), np.split(arrays.labels[order], ends), strict=True))


def _noisy(part: tuple[Pictures, Labels], rng: np.random.Generator) -> Part:
    pictures, labels = part
    return Part(patches(pictures + NOISE * rng.standard_normal(pictures.shape, dtype=np.float32)), labels)


def patches(pictures: Pictures) -> Pictures:
    """(n, 8, 8) → (16, 16, n): what the first layer reads at each of its positions."""
    padded = np.pad(pictures, ((0, 0), (PADDING, PADDING), (PADDING, PADDING)))
    windows = sliding_window_view(padded, (KERNEL, KERNEL), axis=(1, 2))[:, ::STRIDE, ::STRIDE]  # (n, 4, 4, 4, 4)
    return np.ascontiguousarray(windows.transpose(3, 4, 1, 2, 0).reshape(KERNEL * KERNEL, SIDE * SIDE, -1), np.float32)
