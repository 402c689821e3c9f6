"""Constraints on any cost that is known, in searches: who is told what, what a recording holds, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache import cassette
from cache.errors import ReplayMiss
from harness.constraints import Bound
from harness.objectives import COST
from harness.protocol import Evaluated, Rejected
from harness.spaces import nas_bench_201
from reproduce import compare, open_table, replay_recording, search
from reproduce.__main__ import main
from reproduce.searching import costs
from tables import csv
from tables.storage import build
from tests.genius_replay.test_plugins import forget
from tests.schemas import valid

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
    for command in ("search", "compare"):
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


# -- comparing ---


def table_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[list[dict[str, Any]], str]:
    assert main(["compare", *arguments, "--format", "json"]) == 0
    found = valid(capsys.readouterr().out)
    return found["rows"], " ".join(found["notes"])


def test_compared_under_a_limit_on_digits(capsys: pytest.CaptureFixture[str]) -> None:
    """A bound at the 35 % quantile is a contest: the largest that is allowed is far from the best."""
    methods = ("--methods", "random", "local-search-max", "--trials", "200")
    rows, notes = table_of(capsys, "--table", DIGITS, "--budget", "10", "100", *methods, "--constraint", "macs<=10912")
    opened = open_table(DIGITS)
    assert opened.table.flops is not None  # what its file says they cost
    allowed = opened.table.flops <= 10912
    best = opened.held_out.test[allowed].max()
    regrets = [row["regret_to_best_test"]["value"] for row in rows]
    assert regrets == pytest.approx([best - row["test"]["value"] for row in rows])
    assert regrets == pytest.approx([4.8, 2.3, 3.6, 2.0], abs=0.4)
    assert [row["method"]["value"] for row in rows] == ["random", "random", "local-search-max", "local-search-max"]
    assert "allowed: at most 10,912 multiply-accumulates, which 5,487 architectures meet, 35.1% of all" in notes
    assert "it counts as a proposal and not as an evaluation" in notes
    largest = opened.space.from_native(re.search(r"largest that is allowed, (\S+)", notes)[1])  # type: ignore[index]
    ranks = opened.held_out.among(allowed).rank
    assert (ranks[opened.table.index_of(largest)], ranks.max()) == (1045, 5488)  # all others share the last


def test_a_comparison_is_kept_by_what_is_allowed(mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def tested(*limits: str) -> Any:
        [contest] = compare("random", mine, budgets=3, trials=50, constraints=limits).contests
        return contest.opened.held_out.test[contest.methods[0].selected[3]]

    limited, free, again = tested("latency_ms<=1"), tested(), tested("latency_ms<=1", "latency_ms<=1.1")
    assert (limited == again).all()
    assert limited.mean() < free.mean()
    assert tested("latency_ms<=0").max() <= 52  # the slot that decides most is 0 then


def test_models_stand_beside_methods_under_the_same_limit(mine: Path, tmp_path: Path) -> None:
    into = tmp_path / "runs.jsonl"
    limits = ["macs<=10912"]
    search(table=DIGITS, budget=3, model="mine", complete=walker, constraints=limits, into=into)
    [contest] = compare("random", DIGITS, budgets=3, trials=5, recordings=into, constraints=limits).contests
    assert [each.name for each in contest.recorded] == ["mine, free, temperature 0 (runs.jsonl)"]
    assert "searched under other bounds of the cost than everybody else here" in str(contest.remarks)  # those committed


def walker(messages: Sequence[Mapping[str, str]]) -> str:
    return f"Design: [0, 2, 0, 0, 2, {sum(message['content'].count('Experiment') for message in messages) % 3}]"


@pytest.mark.parametrize("command", ["compare", "search"])
def test_what_nothing_meets_is_said(command: str, mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    method = {"search": "--method", "compare": "--methods"}[command]
    code = main([command, method, "random", "--table", str(mine), "--budget", "2", "--constraint", "latency_ms>=9"])
    said = capsys.readouterr()
    if command == "compare":
        assert (code, "and none meets these; latency_ms goes from 0 to 2.5" in said.err) == (2, True)
    else:  # a search ends when its proposals are spent, as with any method that proposes nothing that is allowed
        assert (code, "40 of 40 proposals missed that" in said.out) == (0, True)


def test_incomplete_and_limited_at_once(mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = "\n".join(line for line in mine.read_text().splitlines() if not line.startswith("11")).encode()
    path = str(build(*csv.read(data, "part", open_table(mine).space), data, tmp_path))
    arguments = ("--table", path, "--budget", "4", "--trials", "9", "--constraint", "latency_ms<=1")
    rows, notes = table_of(capsys, *arguments, "--methods", "random", "evolution-autodl")
    assert {row["reached"]["value"] for row in rows} == {4}
    assert "which 12 architectures meet, 50.0% of all" in notes
    [run] = search("random", path, budget=30, constraints="latency_ms<=1")
    assert {*run.ended.rejected} == {"above a limit of cost", "no figure in the table"}


# -- looking up ---


@settings(max_examples=60, deadline=None)
@given(points=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12))
def test_a_front_is_what_nothing_dominates(points: list[tuple[int, int]]) -> None:
    cost, accuracy = (np.array(each, dtype=np.float64) for each in zip(*points, strict=True))
    dominated = [
        any(c <= cost_ and a >= accuracy_ and (c, a) != (cost_, accuracy_) for c, a in points)
        for cost_, accuracy_ in points
    ]
    assert costs.front(cost, accuracy).tolist() == [not each for each in dominated]


def test_the_front_of_a_table_by_what_a_search_sees_and_by_test(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.csv"
    rows = ("00,50,60,1", "01,60,55,2", "10,55,62,2", "11,59,62,3")
    path.write_text("\n".join(("architecture,accuracy,test,latency_ms", *rows)))
    assert main(["query", str(path), "--pareto", "latency_ms", "--format", "json"]) == 0
    found = [
        tuple(row[key]["value"] for key in ("architecture", "latency_ms", "front"))
        for row in valid(capsys.readouterr().out)["rows"]
    ]
    assert found == [("[0, 0]", 1, "search sees and test"), ("[1, 0]", 2, "test"), ("[0, 1]", 2, "search sees")]
    assert main(["query", str(path), "11"]) == 0
    assert "latency_ms" in capsys.readouterr().out
    assert main(["query", str(path), "--pareto", "latency"]) == 2
    assert "did you mean latency_ms?" in capsys.readouterr().err
    assert main(["query", str(path), "11", "--pareto", "latency_ms"]) == 2
    assert main(["query", "mobilenetv2-se", "--pareto", "macs"]) == 2


def test_one_network_stands_on_a_front_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", DIGITS, "--pareto", "macs_thop", "--format", "json"]) == 0
    found = valid(capsys.readouterr().out)["rows"]
    space = nas_bench_201.SPACE
    networks = [space.network(space.from_native(row["architecture"]["value"])) for row in found]
    assert len({*networks}) == len(networks) > 10
    values = [row["macs_thop"]["value"] for row in found]
    assert values == sorted(values)


OWN = """
from harness.spaces import Cost
from tables.space import Group, Slot, Space
class OWN:
    SPACE = Space("widths", "Widths", (Group("All", tuple(Slot(f"Layer {n}", ("8", "16", "32")) for n in (1, 2, 3))),))
    @staticmethod
    def cost(architecture):
        return Cost(*[1 + sum(2**choice for choice in architecture)] * 3)
"""


def test_what_the_file_of_a_space_counts_is_a_cost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("widths.py").write_text(OWN)
    rows = (f'"{[*each]}",{60 + sum(each)}\n' for each in product(range(3), repeat=3) if each != (1, 1, 1))
    Path("part.csv").write_text("architecture,accuracy\n" + "".join(rows))
    named = ("--table", "part.csv", "--space", "widths.py:OWN", "--constraint", "macs<=6")
    assert main(["search", "--method", "random", *named, "--budget", "5", "--into", "runs.jsonl"]) == 0
    assert main(["compare", "--methods", "random", *named, "--budget", "5"]) == 0
    assert "at most 6 multiply-accumulates" in capsys.readouterr().out
    Path("broken.py").write_text(OWN.replace("Cost(*", "max(*"))
    broken = [each.replace("widths", "broken") for each in named]
    assert main(["search", "--method", "random", *broken, "--budget", "5"]) == 2
    assert "expected the cost of" in capsys.readouterr().err
    for name in ("widths.py", "part.csv"):
        Path(name).unlink()
    [run] = replay_recording("runs.jsonl")
    assert all(sum(2**choice for choice in step.trial.architecture or ()) <= 5 for step in run.trajectory.evaluated)
    forget(tmp_path)
