"""Published files that nobody published: the real formats at reduced size, with numbers made up from a seed."""

from __future__ import annotations

import json
import pickle
import random
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from types import ModuleType
from typing import Any

import pytest

from tables.schema import Architecture, Slot, Source, cardinalities
from tables.sources import analog_nasbench, channel_bench, nas_bench_201, nas_bench_macro

Entry = dict[str, Any]

CELL_SLOTS = tuple(Slot(edge, nas_bench_201.OPERATIONS[:2]) for edge in nas_bench_201.EDGES)
MACRO = replace(nas_bench_macro.NAS_BENCH_MACRO, slots=nas_bench_macro.NAS_BENCH_MACRO.slots[:3])
CHANNEL = replace(channel_bench.CHANNEL_BENCH_RESNET, slots=channel_bench.CHANNEL_BENCH_RESNET.slots[:2])
CELLS = replace(nas_bench_201.NAS_BENCH_201_CIFAR10, slots=CELL_SLOTS)
ANALOG = replace(analog_nasbench.ANALOG_NASBENCH, slots=CELL_SLOTS)


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


def analog_cells() -> dict[tuple[int, ...], float]:
    """Accuracies under the wheel's own keys, for cells of skip_connect (0) and none (1)."""
    return {key: 10.0 + row for row, key in enumerate(product(range(2), repeat=6))}


def analog_pickle(monkeypatch: pytest.MonkeyPatch, change: Callable[[dict[Any, Any]], None] | None = None) -> bytes:
    """What the wheel ships, at reduced size; the classes it names exist only while it is written."""
    module = ModuleType("analognasbench.data")
    architecture = type("Architecture", (), {"__module__": module.__name__})
    drift = type("DriftMeasurement", (), {"__module__": module.__name__})
    vars(module).update(Architecture=architecture, DriftMeasurement=drift)
    cells: dict[Any, Any] = {}
    for key, accuracy in analog_cells().items():
        cells[key] = architecture()
        vars(cells[key]).update(architecture=key, baseline_accuracy=accuracy, baseline_drift_60=drift())
    if change is not None:
        change(cells)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "analognasbench", ModuleType("analognasbench"))
        patch.setitem(sys.modules, module.__name__, module)
        return pickle.dumps(cells, protocol=4)
