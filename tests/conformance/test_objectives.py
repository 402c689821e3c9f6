"""Every objective gives one architecture one accuracy, in percent, or says that there is none."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from harness import spaces
from harness.conformance.methods import UNEVEN, table_of
from harness.loop import Objective
from harness.objectives import TabularObjective
from harness.run import remembered
from reproduce.published import imagenet
from reproduce.published import trials as trials_of
from reproduce.published.imagenet import embedded
from reproduce.published.trials import published_trials
from tables.space import Architecture, Space


@dataclass(frozen=True)
class Measured:
    """An objective with an architecture that it has measured; `complete` if it has measured all of them."""

    objective: Objective
    space: Space
    known: Architecture
    complete: bool


def _objectives() -> dict[str, Measured]:
    runs = {
        f"transcript {name}": Measured(
            remembered(imagenet.specification(transcript)),
            spaces.find("mobilenetv2-se").SPACE,
            next(turn.design for turn in transcript.turns if turn.verdict == "accepted" and turn.design is not None),
            complete=False,
        )
        for name, transcript in embedded().items()
    }
    printed = {
        f"printed {name}": Measured(
            remembered(trials_of.specification(trials, 0)),
            spaces.find(trials.space).SPACE,
            trials.trials[0][0].architecture,
            complete=False,
        )
        for name, trials in published_trials().items()
    }
    table = Measured(TabularObjective(UNEVEN, table_of(UNEVEN)), UNEVEN, (0,) * 5, complete=True)
    return {"table": table, **runs, **printed}


@pytest.mark.parametrize("measured", [pytest.param(value, id=name) for name, value in _objectives().items()])
def test_objective(measured: Measured) -> None:
    rng = random.Random(0)
    objective, space = measured.objective, measured.space
    for architecture in (measured.known, *(space.sample(rng) for _ in range(20))):
        accuracy = objective(architecture)
        assert objective(architecture) == accuracy
        if measured.complete or architecture == measured.known:
            assert accuracy is not None
        assert accuracy is None or (isinstance(accuracy, float) and 0 <= accuracy <= 100)
