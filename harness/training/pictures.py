"""Pictures on the device, in batches: arrays go there once, normalised; folders are read by worker processes.

An order and an augmentation follow from (seed, epoch), drawn on the CPU: they are the same on every device, for every
number of workers, and after a training was killed and taken up again.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Protocol, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, default_collate
from torch.utils.data import Dataset as MapStyle

from harness.errors import TrainingError, Unwell
from harness.training.data.dataset import Arrays, Dataset, Indices, check, parts, steps
from harness.training.data.image_folder import Folder
from harness.training.recipes import Recipe

FITS = 0.5  # of a GPU's free memory: pictures that would take more stay outside
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of folders, on the scale of 0 to 1

Batch: TypeAlias = tuple[Tensor, Tensor]
"""Pictures (B, C, H, W), channels last in memory, and labels (B,); both on the device."""


class Part(Protocol):
    """The pictures that train, that validate, or that test."""

    def __len__(self) -> int:
        """How many there are."""

    def shuffled(self, seed: int, epoch: int) -> Iterator[Batch]:
        """All once, in an order and with an augmentation of this epoch's own."""

    def ordered(self) -> Iterator[Batch]:
        """All once, as they are."""


class Data(NamedTuple):
    """A data set, divided and brought to one device for one recipe."""

    train: Part
    validation: Part
    test: Part
    classes: int
    channels: int


def prepare(dataset: Dataset, recipe: Recipe, device: torch.device, *, workers: int = 0) -> Data:
    """Divide a data set and bring it to a device.

    Args:
        dataset: the pictures.
        recipe: of which split, input size, batch size and augmentation count here.
        device: where the network will be.
        workers: processes that read a folder; with 0 this one does.

    Raises:
        InvalidJob: the recipe does not suit the data set (`harness.training.data.dataset.check`).
    """
    count = len(dataset.labels) - dataset.own_test
    check(recipe, count=count, own_test=dataset.own_test, folder=isinstance(dataset, Folder))
    divided = parts(dataset, recipe.split)
    if isinstance(dataset, Folder):
        train, validation, test = (InFiles(dataset, part, recipe, device, workers) for part in divided)
        return Data(train, validation, test, dataset.classes, dataset.channels)
    std, mean = torch.std_mean(_scaled(dataset, divided.train, recipe.input_size), dim=(0, 1, 2))
    padding = recipe.input_size // 8 if recipe.augmentation == "crop-flip" else 0

    def part(numbers: Indices, padding: int) -> InMemory:
        images = functional.pad(_scaled(dataset, numbers, recipe.input_size), (0, 0, *(padding,) * 4))  # with black
        images.sub_(mean).div_(std.clamp_min(1e-6))  # a channel may be constant
        return InMemory(images, torch.from_numpy(dataset.labels[numbers]), padding, recipe.batch_size, device)

    shown = (part(divided.train, padding), part(divided.validation, 0), part(divided.test, 0))
    return Data(*shown, dataset.classes, dataset.channels)


def _scaled(dataset: Arrays, numbers: Indices, side: int) -> Tensor:
    """Pictures as float32, at this side: (N, side, side, C)."""
    images = torch.from_numpy(dataset.images[numbers]).float()
    if images.shape[1] == side:
        return images
    moved = functional.interpolate(images.permute(0, 3, 1, 2), (side, side), mode="bilinear", antialias=True)
    return moved.permute(0, 2, 3, 1).contiguous()


# -- in memory ---


class InMemory:
    """Normalised pictures, (N, H + 2 · padding, W + 2 · padding, C), on the device where they fit."""

    def __init__(self, images: Tensor, labels: Tensor, padding: int, batch_size: int, device: torch.device) -> None:
        fits = device.type != "cuda" or images.nbytes < FITS * torch.cuda.mem_get_info(device)[0]
        self._images, self._labels = (each.to(device) if fits else each for each in (images, labels))
        self._padding, self._batch_size, self._device = padding, batch_size, device

    def __len__(self) -> int:
        return len(self._labels)

    def shuffled(self, seed: int, epoch: int) -> Iterator[Batch]:
        """As in `Part`; with padding, cropped at random places and mirrored at random."""
        generator = torch.Generator().manual_seed(_mixed(seed, epoch))
        order = torch.randperm(len(self), generator=generator)
        places = torch.randint(2 * self._padding + 1, (len(self), 2), generator=generator)
        mirrored = torch.randint(2, (len(self), 1), generator=generator)
        moves = torch.cat((places, mirrored), 1).to(self._images.device)  # in the order of the pictures
        for chosen in _dealt(order.to(self._images.device), self._batch_size):
            images = self._moved(chosen, moves) if self._padding else self._images.index_select(0, chosen)
            yield self._batch(images, self._labels.index_select(0, chosen))

    def ordered(self) -> Iterator[Batch]:
        """As in `Part`."""
        inside = slice(self._padding, self._images.shape[1] - self._padding)
        for chosen in _dealt(torch.arange(len(self)), self._batch_size):
            these = slice(int(chosen[0]), int(chosen[-1]) + 1)
            yield self._batch(self._images[these, inside, inside], self._labels[these])

    def _moved(self, chosen: Tensor, moves: Tensor) -> Tensor:
        """Crops that begin at the pictures' own places, mirrored or not: (B, H, W, C)."""
        side = torch.arange(self._images.shape[1] - 2 * self._padding, device=self._images.device)
        top, left, mirrored = moves[chosen].T[:, :, None]  # (B, 1) each
        columns = left + torch.where(mirrored == 1, side.flip(0), side)  # (B, W)
        return self._images[chosen[:, None, None], (top + side)[:, :, None], columns[:, None, :]]

    def _batch(self, images: Tensor, labels: Tensor) -> Batch:
        images = images.to(self._device, non_blocking=True).permute(0, 3, 1, 2)
        return images, labels.to(self._device, non_blocking=True)


# -- in files ---

_Asked: TypeAlias = tuple[int, str | None]  # number of a picture, and what seeds its augmentation, if it has one


_Read: TypeAlias = tuple[Tensor, int] | TrainingError  # a picture and its label, or why there is none


class InFiles(MapStyle[_Read]):
    """Pictures of a folder, read as they are asked for, in worker processes that live for one pass."""

    def __init__(self, folder: Folder, numbers: Indices, recipe: Recipe, device: torch.device, workers: int) -> None:
        self._folder, self._numbers, self._recipe = folder, torch.from_numpy(numbers), recipe
        self._device, self._workers = device, workers

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, asked: _Asked) -> _Read:
        number, seed = asked
        try:
            if seed is None or self._recipe.augmentation == "none":
                image = self._folder.centre(number, self._recipe.input_size)
            else:
                image = self._folder.crop(number, self._recipe.input_size, random.Random(seed))
        except TrainingError as error:  # raised here, it would leave the process with its traceback in the message
            return error
        return torch.from_numpy(image.copy()), int(self._folder.labels[number])

    def shuffled(self, seed: int, epoch: int) -> Iterator[Batch]:
        """As in `Part`; with the recipe's augmentation, cut at random and mirrored at random."""
        generator = torch.Generator().manual_seed(_mixed(seed, epoch))
        order = torch.randperm(len(self), generator=generator)
        numbers = self._dealt(self._numbers[order])
        return self._read([(number, f"{seed}/{epoch}/{number}") for number in batch] for batch in numbers)

    def ordered(self) -> Iterator[Batch]:
        """As in `Part`: the centres."""
        return self._read([(number, None) for number in batch] for batch in self._dealt(self._numbers))

    def _dealt(self, numbers: Tensor) -> Iterator[list[int]]:
        return (batch.tolist() for batch in _dealt(numbers, self._recipe.batch_size))

    def _read(self, asked: Iterable[list[_Asked]]) -> Iterator[Batch]:
        """One batch a list; raises Unwell if the processes that read die, and what the folder raises."""
        mean, std = (255 * torch.tensor(each, device=self._device) for each in (IMAGENET_MEAN, IMAGENET_STD))
        for images, labels in self._loaded(asked):
            moved = images.to(self._device, non_blocking=True).float().sub_(mean).div_(std)
            yield moved.permute(0, 3, 1, 2), labels.to(self._device, non_blocking=True)

    def _loaded(self, asked: Iterable[list[_Asked]]) -> Iterator[Batch]:
        pinned = self._device.type == "cuda"
        try:
            for batch in DataLoader(
                self, batch_sampler=asked, num_workers=self._workers, pin_memory=pinned, collate_fn=_collated
            ):
                if isinstance(batch, TrainingError):
                    raise batch
                yield batch
        except (RuntimeError, OSError) as error:
            said = str(error).strip().rpartition("\n")[2]  # above it stands another process's traceback
            raise Unwell(
                f"expected {self._workers} processes to read pictures, got: {said}; they need room in /dev/shm: make "
                "it larger (docker run --shm-size), or read without them: --workers 0"
            ) from error


def _collated(read: list[_Read]) -> Any:
    """A batch, or why there is none."""
    return next((each for each in read if isinstance(each, TrainingError)), None) or default_collate(read)


def _dealt(order: Tensor, batch_size: int) -> tuple[Tensor, ...]:
    """Parts of at most `batch_size`, equal give or take one: no stray picture is a batch of its own."""
    return order.tensor_split(steps(len(order), batch_size)) if len(order) else ()


def _mixed(seed: int, epoch: int) -> int:
    """32 bits from both: torch's generator on the CPU hears no more."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{epoch}".encode()).digest()[:4], "big")
