"""Constraints on any cost that is known, in searches: who is told what, what a recording holds, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import pytest

from cache import cassette
from cache.errors import ReplayMiss
from harness.constraints import Bound
from harness.objectives import COST
from harness.protocol import Evaluated, Rejected
from harness.spaces import nas_bench_201
from reproduce import costs, open_table, replay_recording, search
from reproduce.__main__ import main

DIGITS = "nas-bench-201-digits"
SMALL = "|none~0|+|nor_conv_1x1~0|none~1|+|none~0|nor_conv_1x1~1|none~2|"


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A table of three slots with a latency, by which a third of its architectures is slow."""
    path = tmp_path / "mine.csv"
    lines = (f"{a}{b}{c},{50 + a + b + c},{a + b / 4}" for a, b, c in product(range(3), repeat=3))
    path.write_text("\n".join(("architecture,accuracy,latency_ms", *lines)))
    return path


def test_costs_depend_on_the_data_of_the_table() -> None:
    space = nas_bench_201.SPACE
    cell = space.from_native(SMALL)
    small, large = (costs.known(space, opened) for opened in (open_table(DIGITS), None))
    assert small["macs"](cell) == 2720
    assert large["macs"](cell) == nas_bench_201.cost(cell).macs
    assert small["flops"](cell) == small["macs"](cell)  # the table's own column
    assert {*large} == {"macs", "macs_thop", "params"}


@pytest.mark.parametrize("method", ["random", "local-search", "evolution-autodl", "reinforce"])
def test_a_method_is_told_what_it_may_not_propose_and_goes_on(method: str, mine: Path) -> None:
    [run] = search(method, mine, budget=8, constraints="latency_ms<=1")
    latency = costs.known(open_table(mine).space, open_table(mine))["latency_ms"]
    for step in run.trajectory.steps:
        assert step.trial.architecture is not None
        assert isinstance(step.told, Evaluated if (latency(step.trial.architecture) or 0) <= 1 else Rejected)
    assert len(run.trajectory.evaluated) == 8 < len(run.trajectory.steps)
    assert run.ended.rejected == {"above a limit of cost": len(run.trajectory.steps) - 8}


def test_a_recording_replays_without_the_table_that_knows_the_costs(mine: Path, tmp_path: Path) -> None:
    into = tmp_path / "runs.jsonl"
    found = search("random", mine, budget=5, constraints=["latency_ms<=1", Bound("latency_ms", low=0.25)], into=into)
    mine.unlink()
    assert [each.trajectory for each in replay_recording(into)] == [each.trajectory for each in found]
    records = [*cassette.read(into).values()]
    of_costs = [record.key for record in records if record.kind == COST]
    assert len(of_costs) == len({step.trial.architecture for step in found[0].trajectory.steps})
    cassette.write(into, (record for record in records if record.key != of_costs[0]))
    with pytest.raises(ReplayMiss):
        replay_recording(into)


def test_without_a_constraint_nothing_of_it_is_in_the_key(mine: Path) -> None:
    [run] = search("random", mine, budget=2)
    assert "constraints" not in run.specification.request()
    assert not [record for record in run.records if record.kind == COST]


def small_then_large(messages: Sequence[Mapping[str, str]]) -> str:
    return "Design: [3, 3, 3, 3, 3, 3]" if len(messages) == 2 else "Design: [0, 2, 0, 0, 2, 0]"


def test_a_model_is_told_the_limit_and_by_how_much_it_was_missed(tmp_path: Path) -> None:
    into = tmp_path / "runs.jsonl"
    asked: list[list[Mapping[str, str]]] = []

    def noted(messages: Sequence[Mapping[str, str]]) -> str:
        asked.append([*messages])
        return small_then_large(messages)

    limits = ("macs<=10912", "params>=100")
    [run] = search(table=DIGITS, budget=1, model="mine", complete=noted, constraints=limits, into=into)
    statement, feedback = asked[1][1]["content"], asked[1][3]["content"]
    assert "The cost of a design must be at most 10,912 multiply-accumulates." in statement
    assert "The cost of a design must be at least 100 parameters." in statement
    missed = "113,312 multiply-accumulates, 102,400 above the limit of 10,912"
    assert feedback == f"This design costs {missed}. Propose one that stays below it."
    assert run.trajectory.evaluated[0].turn == 1
    assert [each.trajectory for each in replay_recording(into)] == [run.trajectory]
    assert main(["recordings", str(into)]) == 0


@pytest.mark.parametrize(
    ("constraint", "says"),
    [
        ("mac<=1", "no cost is called 'mac'; there are .*did you mean macs?"),
        ("latency_ms<=1", "no cost is called 'latency_ms'; there are .*; any further column of numbers"),
        ("macs<1", "expected a constraint such as macs<=60e6"),
    ],
)
def test_what_cannot_hold_is_refused_before_anything_runs(
    constraint: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("search",):
        method = "--method" if command == "search" else "--methods"
        assert main([command, method, "random", "--table", DIGITS, "--constraint", constraint]) == 2
        assert re.search(says, capsys.readouterr().err)


def test_of_a_space_of_which_nothing_is_known_only_columns_are_costs(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["search", "--method", "random", "--table", str(mine), "--constraint", "macs<=3"]) == 2
    assert "no cost is called 'macs'; there are latency_ms" in capsys.readouterr().err
    mine.write_text(mine.read_text().replace("latency_ms", "seed"))
    assert main(["search", "--method", "random", "--table", str(mine), "--constraint", "macs<=3"]) == 2


def test_what_was_rejected_is_said(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["search", "--method", "random", "--table", str(mine), "--budget", "3"]
    assert main([*arguments, "--constraint", "latency_ms<=1", "--constraint", "latency_ms>=0.25"]) == 0
    said = capsys.readouterr().out
    assert "Allowed: at most 1 latency_ms; at least 0.25 latency_ms. " in said
    assert "proposals missed that, were told so, and count as no evaluation." in said
