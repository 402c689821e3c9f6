"""`python -m benchmarks.optimisers`: searches as arrays, beside one-trial loops in plain Python, in one run.

Goals on NAS-Bench-201 CIFAR-10: random search, 1,000 trials × 100 evaluations, in at most 1/20 of the loop's time;
regularized evolution with the preset of AutoDL-Projects, 500 × 300, in at most 1/10; less than 300 MB at the peak for
10,000 trials × 300 evaluations of any method. Without the published table a made-up one of the same size is searched,
which costs the same. Both sides return the incumbent after every evaluation of every trial.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from itertools import product
from pathlib import Path

from baselines.catalogue import METHODS
from harness.arrays import search
from harness.loop import Budget
from harness.spaces.nas_bench_201 import OPERATIONS, SPACE
from reproduce.benchmarks import at_hand, build_table, open_benchmark
from tables.table import Table

BENCHMARK = "nas-bench-201-cifar10"
NODES = ((0,), (1, 2), (3, 4, 5))  # the edges that enter each node

Architecture = tuple[int, ...]
Accuracies = dict[Architecture, float]
Course = list[Architecture]  # the incumbent after every evaluation


def random_search(accuracies: Accuracies, budget: int, rng: random.Random) -> Course:
    """One trial."""
    best = -1.0
    incumbent: Architecture = ()
    course: Course = []
    for _ in range(budget):
        architecture = tuple([int(rng.random() * 5) for _ in range(6)])
        accuracy = accuracies[architecture]
        if accuracy > best:
            best, incumbent = accuracy, architecture
        course.append(incumbent)
    return course


def random_search_by_index(listed: list[tuple[Architecture, float]], budget: int, rng: random.Random) -> Course:
    """One trial that draws from the list of all architectures: the least that a loop can do."""
    best = -1.0
    incumbent: Architecture = ()
    course: Course = []
    for _ in range(budget):
        architecture, accuracy = listed[int(rng.random() * len(listed))]
        if accuracy > best:
            best, incumbent = accuracy, architecture
        course.append(incumbent)
    return course


def regularized_evolution(accuracies: Accuracies, budget: int, rng: random.Random) -> Course:
    """One trial: population 10, sample 3, a node first and then one of its edges."""
    population: deque[tuple[float, Architecture]] = deque(maxlen=10)
    best = -1.0
    incumbent: Architecture = ()
    course: Course = []
    for _ in range(budget):
        if len(population) < 10:
            architecture = tuple([int(rng.random() * 5) for _ in range(6)])
        else:
            parent = max([population[int(rng.random() * 10)] for _ in range(3)])[1]
            edges = NODES[int(rng.random() * 3)]
            edge = edges[int(rng.random() * len(edges))]
            operation = int(rng.random() * 4)
            operation += operation >= parent[edge]
            architecture = (*parent[:edge], operation, *parent[edge + 1 :])
        accuracy = accuracies[architecture]
        population.append((accuracy, architecture))
        if accuracy > best:
            best, incumbent = accuracy, architecture
        course.append(incumbent)
    return course


def loop(trial: Callable[[random.Random], Course], trials: int) -> list[Course]:
    """Trial after trial."""
    return [trial(random.Random(number)) for number in range(trials)]


def seconds(action: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def compare(name: str, goal: str, ours: Callable[[], object], reference: Callable[[], object], runs: int) -> None:
    """Time the two in turn and print the medians."""
    ours(), reference()
    pairs = [(seconds(ours), seconds(reference)) for _ in range(runs)]
    mine, theirs = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratio = statistics.median(b / a for a, b in pairs)
    print(f"{name:42} {1e3 * mine:8.1f} ms   plain Python {1e3 * theirs:8.1f} ms   1/{ratio:.1f}{goal}")


def table() -> tuple[Table, str]:
    """The published table if it has been fetched, otherwise one with made-up accuracies; and which it is."""
    if at_hand(BENCHMARK):
        return open_benchmark(BENCHMARK).table, "published table"
    rng = random.Random(0)
    told = [rng.uniform(10, 95) for _ in range(SPACE.size)]
    keys = [SPACE.to_native(each) for each in product(range(len(OPERATIONS)), repeat=6)]
    entries = {
        key: {"val_acc_200": accuracy, "test_acc_200": 90 - rank / SPACE.size, "rank": rank}
        for rank, (key, accuracy) in enumerate(zip(keys, told, strict=True), start=1)
    }
    with tempfile.TemporaryDirectory() as folder:
        return Table.open(build_table(BENCHMARK, json.dumps(entries).encode(), Path(folder))), "made-up table"


def peak_mb(name: str) -> float:
    """Peak memory, in megabytes, of a process that runs 10,000 trials of a method."""
    command = [sys.executable, "-m", "benchmarks.optimisers", "--peak-of", name]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Print the comparisons, what an evaluation of every method costs, and the memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--peak-of", metavar="METHOD", help="only run 10,000 trials and print the peak in MB")
    arguments = parser.parse_args()
    if arguments.peak_of:
        search(METHODS[arguments.peak_of], SPACE, table()[0], Budget(evaluations=300), range(10_000), 0)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6)  # Linux counts KiB
        return

    # First, because a process starts with the peak of the one that started it.
    peaks = {name: peak_mb(name) for name, method in METHODS.items() if method.arrays}
    searched, which = table()
    print(which)
    accuracies = {SPACE.architecture_at(index): float(each) for index, each in enumerate(searched.accuracy)}
    listed = list(accuracies.items())

    def ours(name: str, trials: int, budget: int) -> Callable[[], object]:
        return lambda: search(METHODS[name], SPACE, searched, Budget(evaluations=budget), range(trials), 0)

    runs = arguments.runs
    compare(
        "random search 1,000 × 100",
        " (goal 1/20)",
        ours("random", 1000, 100),
        lambda: loop(lambda rng: random_search(accuracies, 100, rng), 1000),
        runs,
    )
    compare(
        "  beside a loop that draws indices only",
        "",
        ours("random", 1000, 100),
        lambda: loop(lambda rng: random_search_by_index(listed, 100, rng), 1000),
        runs,
    )
    compare(
        "evolution (AutoDL-Projects) 500 × 300",
        " (goal 1/10)",
        ours("evolution-autodl", 500, 300),
        lambda: loop(lambda rng: regularized_evolution(accuracies, 300, rng), 500),
        runs,
    )
    for name, method in METHODS.items():
        if method.with_model:
            continue  # it asks a language model
        trials, budget = (1000, 100) if method.arrays else (3, 100)
        each = statistics.median(seconds(ours(name, trials, budget)) for _ in range(3)) / trials / budget
        memory = f"   {peaks[name]:6.0f} MB for 10,000 × 300 (goal 300)" if name in peaks else ""
        print(f"{name:20} {1e6 * each:10.3f} µs an evaluation{memory}")


if __name__ == "__main__":
    main()
