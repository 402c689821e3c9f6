"""`python -m reproduce list`: what can be reproduced here, and from which data."""

from __future__ import annotations

import argparse

from reproduce.benchmarks import BENCHMARKS, at_hand
from reproduce.data import conversations, home, is_damaged, is_fetched, manifest
from reproduce.errors import NoHome
from reproduce.paper.registry import ITEMS
from reproduce.published.imagenet import published_run
from reproduce.report.output import emit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command takes none."""


def run(args: argparse.Namespace) -> int:  # noqa: ARG001
    """Print the tables, the runs and the published files."""
    lines = ["Tables and figures (python -m reproduce NAME):"]
    lines += [f"  {name:<20} {item.title}" for name, item in ITEMS.items()]
    damaged = {
        entry.path: f"damaged, `python -m reproduce fetch {entry.name}` mends it"
        for entry in manifest()
        if is_damaged(entry)
    }
    lines.append("ImageNet runs:")
    for entry in conversations():
        original = published_run(str(entry.run))
        alias = f", the same file as {original.run}" if original.run != entry.run else ""
        fetched = "published conversation, fetched" if is_fetched(original) else "reconstructed from published figures"
        lines.append(f"  {entry.run:<20} {damaged.get(original.path, fetched)}{alias}")
    lines.append("Benchmark tables:")
    for name, benchmark in BENCHMARKS.items():
        at = "at hand" if at_hand(name) else f"not at hand, `{benchmark.brings}` brings it"
        lines.append(f"  {name:<30} {damaged.get(str(benchmark.path), at)}")
    brought = sum(map(is_fetched, manifest())) - len(damaged)
    try:
        where = f"in {home()}"
    except NoHome as error:
        where = f"at hand: {error}"
    lines.append(f"Published files: {brought} of {len(manifest())} {where}")
    if brought < len(manifest()):
        lines.append("  `python -m reproduce fetch` brings the rest; with --mirror DIR from a folder.")
    emit("\n".join(lines) + "\n", None)
    return 0
