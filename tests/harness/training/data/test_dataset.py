"""Data sets have a digest of their content, and divide the same way everywhere."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import InvalidJob, MalformedData, TrainingError
from harness.training import data as datasets
from harness.training.data.dataset import Arrays, parts
from harness.training.recipes import Split

DIGITS = "sha256:03d6893f478b843f55eb4b7ec06ca2df043eff9a8b8b0dd1eb68cb3752a474bf"


def arrays(count: int = 100, own_test: int = 0) -> Arrays:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    return Arrays(images, np.arange(count) % 5, classes=5, own_test=own_test)


# -- parts ---


@given(st.integers(40, 200), st.integers(0, 9), st.integers(0, 2**32 - 1), st.floats(0.1, 0.8), st.floats(0.1, 0.2))
@settings(max_examples=30)
def test_a_picture_is_in_one_part_at_most(count: int, own: int, seed: int, train: float, validation: float) -> None:
    split = Split(train, validation, 0.0 if own else 1 - train - validation, seed)
    divided = parts(arrays(count, own), split)
    everything = np.concatenate((divided.train, divided.validation, divided.test))
    assert len(np.unique(everything)) == len(everything)
    assert abs(len(divided.train) - train * (count - own)) <= 0.5
    if own:
        assert list(divided.test) == list(range(count - own, count))
    else:
        assert len(everything) == count


def test_a_division_is_pinned() -> None:
    """Every stored result depends on it."""
    divided = parts(arrays(10), Split(0.5, 0.3, 0.2))
    assert [part.tolist() for part in (divided.train, divided.validation, divided.test)] == [
        [1, 2, 3, 5, 6],
        [4, 8, 9],
        [0, 7],
    ]


def test_a_division_depends_on_seed_and_content() -> None:
    one = parts(arrays(), Split(0.5, 0.25, 0.25))
    other = parts(arrays(), Split(0.5, 0.25, 0.25, seed=1))
    changed = arrays()
    changed.images[0, 0, 0, 0] ^= 1
    assert one.train.tolist() != other.train.tolist()
    assert one.train.tolist() != parts(changed, Split(0.5, 0.25, 0.25)).train.tolist()


def test_fractions_need_not_use_every_picture() -> None:
    divided = parts(arrays(), Split(0.1, 0.2, 0.3))
    assert [len(divided.train), len(divided.validation), len(divided.test)] == [10, 20, 30]


@pytest.mark.parametrize(
    ("own", "split", "message"),
    [
        (0, Split(0.5, 0.5), "no test pictures of its own, and the split asks for a fraction of 0.0: give the split"),
        (10, Split(0.5, 0.25, 0.25), "10 test pictures of its own, and the split asks for a fraction of 0.25: set"),
        (10, Split(0.001, 0.5), "no picture of 90 for train"),
        (10, Split(0.5, 0.001), "no picture of 90 for validation"),
    ],
)
def test_a_split_that_does_not_suit_the_data_is_refused(own: int, split: Split, message: str) -> None:
    with pytest.raises(InvalidJob, match=message):
        parts(arrays(own_test=own), split)


# -- digests ---


def test_a_digest_covers_everything() -> None:
    one = arrays()
    pixels, labels = one.images.copy(), one.labels.copy()
    pixels[7, 1, 2, 0] ^= 1
    labels[7] = (labels[7] + 1) % 5
    changes = (replace(one, images=pixels), replace(one, labels=labels), replace(one, classes=6), arrays(own_test=1))
    digests = {one.digest, *(other.digest for other in changes)}
    assert len(digests) == 5
    assert replace(one, labels=one.labels.astype(np.int32)).digest == one.digest


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((2, 4, 4, 3)), np.zeros(2, int), "got float64 of shape"),
        (np.zeros((2, 4, 5, 3), np.uint8), np.zeros(2, int), r"got uint8 of shape \(2, 4, 5, 3\)"),
        (np.zeros((2, 4, 4), np.uint8), np.zeros(2, int), r"got uint8 of shape \(2, 4, 4\)"),
        (np.zeros((2, 4, 4, 1), np.uint8), np.zeros(3, int), "expected 2 labels"),
        (np.zeros((2, 4, 4, 1), np.uint8), np.zeros(2), "got float64"),
        (np.zeros((2, 4, 4, 1), np.uint8), np.array([0, 5]), "expected labels from 0 to 4, got 0 to 5"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(images: object, labels: object, message: str) -> None:
    with pytest.raises(MalformedData, match=message):
        Arrays(images, labels, classes=5)  # type: ignore[arg-type]


# -- by name ---


def test_the_digits_are_those_that_everybody_has() -> None:
    digits = datasets.find("digits")
    assert digits.digest == DIGITS
    assert (len(digits.labels), digits.classes, digits.channels, digits.own_test) == (1797, 10, 1, 0)


def test_an_unknown_data_set_is_refused_with_those_there_are() -> None:
    with pytest.raises(TrainingError, match="'mnist'; there are digits, cifar10, cifar100, arrays, imagenet"):
        datasets.find("mnist")


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "arrays", "imagenet"])
def test_a_place_that_is_missing_is_asked_for(name: str, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=f"{name} needs .* name it with --data PATH"):
        datasets.find(name)
    with pytest.raises(TrainingError, match="expected"):
        datasets.find(name, tmp_path / "nothing")


def test_the_command_prints_a_digest() -> None:
    command = [sys.executable, "-m", "harness.training", "--digest"]
    done = subprocess.run([*command, "digits"], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, DIGITS)
    done = subprocess.run([*command, "cifar10"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--data PATH" in done.stderr
