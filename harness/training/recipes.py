"""Training recipes by name, each with its source: optimisation, augmentation, input size, and the split of the data.

All train with SGD, a learning rate that falls to zero along half a cosine, one step at a time, and cross-entropy;
weight decay acts on every parameter. `msgspec.structs.replace` makes a variant of a recipe.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec
from msgspec.structs import replace

from genius_replay.advice import unknown
from harness.errors import InvalidJob, TrainingError

Augmentation: TypeAlias = Literal["none", "crop-flip", "resized-crop-flip"]
"""What is done to a training picture each time it is seen.

`crop-flip` pads with black by an eighth of the side (4 at side 32), crops at random and mirrors one time in two;
`resized-crop-flip` cuts a random 8 % to 100 % of the picture at an aspect ratio from 3:4 to 4:3 (Szegedy et al. 2015),
scales it to the input size and mirrors likewise. Pictures in a folder allow the latter, arrays the former.
"""


SMALLEST = 4  # side of pictures: networks that halve it twice are left with a position


class Split(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of a data set's pictures trains, which validates and which tests; a picture is in one part at most.

    The three are fractions of the pictures that the data set does not set aside itself. `test` is 0 where it does: then
    its own test pictures test. The parts need not add up to 1. `validation` 0 leaves none, for recipes that had none.
    Which picture goes where follows from the digest of the data set and `seed` alone
    (`harness.training.data.dataset.parts`).

    Raises:
        InvalidJob: if the fractions are no fractions, or together exceed 1.
    """

    train: float
    validation: float
    test: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        fractions = (self.train, self.validation, self.test)
        if not self.train > 0 or min(fractions) < 0 or sum(fractions) > 1 + 1e-9:
            raise InvalidJob(
                "a split expects three fractions from 0 on, the first above 0, that add up to 1 at most, got "
                f"train {self.train}, validation {self.validation}, test {self.test}: mend the split"
            )


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a network is trained.

    Attributes:
        split: which pictures train, validate, and test.
        input_size: side of the square pictures that enter the network, in pixels, from 4 on; others are scaled to it.
        epochs: how often each training picture is seen.
        batch_size: pictures a step at most; an epoch is dealt into batches of equal size, give or take one.
        learning_rate: of the first step.
        weight_decay: of all parameters.
        momentum: of SGD.
        nesterov: whether the momentum is Nesterov's.
        augmentation: what is done to training pictures.
        mixed_precision: on a GPU, run the network under autocast to bfloat16; a CPU computes in float32 all the same.

    Raises:
        InvalidJob: if a number is out of range.
    """

    split: Split
    input_size: int
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    momentum: float = 0.9
    nesterov: bool = False
    augmentation: Augmentation = "none"
    mixed_precision: bool = False

    def __post_init__(self) -> None:
        for name, least in (("input_size", SMALLEST), ("epochs", 1), ("batch_size", 2)):
            if getattr(self, name) < least:
                raise InvalidJob(f"a recipe expects {name} from {least} on, got {getattr(self, name)}: mend the recipe")
        for name in ("learning_rate", "weight_decay", "momentum"):
            if not 0 <= getattr(self, name) < math.inf:
                raise InvalidJob(f"a recipe expects {name} from 0 on, got {getattr(self, name)}: mend the recipe")
        if self.nesterov and self.momentum == 0:
            raise InvalidJob("Nesterov's momentum expects a momentum above 0, got 0: mend the recipe")


DIGITS = Recipe(
    split=Split(train=0.5, validation=0.25, test=0.25),
    input_size=8,
    epochs=10,
    batch_size=64,
    learning_rate=0.1,
    weight_decay=5e-4,
    nesterov=True,
)
"""This project's own: the 8×8 digits of scikit-learn, seconds on one core of a CPU."""

GENIUS_IMAGENET = Recipe(
    split=Split(train=0.99, validation=0.01),
    input_size=196,
    epochs=20,
    batch_size=1024,
    learning_rate=0.5,
    weight_decay=1e-4,
    augmentation="resized-crop-flip",
    mixed_precision=True,
)
"""The search recipe of GENIUS on ImageNet (arXiv:2304.10970).

The paper states SGD with momentum 0.9, learning rate 0.5 along a cosine, weight decay 1e-4, batch 1024, 20 epochs,
input 196, and 1 % of the training set for validation; the official validation set tests. Filled in here: the usual
augmentation of ImageNet, and mixed precision, which is how a GPU of today trains.
"""

NAS_BENCH_MACRO = Recipe(
    split=Split(train=1.0, validation=0.0),
    input_size=32,
    epochs=50,
    batch_size=256,
    learning_rate=0.1,
    weight_decay=5e-4,
    augmentation="crop-flip",
)
"""NAS-Bench-Macro (Su et al. 2021, arXiv:2103.11922): 50 epochs, batch 256, cosine, on all of CIFAR-10's training set.

Filled in here, as in Channel-Bench-Macro by the same authors: SGD with learning rate 0.1, momentum 0.9, weight decay
5e-4, and the usual augmentation of CIFAR-10.
"""

CHANNEL_BENCH_MACRO = replace(NAS_BENCH_MACRO, epochs=60)
"""Channel-Bench-Macro (github.com/xiusu/Channel-Bench-Macro): 60 epochs, SGD 0.1, momentum 0.9, decay 5e-4, batch 256.

Filled in here: the cosine and the usual augmentation of CIFAR-10.
"""

NAS_BENCH_201 = replace(NAS_BENCH_MACRO, split=Split(train=0.5, validation=0.5), epochs=200, nesterov=True)
"""NAS-Bench-201 (Dong & Yang 2020, arXiv:2001.00326, its hyper-parameter set H†), with its halves of CIFAR-10's train.

Which picture is in which half is this project's own draw, not the benchmark's list.
"""

RECIPES: Mapping[str, Recipe] = {
    "digits": DIGITS,
    "genius-imagenet": GENIUS_IMAGENET,
    "nas-bench-macro": NAS_BENCH_MACRO,
    "channel-bench-macro": CHANNEL_BENCH_MACRO,
    "nas-bench-201": NAS_BENCH_201,
}


def find(name: str) -> Recipe:
    """The recipe of this name.

    Raises:
        TrainingError: if there is none.
    """
    if name not in RECIPES:
        raise TrainingError(unknown("recipe", name, RECIPES))
    return RECIPES[name]
