"""`compare`: GENIUS' published trials beside search methods."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from baselines import catalogue
from baselines.random_search import RandomSearch
from cache import cassette
from cache.store import Store
from reproduce.__main__ import main
from reproduce.comparison.comparison import compare
from reproduce.data import home
from reproduce.published.replay import RECORDED
from reproduce.report.output import save
from tests.schemas import valid

SMALL = ("--trials", "40", "--budget", "10", "20")


def _rows(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, dict[str, object]]]:
    assert main(["compare", *SMALL, *arguments, "--format", "json"]) == 0
    rows: list[dict[str, dict[str, object]]] = valid(capsys.readouterr().out)["rows"]
    return rows


def _select(rows: list[dict[str, dict[str, object]]], method: str, budget: int) -> dict[str, dict[str, object]]:
    (row,) = [row for row in rows if (row["method"]["value"], row["budget"]["value"]) == (method, budget)]
    return row


def _notes(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert main(["compare", *arguments, "--format", "json"]) == 0
    notes: list[str] = valid(capsys.readouterr().out)["notes"]
    return notes


@pytest.fixture
def small_table(tmp_path: Path) -> str:
    """64 architectures of three slots."""
    path = tmp_path / "mine.csv"
    lines = [f"{a}{b}{c},{50 + a + b + c}" for a in range(4) for b in range(4) for c in range(4)]
    path.write_text("architecture,accuracy\n" + "\n".join(lines) + "\n")
    return str(path)


def test_genius_stands_beside_the_methods_at_its_own_budget(fetched: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = _rows(capsys, "--table", "nas-bench-macro", "--methods", "random", "evolution-autodl")
    assert _select(rows, "GENIUS, table8", 10)["rank"]["text"] == "27"  # of 8, 27, 61
    assert _select(rows, "GENIUS, table7", 10)["trials"]["value"] == 3
    random = _select(rows, "random", 10)
    assert random["genius_better"]["status"] == "recomputed"
    assert _select(rows, "random", 20)["genius_better"]["status"] == "label"
    share, p = random["genius_better"]["value"], random["p"]["value"]
    assert isinstance(share, float)
    assert isinstance(p, float)
    assert 0 <= share <= 1
    assert 0 < p <= 1


def test_selection_is_by_validation_and_the_report_by_test(fetched: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = _rows(capsys, "--table", "nas-bench-201-imagenet16-120", "--methods", "random")
    row = _select(rows, "random", 20)
    to_validation, to_best = (row[f"regret_to_{key}"]["value"] for key in ("validation_optimum", "best_test"))
    assert isinstance(to_validation, float)
    assert isinstance(to_best, float)
    assert to_best - to_validation == pytest.approx(47.311 - 46.2, abs=1e-3)
    assert _select(rows, "GENIUS, table13", 10)["test"]["value"] == pytest.approx(44.96, abs=0.005)


def test_the_same_twice_and_another_with_another_seed(fetched: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--table", "channel-bench-resnet", "--methods", "random-distinct", "--count", "unique")
    assert _rows(capsys, *arguments) == _rows(capsys, *arguments)
    assert _rows(capsys, *arguments) != _rows(capsys, *arguments, "--seed", "1")


def test_an_optimiser_of_ones_own(
    fetched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "constant_module.py").write_text(
        "from harness.protocol import Proposal\n"
        "class Constant:\n"
        "    def __init__(self, space, stream):\n"
        "        self.space = space\n"
        "    def ask(self):\n"
        "        return Proposal((2,) * 8)\n"
        "    def tell(self, trial):\n"
        "        assert trial.accuracy > 90\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    rows = _rows(capsys, "--table", "nas-bench-macro", "--methods", "random", "--optimiser", "constant_module:Constant")
    assert _select(rows, "constant_module:Constant", 20)["rank"]["text"] == "21"


def test_a_class_of_a_notebook_stands_in_the_legend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    figures: list[Any] = []
    monkeypatch.setattr("reproduce.comparison.report.save", lambda figure, _: figures.append(figure))
    mine = type("Mine", (RandomSearch,), {"__module__": "__main__"})
    compare(mine, "nas-bench-201-digits", budgets=2, trials=3).draw(tmp_path / "none.png")
    assert "Mine" in [text.get_text() for text in figures[0].legends[0].get_texts()]


def test_the_curves_are_drawn(fetched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GENIUS and what ran here as lines in bands, recorded models as marks with their range; nothing is at 1e-12."""
    pytest.importorskip("matplotlib")
    out = tmp_path / "curves.png"
    tables = ("--table", "nas-bench-macro", "channel-bench-resnet", "nas-bench-201-cifar10")
    figures: list[Any] = []

    def note_and_save(figure: Any, path: Path) -> None:
        figures.append(figure)
        save(figure, path)

    monkeypatch.setattr("reproduce.comparison.report.save", note_and_save)
    assert main(["compare", *SMALL, *tables, "--methods", "random", "local-search-max", "--out", str(out)]) == 0
    assert len(out.read_bytes()) > 10_000
    macro, _, cifar, _ = figures[0].axes
    lines = {line.get_label(): line for line in macro.get_lines()}
    assert {"random", "local-search-max", "GENIUS, table7", "GENIUS, table8"} <= set(lines)
    assert len(lines["GENIUS, table7"].get_xdata()) == 10
    assert lines["GENIUS, table7"].get_linestyle() != lines["GENIUS, table8"].get_linestyle()
    legend = figures[0].legends[0].get_window_extent()
    assert legend.x0 >= 0
    assert legend.x1 <= figures[0].bbox.x1
    assert len(macro.containers) == 4  # two recorded models at two temperatures
    assert [container.get_label() for container in cifar.containers][-1] == "GENIUS"
    low, high = macro.get_ylim()
    assert low > 1e-3
    assert high / low < 1e5
    drawn = np.concatenate([line.get_ydata() for line in macro.get_lines()])
    assert drawn.min() >= low


def test_accuracies_that_differ_by_noise_do_not_squeeze_the_curves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "noise.csv"
    lines = [f"{a}{b}{c},{50 + a + b + min(c, 2) + 1e-10 * c}" for a in range(4) for b in range(4) for c in range(4)]
    path.write_text("architecture,accuracy\n" + "\n".join(lines) + "\n")
    figures: list[Any] = []
    monkeypatch.setattr("reproduce.comparison.report.save", lambda figure, _: figures.append(figure))
    assert main(["compare", *SMALL, "--table", str(path), "--methods", "local-search", "--out", "c.png"]) == 0
    low, high = figures[0].axes[0].get_ylim()
    assert high / low < 1e5


def test_all_alike_is_one_trial_without_an_interval(fetched: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = _rows(capsys, "--table", "nas-bench-macro", "--methods", "random")
    alike = _select(rows, "smollm2, json-object, temperature 0", 10)
    assert (alike["trials"]["text"], alike["test_q50"]["text"]) == ("5, all alike", "92.92")
    assert "low" not in alike["test_q50"]
    assert alike["reached"]["text"] == "1"
    p = alike["p"]["value"]
    assert isinstance(p, float)
    assert p > 2 / 7 - 0.05  # one trial among GENIUS' six can rank no further out
    genius = _select(rows, "GENIUS, table7", 10)["test_q50"]
    assert (genius["text"], genius["level"]) == ("92.86 [92.82, 92.97] 75 %", 0.75)


PUBLISHED = ("nas-bench-macro", "channel-bench-resnet", "channel-bench-mobilenet")
CELLS = ("nas-bench-201-cifar10", "nas-bench-201-cifar100", "nas-bench-201-imagenet16-120")


def test_that_genius_beats_random_search_is_tested_and_corrected(
    fetched: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The p of each table by an independent computation: < 0.0001 three times, 0.0001, 0.013 and 0.034."""
    rows = ["compare", "--table", *PUBLISHED, *CELLS, "--methods", "random", "--budget", "10", "--format", "json"]
    assert main(rows) == 0
    printed = valid(capsys.readouterr().out)
    p = {row["table"]["value"]: row["p"]["value"] for row in printed["rows"] if row["method"]["value"] == "random"}
    known = [1e-4, 1e-4, 1e-4, 5e-4, 0.02, 0.04]
    assert all(found < most for found, most in zip(p.values(), known, strict=True))
    (verdict,) = [note for note in printed["notes"] if note.startswith("Against random GENIUS is")]
    assert verdict.count("(p ") == 12  # with all trials, and with those that are not independent counted once
    assert "undecided" not in verdict
    assert "nas-bench-201-imagenet16-120 (p = 0.0" in verdict


def test_which_trials_are_not_independent_is_computed(fetched: Path, capsys: pytest.CaptureFixture[str]) -> None:
    notes = _notes(capsys, "--table", *PUBLISHED, *CELLS, "--methods", "random", "--budget", "10", "--trials", "10")
    assert [note.partition(": GENIUS, ")[2] for note in notes if "not independent" in note and "GENIUS, " in note] == [
        "table9: trials 2 and 3 share 4 of 10 designs; they are not independent",
        "table10: trials 1 and 2 share 3 of 7 designs; they are not independent",
        "table10: trials 2 and 3 share 4 of 7 designs; they are not independent",
        "table11: trials 1 and 3 end in one cell, and their courses are not published; they are not independent",
        "table12: trials 3 and 5 end in one cell, and their courses are not published; they are not independent",
    ]


@pytest.mark.parametrize("method", ["random", "gdas", "local-search"], ids=lambda method: f"d4-{method}")
def test_a_budget_that_was_not_reached_is_said(
    method: str, small_table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--count", "unique", "--budget", "10", "300", "--trials", "20")
    assert main(["compare", "--table", small_table, "--methods", method, *arguments, "--format", "json"]) == 0
    printed = valid(capsys.readouterr().out)
    assert [row["budget"]["value"] for row in printed["rows"]] == [10, 64]
    assert "mine: there are 64 architectures, and no budget of different ones is larger" in printed["notes"]
    reached = printed["rows"][1]["reached"]
    assert reached["value"] <= 64
    short = [note for note in printed["notes"] if "trials end before 64 unique" in note]
    assert bool(short) == (reached["text"] != "64")
    assert method != "gdas" or short


def test_a_method_that_draws_at_random_for_longer_than_the_budget_is_said_to(
    small_table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    methods = ("evolution-nni", "evolution-naslib", "random")
    notes = _notes(capsys, "--table", small_table, "--methods", *methods, "--budget", "50", "--trials", "5")
    (found,) = [note for note in notes if "it is random search" in note]
    assert found.startswith("mine: evolution-nni draws its first 100 architectures at random")  # d10


def test_versions_that_decide_a_number_are_in_provenance_and_record(
    small_table: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """d12."""
    pytest.importorskip("optuna")
    command = ["compare", "--table", small_table, "--methods", "tpe", "random", "--budget", "5", "--trials", "2"]
    assert main([*command, "--format", "json"]) == 0
    printed = valid(capsys.readouterr().out)
    versions = {"numpy": np.__version__, "optuna": metadata.version("optuna")}
    assert versions.items() <= printed["provenance"].items()
    assert main(command) == 0
    assert f"optuna {versions['optuna']}" in capsys.readouterr().out
    with Store(home() / "contests") as store:
        records = [record for record in store.export().values() if record.kind == "contest"]
    assert {"optuna": versions["optuna"]} in [record.request["packages"] for record in records]
    assert {record.observed["numpy"] for record in records} == {np.__version__}
    monkeypatch.setattr(np, "__version__", "0.1")
    notes = _notes(capsys, *command[1:])
    assert "mine: random: computed anew; code or numpy were others when it was kept, and gave the same" in notes


def test_a_regret_of_nothing_is_not_negative(small_table: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "--table", small_table, "--methods", "local-search-max", "local-search"]) == 0
    assert "-0.00" not in capsys.readouterr().out


def test_what_recordings_of_ones_own_are_left_out_is_said(
    small_table: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = RECORDED / "local-smollm2-nas-bench-201-digits.jsonl"
    table = ("--table", "nas-bench-201-digits", "--methods", "random", "--trials", "5", "--recording", str(path))
    elsewhere = _notes(capsys, "--table", small_table, *table[2:], "--budget", "10")
    assert any(f"({path.name}) searched nas-bench-201-digits, which is not compared here" in note for note in elsewhere)
    other_budget = _notes(capsys, *table, "--budget", "20")
    assert any(f"({path.name}): 5 of 5 runs have a budget of 10 evaluations" in note for note in other_budget)
    mixed = tmp_path / "mixed.jsonl"
    search = ["search", "--method", "random", "--space", "nas-bench-201", "--table", "nas-bench-201-digits"]
    assert main([*search, "--iterations", "3", "--into", str(mixed)]) == 0
    cassette.write(mixed, [*cassette.read(mixed).values(), *cassette.read(path).values()])
    capsys.readouterr()
    notes = _notes(capsys, *table[:-1], str(mixed), "--budget", "10")
    assert any(note.startswith("1 runs (") and "asked no language model" in note for note in notes)


WRONG = """
import numpy as np
from harness.protocol import Method, Proposal

class Right:
    def __init__(self, space, stream):
        self.space = space
    def ask(self):
        return Proposal((0, 0, 0))
    def tell(self, trial):
        pass

class CannotBeMade(Right):
    def __init__(self, space):
        pass

class FailsToAsk(Right):
    def ask(self):
        return self.nowhere

class FailsToTell(Right):
    def tell(self, trial):
        trial.accuracy / 0

class NoProposal(Right):
    def ask(self):
        return (0, 0, 0)

class OtherSpace(Right):
    def ask(self):
        return Proposal((0, 0, 0, 7))

class NoChoices(Right):
    def ask(self):
        return Proposal(("conv", None, 0.5))

class NoArchitecture(Right):
    def ask(self):
        return Proposal(5)

class Number(Right):
    ask = 3

class TooLarge:
    def __init__(self, space, streams):
        self.trials = len(streams)
    def ask(self):
        return np.full(self.trials, 10**6)
    def tell(self, proposals, accuracies):
        pass

class Negative(TooLarge):
    def ask(self):
        return np.full(self.trials, -1)

class OneNumber(TooLarge):
    def ask(self):
        return 3

too_large, negative, one_number = (Method(each.__name__, "", Right, each) for each in (TooLarge, Negative, OneNumber))
"""


@pytest.mark.parametrize(
    ("optimiser", "message"),
    [
        ("CannotBeMade", "got TypeError"),
        ("FailsToAsk", "got AttributeError"),
        ("FailsToTell", "got ZeroDivisionError"),
        ("NoProposal", "return Proposal(architecture)"),
        ("OtherSpace", "expected 3 choices, one a slot, got 4"),
        ("NoChoices", "got 'conv'"),
        ("NoArchitecture", "expected an architecture as a tuple"),
        ("Number", "got TypeError"),
        ("too_large", "got IndexError"),
        ("negative", "expected an index for each of 3 trials"),
        ("one_number", "got AttributeError"),
    ],
)
def test_a_wrong_optimiser_is_a_clear_error(
    optimiser: str,
    message: str,
    small_table: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "wrong_optimisers.py").write_text(WRONG)
    monkeypatch.syspath_prepend(str(tmp_path))
    arguments = ("--table", small_table, "--methods", "random", "--trials", "3", "--budget", "4")
    assert main(["compare", *arguments, "--optimiser", f"wrong_optimisers:{optimiser}"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--table", "nas-bench-102"), "no table is called 'nas-bench-102'; there are nas-bench-201-digits"),
        (("--methods", "evolutoin"), "there are random"),
        (("--optimiser", "no_such_module:Mine"), "no_such_module"),
        (("--budget", "0"), "positive"),
        (("--trials", "0"), "positive"),
    ],
)
def test_wrong_use(arguments: tuple[str, ...], message: str, fetched: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_before_anything_is_fetched_the_tables_of_the_project_are_searched(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "--methods", "random", "--budget", "10", "--trials", "10"]) == 0
    assert "nas-bench-201-digits" in (printed := capsys.readouterr().out)
    assert "nas-bench-macro" not in printed


def test_a_table_that_is_named_has_to_be_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "--table", "nas-bench-macro"]) == 2
    assert "python -m reproduce fetch" in capsys.readouterr().err


def test_methods_that_run_one_by_one_are_left_to_be_named() -> None:
    assert {"random", "random-distinct", "evolution-autodl"} <= catalogue.METHODS.keys()


def test_a_table_that_is_a_csv_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.csv"
    lines = [f"{a}{b}{c},{50 + a + b + c}" for a in range(4) for b in range(4) for c in range(4)]
    path.write_text("architecture,accuracy\n" + "\n".join(lines) + "\n")
    rows = _rows(capsys, "--table", str(path), "--methods", "random", "local-search", "--oracle")
    assert _select(rows, "local-search", 20)["test"]["value"] == 59
    assert _select(rows, "DARTS relaxation (oracle)", 64)["rank"]["value"] == 1
    assert rows[0]["table"]["value"] == "mine†"
    assert main(["compare", *SMALL, "--table", str(path)]) == 0
    assert "left out: local-search-max" in capsys.readouterr().out
    path.write_text("architecture,accuracy\n" + "\n".join(lines[:-1]) + "\n")
    assert main(["compare", "--table", str(path)]) == 2
    assert "333" in capsys.readouterr().err
