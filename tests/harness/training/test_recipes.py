"""Recipes hold what their sources state, and refuse what is no recipe."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from harness.errors import InvalidJob, TrainingError
from harness.training import recipes
from harness.training.recipes import Recipe, Split


def test_the_search_recipe_of_genius() -> None:
    recipe = recipes.find("genius-imagenet")
    stated = (recipe.epochs, recipe.learning_rate, recipe.weight_decay, recipe.batch_size, recipe.momentum)
    assert stated == (20, 0.5, 1e-4, 1024, 0.9)
    assert (recipe.input_size, recipe.split) == (196, Split(train=0.99, validation=0.01))


@pytest.mark.parametrize(
    ("name", "epochs", "batch_size"),
    [("nas-bench-macro", 50, 256), ("channel-bench-macro", 60, 256), ("nas-bench-201", 200, 256)],
)
def test_the_recipes_of_the_benchmarks(name: str, epochs: int, batch_size: int) -> None:
    recipe = recipes.find(name)
    assert (recipe.epochs, recipe.batch_size, recipe.weight_decay) == (epochs, batch_size, 5e-4)


def test_an_unknown_recipe_is_refused_with_those_there_are() -> None:
    with pytest.raises(TrainingError, match="'resnet'; there are digits, genius-imagenet"):
        recipes.find("resnet")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "expects epochs from 1 on, got 0"),
        ({"batch_size": 1}, "expects batch_size from 2 on, got 1"),
        ({"learning_rate": -0.1}, "expects learning_rate from 0 on, got -0.1"),
        ({"momentum": 0.0, "nesterov": True}, "expects a momentum above 0"),
    ],
)
def test_a_recipe_out_of_range_is_refused(change: dict[str, float], message: str) -> None:
    with pytest.raises(InvalidJob, match=message):
        replace(recipes.DIGITS, **change)


@pytest.mark.parametrize("fractions", [(0.0, 0.5, 0.5), (0.5, -0.1, 0.0), (0.9, 0.2, 0.0), (float("nan"), 0.0, 0.0)])
def test_a_split_that_is_none_is_refused(fractions: tuple[float, float, float]) -> None:
    with pytest.raises(InvalidJob, match="fractions"):
        Split(*fractions)


def test_every_recipe_has_its_source_beside_it() -> None:
    assert all(isinstance(recipe, Recipe) for recipe in recipes.RECIPES.values())
