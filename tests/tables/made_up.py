"""Published files that nobody published: the real formats at reduced size, with numbers made up from a seed."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from itertools import product
from typing import Any

from tables.schema import Architecture, Slot, Source, cardinalities
from tables.sources import channel_bench, nas_bench_201, nas_bench_macro

Entry = dict[str, Any]

CELL_SLOTS = tuple(Slot(edge, nas_bench_201.OPERATIONS[:2]) for edge in nas_bench_201.EDGES)
MACRO = replace(nas_bench_macro.NAS_BENCH_MACRO, slots=nas_bench_macro.NAS_BENCH_MACRO.slots[:3])
CHANNEL = replace(channel_bench.CHANNEL_BENCH_RESNET, slots=channel_bench.CHANNEL_BENCH_RESNET.slots[:2])
CELLS = replace(nas_bench_201.NAS_BENCH_201_CIFAR10, slots=CELL_SLOTS)


def architecture_of(key: str, source: Source) -> Architecture:
    """The architecture that a published key stands for."""
    architecture = source.codec.decode(key, source.slots)
    assert architecture is not None
    return architecture


def published(source: Source, seed: int = 0) -> dict[str, Entry]:
    """The entries of a JSON source, keys in an order of their own."""
    rng = random.Random(seed)
    architectures = list(product(*map(range, cardinalities(source.slots))))
    rng.shuffle(architectures)
    keys = [source.codec.encode(architecture, source.slots) for architecture in architectures]
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
