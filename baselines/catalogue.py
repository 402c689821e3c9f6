"""All search methods by name: those of this folder, and one's own (`genius_replay.plugins`)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeAlias

from baselines import (
    gdas,
    genius,
    local_search,
    optuna_sampler,
    random_search,
    regularized_evolution,
    reinforce,
    score_function,
)
from genius_replay import plugins
from genius_replay.advice import install
from harness.errors import HarnessError
from harness.protocol import Factory, Method

GROUP = "genius_replay.optimisers"
"""The entry-point group under which a package offers optimisers."""

MODULES = (random_search, regularized_evolution, local_search, reinforce, score_function, gdas, optuna_sampler, genius)

METHODS: dict[str, Method] = {method.name: method for module in MODULES for method in module.METHODS}
"""The methods of this folder in the order in which they are listed; those of Optuna only where it is installed."""


AnyMethod: TypeAlias = str | Method | Factory
"""A method by name, as a value, or as a class or function of one's own, made from a space and a stream."""


def method(found: AnyMethod) -> Method:
    """The method that this is, under a name by which it is found again where that is possible: "module:MyOptimiser".

    >>> method("random").title
    'random search with repetition'

    Raises:
        HarnessError: there is none of this name, it is no method, or has the name of another.
    """
    if isinstance(found, str):
        return find(found)
    if not isinstance(found, Method):
        name = getattr(found, "__qualname__", "<>")
        return _made(found, "" if name.endswith(">") else f"{found.__module__}:{name}")
    if METHODS.get(found.name, found) is not found:
        raise HarnessError(f"expected a name of its own for a method of one's own, got {found.name!r}")
    return found


def find(name: str, otherwise: str = "") -> Method:
    """The method of this name: a built-in, an entry point of `GROUP`, or "my_module:MyOptimiser".

    A file may stand in the place of the module, "my_file.py:MyOptimiser". What an entry point or a path names is a
    `Method`, or anything that is called with a space and a stream and returns an optimiser, such as its class. The
    method has the name by which it is found again. Where there is none, the error ends with what is to be done
    `otherwise`.

    >>> find("random")
    <Method random: random search with repetition>

    Raises:
        HarnessError: if there is none.
    """
    if name in METHODS:
        return METHODS[name]
    hint = "" if optuna_sampler.METHODS else f"; those of Optuna come with `{install('optuna')}`"
    words: Any = {"what": "a class", "example": "my_module:MyOptimiser", "others": hint, "otherwise": otherwise}
    return _made(plugins.find("method", name, GROUP, METHODS, error=HarnessError, **words), name)


def _made(found: Any, name: str) -> Method:
    """The method that was found under a name."""
    if isinstance(found, Method):
        return replace(found, name=name)
    if not callable(found) or not name:
        raise HarnessError(
            f"{name or 'method'}: expected a class with ask and tell, made from a space and a stream, got {found!r}; "
            "give what has no name one, as in Method('mine', 'what it does', …)"
        )
    return Method(name, f"{name} (not of this project)", found)
