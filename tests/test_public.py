"""What users import: names that packages state, that load when they are used, with a docstring and with types."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
LAZY = sorted(
    ".".join(stub.parent.relative_to(ROOT).parts)
    for stub in ROOT.glob("*/**/__init__.pyi")
    if not stub.relative_to(ROOT).parts[0].startswith(".")  # environments: .venv, .tox
)
PUBLIC = [*LAZY, "harness.spaces"]
PACKAGES = {name.partition(".")[0] for name in LAZY}
HEAVY = {"diskcache", "h5py", "matplotlib", "msgspec", "numpy", "openai", "optuna", "pandas", "rich", "torch"}


def test_every_package_that_users_import_states_its_names() -> None:
    assert {"baselines", "cache", "harness", "harness.training", "reproduce", "tables"} <= set(LAZY)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_there_and_says_what_it_is(name: str) -> None:
    package = import_module(name)
    for public in package.__all__:
        found = getattr(package, public)
        if isinstance(found, ModuleType) or getattr(found, "__module__", "").partition(".")[0] in PACKAGES:
            assert inspect.getdoc(found), f"{name}.{public}"
        assert public in dir(package)


@pytest.mark.parametrize("name", LAZY)
def test_a_stub_says_nothing_but_where_names_are(name: str) -> None:
    stub = ROOT.joinpath(*name.split("."), "__init__.pyi").read_text("utf-8")
    lines = [line for line in stub.splitlines() if line and line != "__version__: str"]
    assert len(lines) == len(import_module(name).__all__)


@pytest.mark.parametrize("name", PUBLIC)
def test_all_of_a_package_can_be_imported_at_once(name: str) -> None:
    names: dict[str, object] = {}
    exec(f"from {name} import *", names)
    assert set(import_module(name).__all__) <= names.keys()


def test_a_name_that_is_not_there_is_refused_as_python_does() -> None:
    with pytest.raises(AttributeError, match=r"module 'cache' has no attribute 'Clientt'"):
        import_module("cache").Clientt  # noqa: B018
    with pytest.raises(ImportError, match=r"cannot import name 'Clientt' from 'cache'"):
        exec("from cache import Clientt")


def test_a_package_is_imported_without_anything_heavy_and_its_names_when_they_are_used() -> None:
    code = (
        f"import sys; import {', '.join(LAZY)}; print(*sys.modules); cache.Client; print('cache.client' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded, then = done.stdout.splitlines()
    assert {module.partition(".")[0] for module in loaded.split()} & HEAVY == set()
    assert then == "True"
