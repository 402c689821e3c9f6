"""`python -m reproduce search`: on tables, by training, ahead of training, and again from a cassette without torch."""

from __future__ import annotations

import os
import random
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from baselines import catalogue
from cache import cassette
from cache.record import Record
from cache.store import Store
from harness.loop import Budget, Problem, run
from harness.protocol import Rejected
from harness.spaces import nas_bench_201
from harness.streams import Stream
from harness.training import data as datasets
from harness.training.jobs import KIND, Job, Trained, Training
from harness.training.recipes import DIGITS
from reproduce import benchmarks
from reproduce.__main__ import main
from reproduce.cli import training
from reproduce.data import home
from reproduce.published import imagenet
from tables.space import Architecture
from tests.harness.training.instant import Instant, made_up
from tests.schemas import valid

TRAIN = ("--space", "nas-bench-201", "--objective", "train")
WITHOUT_TORCH = """
import sys
class Forbid:
    def find_spec(self, name, path=None, target=None):
        assert name.partition(".")[0] not in ("torch", "sklearn"), f"{name} was asked for"
sys.meta_path.insert(0, Forbid())
from reproduce.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def executor(monkeypatch: pytest.MonkeyPatch) -> Instant:
    """In the place of what would train."""
    instant = Instant()
    monkeypatch.setattr(training, "executor", lambda _: instant)
    return instant


def rows(capsys: pytest.CaptureFixture[str], *arguments: str, command: str = "search") -> list[dict[str, Any]]:
    assert main([command, *arguments, "--format", "json"]) == 0
    found: list[dict[str, Any]] = valid(capsys.readouterr().out)["rows"]
    return found


def without_torch(*arguments: str, home: Path) -> list[dict[str, Any]]:
    environment = {**os.environ, "GENIUS_REPLAY_HOME": str(home)}
    command = [sys.executable, "-c", WITHOUT_TORCH, "search", *arguments, "--format", "json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = valid(done.stdout)["rows"]
    return found


def values(found: list[dict[str, Any]], *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row[column]["value"] for column in columns) for row in found]


# -- on a table ---


def test_on_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--method", "evolution-autodl", "--space", "nas-bench-201", "--table", "nas-bench-201-digits")
    found = rows(capsys, *arguments, "--budget", "5", "--trials", "2")
    assert values(found, "trial", "iteration") == [(trial, t) for trial in (1, 2) for t in range(5)]
    opened = benchmarks.open_benchmark("nas-bench-201-digits")
    for row in found:
        standing = opened.standing(nas_bench_201.SPACE.from_native(row["architecture"]["value"]))
        assert row["validation"]["value"] == standing.told
        assert row["test"]["value"] in (None, standing.test)
        assert row["macs"]["value"] < 1_000_000  # of the small networks of this table, not of CIFAR-10's
    assert sum(row["test"]["value"] is not None for row in found) == 2


def test_a_budget_that_makes_a_method_random_search_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["search", "--method", "evolution-nni", "--space", "nas-bench-201", "--table", "nas-bench-201-digits"]
    assert main([*arguments, "--budget", "5", "--format", "json"]) == 0
    random = "evolution-nni draws its first 100 architectures at random: up to a budget of 100 it is random search."
    assert random in valid(capsys.readouterr().out)["notes"]


def test_the_package_that_decides_a_run_is_in_its_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """d12."""
    pytest.importorskip("optuna")
    arguments = ["search", "--method", "tpe", "--space", "nas-bench-201", "--table", "nas-bench-201-digits"]
    into = tmp_path / "tpe.jsonl"
    assert main([*arguments, "--budget", "3", "--into", str(into), "--format", "json"]) == 0
    version = metadata.version("optuna")
    assert valid(capsys.readouterr().out)["provenance"]["optuna"] == version
    assert [record.observed["optuna"] for record in cassette.read(into).of_kind("run")] == [version]


def test_a_method_with_nothing_left_to_propose_ends_its_trial_with_a_remark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """d5."""
    pytest.importorskip("optuna")
    (tmp_path / "a_grid.py").write_text(
        "from optuna.samplers import GridSampler\n"
        "from baselines.optuna_sampler import optuna_method\n"
        "CHOICES = {str(edge): [3] if edge else [0, 1] for edge in range(6)}\n"
        "GRID = optuna_method('grid', 'made up', lambda seed: GridSampler(CHOICES, seed=seed))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    table = ("--space", "nas-bench-201", "--table", "nas-bench-201-digits")
    for budget, ends in (("5", True), ("2", False)):
        assert main(["search", "--method", "a_grid:GRID", *table, "--budget", budget, "--format", "json"]) == 0
        printed = valid(capsys.readouterr().out)
        assert len(printed["rows"]) == 2
        assert ("Trial 1 ended after 2 evaluations: nothing was left to propose." in printed["notes"]) == ends


@pytest.mark.parametrize("part", ["__init__", "ask", "tell"])
def test_an_optimiser_that_fails_is_named(
    part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = {"__init__": "self, space, stream", "ask": "self", "tell": "self, trial"}
    bodies = {"__init__": "pass", "ask": "return Proposal((0,) * 6)", "tell": "pass", part: "return nowhere"}
    lines = [f"    def {name}({given}):\n        {bodies[name]}" for name, given in parts.items()]
    text = "\n".join(["from harness.protocol import Proposal", "class Mine:", *lines])
    (tmp_path / f"failing_{part}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    arguments = ["search", "--method", f"failing_{part}:Mine", "--space", "nas-bench-201", "--budget", "3"]
    assert main([*arguments, "--table", "nas-bench-201-digits"]) == 2
    assert "NameError: name 'nowhere' is not defined" in capsys.readouterr().err


# -- by training ---


def test_jobs_that_are_known_are_trained_at_once_and_never_again(
    executor: Instant, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--method", "random", *TRAIN, "--budget", "4", "--trials", "2")
    found = rows(capsys, *arguments)
    assert [len(each) for each in executor.rounds] == [8]
    assert rows(capsys, *arguments) == found
    assert len(executor.rounds) == 1
    for trial in (1, 2):
        course = [row for row in found if row["trial"]["value"] == trial]
        best = max(course, key=lambda row: row["validation"]["value"])
        assert [row for row in course if row["test"]["value"] is not None] == [best]
        assert best["test"]["value"] == pytest.approx(best["validation"]["value"] - 1)
        assert best["validation"]["status"] == "recomputed"


def test_a_method_that_learns_is_told_each_result_before_it_goes_on(
    executor: Instant, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--method", "local-search", *TRAIN, "--budget", "6", "--trials", "2")
    found = rows(capsys, *arguments)
    assert [len(each) for each in executor.rounds] == [2] * 6
    how = Training("nas-bench-201", "digits", training.DIGITS, DIGITS)

    def truth(architecture: Architecture) -> float | None:
        return made_up(how.job(architecture)).outcome.validation

    for trial in range(2):
        method = catalogue.find("local-search").factory(nas_bench_201.SPACE, Stream(0, trial))
        problem = Problem(nas_bench_201.SPACE, lambda _: 0, (), truth)
        proposed = [step.trial.architecture for step in run(method, problem, Budget(evaluations=6)).steps]
        assert [nas_bench_201.SPACE.to_native(each) for each in proposed if each] == [
            row["architecture"]["value"] for row in found if row["trial"]["value"] == trial + 1
        ]


def test_every_setting_of_the_command_line_is_in_the_job(executor: Instant) -> None:
    settings = ("--epochs", "2", "--batch-size", "32", "--input-size", "16", "--validation", "0.1", "--width", "0.5")
    more = ("--cells-per-stage", "1", "--light-reduction", "--train-seed", "7")
    assert main(["search", "--method", "random", *TRAIN, "--budget", "1", *settings, *more]) == 0
    ((job,),) = executor.rounds
    recipe, network = job.recipe, job.network
    assert (recipe.epochs, recipe.batch_size, recipe.input_size) == (2, 32, 16)
    assert recipe.split.train == pytest.approx(0.65)
    assert (recipe.split.validation, recipe.split.test) == (0.1, 0.25)
    assert (network.width, network.cells_per_stage, network.light_reduction, job.seed) == (0.5, 1, True, 7)
    assert (job.dataset, job.digest) == ("digits", datasets.find("digits").digest)


def test_a_failure_ends_the_search_and_keeps_the_rest(executor: Instant, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["search", "--method", "random", *TRAIN, "--budget", "3"]
    failing: list[Job] = []
    executor.fails = lambda job: not failing and not failing.append(job)  # type: ignore[func-returns-value]
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert "the dog ate the pictures" in said
    assert f"jobs retry {failing[0].key}" in said
    assert main(["jobs", "retry", failing[0].key]) == 0
    assert main(arguments) == 0
    assert [len(each) for each in executor.rounds] == [3, 1]


def test_a_training_that_never_fits_is_told_as_not_measured_and_the_search_goes_on(
    executor: Instant, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Case e22: the search could not end, and nothing was written."""
    executor.how = "exit code 75"
    executor.fails = lambda job: job in executor.rounds[0][1:2]
    into = tmp_path / "mine.jsonl"
    arguments = ("--method", "local-search", *TRAIN, "--budget", "4", "--trials", "2")
    found = rows(capsys, *arguments, "--into", str(into))
    assert [row["trial"]["value"] for row in found] == [1] * 4 + [2] * 4
    (failed,) = executor.rounds[0][1:2]
    assert failed.architecture not in [row["architecture"]["value"] for row in found]
    assert main(["search", "--from", str(into)]) == 0
    said = capsys.readouterr().out
    assert f"Not measured, trial 2: {failed.architecture}: 3 attempts came to nothing, the last said: the dog" in said
    assert sorted(values(rows(capsys, "--from", str(into)), "architecture")) == sorted(values(found, "architecture"))
    rounds = len(executor.rounds)
    assert values(rows(capsys, *arguments), "architecture") == values(found, "architecture")
    assert executor.rounds[rounds:] == [[failed]]  # asked for again, and given up in the queue
    with Store(home() / "answers") as store:
        assert {record.kind for key in store.keys() if (record := store.get(key))} == {KIND, "run"}  # noqa: SIM118


def test_where_nothing_can_be_trained_the_search_ends(executor: Instant, capsys: pytest.CaptureFixture[str]) -> None:
    executor.how, executor.fails = "killed by SIGKILL", lambda _: True
    assert main(["search", "--method", "random", *TRAIN, "--budget", "3"]) == 2
    assert capsys.readouterr().err.count("the dog ate the pictures") == 3
    assert len(executor.rounds) == 1


def test_a_training_that_diverges_never_wins(
    executor: Instant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Case e4."""
    arguments = ("--method", "random", *TRAIN, "--budget", "4")
    winner = max(rows(capsys, *arguments), key=lambda row: row["validation"]["value"])["architecture"]["value"]
    monkeypatch.setenv("GENIUS_REPLAY_HOME", str(tmp_path / "another"))
    executor.diverges = lambda job: job.architecture == winner
    into = tmp_path / "mine.jsonl"
    found = rows(capsys, *arguments, "--into", str(into))
    assert len(found) == 4
    assert winner not in [row["architecture"]["value"] for row in found]
    for again in (arguments, ("--from", str(into))):
        assert main(["search", *again]) == 0
        said = capsys.readouterr().out
        assert f"Not measured, trial 1: {winner}: a loss of its training was not finite." in said
    assert main(["jobs", "--format", "json"]) == 0
    remarks = [row["remark"]["value"] for row in valid(capsys.readouterr().out)["rows"]]
    assert sorted(filter(None, remarks)) == ["not measured: a loss is not finite"]


def test_results_of_another_code_are_said(
    executor: Instant, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Case e16: an old result under a key that now gives another."""
    arguments = ["search", "--method", "random", *TRAIN, "--budget", "3"]
    assert main(arguments) == 0
    assert "another version of the code" not in capsys.readouterr().out
    monkeypatch.setattr("reproduce.searching.report.code_digest", lambda: "sha256:edited")
    assert main(arguments) == 0
    assert "3 of 3 trainings were made by another version of the code than is here." in capsys.readouterr().out


def test_a_method_that_draws_elsewhere_is_found_out(
    executor: Instant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "restless.py").write_text(
        "import random\n"
        "from harness.protocol import Proposal\n"
        "class Restless:\n"
        "    def __init__(self, space, stream):\n"
        "        self.space, self.architecture = space, space.sample(random)\n"
        "    def ask(self):\n"
        "        return Proposal(self.architecture)\n"
        "    def tell(self, trial):\n"
        "        self.architecture = self.space.sample(random)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert main(["search", "--method", "restless:Restless", *TRAIN]) == 2
    assert "all randomness must come from the stream" in capsys.readouterr().err


# -- ahead of training ---


def test_a_dry_run_prints_what_is_known_and_trains_nothing(
    executor: Instant, capsys: pytest.CaptureFixture[str]
) -> None:
    everything = rows(capsys, "--method", "random", *TRAIN, "--budget", "4", "--dry-run")
    assert len(everything) == 4
    assert {row["state"]["value"] for row in everything} == {"to be trained"}
    assert all(row["operations"]["value"] > 0 for row in everything)
    firsts = rows(capsys, "--method", "local-search", *TRAIN, "--budget", "4", "--trials", "2", "--dry-run")
    assert values(firsts, "trial", "iteration") == [(1, 0), (2, 0)]
    assert main(["search", "--method", "local-search", *TRAIN, "--budget", "4", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "1 of 4 evaluations are known before anything is trained; the others depend on results" in said
    assert "Hours: assumed" in said
    assert executor.rounds == []


def test_hours_are_those_of_trainings_that_are_done(executor: Instant, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--method", "random", *TRAIN, "--trials", "2")
    trained = rows(capsys, *arguments, "--budget", "1")
    ahead = rows(capsys, *arguments, "--budget", "2", "--dry-run")
    assert [row["state"]["value"] for row in ahead] == ["trained", "to be trained"] * 2
    done = [row for row in ahead if row["state"]["value"] == "trained"]
    assert values(done, "architecture") == values(trained, "architecture")
    macs, hours = zip(*values(ahead, "macs", "hours"), strict=True)
    assert hours == pytest.approx([0.01 * each * (1 / macs[0] + 1 / macs[2]) / 2 for each in macs])  # 36 s each
    assert main(["search", *arguments, "--dry-run"]) == 0
    assert "from finished trainings of the same recipe" in capsys.readouterr().out


# -- again, without torch ---


def test_what_was_trained_is_replayed_without_torch(
    executor: Instant, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    into = tmp_path / "mine.jsonl"
    arguments = ("--method", "local-search", *TRAIN, "--budget", "3", "--trials", "2")
    trained = rows(capsys, *arguments, "--into", str(into))
    from_the_store = without_torch(*arguments, home=home)
    assert from_the_store == trained
    from_the_cassette = without_torch("--from", str(into), home=tmp_path / "empty")
    columns = ("trial", "iteration", "architecture", "validation", "test")
    assert values(from_the_cassette, *columns) == values(trained, *columns)
    assert {row["validation"]["status"] for row in from_the_cassette} == {"replayed"}
    assert len(cassette.read(into)) == len({row["architecture"]["value"] for row in trained}) + 2
    once = into.read_bytes()
    rows(capsys, *arguments, "--into", str(into))
    assert into.read_bytes() == once


@pytest.fixture
def recorded(executor: Instant, tmp_path: Path) -> Path:
    into = tmp_path / "mine.jsonl"
    assert main(["search", "--method", "local-search", *TRAIN, "--budget", "3", "--into", str(into)]) == 0
    return into


def rewritten(path: Path) -> Iterator[Record]:
    """All records of a cassette, before the cassette is written again."""
    yield from list(cassette.read(path).values())


def test_a_cassette_that_lacks_a_training_is_refused(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, *rest = (record for record in rewritten(recorded) if record.kind == KIND)
    searched = [record for record in rewritten(recorded) if record.kind != KIND]
    cassette.write(recorded, [*rest, *searched])
    assert main(["search", "--from", str(recorded)]) == 2
    assert f"a record with key {first.key}" in capsys.readouterr().err


def test_a_cassette_of_another_course_is_refused(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed = [
        Record(each.request, {**each.answer, "validation": 1.0}, kind=KIND, observed=each.observed)
        if each.kind == KIND
        else each
        for each in rewritten(recorded)
    ]
    cassette.write(recorded, changed)
    assert main(["search", "--from", str(recorded)]) == 2
    assert "another course than it took" in capsys.readouterr().err


def test_a_cassette_without_a_search_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cassette.write(tmp_path / "none.jsonl", [])
    assert main(["search", "--from", str(tmp_path / "none.jsonl")]) == 2
    assert "got 0 answers, no run" in capsys.readouterr().err


def test_the_page_on_training_shows_what_is_printed(
    executor: Instant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (Path(__file__).parents[3] / "docs" / "train.md").read_text(encoding="utf-8")
    ahead, search, replay, *_ = re.findall(r"^python -m reproduce (search .*)$", page, re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(ahead)) == 0
    assert executor.rounds == []
    for command in (search, replay):
        capsys.readouterr()
        assert main(shlex.split(command)) == 0
        printed = capsys.readouterr().out.splitlines()
        shown = re.search(r"```text\n(.*?)```", page, re.DOTALL)
        assert shown is not None
        of_training = shown[1].index("\n#  MACs")  # what follows is of a real training
        heads = shown[1][:of_training].splitlines()
        assert printed[2 : 2 + len(heads)] == heads
    assert [len(each) for each in executor.rounds] == [6]


# -- GENIUS on ImageNet ---


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """ImageNet in small: two classes of 40 and 4 pictures, one darker than the other."""
    rng = random.Random(0)
    for label in (0, 1):
        for part, count in (("train", 40), ("val", 4)):
            folder = tmp_path / "pictures" / part / f"class{label}"
            folder.mkdir(parents=True)
            for number in range(count):
                colour = tuple(rng.randrange(100) + 150 * label for _ in range(3))
                Image.new("RGB", (40, 36), colour).save(folder / f"{number}.jpeg")
    return tmp_path / "pictures"


GENIUS = ("--method", "genius", "--run", "329M", "--objective", "train", "--dataset", "imagenet")


def test_genius_ahead_of_training(pictures: Path, executor: Instant, capsys: pytest.CaptureFixture[str]) -> None:
    found = rows(capsys, *GENIUS, "--data", str(pictures), "--recipe", "genius-imagenet", "--dry-run")
    assert values(found, "iteration") == [(t,) for t in range(10)]
    assert found[3]["macs"]["value"] == 329_412_864
    operations = [row["operations"]["value"] for row in found]
    by_hand = 6 * 300e6 * (196 / 224) ** 2 * 0.99 * 1_281_167 * 20  # 300 M multiply-accumulates, thrice, two each
    assert sum(operations) == pytest.approx(10 * by_hand / 1e12, rel=0.05)
    assert executor.rounds == []


SHRUNK = ("--epochs", "1", "--input-size", "32", "--batch-size", "16", "--width", "0.25", "--validation", "0.2")


def check_genius_to_its_end(pictures: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Propose, FLOPs feedback, train, feed back, best by validation; then the same from records, without torch."""
    into = folder / "genius.jsonl"
    assert main(["search", *GENIUS, "--data", str(pictures), *SHRUNK, "--into", str(into), "--format", "json"]) == 0
    content = valid(capsys.readouterr().out)
    found = content["rows"]
    steps = imagenet.replay("329M").trajectory.steps
    accepted = [step for step in steps if not isinstance(step.told or step.trial, Rejected)]
    assert values(found, "iteration", "told") == [(step.iteration, step.accuracy) for step in accepted]
    assert "26 proposals; sent back: " in str(content["notes"])
    best = max(found, key=lambda row: float(row["validation"]["value"]))
    assert [row for row in found if row["test"]["value"] is not None] == [best]
    trained = [Trained.from_record(each) for each in cassette.read(into).values() if each.kind == KIND]
    assert {row["architecture"]["value"]: row["validation"]["value"] for row in found} == {
        each.job.architecture: each.outcome.validation for each in trained
    }
    columns = ("iteration", "architecture", "validation", "told", "test")
    again = without_torch("--from", str(into), home=folder / "empty")
    assert values(again, *columns) == values(found, *columns)


def test_genius_to_its_end(
    pictures: Path, executor: Instant, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check_genius_to_its_end(pictures, tmp_path, capsys)
    assert [len(each) for each in executor.rounds] == [10]


@pytest.mark.slow
def test_genius_to_its_end_with_real_trainings(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check_genius_to_its_end(pictures, tmp_path, capsys)


def test_one_real_training_on_a_folder_of_pictures(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch", reason="it trains: install the extra `train`")
    arguments = ("--method", "random", "--space", "mobilenetv2-se", *GENIUS[4:], "--data", str(pictures), *SHRUNK)
    (row,) = rows(capsys, *arguments, "--budget", "1")
    assert row["validation"]["value"] * 16 / 100 == int(row["validation"]["value"] * 16 / 100)  # of 16 pictures
    (job,) = rows(capsys, command="jobs")
    assert job["state"]["value"] == "done"
    assert job["hours"]["value"] > 0


# -- wrong use ---


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "expected --method NAME --space NAME"),
        (("--method", "genius", "--space", "nas-bench-201"), "name one with --model"),
        (("--method", "random"), "expected --method NAME --space NAME"),
        (("--method", "genius"), "expected --method NAME --space NAME"),
        (
            ("--method", "random", "--space", "nas-bench-201", "--run", "329M"),
            "expected a published run with the method genius",
        ),
        (
            ("--method", "genius", "--run", "329M", "--space", "nas-bench-201"),
            "expected a published run with the method genius",
        ),
        (("--run", "329M", "--objective", "train", "--trials", "2"), "one trial, its own budget"),
        (("--method", "genius", "--run", "329M"), "(--objective train)"),
        (("--method", "random", "--space", "nas-bench-201", "--dry-run"), "add --model or --objective train"),
        (("--method", "nobody", *TRAIN), "no method is called 'nobody'"),
        (("--method", "genius", "--run", "1M", "--objective", "train"), "no run is called '1M'"),
        (("--method", "random", "--space", "nowhere", "--objective", "train"), "no space is called 'nowhere'"),
        (("--method", "random", *TRAIN, "--budget", "0"), "positive number of evaluations"),
        (("--method", "random", *TRAIN, "--into", "no/such/folder/x.jsonl"), "expected a folder no/such/folder"),
        (("--from", "x.jsonl", "--method", "random"), "leave out --method"),
        (("--from", "x.jsonl"), "Expected a cassette"),
        (("--method", "random", *TRAIN, "--dataset", "cifar10"), "--data PATH"),
        (("--method", "random", *TRAIN, "--recipe", "mine"), "no recipe is called 'mine'"),
        (("--method", "random", *TRAIN, "--epochs", "0"), "epochs from 1 on"),
        (("--method", "random", *TRAIN, "--validation", "0"), "expects pictures that validate"),
        (("--method", "random", *TRAIN, "--width", "0"), "width above 0"),
        (
            ("--method", "random", *TRAIN, "--batch-size", "2", "--validation", "0.2495", "--dry-run"),
            "batches of two pictures",
        ),
        (("--method", "random", *TRAIN, "--input-size", "3", "--dry-run"), "input_size from 4 on"),
        (("--method", "random", *TRAIN, "--input-size", "9", "--dry-run"), "a side that 4 divides, got 9"),
        (("--method", "random", *TRAIN, "--recipe", "genius-imagenet", "--dry-run"), "crop-flip or none"),
        (("--method", "random", *TRAIN, "--executor", "slurm", "--slurm", "mem"), "expected --slurm KEY=VALUE"),
        (("--method", "random", *TRAIN, "--executor", "slurm", "--slurm", "array=3"), "have options of their own"),
        (("--method", "random", *TRAIN, "--minutes", "5", "--dry-run"), "--minutes is not for --executor local"),
        (
            ("--method", "random", *TRAIN, "--executor", "slurm", "--processes", "2", "--dry-run"),
            "--processes is not for --executor slurm",
        ),
        (("--method", "random", *TRAIN, "--data", "x", "--dry-run"), "--data x would be ignored"),
        (("--method", "random", *TRAIN, "--workers", "-1"), "expected --workers from 0 on"),
        (
            ("--method", "random", "--space", "nas-bench-201", "--table", "nas-bench-201-digits", "--epochs", "3"),
            "--epochs is for trainings: add --objective train, or leave it out",
        ),
        (
            ("--method", "random", "--table", "nas-bench-201-digits", "--slurm", "mem=1G", "--executor", "slurm"),
            "--executor, --slurm is for trainings",
        ),
    ],
)
def test_wrong_use(arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_without_torch_nothing_is_trained_and_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert main(["search", "--method", "random", *TRAIN]) == 2
    assert "python -m pip install torch" in capsys.readouterr().err


def test_b4_a_recording_grows_by_whatever_is_searched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    into = tmp_path / "mine.jsonl"
    search = ["search", "--table", "nas-bench-201-digits", "--into", str(into)]
    assert main([*search, "--method", "random", "--trials", "2"]) == 0
    before, content = dict(cassette.read(into)), into.read_bytes()
    assert main([*search, "--method", "random", "--trials", "1"]) == 0
    assert into.read_bytes() == content
    for number, more in enumerate((["--method", "random", "--trials", "3"], ["--method", "local-search"]), 3):
        assert main([*search, *more]) == 0
        after = cassette.read(into)
        assert {key: after[key] for key in before} == before
        assert len([*after.of_kind("run")]) == number


def test_b4_nothing_else_is_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    into = tmp_path / "mine.jsonl"
    into.write_text("a letter to a friend\n")
    assert main(["search", "--method", "random", "--table", "nas-bench-201-digits", "--into", str(into)]) == 2
    assert "expected a new file, or a recording that grows" in capsys.readouterr().err
    assert into.read_text() == "a letter to a friend\n"


def test_a_search_without_a_model_is_no_recording_of_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    into = tmp_path / "mine.jsonl"
    assert main(["search", "--method", "random", "--table", "nas-bench-201-digits", "--into", str(into)]) == 0
    for command in (["recordings", str(into)], ["compare", "--recording", str(into)]):
        assert main(command) == 2
        assert "expected runs of a language model, got none" in capsys.readouterr().err


def test_an_optimiser_that_proposes_something_else_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "proposes_words.py").write_text(
        "class Words:\n"
        "    def __init__(self, space, stream): pass\n"
        "    def ask(self): return 'conv3'\n"
        "    def tell(self, trial): pass\n"
    )
    (tmp_path / "half_written.py").write_text("class Words\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    table = ["--table", "nas-bench-201-digits"]
    assert main(["search", "--method", "proposes_words:Words", *table]) == 2
    assert "expected a Proposal, got 'conv3'" in capsys.readouterr().err
    assert main(["search", "--method", "half_written:Words", *table]) == 2
    assert "to name a class in a module that can be imported" in capsys.readouterr().err


# -- designs to start from ---


def test_designs_to_start_from_are_each_trial_s_first(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--method", "local-search", "--table", "nas-bench-201-digits", "--budget", "3", "--trials", "2"]
    found = rows(capsys, *arguments, "--start", "333333", "1, 1, 1, 1, 1, 1")
    best, skip = nas_bench_201.SPACE.to_native((3,) * 6), nas_bench_201.SPACE.to_native((1,) * 6)
    assert [row["architecture"]["value"] for row in found if row["iteration"]["value"] < 2] == [best, skip] * 2
    assert len(found) == 6


def test_a_design_that_trains_is_known_ahead(executor: Instant, capsys: pytest.CaptureFixture[str]) -> None:
    found = rows(capsys, "--method", "local-search", *TRAIN, "--budget", "3", "--start", "333333", "--dry-run")
    assert [row["architecture"]["value"] for row in found] == [nas_bench_201.SPACE.to_native((3,) * 6)]
    assert not executor.rounds


def test_a_table_of_one_s_own_is_searched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("architecture,accuracy\n00,50\n01,60\n10,70\n11,80\n")
    into = tmp_path / "run.jsonl"
    found = rows(capsys, "--method", "random", "--table", str(path), "--budget", "4", "--into", str(into))
    assert {row["validation"]["value"] for row in found} <= {50.0, 60.0, 70.0, 80.0}
    assert all(row["macs"]["value"] is None for row in found)  # nobody knows
    path.unlink()
    assert values(rows(capsys, "--from", str(into)), "architecture") == values(found, "architecture")
    assert main(["search", "--method", "random", "--table", str(path)]) == 2
    assert "no table is called" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--table", "nas-bench-201-digits", "--start", "33"), "expected 6 entries, got 2"),
        (("--table", "nas-bench-201-digits", "--start", "333333", "111111", "--budget", "1"), "than the budget holds"),
        (("--space", "nas-bench-macro", "--table", "nas-bench-201-digits"), "expected a table of the space"),
        (("--table", "nas-bench-201-digit"), "did you mean nas-bench-201-digits?"),
    ],
)
def test_designs_and_tables_that_do_not_fit(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["search", "--method", "random", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_rows_of_several_tables_name_theirs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("architecture,accuracy\n" + "".join(f"{n},{50 + n}\n" for n in range(3)))
    (tmp_path / "b.csv").write_text((tmp_path / "a.csv").read_text())
    tables = [str(tmp_path / name) for name in ("a.csv", "b.csv")]
    assert main(["search", "--method", "random", "--table", *tables, "--budget", "2", "--format", "csv"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("run,run_status,iteration,")
    assert [line.partition(",")[0] for line in said[1:]] == ["a:1", "a:1", "b:1", "b:1"]
