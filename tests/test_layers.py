"""The direction of imports: reproduce → baselines → harness → cache | tables → genius_replay; what a replay loads.

The rule is checked on the syntax tree, which sees deferred imports too, and once more by import-linter's contracts.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "reproduce": {"reproduce", "baselines", "harness", "cache", "tables", "genius_replay"},
    "baselines": {"baselines", "harness", "tables", "genius_replay"},
    "harness": {"harness", "cache", "tables", "genius_replay"},
    "cache": {"cache", "genius_replay"},
    "tables": {"tables", "genius_replay"},
    "genius_replay": {"genius_replay"},
}
SEEN_BY_BASELINES = {"harness.errors", "harness.protocol", "tables.space", "harness.streams"}
"""The ask/tell protocol, its errors and a space; for methods that run as arrays also their randomness."""
SEEN_BY_ALL = {
    *("genius_replay.advice", "genius_replay.lazy", "genius_replay.plugins", "genius_replay.showing"),
    "genius_replay_namesakes",
}
"""How a package states its public names, how an object shows itself, and what a message advises."""
LIBRARIES_OF_BASELINES = {"numpy", "optuna", "torch"}
HEAVY = {"torch", "openai", "matplotlib", "h5py", "numpy", "rich"}
HEAVY_PARTS = {"arrays", "protocol", "streams", "training", "digits"}
"""Parts of the harness that work on arrays or on networks, or name them in a type."""
SOURCES = sorted(path for package in MAY_IMPORT for path in (ROOT / package).rglob("*.py*") if path.suffix != ".pyc")


def imported(source: str) -> Iterator[str]:
    """The module of every import statement, wherever it stands; relative imports as a dot."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                yield "."
            elif node.module in MAY_IMPORT:  # `from harness import grammar` imports a module
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
            else:
                yield str(node.module)


def violations(package: str, source: str) -> list[str]:
    """Every import by which a module of this package breaks the rule."""
    found = []
    for module in imported(source):
        top = module.partition(".")[0]
        ours = top in MAY_IMPORT
        forbidden = module == "." or (ours and top not in MAY_IMPORT[package])
        if package == "baselines" and top != "baselines" and top not in sys.stdlib_module_names:
            forbidden |= module not in SEEN_BY_BASELINES | SEEN_BY_ALL and top not in LIBRARIES_OF_BASELINES
        if forbidden:
            found.append(module)
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_never_turn_back(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    assert violations(package, path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("package", "source"),
    [
        ("cache", "import tables"),
        ("tables", "from cache.store import Store"),
        ("cache", "from harness import space"),
        ("harness", "from baselines.genius import Genius"),
        ("harness", "def late():\n    import reproduce.paper.imagenet"),
        ("harness", "if TYPE_CHECKING:\n    from reproduce import transcript"),
        ("baselines", "from cache.client import Client"),
        ("baselines", "from harness import loop"),
        ("baselines", "from harness.text.published import read"),
        ("baselines", "import openai"),
        ("reproduce", "from . import imagenet"),
    ],
)
def test_an_import_that_turns_back_is_found(package: str, source: str) -> None:
    assert len(violations(package, source)) == 1


@pytest.mark.parametrize(
    ("package", "source"),
    [
        ("reproduce", "from baselines import genius\nfrom cache.key import digest\nimport tables.table"),
        ("harness", "import cache\nfrom tables.table import Table"),
        ("baselines", "import re\nimport torch\nfrom tables.space import Space\nfrom harness import protocol"),
    ],
)
def test_an_import_in_the_right_direction_is_allowed(package: str, source: str) -> None:
    assert violations(package, source) == []


def loaded_by(*modules: str) -> set[str]:
    """The top-level packages in memory after a fresh interpreter has imported these modules."""
    script = "; ".join([*(f"import {module}" for module in modules), "import sys", "print(*sys.modules)"])
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return {module.partition(".")[0] for module in done.stdout.split()}


LIGHT = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in SOURCES
    if path.is_relative_to(ROOT / "harness") and path.relative_to(ROOT).parts[1].partition(".")[0] not in HEAVY_PARTS
}
"""The modules of the harness that need neither torch nor arrays of their own."""


def test_the_harness_loads_arrays_only_with_a_table_and_nothing_else_heavy() -> None:
    assert "harness.text.published" in LIGHT
    assert loaded_by(*LIGHT) & (HEAVY - {"h5py", "numpy"}) == set()
    for path in LIGHT.values():
        assert {module.partition(".")[0] for module in imported(path.read_text("utf-8"))} & HEAVY == set(), path


def test_a_replay_of_table_2_loads_nothing_heavy() -> None:
    loaded = loaded_by("reproduce.paper.imagenet")
    assert {"harness", "baselines", "cache"} <= loaded
    assert loaded & HEAVY == set()


def test_the_spaces_and_their_tables_are_declared_without_arrays() -> None:
    spaces = (module for module in LIGHT if module.startswith("harness.spaces"))
    assert loaded_by(*spaces) & HEAVY == set()


def test_a_table_is_opened_and_its_costs_counted_with_arrays_and_nothing_else_heavy() -> None:
    assert loaded_by("reproduce.benchmarks") & (HEAVY - {"h5py", "numpy"}) == set()


def test_the_contracts_of_import_linter_are_kept() -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as lint; lint()", "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout
