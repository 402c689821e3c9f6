"""The functions of `reproduce` as a notebook calls them: values in, objects out, errors that say what there is."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reproduce
from cache import cassette
from cache.errors import CacheError
from cache.provider.limits import Limits
from cache.record import CHAT
from harness.errors import HarnessError, OptimizerError
from harness.loop import Step
from harness.protocol import Evaluated, Method, Proposal, Trial
from harness.run import Run
from harness.spaces import nas_bench_201
from harness.specification import RUN, Specification
from harness.streams import Stream
from harness.training.jobs import Training
from harness.training.queue import Provider
from harness.training.recipes import DIGITS
from reproduce import data
from reproduce.__main__ import main
from reproduce.cli import training
from tables.errors import InvalidArchitecture
from tables.space import Architecture, Space
from tests.harness.training.instant import Instant

untyped: Any = reproduce  # as a notebook sees it, which no type checker reads
DIGITS_TABLE = "nas-bench-201-digits"
SPACE = nas_bench_201.SPACE
BEST: Architecture = (3, 3, 3, 3, 3, 3)
SKIP: Architecture = (1, 1, 1, 1, 1, 1)


class Climber:
    """Changes one slot of the best so far."""

    def __init__(self, space: Space, stream: Stream) -> None:
        self.space, self.stream, self.accuracy = space, stream, 0.0
        self.next = self.best = space.sample(stream)

    def ask(self) -> Proposal:
        return Proposal(self.next)

    def tell(self, trial: Trial) -> None:
        if isinstance(trial, Evaluated) and trial.accuracy > self.accuracy:
            self.best, self.accuracy = trial.architecture, trial.accuracy
        self.next = self.stream.choice(list(self.space.neighbours(self.best)))


def proposed(run: Run) -> list[Architecture | None]:
    return [step.trial.architecture for step in run.trajectory.steps]


@pytest.fixture
def own_table(tmp_path: Path) -> Path:
    """64 architectures of three slots, of no declared space."""
    path = tmp_path / "mine.csv"
    lines = [f"{a}{b}{c},{50 + a + b + c}" for a in range(4) for b in range(4) for c in range(4)]
    path.write_text("architecture,accuracy\n" + "\n".join(lines) + "\n")
    return path


# -- a table ---


def test_a_table_says_how_an_architecture_stands_in_any_notation() -> None:
    opened = reproduce.open_table(DIGITS_TABLE)
    assert opened.space is SPACE
    told, test, ties = standing = opened.standing(BEST)
    assert (float(opened.table.accuracy[SPACE.index_of(BEST)]), ties[0] <= ties[1]) == (told, True)
    assert 0 < test <= 100
    for text in ("333333", "3, 3, 3, 3, 3, 3", SPACE.to_native(BEST), ", ".join(["nor_conv_3x3"] * 6)):
        assert opened.standing(text) == standing


def test_a_table_of_one_s_own_by_its_path(own_table: Path) -> None:
    for name in (own_table, str(own_table)):
        opened = reproduce.open_table(name)
        assert (opened.name, opened.space.size, opened.benchmark) == ("mine", 64, None)
        assert opened.standing("333") == opened.standing((3, 3, 3)) == (59.0, 59.0, (1, 1))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: untyped.open_table(5), "open_table: expected table as str, PathLike, Opened, None, got 5"),
        (lambda: untyped.build_report(2), "no table or figure is called 2; there are table1"),
        (lambda: untyped.replay(329), "no run is called 329; there are 329M.*did you mean 329M"),
        (lambda: untyped.replay_recording("mine.jsonl", Climber), "expected methods as Iterable, got <class"),
        (lambda: untyped.compare(5), "compare: expected methods as str, Method, Callable, Sequence, None, got 5"),
        (lambda: untyped.compare("random", DIGITS_TABLE, recordings="absent.jsonl"), "absent.jsonl"),
        (lambda: untyped.lock("mine.jsonl", None), "lock: expected path as str, PathLike, got None"),
        (lambda: untyped.check(5, "lock.json"), "check: expected recordings as str, PathLike, Iterable, got 5"),
        (lambda: untyped.search("random", DIGITS_TABLE, budget="5"), "expected budget as int, Budget, got '5'"),
        (lambda: untyped.search("random", DIGITS_TABLE, start=(3, 3, 3, 3, 3, 3)), "expected 6 choices, .* got 3"),
        (lambda: untyped.search(Climber(SPACE, Stream(0, 0)), DIGITS_TABLE), "expected method as .*, got <"),
        (
            lambda: untyped.search(model=print, table=DIGITS_TABLE),
            "expected model as str, Endpoint, Sequence, None, got <built-in",
        ),
        (lambda: untyped.search(model="m", table=DIGITS_TABLE, temperature="1"), "from 0 on, or none, got '1'"),
        (lambda: untyped.compare("random", DIGITS_TABLE, budgets=2, trials=2).draw("a.gif"), "a suffix among .png"),
    ],
)
def test_values_of_other_types_are_refused_with_what_is_expected(call: Callable[[], object], says: str) -> None:
    with pytest.raises((reproduce.ReproduceError, InvalidArchitecture, CacheError), match=says):
        call()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (
            lambda: reproduce.open_table("nas-bench-102"),
            "no table is called 'nas-bench-102'; there are",
        ),
        (lambda: reproduce.open_table("nas-bench-macro"), "python -m reproduce fetch"),
        (lambda: reproduce.open_table(DIGITS_TABLE).standing("33333"), "expected 6 entries, got 5"),
        (lambda: reproduce.open_table(DIGITS_TABLE).standing((3, 3)), "expected 6 choices, one a slot, got 2"),
        (
            lambda: reproduce.build_report("table15"),
            "no table or figure is called 'table15'; there are table1, table2,",
        ),
        (lambda: reproduce.replay("1M"), "no run is called '1M'; there are .*329M"),
        (lambda: reproduce.replay_recording("absent.jsonl"), "absent.jsonl"),
    ],
)
def test_what_is_not_there_is_said_with_what_there_is(call: Callable[[], object], says: str) -> None:
    with pytest.raises((reproduce.ReproduceError, InvalidArchitecture, CacheError), match=says):
        call()


def test_a_report_and_a_replay() -> None:
    assert reproduce.build_report("table2").name == "table2"
    replay = reproduce.replay("329M")
    assert len(replay.trajectory.evaluated) == 9
    assert any("FLOPs in millions told as 317" in str(erratum) for erratum in replay.errata)


# -- methods, tables and designs as values ---


def test_a_class_of_one_s_own_searches_and_is_replayed_from_its_recording(tmp_path: Path) -> None:
    into = tmp_path / "mine.jsonl"
    found = reproduce.search(Climber, DIGITS_TABLE, budget=5, trials=2, into=into)
    assert [run.specification.method for run in found] == ["tests.reproduce.test_python:Climber"] * 2
    assert list(map(proposed, reproduce.replay_recording(into))) == list(map(proposed, found))
    assert proposed(found[0]) != proposed(found[1])


def test_a_class_that_nobody_else_can_find_is_handed_over(tmp_path: Path) -> None:
    class Hidden(Climber):
        pass

    into = tmp_path / "mine.jsonl"
    [found] = reproduce.search(Hidden, DIGITS_TABLE, budget=3, into=into)
    with pytest.raises(HarnessError, match=r"replay_recording\(path, methods=\[…\]\)"):
        reproduce.replay_recording(into)
    [again] = reproduce.replay_recording(into, methods=[Hidden])
    assert proposed(again) == proposed(found)


def test_a_class_that_was_changed_does_not_go_on_in_its_recording(tmp_path: Path) -> None:
    def mine(step: int) -> Method:
        class Steps(Climber):
            def tell(self, trial: Trial) -> None:  # noqa: ARG002
                self.next = tuple((choice + step) % 5 for choice in self.next)

        return Method("steps", "made up", Steps)

    into = tmp_path / "mine.jsonl"
    reproduce.search(mine(1), DIGITS_TABLE, budget=3, into=into)
    before = into.read_bytes()
    with pytest.raises(reproduce.UsageError, match=r"expected the course that it holds of steps on .*, got another"):
        reproduce.search(mine(2), DIGITS_TABLE, budget=3, into=into)
    assert into.read_bytes() == before


def test_a_method_of_one_s_own_has_a_name_of_its_own(tmp_path: Path) -> None:
    mine = Method("mine", "climbs", Climber)
    into = tmp_path / "mine.jsonl"
    reproduce.search(mine, DIGITS_TABLE, budget=3, into=into)
    with pytest.raises(HarnessError, match=r"no method is called 'mine'; .* methods="):
        reproduce.replay_recording(into)
    assert len(reproduce.replay_recording(into, [mine])) == 1
    with pytest.raises(HarnessError, match="expected a name of its own for a method of one's own, got 'random'"):
        reproduce.search(Method("random", "", Climber), DIGITS_TABLE)


@pytest.mark.parametrize("method", ["random-distinct", "tpe", Climber])
def test_a_run_is_a_value_that_other_processes_take(method: Any) -> None:
    numbers: dict[str, Any] = {"budget": np.int64(2), "seed": np.int64(7)}
    [run] = reproduce.search(method, DIGITS_TABLE, **numbers)
    there = pickle.loads(pickle.dumps(run))
    assert there == run == reproduce.search(method, DIGITS_TABLE, budget=2, seed=7)[0]
    assert there.record() == run.record()  # also its key


def test_what_equals_a_default_is_no_part_of_a_key() -> None:
    free = str(b"free", "ascii")  # another object than the one that stands in the source
    runs = [
        reproduce.search(model="mine", complete=upwards, table=DIGITS_TABLE, budget=1, answers=answers)[0]
        for answers in ("free", free)
    ]
    assert runs[0].record().key == runs[1].record().key


def test_what_has_no_name_is_given_one() -> None:
    with pytest.raises(HarnessError, match=r"give what has no name one, as in Method\("):
        reproduce.search(lambda space, stream: Climber(space, stream), DIGITS_TABLE)


def test_a_table_of_one_s_own_is_searched_and_replayed_without_its_file(own_table: Path, tmp_path: Path) -> None:
    into = tmp_path / "run.jsonl"
    found = reproduce.search("local-search", own_table, budget=9, start=["000"], into=into)
    own_table.unlink()
    again = reproduce.replay_recording(into)
    assert list(map(proposed, again)) == list(map(proposed, found))
    assert (again[0].setting.space.name, again[0].figures[(0, 0, 0)].told) == ("mine", 50.0)
    assert main(["search", "--from", str(into)]) == 0


def test_a_search_starts_from_designs_that_count_and_stand_in_its_record(tmp_path: Path) -> None:
    into = tmp_path / "mine.jsonl"
    [run] = reproduce.search("local-search", DIGITS_TABLE, budget=5, start=[SKIP, "333333"], into=into)
    assert proposed(run)[:2] == [SKIP, BEST]
    assert len(run.trajectory.evaluated) == 5
    assert all(each in [*SPACE.neighbours(BEST)] for each in proposed(run)[2:])
    [record] = cassette.read(into).of_kind(RUN)
    assert Specification.of(record).start == (SPACE.to_native(SKIP), SPACE.to_native(BEST))
    [again] = reproduce.replay_recording(into)
    assert again.trajectory == run.trajectory
    assert "start" not in reproduce.search("random", DIGITS_TABLE, budget=1)[0].specification.request()


def test_a_run_that_was_ended_replays_as_a_run_of_fewer_proposals(tmp_path: Path) -> None:
    into = tmp_path / "mine.jsonl"
    seen: list[Step] = []

    def after(step: Step) -> bool:
        seen.append(step)
        return step.iteration == 6

    found = reproduce.search("evolution-autodl", DIGITS_TABLE, budget=20, trials=2, into=into, after=after)
    assert [len(run.trajectory.steps) for run in found] == [7, 7]
    assert tuple(seen) == (*found[0].trajectory.steps, *found[1].trajectory.steps)
    assert found[0].specification.budget == reproduce.Budget(evaluations=20, proposals=7)
    assert [run.trajectory for run in reproduce.replay_recording(into)] == [run.trajectory for run in found]


def test_this_machine_trains_unless_somebody_else_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    executor = Instant()
    monkeypatch.setattr("reproduce.searching.searches.LocalExecutor", lambda: executor)
    how = Training("nas-bench-201", "digits", training.DIGITS, DIGITS)
    [run] = reproduce.search("random", training=how, budget=2)
    assert [len(each) for each in executor.rounds] == [2]
    assert len(run.trajectory.evaluated) == 2


def test_a_callback_sees_every_step_of_a_search_by_training_once() -> None:
    executor = Instant()
    how = Training("nas-bench-201", "digits", training.DIGITS, DIGITS)
    trainer = Provider(data.queue(), lambda: executor)
    seen: list[Step] = []

    def after(step: Step) -> bool:
        seen.append(step)
        return len(seen) == 4

    [run] = reproduce.search("local-search", training=how, trainer=trainer, budget=9, after=after)
    assert tuple(seen) == run.trajectory.steps
    assert len(executor.rounds) == 4
    [oblivious] = reproduce.search("random", training=how, trainer=trainer, budget=9, seed=1, after=lambda _: True)
    assert len(oblivious.trajectory.steps) == 1
    assert [len(each) for each in executor.rounds[4:]] == [1]  # not all nine


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "expected a method or a model, got neither; methods are random"),
        (
            {"method": "random"},
            "expected a table or a training to search, one of them; tables are nas-bench-201-digits",
        ),
        ({"method": "randm", "table": DIGITS_TABLE}, "no method is called 'randm'; there are random"),
        ({"method": "random", "table": "nowhere"}, "no table is called 'nowhere'; there are nas-bench-201-digits"),
        ({"method": "random", "table": DIGITS_TABLE, "budget": 0}, "positive number of evaluations, got 0"),
        ({"method": "random", "table": DIGITS_TABLE, "trials": 0}, "positive number of trials, got 0"),
        ({"method": "random", "table": DIGITS_TABLE, "budget": 2.5}, "expected budget as int, Budget, got 2.5"),
        (
            {"method": "random", "table": DIGITS_TABLE, "budget": reproduce.Budget(unique=-1)},
            "positive number of unique, got -1",
        ),
        ({"method": "random", "table": DIGITS_TABLE, "temperature": 1}, "expected the name of a language model"),
        (
            {"model": "mine", "table": DIGITS_TABLE, "temperature": "hot"},
            "every temperature from 0 on, or none, got 'hot'",
        ),
        ({"model": "mine", "table": DIGITS_TABLE, "complete": str, "limits": Limits(calls=1)}, "leave out base_url"),
        ({"method": "random", "table": DIGITS_TABLE, "start": "33333"}, "expected 6 entries, got 5"),
        ({"method": "random", "table": DIGITS_TABLE, "start": ["3"]}, "expected 6 entries, got 1"),
        ({"method": "random", "table": DIGITS_TABLE, "start": [(9,) * 6]}, "expects a choice from 0 to 4, got 9"),
        (
            {"method": "random", "table": DIGITS_TABLE, "start": ["333333"] * 2, "budget": 1},
            "than the budget holds, got 2",
        ),
        ({"method": "random", "table": DIGITS_TABLE, "model": "mine"}, "random asks no model"),
        ({"model": "mine", "table": DIGITS_TABLE, "temperature": -1}, "every temperature from 0 on, or none, got -1"),
        ({"model": "mine", "table": DIGITS_TABLE, "temperature": []}, "got no temperature"),
        ({"model": "mine", "table": DIGITS_TABLE, "answers": "yaml"}, "one of free, json-object"),
        ({"model": "mine", "table": DIGITS_TABLE, "window": (1, 2)}, "expected a window of costs"),
        ({"method": "random", "table": DIGITS_TABLE, "complete": str}, "expected the name of a language model"),
        ({"model": "mine", "table": DIGITS_TABLE, "complete": str, "fresh": True}, "a function or an endpoint"),
        ({"model": "mine", "table": DIGITS_TABLE, "complete": str}, "whose source can be read"),
        ({"method": "genius", "table": DIGITS_TABLE}, "genius is handed a language model, and got none"),
        (
            {"model": "mine", "run": "329M", "table": DIGITS_TABLE},
            "its own budget, no model, no constraint, and no designs",
        ),
        ({"run": "329M", "table": DIGITS_TABLE}, "a published run with the method genius"),
    ],
)
def test_what_does_not_fit_together_is_said(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises((reproduce.ReproduceError, HarnessError, InvalidArchitecture), match=says):
        reproduce.search(**arguments)


# -- a Python function as the model ---

ASKED: list[Sequence[Mapping[str, str]]] = []


def upwards(messages: Sequence[Mapping[str, str]]) -> str:
    """Proposes the cells in order."""
    ASKED.append(messages)
    number = sum(line.startswith("Experiment") for message in messages for line in message["content"].splitlines())
    return f"Design: {[(number + slot) % 5 for slot in range(6)]}"


@pytest.fixture
def asked() -> list[Sequence[Mapping[str, str]]]:
    ASKED.clear()
    return ASKED


def test_a_function_searches_as_a_model_and_is_asked_nothing_twice(
    asked: list[Sequence[Mapping[str, str]]], tmp_path: Path
) -> None:
    into = tmp_path / "mine.jsonl"
    [run] = reproduce.search(model="mine", complete=upwards, table=DIGITS_TABLE, budget=3, into=into)
    first = len(asked)
    assert 3 <= first <= 6
    assert {message["role"] for message in asked[0]} <= {"system", "user"}
    [same] = reproduce.search(model="mine", complete=upwards, table=DIGITS_TABLE, budget=3)
    [again] = reproduce.replay_recording(into)
    assert run.trajectory == same.trajectory == again.trajectory
    assert len(asked) == first
    answers = cassette.read(into).of_kind(CHAT)
    assert {record.provenance["source"] for record in answers} == {"a Python function"}
    reproduce.search(model="mine", complete=upwards, table=DIGITS_TABLE, budget=5, into=into)  # grows
    assert len(asked) > first
    assert len(reproduce.replay_recording(into)) == 2


def test_a_search_with_a_function_goes_on_where_it_was_interrupted(asked: list[Sequence[Mapping[str, str]]]) -> None:
    def interrupt(step: Step) -> None:
        if step.iteration == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reproduce.search(model="mine", complete=upwards, table=DIGITS_TABLE, budget=4, after=interrupt)
    before = len(asked)
    [run] = reproduce.search(model="mine", complete=upwards, table=DIGITS_TABLE, budget=4)
    assert len(asked) == len(run.answers) > before


def test_answers_of_another_function_are_used_for_none(
    asked: list[Sequence[Mapping[str, str]]], tmp_path: Path
) -> None:
    def downwards(messages: Sequence[Mapping[str, str]]) -> str:
        return upwards(messages).replace("0", "4")

    into = tmp_path / "mine.jsonl"
    reproduce.search(model="mine", complete=upwards, table=DIGITS_TABLE, budget=2, into=into)
    count = len(asked)
    reproduce.search(model="mine", complete=downwards, table=DIGITS_TABLE, budget=2)
    assert len(asked) > count
    with pytest.raises(reproduce.UsageError, match="answers of this endpoint or function alone, got others"):
        reproduce.search(model="mine", complete=downwards, table=DIGITS_TABLE, budget=2, into=into)


@pytest.mark.parametrize(
    ("says", "message"), [("1 / 0", "ZeroDivisionError: division by zero"), ("None", "expected a text as the answer")]
)
def test_a_function_that_fails_is_named(
    says: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = f"failing_{abs(hash(says))}"
    (tmp_path / f"{module}.py").write_text(f"def mine(messages):\n    return {says}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    complete = __import__(module).mine
    with pytest.raises(CacheError, match=message):
        reproduce.search(model="mine", complete=complete, table=DIGITS_TABLE, budget=2)


def test_a_model_is_told_of_the_designs_that_it_starts_from(asked: list[Sequence[Mapping[str, str]]]) -> None:
    [run] = reproduce.search(model="mine", complete=upwards, table=DIGITS_TABLE, budget=3, start=["333333"])
    assert proposed(run)[0] == BEST
    assert "[3, 3, 3, 3, 3, 3]" in asked[0][-1]["content"]


# -- a comparison ---


def test_methods_are_compared_as_values(own_table: Path, tmp_path: Path) -> None:
    comparison = reproduce.compare(["random", Climber], own_table, budgets=[10, 20], trials=30)
    assert [one.name for one in comparison.contests[0].methods] == ["random", "tests.reproduce.test_python:Climber"]
    report = comparison.report()
    assert [(row[1].text, row[2].value) for row in report.rows] == [
        (name, budget) for name in ("random", "tests.reproduce.test_python:Climber") for budget in (10, 20)
    ]
    assert all(" [" in row[7].text for row in report.rows)  # intervals
    pytest.importorskip("matplotlib")
    comparison.draw(str(tmp_path / "curves.svg"))
    with pytest.raises(reproduce.UsageError, match=r"with a suffix among .png, .svg, .pdf"):
        comparison.draw(tmp_path / "curves.txt")
    assert (tmp_path / "curves.svg").stat().st_size > 1000


def test_a_table_of_one_s_own_under_a_name_of_the_paper_has_no_trials_of_genius(own_table: Path) -> None:
    opened = reproduce.open_table(own_table.rename(own_table.with_name("nas-bench-macro.csv")))
    (contest,) = reproduce.compare("random", opened, budgets=10, trials=5).contests
    assert (contest.name, contest.genius) == ("nas-bench-macro", ())


def test_runs_that_started_from_given_designs_are_not_compared(tmp_path: Path) -> None:
    into = tmp_path / "mine.jsonl"
    reproduce.search(model="mine", complete=upwards, table=DIGITS_TABLE, budget=2, start=["333333"], into=into)
    report = reproduce.compare("random", DIGITS_TABLE, budgets=2, trials=5, recordings=[into]).report()
    assert any("1 of 1 runs began with designs that they were given" in note for note in report.notes)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"methods": "randm"}, "no method is called 'randm'"),
        ({"tables": "nowhere"}, "no table is called 'nowhere'; there are nas-bench-201-digits"),
        ({"budgets": 0}, "expected positive budgets, got 0"),
        ({"budgets": [10, "50"]}, "expected positive budgets, got '50'"),
        ({"budgets": []}, "expected a budget"),
        ({"trials": 0}, "expected a positive number of trials, got 0"),
        ({"count": "steps"}, "counts evaluations or unique, got"),
    ],
)
def test_what_cannot_be_compared_is_said(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises((reproduce.ReproduceError, HarnessError), match=says):
        reproduce.compare(**{"methods": "random", "tables": DIGITS_TABLE, **arguments})


def test_an_optimiser_that_fails_is_named_with_where_it_failed() -> None:
    class Fails(Climber):
        def tell(self, trial: Trial) -> None:  # noqa: ARG002
            raise ValueError("no")

    with pytest.raises(OptimizerError, match=r"ValueError: no \(.*test_python.py, line"):
        reproduce.search(Fails, DIGITS_TABLE)


def test_a_class_of_a_notebook_is_replayed_there(tmp_path: Path) -> None:
    script = tmp_path / "notebook.py"
    lines = Path(__file__).read_text(encoding="utf-8").split("class Climber:")[1].split("\n\n\n")[0]
    script.write_text(
        "from __future__ import annotations\nimport reproduce\nfrom reproduce import Evaluated, Proposal\n"
        f"class Climber:{lines}\n"
        f"[run] = reproduce.search(Climber, {DIGITS_TABLE!r}, budget=3, into='mine.jsonl')\n"
        "assert run.specification.method == '__main__:Climber'\n"
        "[again] = reproduce.replay_recording('mine.jsonl')\n"
        "assert again.trajectory == run.trajectory\n"
    )
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    there = subprocess.run(
        [sys.executable, "-m", "reproduce", "search", "--from", "mine.jsonl"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    [moved] = reproduce.replay_recording(tmp_path / "mine.jsonl", methods=[Climber])  # which lies in this module
    assert moved.specification.method == "__main__:Climber"
    assert there.returncode == 2
    assert "'__main__:Climber' to name a class in a module that can be imported" in there.stderr
