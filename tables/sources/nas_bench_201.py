"""NAS-Bench-201 (Dong & Yang 2020, arXiv:2001.00326): 15,625 cells on three data sets, validation and test.

The published string names each edge by the node it comes from; an architecture lists the same six edges in the same
order: 0→1; 0→2, 1→2; 0→3, 1→3, 2→3. Accuracies are those after 200 epochs.
"""

from __future__ import annotations

import re

import numpy as np

from tables.schema import Architecture, Codec, Columns, Measure, Origin, Slot, Source
from tables.sources.checking import read_entries, refuse

EDGES = ("0→1", "0→2", "1→2", "0→3", "1→3", "2→3")
OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
KEY = re.compile(r"\|(\w+)~0\|\+\|(\w+)~0\|(\w+)~1\|\+\|(\w+)~0\|(\w+)~1\|(\w+)~2\|")
FIELDS = ("val_acc_200", "test_acc_200", "rank")
SLOTS = tuple(Slot(edge, OPERATIONS) for edge in EDGES)


def _decode(key: str, slots: tuple[Slot, ...]) -> Architecture | None:
    match = KEY.fullmatch(key)
    if match is None:
        return None
    edges = tuple(zip(match.groups(), slots, strict=True))
    if not all(operation in slot.choices for operation, slot in edges):
        return None
    return tuple(slot.choices.index(operation) for operation, slot in edges)


def _encode(architecture: Architecture, slots: tuple[Slot, ...]) -> str:
    a, b, c, d, e, f = (slot.choices[choice] for choice, slot in zip(architecture, slots, strict=True))
    return f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"


CODEC = Codec(_decode, _encode)


def read(data: bytes, source: Source) -> Columns:
    """Validation is what a search is told; test and its published rank are held out.

    Raises:
        MalformedSource: the file is not the whole benchmark, or its ranks do not order the test accuracies.
    """
    entries = read_entries(data, source, FIELDS)
    test, rank = entries.percentages("test_acc_200"), entries.counts("rank")
    best_first = np.argsort(rank)
    if not np.array_equal(rank[best_first], np.arange(1, rank.size + 1)):
        refuse(source, f"rank is not every number from 1 to {rank.size} once")
    if np.any(np.diff(test[best_first]) > 0):
        refuse(source, "rank does not order test_acc_200")
    return Columns(
        accuracy=entries.percentages("val_acc_200"),
        file_order=entries.rows,
        test=test,
        published_rank=rank.astype(np.int32),
    )


def _source(name: str, path: str) -> Source:
    return Source(
        name=name,
        measure=Measure.VALIDATION,
        slots=SLOTS,
        origin=Origin(
            repository="github.com/mingkai-zheng/GENIUS",
            revision="97361d30b2da337edd0c8e1ed71b7c88b4a85d38",
            path=path,
            licence="none stated there",
        ),
        codec=CODEC,
        read=read,
    )


NAS_BENCH_201_CIFAR10 = _source("nas-bench-201-cifar10", "benchmark/nasbench201_cifar10.json")
NAS_BENCH_201_CIFAR100 = _source("nas-bench-201-cifar100", "benchmark/nasbench201_cifar100.json")
NAS_BENCH_201_IMAGENET = _source("nas-bench-201-imagenet16-120", "benchmark/nasbench201_imagenet.json")
