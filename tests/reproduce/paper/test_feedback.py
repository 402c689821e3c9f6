"""What GPT-4 did with what it was told: every number against a second way to it, every test against what it claims."""

from __future__ import annotations

import gzip
import math
from collections.abc import Sequence
from itertools import combinations, pairwise, permutations, product
from pathlib import Path

import numpy as np
import pytest

from harness import spaces
from harness.spaces import counted_macs
from reproduce.__main__ import main
from reproduce.errors import UsageError
from reproduce.paper import principles
from reproduce.paper.feedback import courses, distance, drawn, first, others, trend
from reproduce.paper.registry import build_report
from reproduce.published.imagenet import distinct_conversations, embedded, transcripts

RECORDING = "cache/recorded/local-smollm2-nas-bench-macro.jsonl"


def tau(values: Sequence[float]) -> float:
    """Kendall's tau-b by its definition."""
    pairs = [*combinations(values, 2)]
    untied = sum(a != b for a, b in pairs)
    return sum((b > a) - (b < a) for a, b in pairs) / math.sqrt(len(pairs) * untied) if untied else 0.0


def test_tau_b_is_that_of_its_definition() -> None:
    rng = np.random.default_rng(3)
    values = rng.integers(4, size=(50, 7)).astype(float)
    assert trend.tau_b(values).tolist() == pytest.approx([tau(row) for row in values.tolist()])


def test_the_test_of_a_trend_is_that_by_all_orders() -> None:
    values = [1.0, 3.0, 2.0, 5.0, 4.0]
    exact = np.mean([abs(tau(order)) >= abs(tau(values)) - 1e-9 for order in permutations(values)])
    assert trend.trend([("a", values)]).p == pytest.approx(exact, abs=0.02)


def test_a_trend_is_found_and_none_is_claimed_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trend, "PERMUTATIONS", 200)
    rng, falsely, rightly = np.random.default_rng(5), 0, 0
    for family in range(100):
        runs = rng.normal(size=(6, 9))
        falsely += trend.trend([(f"{family} {n}", run) for n, run in enumerate(runs)]).p <= 0.05
        rising = runs + 0.25 * np.arange(9)
        rightly += trend.trend([(f"r{family} {n}", run) for n, run in enumerate(rising)]).p <= 0.05
    assert falsely <= 13  # five are expected; more than thirteen in one of 1,700 such tests
    assert rightly >= 90


def test_runs_of_one_cluster_count_as_one() -> None:
    one = [5.0, 1.0, 2.0, 3.0, 4.0]
    alone = trend.trend([("a", one)])
    twice = trend.trend([("a", one), ("a", one)])
    assert (twice.tau, twice.p) == (alone.tau, alone.p)


def test_all_37_runs_are_there_and_their_trend_by_another_way() -> None:
    runs = courses.published()
    assert len(runs) == 37
    assert len({run.cluster for run in runs}) == 36
    assert [sum(run.group == group for run in runs) for group in courses.TITLES] == [10, 3, 3, 3, 3, 5, 5, 5]
    report = build_report("feedback_trend")
    for row, group in zip(report.rows, [*courses.TITLES], strict=False):
        members = [run for run in runs if run.group == group]
        clusters = {
            run.cluster: [tau(one.accuracies[1:]) for one in members if one.cluster == run.cluster] for run in members
        }
        assert row[4].value == pytest.approx(np.mean([np.mean(each) for each in clusters.values()]))
    assert report.rows[-1][1].value == 37
    assert report.notes[0].startswith("Primary: all runs, 37 runs (36 independent), the first proposal removed")


def test_trials_that_share_most_of_their_course_are_one_cluster() -> None:
    trials = {run.run: run for run in courses.published() if run.group == "table9"}
    shared = set(trials["trial 2"].designs) & set(trials["trial 3"].designs)
    assert len(shared) == 4
    assert trials["trial 2"].cluster == trials["trial 3"].cluster


# -- designs inside a window ---


def test_designs_inside_a_window_are_drawn_as_plain_rejection_draws_them() -> None:
    rng = np.random.default_rng(1)
    low, high = drawn.bounds((370, 430))
    plain = rng.integers(7, size=(100_000, 30))
    inside = plain[(drawn.costs_of(plain) >= low) & (drawn.costs_of(plain) <= high)]
    ours = drawn.draw(rng, low, high, 3_000)
    assert drawn.share_inside(low, high) == pytest.approx(len(inside) / len(plain), rel=0.2)
    for choice in range(7):
        assert (ours == choice).mean(axis=0) == pytest.approx((inside == choice).mean(axis=0), abs=0.1)
    some = ours[:20]
    costs = [counted_macs("mobilenetv2-se", tuple(map(int, design))) for design in some]
    assert drawn.costs_of(some).tolist() == costs
    assert all(low <= each <= high for each in costs)
    with pytest.raises(ValueError, match="expected bounds between which designs lie"):
        drawn.draw(rng, 0, 1, 1)


# -- the parts ---


def test_answers_to_cost_feedback_are_those_of_the_conversations() -> None:
    low, found, right, inside = 0, 0, 0, 0
    for entry in distinct_conversations():
        run = embedded()[str(entry.run)]
        for iteration in run.iterations:
            for before, after in pairwise(iteration):
                if before.verdict not in ("above", "below"):
                    continue
                was, now = (counted_macs("mobilenetv2-se", turn.design or ()) for turn in (before, after))
                found, low = found + 1, low + (before.verdict == "below")
                right += now < was if before.verdict == "above" else now > was
                inside += run.window[0] <= round(now / 1e6) <= run.window[1]
    total = build_report("feedback_cost").rows[-1]
    assert [cell.value for cell in total[3:6]] == [found, right, inside]
    assert low == 8
    told = [turn.verdict for entry in distinct_conversations() for turn in embedded()[str(entry.run)].turns]
    assert found == told.count("above") + told.count("below")


def test_a_distance_is_the_least_between_two_keys_of_the_networks() -> None:
    space = spaces.find("nas-bench-macro").SPACE
    rng = np.random.default_rng(2)
    rows = [space.architecture_at(row) for row in range(space.size)]
    for _ in range(5):
        one, other = (rows[int(row)] for row in rng.integers(len(rows), size=2))
        alike = [[row for row in rows if space.network(row) == space.network(each)] for each in (one, other)]
        least = min(sum(map(int.__ne__, a, b)) for a, b in product(*alike))
        assert distance.distances(space, one, np.array([other])).tolist() == [least]
    apart = distance.distances(
        space, (2, 0, 2, 2, 2, 2, 2, 2), np.array([(2, 2, 2, 2, 2, 2, 2, 2), (2, 0, 2, 2, 2, 2, 2, 2)])
    )
    assert apart.tolist() == [1, 0]


def test_steps_are_measured_from_the_best_the_last_and_the_runs_best() -> None:
    space = spaces.find("channel-bench-resnet").SPACE
    zero = (0,) * 7
    designs = (zero, (1, *zero[1:]), (1, 1, *zero[2:]), (1, 1, 1, *zero[3:]))
    course = courses.Course("table9", "made up", "made up", (90.0, 92.0, 91.0, 89.0), designs, space)
    found = [(step.incumbent, step.last, step.best) for step in distance.steps(course)]
    assert found == [(1, 1, None), (1, 1, 1), (2, 1, 2)]


def test_first_proposals_are_held_against_chance() -> None:
    report = build_report("feedback_first")
    assert len(report.rows) == 12
    share = report.rows[0][2].value
    later, best = report.rows[0][4].value, report.rows[0][6].value
    assert isinstance(share, float)
    assert isinstance(best, float)
    assert 0.3 < share < 0.6  # rank 3440 of 6,561 keys, or fewer networks
    assert later == 9
    assert first.fisher([0.2]) == pytest.approx(0.2)
    assert first.fisher([0.1, 0.4, 0.3]) == pytest.approx(0.1816, abs=1e-3)  # chi-squared 8.846 at six degrees


def test_a_sign_flip_test_counts_all_sign_changes() -> None:
    differences = [0.4, -0.1, 0.3, 0.2]
    signs = [*product((1, -1), repeat=4)]
    sums = [abs(sum(sign * each for sign, each in zip(flip, differences, strict=True))) for flip in signs]
    assert principles.sign_flip(differences) == np.mean([each >= sums[0] - 1e-9 for each in sums])


def test_traits_are_those_of_the_blocks() -> None:
    design = np.zeros((1, 30), dtype=np.int64)
    design[0, :3] = (1, 5, 0)  # kernel 3 expansion 4, kernel 5 expansion 6, none
    found = principles.traits(design)
    assert found.depth[0].tolist() == [2, 0, 0, 0, 0]
    assert (found.kernel[0, 0], found.expansion[0, 0]) == (4.0, 5.0)
    assert np.isnan(found.kernel[0, 1])


def test_section_5_3_is_measured_over_all_proposals() -> None:
    report = build_report("principles")
    designs = [turn.design for e in distinct_conversations() for turn in embedded()[str(e.run)].turns if turn.design]
    assert any(note.startswith(f"{len(designs)} proposals of 10 conversations") for note in report.notes)
    for stage, row in enumerate(report.rows):
        depth = np.mean([sum(map(bool, design[6 * stage : 6 * stage + 6])) for design in designs])
        assert row[1].value == pytest.approx(depth)


# -- the command ---


def test_parts_are_printed_written_and_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["feedback", "cost", "trend"]) == 0
    assert "its answers to a design outside the window" in (said := capsys.readouterr().out)
    assert "trend over the iterations" in said
    for part in ("trend", "first", "cost", "distance"):
        assert main(["feedback", part, "--out", str(tmp_path / f"{part}.svg")]) == 0
        assert (tmp_path / f"{part}.svg").read_text().startswith("<?xml")
    assert main(["feedback", "trend", "--out", str(tmp_path / "trend.csv")]) == 0


def test_anybodys_runs_are_held_to_the_same_test(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "mine.csv"
    mine.write_text(
        "run,iteration,told\n" + "".join(f"{run},{n},{70 + n}\n" for run in "abcdef" for n in (2, 1, 3, 5, 4))
    )
    assert main(["feedback", "--runs", str(mine), RECORDING]) == 0
    said = capsys.readouterr().out
    assert "mine" in said
    assert "smollm2" in said
    assert [course.accuracies for course in others.read(mine)] == [(71.0, 72.0, 73.0, 74.0, 75.0)] * 6
    assert main(["feedback", "trend", "--runs", str(mine)]) == 0
    assert "accuracies rise over the iterations" in capsys.readouterr().out


def test_a_packed_file_of_runs_is_told_by_what_it_holds(tmp_path: Path) -> None:
    text = b"run,iteration,told\n" + b"".join(b"a,%d,%d\n" % (n, 70 + n) for n in range(3))
    (tmp_path / "MINE.CSV.gz").write_bytes(gzip.compress(text))
    assert [course.accuracies for course in others.read(tmp_path / "MINE.CSV.gz")] == [(70.0, 71.0, 72.0)]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("run,iteration\na,1\n", "no column 'told'"),
        ("run,iteration,told\na,1,x\n", "line 2.*could not convert"),
        ("run,iteration,told\na,1,nan\n", "not finite"),
        ("run,iteration,told\na,1,3\na,1,4\n", "line 3.*run a has iteration 1 twice"),
        ("run,iteration,told\n", "got none"),
    ],
)
def test_a_file_of_runs_of_another_form_is_refused(text: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(text)
    with pytest.raises(UsageError, match=problem):
        others.read(tmp_path / "mine.csv")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["luck"], "expected some of trend, first, cost, distance, got luck"),
        (["--format", "csv"], "expected one part for --out or --format"),
        (["cost", "--runs", RECORDING], "expected no part but trend beside --runs"),
    ],
)
def test_wrong_use_says_what_to_do(arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["feedback", *arguments]) == 2
    assert problem in capsys.readouterr().err


def test_each_conversation_has_a_row() -> None:
    assert [row[0].value for row in build_report("feedback_cost").rows] == [
        *(r.run for r in transcripts()),
        "all",
    ]
