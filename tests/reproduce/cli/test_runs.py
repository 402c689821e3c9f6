"""Runs of recordings by name: what is shown, split, left out and compared, and that nothing is lost by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

import reproduce
from cache import cassette
from cache.provider.limits import usage_of
from cache.record import CHAT
from reproduce.__main__ import main
from reproduce.named import Opened
from tests.cache.records import chat_record

TABLE = "nas-bench-201-digits"
RECORDED = Path(cassette.__file__).with_name("recorded")
MODEL, RANDOM = "mine/nas-bench-201-digits/free/t0:1", "random/nas-bench-201-digits:1"


def upwards(messages: Sequence[Mapping[str, str]]) -> str:
    """Proposes the cells in order."""
    number = sum(line.startswith("Experiment") for message in messages for line in message["content"].splitlines())
    return f"Design: {[(number + slot) % 5 for slot in range(6)]}"


def otherwise(messages: Sequence[Mapping[str, str]]) -> str:
    """Proposes other cells from the second one on."""
    return upwards(messages).replace("1", "3") if "Experiment" in str(messages) else upwards(messages)


def recorded(path: Path, complete: object = upwards) -> Path:
    """A recording of a model that is a function."""
    reproduce.search(model="mine", complete=complete, table=TABLE, budget=3, into=path)  # type: ignore[arg-type]
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A recording of a model and of a method that asks none, on one table, and an answer of another program."""
    path = recorded(tmp_path_factory.mktemp("made") / "mine.jsonl")
    reproduce.search("random", table=TABLE, budget=3, trials=2, into=path)
    cassette.grow(path, [chat_record("Of another program.")])
    return path.read_bytes()


@pytest.fixture
def mine(made: bytes, tmp_path: Path) -> Path:
    """That recording, in a folder of the test's own."""
    (tmp_path / "mine.jsonl").write_bytes(made)
    return tmp_path / "mine.jsonl"


def run(*words: object) -> int:
    return main(["runs", *map(str, words)])


def test_runs_are_listed_by_name(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list", mine) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == [MODEL, RANDOM, f"{RANDOM[:-1]}2"]
    assert lines[0].split("  ")[1].startswith("3 answers, 3 evaluated, best ")


def test_runs_that_would_be_called_the_same_get_digits_of_their_keys(tmp_path: Path) -> None:
    path = tmp_path / "two.jsonl"
    for seed in (0, 1):
        reproduce.search("random", table=TABLE, budget=2, seed=seed, into=path)
    runs = Opened(path).runs
    assert len(runs) == 2
    assert all(name.startswith("random/nas-bench-201-digits/") for name in runs)
    assert [*Opened(path).chosen(max(runs))[0]] == [max(runs)]


@pytest.mark.parametrize("name", ["mine:1:1.0", "mine:1.0", "nas-bench-201-digits/mine:1:1.0", "free/mine:1.0"])
def test_an_answer_is_shown_by_any_parts_of_its_name(name: str, mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("show", mine, name) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"== {MODEL}:1.0 ==\nkey         sha256:")
    assert text.endswith("── answer ──\nDesign: [1, 2, 3, 4, 0, 1]\n")
    assert run("show", mine, "mine") == 0
    assert capsys.readouterr().out.count("== mine/") == 3


def test_published_runs_go_by_their_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("show", "329M:3.1", "401M:0.0") == 0
    text = capsys.readouterr().out
    assert [line for line in text.splitlines() if line.startswith("==")] == ["== 329M:3.1 ==", "== 401M:0.0 =="]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show", "{}", "random"], "expected an answer of a model at random, got none"),
        (["show", "{}", "mine:1:7.0"], "expected an answer of a model at mine:1:7.0, got none"),
        (["show", "{}", "miner"], "no run is called 'miner'; `python -m reproduce runs list"),
        (["show", "{}", ""], "no run is called ''; `python -m reproduce runs list"),
        (["show", "{}"], "no run is called "),
        (["show", "330M:3.1"], "no run is called '330M'; there are 329M"),
        (["drop", "{}", "mine", "--into", "{}"], "expected a new file, found one that is there; name another"),
        (["drop", "{}", "nobody", "--into", "new.jsonl"], "no run is called 'nobody'"),
        (["drop", "{}", "abcdef", "--into", "new.jsonl"], "got abcdef: there is none"),
        (["split", "{}", "--into", "{}/folder"], "Not a directory"),
        (["list", str(RECORDED / "genius-table7.jsonl")], "expected a recording of runs, got 30 answers, no run"),
        (["diff", str(RECORDED / "genius-table7.jsonl"), str(RECORDED / "genius-table8.jsonl")], "expected runs to"),
    ],
)
def test_what_is_meant_wrongly(words: list[str], said: str, mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = mine.read_bytes()
    assert run(*(word.format(mine) for word in words)) == 2
    assert said in capsys.readouterr().err
    assert mine.read_bytes() == before
    assert not Path("new.jsonl").exists()


@pytest.mark.parametrize(
    ("by", "files"),
    [
        (
            "run",
            {"mine-nas-bench-201-digits-free-t0-1", *(f"random-nas-bench-201-digits-{n}" for n in (1, 2)), "test-1"},
        ),
        ("model", {"mine", "random", "test-1"}),
        ("table", {TABLE, "test-1"}),
        ("label", {"mine-nas-bench-201-digits-free-t0", "random-nas-bench-201-digits", "test-1"}),
    ],
)
def test_parts_replay_by_themselves_and_make_the_whole(by: str, files: set[str], mine: Path, tmp_path: Path) -> None:
    assert run("split", mine, "--by", by, "--into", tmp_path / "parts") == 0
    parts = {path.stem: cassette.read(path, exact=True) for path in (tmp_path / "parts").iterdir()}
    assert {*parts} == files
    assert cassette.merge(*parts.values()).digest == cassette.read(mine).digest
    performed = [run for name in files - {"test-1"} for run in Opened(tmp_path / f"parts/{name}.jsonl").runs.values()]
    assert len(performed) == 3
    assert run("split", mine, "--by", by, "--into", tmp_path / "parts") == 2  # they are there


def test_a_run_is_left_out_with_what_only_it_needs(
    mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("drop", mine, "mine", "--into", tmp_path / "left.jsonl") == 0
    assert f"left out: 1 runs, 7 records, billed for 0 tokens; {mine} still has them" in capsys.readouterr().out
    left = Opened(tmp_path / "left.jsonl")
    assert [*left.runs] == [RANDOM, f"{RANDOM[:-1]}2"]
    assert [record.text for record in left.content.of_kind(CHAT)] == ["[1, 2]"]


def test_what_a_run_needs_is_left_out_with_it_alone(
    mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = Opened(mine)
    needed = content.runs[MODEL].answers[0].key
    free = chat_record("Of another program.").key
    assert run("drop", mine, needed[7:19], "--into", tmp_path / "a.jsonl") == 2
    assert f"the run {MODEL} needs it; drop that too" in capsys.readouterr().err
    assert run("drop", mine, free, "--into", tmp_path / "b.jsonl") == 0
    assert cassette.read(tmp_path / "b.jsonl").keys() == content.content.keys() - {free}
    assert run("drop", mine, needed, "mine", "--into", tmp_path / "c.jsonl") == 0


def test_recordings_of_other_programs_have_no_runs(tmp_path: Path) -> None:
    one, other = chat_record("One."), chat_record("Other.")
    cassette.write(tmp_path / "a.jsonl", [one, other])
    assert run("drop", tmp_path / "a.jsonl", one.key, "--into", tmp_path / "b.jsonl") == 0
    assert [*cassette.read(tmp_path / "b.jsonl")] == [other.key]
    assert run("split", tmp_path / "a.jsonl", "--by", "model", "--into", tmp_path) == 0
    assert len(cassette.read(tmp_path / "test-1.jsonl")) == 2


def test_two_recordings_of_one_plan_side_by_side(
    mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = recorded(tmp_path / "other.jsonl", otherwise)
    assert run("diff", mine, mine) == 0
    assert capsys.readouterr().out == "no run differs\n"
    assert run("diff", mine, other) == 1
    *only, head, first, second = capsys.readouterr().out.splitlines()
    assert only == [f"only left  {RANDOM}", f"only left  {RANDOM[:-1]}2"]
    assert head.startswith(f"{MODEL}: 2 of 3 turns differ; 3 proposals, 3 evaluated, best ")
    assert first.startswith("  1.0  1 2 3 4 0 1, ")
    assert "  |  3 2 3 4 0 3, " in first
    assert second.startswith("  2.0  ")


def test_the_ledger_goes_by_model_and_arm_and_pays_once_for_what_runs_share(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "arms.jsonl"
    paid = RECORDED / "local-gemma3-270m-free.jsonl"
    assert run("ledger", paid) == 0
    row = capsys.readouterr().out.splitlines()[1].split()
    runs = Opened(paid).runs.values()
    records = {record.key: record for run in runs for record in run.answers}
    assert row[:3] == ["gemma3-270m", str(len(records)), str(sum(run.ended.attempts for run in runs))]
    assert sum(int(figure.replace(",", "")) for figure in row[3:5]) == sum(
        usage.tokens for one in records.values() if (usage := usage_of(one.answer))
    )
    recorded(path)
    reproduce.search(model="mine", complete=upwards, table=TABLE, budget=2, into=path)  # asks what the first one did
    assert run("ledger", path) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:2] == ["mine", "3"]
