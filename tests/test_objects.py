"""How objects look where a person meets them: a line in a console, a table in a notebook, a data frame, a study."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import baselines
import cache
import harness
import reproduce
import tables
from genius_replay.showing import LONGEST, as_line, brief, data_frame, html_cell, html_table
from harness.protocol import in_millions
from harness.training import recipes
from reproduce import recording
from reproduce.benchmarks import open_benchmark
from reproduce.comparison.comparison import Comparison
from reproduce.comparison.contest import Rules, contest
from reproduce.paper.registry import ITEMS

TABLE = "nas-bench-201-digits"


@pytest.fixture(scope="module")
def run() -> reproduce.Run:
    """A run of a small language model, replayed."""
    return recording.replay_recording(recording.committed()[0])[0]


@pytest.fixture(scope="module")
def replayed() -> reproduce.Replay:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENIUS_REPLAY_HOME", "/nowhere")
        return reproduce.replay("329M")


def met(run: reproduce.Run, replayed: reproduce.Replay, folder: Path) -> list[Any]:
    """Everything that a person meets in a notebook, by what is expected to be said of it."""
    opened = open_benchmark(TABLE)
    held = cache.Cassette(run.records)
    contested = contest(opened, [baselines.METHODS["random"]], Rules((2,), trials=3), cache.Cassette())
    training = harness.training.Training(TABLE[:13], "digits", "sha256:" + "0" * 64, recipes.DIGITS)
    return [
        (ITEMS["table2"].report(), "table2, 26 rows of 6 cells"),
        (run, run.specification.name),
        (replayed, "run 329M, reconstructed: 26 proposals, 9 evaluated, best 72.61 %"),
        (replayed.trajectory, "26 proposals, 9 evaluated"),
        (replayed.trajectory.steps[0], "0.0: 71.71 %, (1, 0, 0"),
        (replayed.trajectory.steps[1], "1.0: above the MACs window, (1, 0"),
        (replayed.trajectory.steps[-1], "9.1: no accuracy, (1, 0"),
        (replayed.trajectory.steps[0].trial, "71.71 %, 330,24"),
        (replayed.trajectory.steps[1].trial, "above the MACs window: "),
        (replayed.trajectory.steps[0].trial.proposal, "Stage"),
        (run.specification, "temperature"),
        (run.specification.model, "answers"),
        (run.setting, f"on {run.setting.space.name}"),
        (run.answers[0], "chat.completions, sample 0: {"),
        (run.record(), 'run, sample 0: {"course"'),
        (held, "of 22 records"),
        (cache.Cassette(), "of 0 records"),
        (cache.Client(held), "only replays: 0 asked, 0 found in <Cassette of "),
        (cache.Client(None, {"chat.completions": lambda _: cache.Reply({})}), "asks for chat.completions"),
        (cache.Store(folder), str(folder)[:60]),
        (opened, f"{TABLE}: 15,625 architectures, validation"),
        (opened.table, f"{TABLE}: 15,625 architectures, validation"),
        (opened.held_out, "best 72.90 %"),
        (harness.spaces.find("nas-bench-201").SPACE, "6 slots, 15,625 architectures, 5,044 networks"),
        (contested, f"on {TABLE}: "),
        (Comparison((contested,)), f"1 table: {TABLE}"),
        (baselines.METHODS["random"], "random: random search with repetition"),
        (baselines.Prompts.load("nas_bench_201"), "You design"),
        (training, "of nas-bench-201 on digits, epochs"),
    ]


def test_everything_that_a_person_meets_says_in_one_line_what_it_is(
    run: reproduce.Run, replayed: reproduce.Replay, tmp_path: Path
) -> None:
    for thing, said in met(run, replayed, tmp_path):
        line = repr(thing)
        assert line.startswith(f"<{type(thing).__name__} "), line
        assert line.endswith(">"), line
        assert said in line
        assert "\n" not in line
        assert len(line) <= LONGEST + 2 < 150


def test_a_line_holds_no_control_and_is_cut() -> None:
    assert brief(1, "\x1b[2J\nnext") == "<int \\x1b[2J next>"
    assert len(brief(1, "x" * 1000)) == LONGEST + 2


# -- notebooks ---


class Cells(HTMLParser):
    """The text of every cell, row by row; what else there is by its tag."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.tags[-1] in ("td", "th", "abbr"):
            self.rows[-1][-1] += data.rstrip("\n")


def test_a_run_is_a_table_in_a_notebook(replayed: reproduce.Replay) -> None:
    shown = Cells(replayed._repr_html_())
    heading, *rows = shown.rows
    assert heading == ["T", "Turn", "Architecture", "MACs", "Told (%)", "True (%)", "Rejected"]
    assert len(rows) == len(replayed.trajectory.steps)
    first = replayed.trajectory.steps[0].trial
    assert first.architecture is not None
    assert rows[0] == ["0", "0", replayed.space.to_native(first.architecture), "330,240,000", "71.71", "71.71", ""]
    assert {row[-1] for row in rows} == {"", "above the MACs window"}
    assert set(shown.tags) == {"table", "caption", "thead", "tbody", "tr", "th", "td", "p"}


def test_of_a_long_run_a_notebook_shows_the_first_steps() -> None:
    [run] = reproduce.search("random", "nas-bench-201-digits", budget=300)
    assert run._repr_html_().count("<tr>") == 201
    assert "<p>These are the first 200; `to_frame()` has all.</p>" in run._repr_html_()


def test_what_a_table_of_one_s_own_does_not_say_is_missing(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("architecture,accuracy\n00,50\n01,51\n10,52\n11,53\n")
    [run] = reproduce.search("random", tmp_path / "mine.csv", budget=1)
    assert run.trajectory.steps[0].trial.macs == 0
    assert "<td></td><td>5" in run._repr_html_()


def test_a_report_is_a_table_in_a_notebook() -> None:
    report = ITEMS["table2"].report()
    shown = Cells(report._repr_html_())
    assert [len(row) for row in shown.rows] == [len(report.columns)] * (1 + len(report.rows))
    assert shown.rows[-1][1].split() == ["401", "●"]
    assert shown.tags.count("p") == 2 + len(report.notes)  # the marks, and what the report was made of
    assert not {"style", "script", "html"} & {*shown.tags}


def test_what_others_wrote_is_text_in_a_notebook() -> None:
    hostile = "</td><script>alert(1)</script>"
    page = html_table(hostile, [hostile], [[html_cell(hostile, '"', hostile, names_row=True)]], [hostile])
    assert "<script" not in page
    assert Cells(page).rows[1][0].startswith(as_line(hostile))


# -- data frames ---


def test_a_report_is_a_frame_of_unrounded_values_with_their_statuses() -> None:
    pytest.importorskip("pandas")
    report = ITEMS["table2"].report()
    frame = report.to_frame()
    assert [*frame.columns] == report.fields()[0]
    last = frame.iloc[-1]
    assert (last["flops"], last["flops_status"], last["top1"]) == (401_495_296, "recomputed", 78.2)
    assert str(frame["flops"].dtype) == "Int64"
    assert str(frame["top1"].dtype) == "float64"
    assert str(frame["method"].dtype).startswith("str")


def test_a_run_is_a_frame_of_its_steps(replayed: reproduce.Replay) -> None:
    pytest.importorskip("pandas")
    frame = replayed.to_frame()
    assert len(frame) == len(replayed.trajectory.steps)
    assert [*frame.columns] == ["iteration", "turn", "architecture", "macs", "told", "true", "rejected"]
    assert frame.told.max() == replayed.trajectory.best.accuracy
    assert frame.told[frame.rejected.notna()].isna().all()
    assert frame.rejected.notna().sum() == 16
    assert frame.dtypes.map(str).to_dict()["macs"] == "Int64"


def test_missing_values_stay_missing_whatever_the_others_are() -> None:
    pytest.importorskip("pandas")
    frame = data_frame(["a", "b", "c", "d"], [[1, None, "x", None], [None, 1.5, 3, None]])
    assert [*map(str, frame.dtypes)] == ["Int64", "float64", "object", "object"]
    assert frame.isna().values.tolist() == [[False, True, False, True], [True, False, False, True]]


# -- studies ---


def test_a_run_is_a_study_with_a_trial_for_every_step(replayed: reproduce.Replay) -> None:
    optuna = pytest.importorskip("optuna")
    study = replayed.to_optuna()
    steps = replayed.trajectory.steps
    assert len(study.trials) == len(steps)
    assert study.best_value == replayed.trajectory.best.accuracy
    best = replayed.trajectory.best.trial.architecture
    assert best is not None
    slots = replayed.space.slots
    assert study.best_params == {slot.name: slot.choices[n] for slot, n in zip(slots, best, strict=True)}
    for trial, step in zip(study.trials, steps, strict=True):
        rejected = isinstance(step.told, harness.Rejected)
        assert (trial.state is optuna.trial.TrialState.COMPLETE) == (step.accuracy is not None)
        assert trial.state is not optuna.trial.TrialState.FAIL  # every answer holds a design
        assert (trial.user_attrs["rejected"] is not None) == rejected
        assert in_millions(trial.user_attrs["macs"]) == in_millions(step.trial.macs or 0)


@pytest.mark.filterwarnings("ignore")  # Optuna's, of what it calls experimental
def test_optuna_says_which_slots_matter_and_draws_the_course(replayed: reproduce.Replay) -> None:
    optuna = pytest.importorskip("optuna")
    plots = pytest.importorskip("optuna.visualization.matplotlib")
    pytest.importorskip("matplotlib").use("Agg")
    study = replayed.to_optuna()
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    importances = optuna.importance.get_param_importances(study, evaluator=evaluator)
    assert {*importances} == {slot.name for slot in replayed.space.slots}
    assert sum(importances.values()) == pytest.approx(1)
    points = plots.plot_optimization_history(study).collections[0].get_offsets()
    assert [y for _, y in points] == [step.accuracy for step in replayed.trajectory.evaluated]


def test_an_answer_without_a_design_is_a_failed_trial(run: reproduce.Run) -> None:
    optuna = pytest.importorskip("optuna")
    unread = harness.Rejected(harness.Proposal(reply="?"), harness.Rejection(harness.Reason.NOTHING_FOUND, "none"))
    trajectory = harness.Trajectory((harness.Step(0, 0, unread, unread),))
    study = reproduce.Replay("x", run.setting.space, "published", "", trajectory, cache.Tally()).to_optuna()
    (trial,) = study.trials
    assert trial.state is optuna.trial.TrialState.FAIL
    assert (trial.params, trial.user_attrs["rejected"]) == ({}, "nothing found")


def test_slots_of_one_name_are_told_apart_by_their_number() -> None:
    pytest.importorskip("optuna")
    slot = tables.Slot("Layer", ("a", "b"))
    space = tables.Space("s", "S", (tables.Group("One", (slot,)), tables.Group("Two", (slot,))))
    trial = harness.Evaluated(harness.Proposal((0, 1)), (0, 1), 5, 50.0)
    trajectory = harness.Trajectory((harness.Step(0, 0, trial, trial),))
    study = reproduce.Replay("x", space, "published", "", trajectory, cache.Tally()).to_optuna()
    assert study.best_params == {"1 Layer": "a", "2 Layer": "b"}


@pytest.mark.parametrize(("module", "asked"), [("pandas", "to_frame"), ("optuna", "to_optuna")])
def test_what_is_not_installed_is_named(
    module: str, asked: str, replayed: reproduce.Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(ImportError, match=f"python -m pip install {module}"):
        getattr(replayed, asked)()
