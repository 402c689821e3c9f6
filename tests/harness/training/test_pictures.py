"""Pictures on the device: every one once an epoch, normalised, cut and mirrored as the recipe says."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from msgspec.structs import replace

from harness.errors import InvalidJob
from harness.training import data as datasets
from harness.training import recipes
from harness.training.recipes import Split
from tests.harness.training.data.test_image_folder import fill

torch = pytest.importorskip("torch", reason="training needs torch: install the extra `train`")

from harness.training.pictures import prepare  # noqa: E402 - needs torch

CPU = torch.device("cpu")
DIGITS = datasets.find("digits")
RECIPE = recipes.DIGITS


def cifar_like(path: Path, side: int = 16) -> Path:
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        for part, count in (("train", 60), ("test", 20)):
            file[f"y_{part}"] = np.arange(count) % 4
            shades = 60 * file[f"y_{part}"][()][:, None, None, None]
            file[f"x_{part}"] = (shades + rng.integers(0, 20, (count, side, side, 3))).astype(np.uint8)
    return path


def test_every_picture_is_seen_once_an_epoch_in_batches_of_one_size() -> None:
    data = prepare(DIGITS, RECIPE, CPU)
    orders = []
    for epoch in range(2):
        batches = list(data.train.shuffled(0, epoch))
        sizes = {len(labels) for _, labels in batches}
        assert max(sizes) <= RECIPE.batch_size
        assert max(sizes) - min(sizes) <= 1
        orders.append(torch.cat([images.flatten(1).sum(1) for images, _ in batches]))
    whole = torch.cat([images.flatten(1).sum(1) for images, _ in data.train.ordered()])
    assert all(torch.equal(order.sort().values, whole.sort().values) for order in orders)
    assert not torch.equal(*orders)


def test_pictures_are_normalised_and_channels_last(tmp_path: Path) -> None:
    dataset = datasets.find("arrays", cifar_like(tmp_path / "a.h5"))
    data = prepare(dataset, replace(RECIPE, split=Split(1.0, 0.0), augmentation="crop-flip", input_size=16), CPU)
    batches = [images for images, _ in data.train.ordered()]
    whole = torch.cat(batches)
    torch.testing.assert_close(whole.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(whole.std((0, 2, 3)), torch.ones(3), atol=1e-3, rtol=0)
    for images, _ in data.train.shuffled(0, 0):
        assert images.shape[1:] == (3, 16, 16)
        assert images.is_contiguous(memory_format=torch.channels_last)


def test_crops_are_cut_from_the_padded_picture_and_mirrored(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    ramp = np.arange(1, 65, dtype=np.uint8).reshape(1, 8, 8, 1).repeat(40, axis=0)
    with h5py.File(path, "w") as file:
        file["x_train"], file["y_train"] = ramp, np.arange(40) % 2
        file["x_test"], file["y_test"] = ramp[:1], [0]
    recipe = replace(RECIPE, split=Split(1.0, 0.0), augmentation="crop-flip", batch_size=40)
    data = prepare(datasets.find("arrays", path), recipe, CPU)
    (black,) = {float(v) for v in (0 - ramp.mean(dtype=np.float64),) / ramp.reshape(-1).std(ddof=1)}
    padded = torch.from_numpy(np.pad(ramp[0, :, :, 0], 1).astype(np.float64))
    possible = [padded[top : top + 8, left : left + 8] for top in range(3) for left in range(3)]
    possible += [crop.flip(1) for crop in possible]
    std = ramp.reshape(-1).std(ddof=1)
    seen = set()
    (batch,) = data.train.shuffled(0, 0)
    for image in batch[0][:, 0].double():
        matches = [n for n, crop in enumerate(possible) if torch.allclose(image, crop / std + black, atol=1e-4)]
        assert len(matches) == 1
        seen.add(matches[0])
    assert len(seen) > 10


def test_pictures_are_scaled_to_the_input_size(tmp_path: Path) -> None:
    dataset = datasets.find("arrays", cifar_like(tmp_path / "a.h5"))
    data = prepare(dataset, replace(RECIPE, split=Split(0.5, 0.5), input_size=8), CPU)
    assert all(images.shape[1:] == (3, 8, 8) for images, _ in data.validation.ordered())


@pytest.mark.parametrize("name", ["arrays", "imagenet"])
def test_an_augmentation_that_does_not_suit_the_pictures_is_refused(name: str, tmp_path: Path) -> None:
    path = cifar_like(tmp_path / "a.h5") if name == "arrays" else fill(tmp_path)
    wrong = recipes.GENIUS_IMAGENET if name == "arrays" else recipes.NAS_BENCH_201
    with pytest.raises(InvalidJob, match=f"or none, got {wrong.augmentation}"):
        prepare(datasets.find(name, path), wrong, CPU)
