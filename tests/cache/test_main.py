"""`python -m cache`: what it prints, what it changes, and its exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cache import cassette
from cache.__main__ import main
from cache.record import Record
from cache.store import Store
from tests.cache.records import chat_record, chat_request
from tests.cache.server import completion

ONE = chat_record("Propose\none.", "[1]", "Too large.", answer="[1, 2]")
TWO = chat_record("two", answer="[3, 4]", sample=1)


def recorded(text: str, attempts: int) -> Record:
    """A record of an answer that was asked for `attempts` times."""
    return Record(
        request=chat_request(text),
        answer=completion("[1, 2]"),
        observed={"latency_s": 1.5, "attempts": [{"latency_s": 1.5, "status": 200}] * attempts},
    )


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """A cassette of two records."""
    cassette.write(tmp_path / "first.jsonl", [ONE, TWO])
    return tmp_path / "first.jsonl"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store of the same two records."""
    with Store(tmp_path / "store") as store:
        store.put(ONE)
        store.put(TWO)
    return tmp_path / "store"


@pytest.fixture(params=["cassette", "store"])
def place(request: pytest.FixtureRequest, first: Path, store: Path) -> Path:
    return first if request.param == "cassette" else store


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def hexadecimal(record: Record) -> str:
    return record.key.removeprefix("sha256:")


def test_list_prints_one_line_a_record(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list", place) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sorted(lines) == sorted(
        [
            f"{hexadecimal(ONE)[:12]}     0  test-1    4 messages  [1, 2]",
            f"{hexadecimal(TWO)[:12]}     1  test-1    2 messages  [3, 4]",
        ]
    )


def test_show_prints_a_conversation_as_text(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("show", place, hexadecimal(ONE)[:8]) == 0
    text = capsys.readouterr().out
    turns = (
        "── system ──\nYou propose.\n\n── user ──\nPropose\none.\n\n── assistant ──\n[1]\n\n── user ──\nToo large.\n"
    )
    assert f"{turns}\n── answer ──\n[1, 2]\n" in text
    assert f"key         {ONE.key}\n" in text
    assert 'request     {"model": "test-1"}\n' in text


def test_show_prints_every_choice_and_what_is_no_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = completion("a", "b", "")
    choices = answer["choices"]
    assert isinstance(choices, list)
    choices[2]["message"] = {"role": "assistant", "content": None, "tool_calls": [{"id": "t"}]}
    record = Record(chat_request("one"), answer)
    cassette.write(tmp_path / "a.jsonl", [record])
    assert run("show", tmp_path / "a.jsonl", record.key) == 0
    text = capsys.readouterr().out
    assert "── answer ──\na\n\n── answer 1 ──\nb\n\n── answer 2 ──\n" in text
    assert '"tool_calls": [{"id": "t"}]' in text


@pytest.mark.parametrize("key", ["", "no-such-key"])
def test_show_needs_a_key_that_is_one(key: str, first: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("show", first, key) == 2
    assert "Expected one key that begins with" in capsys.readouterr().err


def test_verify_finds_damage(first: Path, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("verify", first, store) == 0
    assert capsys.readouterr().out == f"{first}: 2 records, as written\n{store}: 2 records, as written\n"
    first.write_bytes(first.read_bytes().replace(b"[1, 2]", b"[1, 3]"))
    assert run("verify", store, first) == 1
    assert "problems found: 1" in capsys.readouterr().out


def test_diff_tells_answers_from_what_surrounds_them(
    first: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.jsonl"
    slower = Record(TWO.request, TWO.answer, TWO.sample, observed={"latency_s": 9})
    cassette.write(other, [ONE, slower])
    assert run("diff", first, other) == 0
    assert capsys.readouterr().out == "1 answers are the same, and were observed otherwise\n"
    changed, new = Record(ONE.request, completion("[1, 3]")), chat_record("new")
    cassette.write(other, [changed, new])
    assert run("diff", first, other) == 1
    text = capsys.readouterr().out
    assert f"only left  {hexadecimal(TWO)[:12]}\nonly right  {hexadecimal(new)[:12]}\n" in text
    assert "-[1, 2]\n+[1, 3]" in text
    assert run("diff", first, first) == 0


def test_diff_shows_what_else_differs_in_an_answer(
    first: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cassette.write(tmp_path / "other.jsonl", [Record(ONE.request, {**ONE.answer, "model": "another"}), TWO])
    assert run("diff", first, tmp_path / "other.jsonl") == 1
    assert '+ "model": "another"' in capsys.readouterr().out


def test_a_store_takes_cassettes_and_gives_the_same_bytes_back(
    first: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("sync", tmp_path / "new", first, first) == 0
    assert "2 of 2 records were new" in capsys.readouterr().out
    assert run("merge", tmp_path / "again.jsonl", tmp_path / "new") == 0
    assert (tmp_path / "again.jsonl").read_bytes() == first.read_bytes()


def test_a_cassette_takes_in_another_as_git_asks(first: Path, tmp_path: Path) -> None:
    cassette.write(tmp_path / "theirs.jsonl", [ONE, chat_record("new")])
    assert run("merge", first, first, tmp_path / "theirs.jsonl") == 0
    assert len(cassette.read(first)) == 3


def test_merge_makes_one_of_several_and_overwrites_nothing(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cassette.write(tmp_path / "new.jsonl", [chat_record("new")])
    assert run("merge", tmp_path / "all.jsonl", tmp_path / "new.jsonl", store) == 0
    assert len(cassette.read(tmp_path / "all.jsonl")) == 3
    assert run("merge", tmp_path / "new.jsonl", store) == 2
    assert "which is there" in capsys.readouterr().err
    assert len(cassette.read(tmp_path / "new.jsonl")) == 1


def test_merge_of_two_answers_to_one_request_is_refused(first: Path, tmp_path: Path) -> None:
    cassette.write(tmp_path / "other.jsonl", [Record(ONE.request, completion("another"))])
    assert run("merge", tmp_path / "all.jsonl", first, tmp_path / "other.jsonl") == 2
    assert not (tmp_path / "all.jsonl").exists()


def test_the_ledger_counts_what_was_spent_and_saved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = [recorded("one", attempts=3), recorded("two", attempts=1)]
    figures = Record({"table": "made-up"}, {"accuracy": 1}, kind="evaluation")  # which nobody pays for by the token
    cassette.write(tmp_path / "a.jsonl", [*records, ONE, figures])
    (tmp_path / "prices").write_text('{"test-1": {"prompt": 10000, "completion": 100000}}')
    (tmp_path / "run 1").write_text(f"{records[0].key} {ONE.key}")
    (tmp_path / "run 2").write_text(f"{records[0].key} {records[1].key}")
    used = ["--used-by", tmp_path / "run 1", tmp_path / "run 2"]
    assert run("ledger", tmp_path / "a.jsonl", "--prices", tmp_path / "prices", *used) == 0
    head, row = capsys.readouterr().out.splitlines()
    words = head.replace("saved ", "saved_").split()
    assert dict(zip(words, row.split(), strict=True)) == {
        "model": "test-1",
        "records": "3",
        "calls": "4",
        "prompt": "14",
        "completion": "6",
        "seconds": "6.00",
        "cost": "0.74",
        "saved_calls": "2",
        "saved_tokens": "10",
        "saved_cost": "0.37",
    }
    assert run("list", tmp_path / "a.jsonl") == 0
    assert f"{hexadecimal(figures)[:12]}     0  evaluation\n" in capsys.readouterr().out
    assert run("ledger", tmp_path / "a.jsonl") == 0
    assert "–" in capsys.readouterr().out


@pytest.mark.parametrize("prices", ["[]", "no JSON", '{"m": {"prompt": 1}}', '{"m": {"prompt": -1, "completion": 1}}'])
def test_a_price_table_of_another_form(
    prices: str, first: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "prices").write_text(prices)
    assert run("ledger", first, "--prices", tmp_path / "prices") == 2
    assert "per million tokens" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["list", "verify", "ledger"])
def test_a_place_that_is_not_there(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command, tmp_path / "nothing") == 2
    assert str(tmp_path / "nothing") in capsys.readouterr().err
    assert run("list", tmp_path) == 2  # a folder, and no store
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_goes_is_no_error(first: Path) -> None:
    command = f"{sys.executable} -m cache show {first} {ONE.key} | true"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True)
    assert "Traceback" not in done.stderr
