"""What share of a model's answers obeys the demanded form. `python -m tests.campaigns.obedience URL MODEL [N]`.

Asks a model behind an endpoint, such as that of `python -m reproduce serve`, for N designs (5) in every space, in prose
and held to JSON, and prints how many could be read and why the others could not. Nothing is kept.
"""

from __future__ import annotations

import sys
from collections import Counter

from cache.client import Client, Reply, Request
from cache.provider.endpoint import OpenAITransport
from cache.record import CHAT
from harness import spaces
from harness.loop import Budget
from harness.objectives import FIGURES, Measure
from harness.run import perform
from harness.specification import Specification
from reproduce import runs

WAYS = ("free", "json-object")


def half(request: Request) -> Reply:
    """Figures that say nothing."""
    return Reply({"accuracy": 50.0, "test": 50.0})


def ask(url: str, model: str, space: str, answers: str, count: int) -> Counter[str]:
    """What became of so many independent answers to the statement of a problem."""
    window = (1, 10_000) if space == "mobilenetv2-se" else None
    outcomes: Counter[str] = Counter()
    with OpenAITransport(base_url=url) as transport:
        client = Client(None, {CHAT: transport.send, FIGURES: half})
        for number in range(count):
            parameters = {"temperature": 1.0, "seed": number, "max_tokens": 500}
            one = Specification(
                method="genius",
                space=space,
                budget=Budget(proposals=1),
                table=Measure(table="made up", source="0" * 64),
                window=window,
                model=runs.model(model, spaces.find(space).SPACE, answers, parameters, window),
            )
            outcomes.update(perform(one, client, runs.setting(one)).ended.rejected or {"read": 1})
    return outcomes


def main(url: str, model: str, count: int = 5) -> None:
    """Print a line a space and way to answer, and the share of all."""
    for answers in WAYS:
        total: Counter[str] = Counter()
        for space in spaces.NAMES:
            outcomes = ask(url, model, space, answers, count)
            total += outcomes
            print(f"{model}, {space}, {answers}: {dict(outcomes)}", flush=True)  # noqa: T201
        print(f"{model}, {answers}: {total['read']} of {total.total()} answers in the demanded form")  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
