"""Published files that nobody published: the real formats at reduced size, with numbers made up from a seed."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from harness import spaces
from harness.spaces import nas_bench_201
from tables import storage
from tables.published import columns
from tables.source import Origin, Source
from tables.space import Architecture, Group, Notation, Slot, Space
from tables.storage import Columns

Entry = dict[str, Any]


@dataclass(frozen=True)
class Made(Source):
    """A source with the format of its file."""

    format: str = ""


def _first(space: Space, count: int) -> Space:
    """The space of the first slots of another, which writes one digit a slot."""
    return Space(
        space.name,
        space.title,
        (Group("Slots", space.slots[:count]),),
        first_symbol=space.first_symbol,
        notation=Notation("{}" * count),
    )


PUBLISHED = {
    each.name: Made(
        each.name,
        each.space,
        each.measure,
        Origin("github.com/mingkai-zheng/GENIUS", "97361d30", str(each.path), each.licence),
        each.format,
    )
    for each in spaces.tables()
}
MACRO = PUBLISHED["nas-bench-macro"]
MACRO = replace(MACRO, space=_first(MACRO.space, 3))
CHANNEL = PUBLISHED["channel-bench-resnet"]
CHANNEL = replace(CHANNEL, space=_first(CHANNEL.space, 2))
CELLS = replace(
    PUBLISHED["nas-bench-201-cifar10"],
    space=replace(
        nas_bench_201.SPACE,
        groups=(Group("Cell", tuple(Slot(each.name, each.choices[:2]) for each in nas_bench_201.SPACE.slots)),),
        largest=None,
        form=None,
        networks=None,
    ),
)


def architecture_of(key: str, source: Source) -> Architecture:
    """The architecture that a published key stands for."""
    return source.space.from_native(key)


def read(data: bytes, source: Made) -> Columns:
    """The columns of a file."""
    return columns(data, source, source.format)


def build(data: bytes, source: Made, folder: Path) -> Path:
    """The table of a file."""
    return storage.build(source, read(data, source), data, folder)


def published(source: Source, seed: int = 0) -> dict[str, Entry]:
    """The entries of a JSON source, keys in an order of their own."""
    rng = random.Random(seed)
    architectures = list(product(*map(range, source.space.cardinalities)))
    rng.shuffle(architectures)
    keys = [source.space.to_native(architecture) for architecture in architectures]
    if source is CELLS:
        tests = [rng.choice((50.0, 60.5, 70.25)) for _ in keys]  # many ties
        ranked = sorted(range(len(keys)), key=lambda k: -tests[k])
        return {
            key: {"val_acc_200": rng.uniform(10, 95), "test_acc_200": tests[k], "rank": ranked.index(k) + 1}
            for k, key in enumerate(keys)
        }
    runs_field, mean_field = ("test_acc", "mean_acc") if source is MACRO else ("acc", "mean")
    return {key: _trained(rng, runs_field, mean_field) for key in keys}


def _trained(rng: random.Random, runs_field: str, mean_field: str) -> Entry:
    runs = [float(rng.randrange(60, 70)) for _ in range(3)]
    return {
        runs_field: runs,
        mean_field: sum(runs) / 3,
        "std": 0.5,
        "params": rng.randrange(1, 10**7),
        "flops": rng.randrange(1, 10**9),
    }


def published_bytes(source: Source, seed: int = 0) -> bytes:
    """A JSON source as its authors would have published it."""
    return json.dumps(published(source, seed)).encode()
