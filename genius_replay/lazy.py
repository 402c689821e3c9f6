"""Public names whose modules are imported when they are first used (PEP 562)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any


def lazily(package: str) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """The `__all__`, `__getattr__` and `__dir__` of a package whose public names its stub, `__init__.pyi`, states.

    A line of the stub is `from module import name as name`, as type checkers and editors read it; of a module of the
    package itself `from package import module as module`. Nothing is imported before a name is used.

        __all__, __getattr__, __dir__ = lazily(__name__)
    """
    module = sys.modules[package]
    stub = Path(str(module.__file__)).with_suffix(".pyi").read_text(encoding="utf-8")
    lines = (line.split() for line in stub.splitlines())
    places = {words[-1]: words[1] for words in lines if words[:1] == ["from"]}

    def load(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name, obj=module)
        place = places[name]
        found = import_module(f"{place}.{name}") if place == package else getattr(import_module(place), name)
        setattr(module, name, found)  # from here on Python finds it by itself
        return found

    return sorted(places), load, lambda: sorted({*vars(module), *places})
