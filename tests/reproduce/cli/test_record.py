"""`python -m reproduce record` against an endpoint on loopback: what it asks, keeps, resumes and prints."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cache import cassette
from cache.record import CHAT, Record
from harness.specification import RUN
from reproduce import recording
from reproduce.__main__ import main
from tests.cache.server import Handler, Server, completion, fails, running, says
from tests.schemas import valid

pytestmark = [pytest.mark.enable_socket, pytest.mark.network]

TABLE = "nas-bench-201-digits"  # which comes with the project


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with running() as server:
        server.behaviours = [counting]
        yield server


def counting(handler: Handler) -> None:
    """Propose the cells in order: the n-th request gets the n-th."""
    digits = [len(handler.server.asked) // 5**position % 5 for position in range(6)]
    says(completion(f"Design: {digits}"))(handler)


def command(server: Server, into: Path, *more: str) -> list[str]:
    fixed = {"--model": "made-up", "--base-url": server.url, "--space": "nas-bench-201", "--table": TABLE}
    fixed |= {"--iterations": "3", "--into": str(into)}
    given = [part for name, value in fixed.items() if name not in more for part in (name, value)]
    return ["record", *given, *more]


def test_every_run_is_recorded(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    into = tmp_path / "mine.jsonl"
    assert main(command(server, into, "--trials", "2", "--temperature", "0", "1", "--seed", "5")) == 0
    assert len(server.asked) == 12
    assert [(body["temperature"], body["seed"]) for body in server.asked[::3]] == [(0, 5), (0, 6), (1, 5), (1, 6)]
    printed = capsys.readouterr()
    assert "12 requests sent" in printed.err
    assert "made-up" in printed.out
    specifications = [run.specification for run in recording.replay_recording(into)]
    numbered = [(one.label.temperature, one.number) for one in specifications]
    assert numbered == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert {str(run.record.provenance["model"]) for run in recording.read(into)} == {"test-1a"}  # as the answers say


def test_the_same_command_asks_nothing_again(server: Server, tmp_path: Path) -> None:
    assert main(command(server, tmp_path / "one.jsonl")) == 0
    asked = len(server.asked)
    assert main(command(server, tmp_path / "two.jsonl")) == 0
    assert len(server.asked) == asked
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()


@pytest.mark.parametrize("store", ["the same store", "another store"])
@pytest.mark.parametrize(
    "more", [["--trials", "2"], ["--temperature", "1"], ["--parameter", "top_p=0.9"], ["--model", "another"], []]
)
def test_b4_a_recording_grows_and_loses_nothing(
    server: Server, tmp_path: Path, more: list[str], store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    into, stores = tmp_path / "mine.jsonl", [tmp_path / "first", tmp_path / ("first" if "same" in store else "second")]
    assert main(command(server, into, "--trials", "1", "--store", str(stores[0]))) == 0
    before, asked = dict(cassette.read(into)), len(server.asked)
    assert main(command(server, into, *more, "--store", str(stores[1]))) == 0
    after = cassette.read(into)
    assert {key: after.get(key) for key in before} == before
    assert (len(server.asked) - asked, len(recording.replay_recording(into))) == ((3, 2) if more else (0, 1))
    capsys.readouterr()
    assert main(["recordings", str(into), "--format", "json"]) == 0
    rows = valid(capsys.readouterr().out)["rows"]
    assert [row["runs"]["value"] for row in rows] == ([2] if "--trials" in more else [1, 1] if more else [1])
    assert len({json.dumps(row) for row in rows}) == len(rows)


def test_b4_another_answer_to_what_is_recorded_is_refused(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    into = tmp_path / "mine.jsonl"
    assert main(command(server, into)) == 0
    [one] = [record for record in cassette.read(into).values() if record.kind == RUN]
    others = [record for record in cassette.read(into).values() if record.kind != RUN]
    cassette.write(into, [*others, Record(one.request, {**one.answer, "course": "sha256:0"}, kind=RUN)])
    before = into.read_bytes()
    assert main(command(server, into)) == 2
    assert "expected the course that it holds of made-up on" in capsys.readouterr().err
    assert into.read_bytes() == before


def test_b4_a_recording_of_another_endpoint_does_not_grow_by_fresh_answers(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    into = tmp_path / "mine.jsonl"
    for _ in range(2):
        assert main(command(server, into, "--fresh")) == 0
    assert len(server.asked) == 3
    before = into.read_bytes()
    with running() as other:
        other.behaviours = [counting]
        assert main(command(other, into, "--fresh")) == 2
        assert "name another file with --into" in capsys.readouterr().err
        assert not other.asked
    assert into.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"my notes\n", b"[" * 200_000, b"\xff\x00\n", b'{"cassette":2}\n'])
def test_b4_a_file_that_is_no_recording_is_left_as_it_is(
    server: Server, tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    into = tmp_path / "mine.jsonl"
    into.write_bytes(content)
    assert main(command(server, into)) == 2
    assert "it was left as it is: name another with --into" in capsys.readouterr().err
    assert into.read_bytes() == content
    assert not server.asked


def test_a_ceiling_stops_and_the_same_command_goes_on(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    into = tmp_path / "mine.jsonl"
    assert main(command(server, into, "--max-calls", "2")) == 2
    assert "at most 2 calls" in (said := capsys.readouterr().err)
    assert "goes on from here" in said
    assert not into.exists()
    assert main(command(server, into, "--max-calls", "2")) == 0
    assert len(server.asked) == 3


def test_a_ceiling_on_money_needs_prices(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    into = tmp_path / "mine.jsonl"
    assert main(command(server, into, "--max-cost", "1")) == 2
    assert "--prices FILE" in capsys.readouterr().err
    prices = tmp_path / "prices.json"
    price = {"prompt": 1000000, "completion": 0}
    prices.write_text(json.dumps({"made-up": price}))
    assert main(command(server, into, "--max-cost", "14", "--prices", str(prices))) == 2
    assert "Expected a price for 'test-1a', which answered in the place of 'made-up'" in capsys.readouterr().err  # a13
    prices.write_text(json.dumps({"made-up": price, "test-1a": price}))
    assert main(command(server, into, "--max-cost", "7", "--prices", str(prices))) == 2
    assert len(server.asked) == 2  # seven tokens each
    assert main(command(server, into, "--max-cost", "14", "--prices", str(prices))) == 0


def test_answers_of_another_endpoint_are_not_passed_off_as_this_ones(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(server, tmp_path / "one.jsonl")) == 0
    assert "--fresh" not in capsys.readouterr().err
    with running() as other:
        other.behaviours = [counting]
        assert main(command(other, tmp_path / "two.jsonl")) == 0
        assert other.asked == []
        assert "3 of 3 answers were kept before, from another endpoint" in capsys.readouterr().err
        for _ in range(2):
            assert main([*command(other, tmp_path / "three.jsonl"), "--fresh"]) == 0
            assert "answers were kept before" not in capsys.readouterr().err
        assert len(other.asked) == 3
    assert f":{other.server_port}" not in (tmp_path / "three.jsonl").read_text(encoding="utf-8")
    one, three = (
        {str(record.provenance["endpoint"]) for record in cassette.read(tmp_path / name).of_kind(CHAT)}
        for name in ("one.jsonl", "three.jsonl")
    )
    assert len(one) == len(three) == 1
    assert one != three


def test_a13_a_run_lists_the_models_that_answered(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def other(handler: Handler) -> None:
        says({**completion("[3]"), "model": "other"})(handler)

    server.behaviours = [counting, other, counting]
    assert main(command(server, tmp_path / "mine.jsonl")) == 0
    assert "answered by other and test-1a" in capsys.readouterr().err
    assert main(["recordings", str(tmp_path / "mine.jsonl")]) == 0
    assert "model other and test-1a" in capsys.readouterr().out


@pytest.mark.parametrize("seed", [2**53, -(2**53) - 1, 10**30])
def test_a11_a_seed_that_no_record_can_hold_is_refused(
    seed: int, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command(server, tmp_path / "mine.jsonl"), "--seed", str(seed)]) == 2
    assert f"a seed with its trials within ±{2**53 - 1}" in capsys.readouterr().err
    assert server.asked == []


def test_a_failure_of_the_endpoint_keeps_what_was_answered(server: Server, tmp_path: Path) -> None:
    server.behaviours = [counting, fails(401, "who are you"), counting]
    assert main(command(server, tmp_path / "mine.jsonl")) == 2
    assert main(command(server, tmp_path / "mine.jsonl")) == 0
    assert len(server.asked) == 4


def test_a_killed_process_loses_nothing(server: Server, tmp_path: Path) -> None:
    into = tmp_path / "mine.jsonl"
    held = [counting, counting, lambda handler: handler.server.over.wait(30), counting]
    server.behaviours = held  # type: ignore[assignment]
    arguments = [sys.executable, "-m", "reproduce", *command(server, into)]
    process = subprocess.Popen(arguments, env=os.environ, stderr=subprocess.PIPE)
    while len(server.asked) < 3:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert main(command(server, into)) == 0
    assert len(server.asked) == 4  # the one that was never answered was asked again, and no other
    assert sum(record.kind == CHAT for record in cassette.read(into).values()) == 3


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--trials", "0"], "positive number of trials"),
        (["--table", "nas-bench-macro"], "expected a table of the space nas-bench-201"),
        (["--space", "nas-bench-301"], "no space is called"),
        (["--parameter", "top_p"], "expected --parameter NAME=VALUE"),
        (["--parameter", "temperature=1"], "no option of their own, got temperature"),
        (["--parameter", "top_p=1", "--parameter", "top_p=0"], "each once"),
        (["--parameter", "x=" + "[" * 200_000], "expected JSON in --parameter x, got [[["),
        (["--into", "nowhere/mine.jsonl"], "make it first"),
        (["--into", "."], "expected a file for --into, got the folder"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_asked(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], said: str
) -> None:
    assert main(command(server, tmp_path / "mine.jsonl", *more)) == 2
    assert said in capsys.readouterr().err
    assert not server.asked


def test_a_file_for_the_answers_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["record", "--model", "made-up", "--space", "nas-bench-201"]) == 2
    assert "expected --model NAME --space NAME --into FILE.jsonl" in capsys.readouterr().err


def test_a_search_by_training_replays_without_torch(server: Server, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="it trains: install the extra `train`")
    into = tmp_path / "mine.jsonl"
    model = ["record", "--model", "made-up", "--base-url", server.url, "--space", "nas-bench-201", "--iterations", "2"]
    small = ["--width", "0.25", "--cells-per-stage", "1", "--light-reduction", "--epochs", "1", "--processes", "1"]
    assert main([*model, "--objective", "train", *small, "--into", str(into)]) == 0
    records = list(cassette.read(into).values())
    assert sorted(record.kind for record in records) == [CHAT, CHAT, "run", *["training"] * 2]
    script = (
        "import sys; sys.modules.update(dict.fromkeys(('torch', 'sklearn', 'openai')))\n"
        "from pathlib import Path; from reproduce import recording\n"
        f"[run] = recording.replay_recording(Path({str(into)!r})); print(sorted(run.figures.values()))"
    )
    replayed = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    [run] = recording.replay_recording(into)
    assert replayed.strip() == str(sorted(run.figures.values()))


def test_the_space_with_a_window_needs_one(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = command(server, tmp_path / "mine.jsonl", "--space", "mobilenetv2-se", "--objective", "train")
    assert main(arguments) == 2
    assert "--window LOW HIGH" in capsys.readouterr().err


def test_a_recording_of_ones_own_stands_in_compare(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    into = tmp_path / "mine.jsonl"
    assert main(command(server, into, "--trials", "2")) == 0
    compare = ["compare", "--table", TABLE, "--methods", "random", "--budget", "3", "--trials", "10"]
    capsys.readouterr()
    assert main([*compare, "--recording", str(into), "--format", "csv"]) == 0
    assert "made-up, free, temperature 0 (mine.jsonl)" in capsys.readouterr().out
