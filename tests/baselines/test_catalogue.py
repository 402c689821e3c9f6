"""Methods by name, by entry point, and as a class of one's own."""

from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from baselines import catalogue, optuna_sampler
from baselines.catalogue import GROUP, METHODS, find
from genius_replay import plugins
from harness.errors import HarnessError
from harness.protocol import Method
from harness.streams import Stream
from tests.baselines.made_up import problem_of, proposed

OWN = """
from harness.protocol import Method
from harness.protocol import Proposal

class First:
    def __init__(self, space, stream):
        self.space = space
    def ask(self):
        return Proposal((0,) * len(self.space.slots))
    def tell(self, trial):
        pass

READY = Method("ready", "made up", First)
NUMBER = 3
"""


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "own_optimisers_for_a_test.py").write_text(OWN, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return "own_optimisers_for_a_test"


def test_every_built_in_is_found_under_its_name() -> None:
    for name, method in METHODS.items():
        assert find(name) is method
        assert method.name == name
    assert len(METHODS) == sum(len(module.METHODS) for module in catalogue.MODULES)


def test_a_class_of_ones_own_is_found_by_its_path(own_module: str) -> None:
    method = find(f"{own_module}:First")
    assert method.name == f"{own_module}:First"
    assert proposed(method.factory(problem_of((2, 2)).space, Stream(0, 0))) == (0, 0)


def test_a_ready_method_has_the_name_by_which_it_is_found_again(own_module: str) -> None:
    ready = find(f"{own_module}:READY")
    assert ready.name == f"{own_module}:READY"
    assert find(ready.name) == ready


def test_an_entry_point_is_found_by_its_name(own_module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    offered = EntryPoints([EntryPoint("first", f"{own_module}:First", GROUP)])
    monkeypatch.setattr(plugins, "entry_points", lambda group: offered.select(group=group))
    assert isinstance(find("first"), Method)
    assert find("first").name == "first"
    with pytest.raises(HarnessError, match=r"there are random, .*, first, and your own as my_module:MyOptimiser"):
        find("second")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_module:First", "No module named 'no_such_module'"),
        ("own_optimisers_for_a_test:Last", "has no attribute 'Last'"),
        (
            "own_optimisers_for_a_test:NUMBER",
            "expected a class with ask and tell, made from a space and a stream, got 3",
        ),
        (":First", "my_module:MyOptimiser for MyOptimiser in my_module.py in this folder"),
        ("evolution", r"no method is called 'evolution'; there are random, random-distinct, evolution-autodl"),
    ],
)
def test_what_is_no_method_is_told_apart(own_module: str, name: str, message: str) -> None:
    with pytest.raises(HarnessError, match=message):
        find(name)


def test_without_optuna_its_methods_are_missing_and_the_error_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optuna_sampler, "METHODS", ())
    monkeypatch.setattr(catalogue, "METHODS", {name: METHODS[name] for name in ("random", "reinforce")})
    with pytest.raises(HarnessError, match=r"those of Optuna come with .*python -m pip install optuna"):
        find("tpe")
