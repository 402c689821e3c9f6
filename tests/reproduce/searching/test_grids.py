"""Many runs in one search: side by side, of a model on loopback whose answer depends on the request alone."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from baselines import catalogue
from cache import cassette
from cache.errors import CacheError
from cache.provider.limits import TEMPLATE, Clock, Limits, prompt_bound
from cache.record import CHAT
from cache.store import Store
from harness.errors import HarnessError
from harness.loop import Budget
from harness.run import Run
from harness.specification import RUN
from reproduce import open_table, recording, replay_recording, search
from reproduce.__main__ import main
from reproduce.errors import UsageError
from reproduce.searching import planning, searches
from reproduce.searching.answering import Endpoint
from reproduce.searching.progress import Progress
from tests.cache.server import Handler, Server, completion, fails, running, says
from tests.reproduce.searching import unequal
from tests.reproduce.searching.unequal import TABLE, drawn, proposing
from tests.schemas import valid

pytestmark = [pytest.mark.enable_socket, pytest.mark.network]

STILL = Clock(now=lambda: 0.0, passing=lambda: 0.0)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with running() as server:
        server.behaviours = [proposing]
        yield server


def grid(server: Server, folder: Path, **more: Any) -> list[Run]:
    """A small grid, with a recording and a store in a folder."""
    given: dict[str, Any] = {"budget": 4, "trials": 3, "temperature": [0, 1], "seed": 0, "clock": STILL, **more}
    return search(
        table=TABLE,
        model=given.pop("model", "made-up"),
        base_url=server.url,
        into=folder / "grid.jsonl",
        store=folder / "store",
        **given,
    )


def asked(server: Server) -> list[str]:
    return sorted(json.dumps(body, sort_keys=True) for body in server.asked)


def test_a_recording_does_not_depend_on_how_many_runs_go_on_at_once(server: Server, tmp_path: Path) -> None:
    written, requests = set(), set()
    for number in (1, 16):
        folder = tmp_path / str(number)
        folder.mkdir()
        found = grid(server, folder, parallel=number)
        order = [(run.specification.label.temperature, run.specification.number) for run in found]
        assert order == [(temperature, number) for temperature in (0, 1) for number in range(3)]
        written.add((folder / "grid.jsonl").read_bytes())
        requests.add(tuple(asked(server)))
        server.asked.clear()
    assert len(written) == len(requests) == 1
    assert len({len(run.trajectory.steps) for run in found}) > 1  # unequal, as it was meant


def test_a_run_that_fails_lets_the_others_go_on(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refusing(handler: Handler) -> None:
        refused = (handler.body["temperature"], handler.body["seed"]) == (0, 1)
        (fails(400, "context length exceeded") if refused else proposing)(handler)

    server.behaviours = [refusing]
    with pytest.raises(
        CacheError, match=r"5 of 6 runs came to their end, 1 failed.*\n.*temperature 0, run 2: Expected"
    ):
        grid(server, tmp_path, parallel=3)
    assert len([*cassette.read(tmp_path / "grid.jsonl").of_kind(RUN)]) == 5
    server.behaviours, before = [proposing], len(server.asked)
    assert len(grid(server, tmp_path, parallel=3)) == 6
    assert {(body["temperature"], body["seed"]) for body in server.asked[before:]} == {(0, 1)}
    assert "Expected" not in capsys.readouterr().err


def test_three_that_fail_in_a_row_end_the_search(server: Server, tmp_path: Path) -> None:
    server.behaviours = [fails(401, "who are you")]
    with pytest.raises(CacheError, match=r"0 of 20 runs came to their end, 3 failed.*\n.*run 1 and 2 more: .*API key"):
        grid(server, tmp_path, trials=10)
    assert len(server.asked) == 3


def test_what_is_no_error_of_a_run_ends_the_search(server: Server, tmp_path: Path) -> None:
    def stepped(_: object) -> bool:
        raise ZeroDivisionError

    for number in (1, 4):
        with pytest.raises(ZeroDivisionError):
            grid(server, tmp_path, parallel=number, after=stepped)


def test_ceilings_are_exact_and_the_same_command_goes_on(server: Server, tmp_path: Path) -> None:
    with pytest.raises(CacheError, match="at most 10 calls"):
        grid(server, tmp_path, parallel=8, limits=Limits(calls=10))
    assert len(server.asked) == 10
    server.behaviours = [telling(120)]
    with pytest.raises(CacheError, match="at most 5000 tokens"):
        grid(server, tmp_path, parallel=8, limits=Limits(tokens=5000), parameters={"max_tokens": 100}, budget=20)
    bounded = sum("max_tokens" in body for body in server.asked)
    assert 0 < 120 * bounded <= 5000
    with Store(tmp_path / "store") as store:
        assert len([*store.export().of_kind(CHAT)]) == len(server.asked) == 10 + bounded
    server.behaviours = [proposing]
    assert len(grid(server, tmp_path, parallel=8)) == 6
    again = tmp_path / "again"
    again.mkdir()
    grid(server, again)
    assert (tmp_path / "grid.jsonl").read_bytes() == (again / "grid.jsonl").read_bytes()


def telling(tokens: int) -> Any:
    """Propose, and bill so many tokens."""

    def tell(handler: Handler) -> None:
        usage = {"prompt_tokens": tokens - 20, "completion_tokens": 20, "total_tokens": tokens}
        digits = [drawn(handler.body).randrange(5) for _ in range(6)]
        says({**completion(f"Design: {digits}"), "usage": usage})(handler)

    return tell


def command(server: Server, folder: Path, *more: str) -> list[str]:
    place = ["--into", str(folder / "grid.jsonl"), "--store", str(folder / "store")]
    return unequal.command(server.url, *place, "--iterations", "3", "--seed", "0", *more)


def test_ctrl_c_waits_for_what_is_underway_and_keeps_it(server: Server, tmp_path: Path) -> None:
    arrived = []

    def slow(handler: Handler) -> None:
        arrived.append(1)
        handler.server.over.wait(0.5)
        proposing(handler)

    server.behaviours = [slow]
    arguments = [sys.executable, "-m", "reproduce", *command(server, tmp_path, "--trials", "9", "--parallel", "4")]
    process = subprocess.Popen(arguments, env=os.environ, stderr=subprocess.PIPE, text=True)
    while len(arrived) < 4:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, len(server.asked)) == (130, 4)
    assert "underway are waited for and kept" in said
    assert "4 requests sent" in said
    with Store(tmp_path / "store") as store:
        assert len([*store.export().of_kind(CHAT)]) == 4


def test_ctrl_c_does_not_wait_to_ask_again(server: Server, tmp_path: Path) -> None:
    server.behaviours = [fails(503, "loading the model", retry_after="300")]
    arguments = [sys.executable, "-m", "reproduce", *command(server, tmp_path, "--trials", "3", "--parallel", "2")]
    process = subprocess.Popen(arguments, env=os.environ, stderr=subprocess.PIPE, text=True)
    while len(server.asked) < 2:
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, len(server.asked)) == (130, 2)
    assert "asked again in 300 s" in said
    assert "optimiser" not in said


def test_a_line_a_run_says_what_came_of_it(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command(server, tmp_path, "--trials", "3", "--parallel", "2")) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if " of 3: " in line]
    assert [line.partition(" of 3: ")[0] for line in lines] == ["1", "2", "3"]
    assert all("made-up on nas-bench-201-digits, free, temperature 0, run" in line for line in lines)
    assert all("proposals" in line for line in lines)
    assert main([*command(server, tmp_path, "--trials", "3"), "-q"]) == 0
    assert capsys.readouterr().err == ""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_has_one_line_that_also_says_why_an_endpoint_is_asked_again(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setenv("COLUMNS", "200")
    server.behaviours = [fails(503, "loading the model", retry_after="0"), proposing]
    grid(server, tmp_path, parallel=2, clock=Clock(sleep=lambda _: None))
    said = terminal.getvalue()
    assert "6/6 runs" in said
    assert "rejected" in said
    assert "tokens" in said
    assert "loading the model" in said
    assert " of 6: " not in said


def test_elsewhere_a_retry_is_said_once_however_many_wait(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress([])
    for _ in range(5):
        progress.retrying(HarnessError("busy"), 30)
    assert capsys.readouterr().err == "busy; asked again in 30 s\n"


@pytest.mark.parametrize("number", ["0", "-3"])
def test_a_number_in_parallel_is_positive(
    number: str, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(server, tmp_path, f"--parallel={number}")) == 2
    assert "a positive number of runs in parallel" in capsys.readouterr().err
    assert not server.asked


# -- several of everything ---


def test_every_one_with_every_other_is_a_run_in_the_order_of_the_plan(server: Server, tmp_path: Path) -> None:
    found = grid(
        server,
        tmp_path,
        model=["one", "two", "one"],
        temperature=[1, 0, 1],
        arm=["a", "b"],
        trials=[7, 3],
        budget=1,
        parallel=8,
    )
    order = [(run.specification.label.model, run.specification.label.temperature) for run in found]
    assert order == [(name, temperature) for name in ("one", "two") for temperature in (1, 0) for _ in range(4)]
    assert [(run.specification.arm, run.specification.number) for run in found[:4]] == [
        ("a", 7), ("a", 3), ("b", 7), ("b", 3),
    ]  # fmt: skip
    assert found[0].answers[0] is not None
    assert [record.key for record in found[0].answers] == [record.key for record in found[2].answers]
    assert len(server.asked) == len(set(asked(server)))  # arms that ask the same are answered once
    rows = recording.report(recording.read(tmp_path / "grid.jsonl")).rows
    assert len(rows) == 8
    assert {cell.text for row in rows for cell in row if cell.text.startswith("arm ")} == {'arm "a"', 'arm "b"'}


def test_tables_of_several_spaces_in_one_search(server: Server, tmp_path: Path) -> None:
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    one.write_text("a,b,accuracy\nx,x,1\nx,y,2\ny,x,3\ny,y,4\n")
    two.write_text(
        "c,d,e,accuracy\n" + "".join(f"{c},{d},{e},{c + d + e}\n" for c in (0, 1) for d in (0, 1) for e in (0, 1))
    )
    found = search("random", [one, two], budget=3, into=tmp_path / "both.jsonl", parallel=2)
    assert [run.specification.target for run in found] == ["one", "two"]
    assert len(replay_recording(tmp_path / "both.jsonl")) == 2
    with pytest.raises(UsageError, match="got 2 tables and 3 spaces"):
        search("random", [one, two], space=["nas-bench-macro"] * 3)


def test_models_behind_several_endpoints_and_none_behind_two(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running() as other:
        other.behaviours = [proposing]
        asks = [
            Endpoint("one", server.url),
            Endpoint("two", other.url),
            Endpoint("two", other.url, parameters={"top_p": 1}),
        ]
        found = grid(server, tmp_path, model=asks, parallel=4, fresh=True)
        assert {body["model"] for body in server.asked} == {"one"}
        assert {body["model"] for body in other.asked} == {"two"}
        assert len(found) == 18
        requests = len(server.asked) + len(other.asked)
        assert f"{requests} requests sent" in capsys.readouterr().err
        again = grid(server, tmp_path, model=asks, parallel=4, fresh=True)
        assert [run.trajectory for run in again] == [run.trajectory for run in found]
        assert len(server.asked) + len(other.asked) == requests
        with pytest.raises(UsageError, match="got one behind two"):
            grid(server, tmp_path, model=[Endpoint("one", server.url), Endpoint("one", other.url)])


@pytest.mark.parametrize("trials", [[], [-1], [1000], ["1"], 0, [0.0]])
def test_numbers_of_trials_are_those_that_a_model_has_samples_for(trials: Any, server: Server, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="trials"):
        grid(server, tmp_path, trials=trials)
    assert not server.asked


def test_trials_by_their_numbers_as_they_are_printed(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(server, tmp_path, "--trials", "3-4")) == 0
    assert [one.specification.number for one in recording.read(tmp_path / "grid.jsonl")] == [2, 3]
    with pytest.raises(SystemExit, match="2"):
        main(command(server, tmp_path, "--trials", "some"))
    assert "expected a number, or two such as 11-20, got some" in capsys.readouterr().err


# -- what it will take ---


def foretold(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[list[dict[str, Any]], list[str]]:
    assert main([*arguments, "--dry-run", "--format", "json"]) == 0
    printed = valid(capsys.readouterr().out)
    rows = [{key: cell["value"] for key, cell in row.items()} for row in printed["rows"]]
    return rows, printed["notes"]


def test_a_dry_run_says_what_asking_will_take_and_sends_nothing(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prices = tmp_path / "prices.json"
    prices.write_text('{"made-up": {"prompt": 1000000, "completion": 0}}')
    arguments = command(server, tmp_path, "--trials", "4", "--temperature", "0", "1")
    (cold, warm, every), notes = foretold(capsys, *arguments)
    assert not server.asked
    assert [row["runs"] for row in (cold, warm, every)] == [4, 4, 8]
    assert (every["requests"], every["requests_at_most"]) == (8 * 3, 8 * 6)
    assert (every["tokens"], every["tokens_at_most"], every["cost"]) == (None, None, None)  # nothing bounds them
    bounded = [*arguments, "--parameter", "max_tokens=64", "--prices", str(prices), "--max-calls", "10"]
    (*_, every), notes = foretold(capsys, *bounded)
    assert 0 < every["tokens"] < every["tokens_at_most"]
    assert every["cost"] < every["tokens"]  # answers cost nothing
    assert "Probably 24 requests are still to come, and the ceiling is 10: the search will end there" in notes[-1]


def test_what_is_kept_is_not_foretold_and_earlier_answers_say_how_much_is_probable(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(server, tmp_path, "--trials", "6")) == 0
    capsys.readouterr()
    (row, every), _ = foretold(capsys, *command(server, tmp_path, "--trials", "6"))
    assert row["requests"] == every["requests_at_most"] == every["tokens"] == 0
    (row, every), _ = foretold(capsys, *command(server, tmp_path, "--trials", "8", "--parameter", "max_tokens=64"))
    ended = [one.ended for one in recording.read(tmp_path / "grid.jsonl")]
    proposals = sum(each.answers for each in ended) / sum(each.evaluated for each in ended)
    assert row["requests"] == pytest.approx(8 * min(6, 3 * proposals))
    sent = len(server.asked)
    assert main(command(server, tmp_path, "--trials", "8", "--parameter", "max_tokens=64")) == 0
    assert 0.5 * (len(server.asked) - sent) < row["requests"] < 2 * (len(server.asked) - sent)
    assert len(server.asked) - sent <= row["requests_at_most"]


def test_no_request_is_larger_than_was_foretold(server: Server, tmp_path: Path) -> None:
    """At most is at most, also of the longest answers, all of them rejected."""
    server.behaviours = [says({**completion("x" * 64), "usage": None})]
    opened = [open_table(TABLE)]
    endpoints = [Endpoint("made-up", server.url)]
    budget = Budget(evaluations=3, proposals=6)
    given: dict[str, Any] = {"budget": budget, "parameters": {"max_tokens": 64}}
    planned = planning.grid(catalogue.find("genius"), opened, None, endpoints, **given)
    [ahead] = searches.ahead(planned, opened, Limits(), store=tmp_path / "other")
    grid(server, tmp_path, trials=1, temperature=0, seed=None, **given)
    assert len(server.asked) == ahead.requests_at_most == 6
    assert sum(prompt_bound(body) + TEMPLATE + 64 for body in server.asked) <= ahead.tokens_at_most


def test_a_ceiling_that_will_end_the_search_is_named_before_anything_is_sent(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.behaviours = [telling(30)]
    assert main(command(server, tmp_path, "--max-calls", "2")) == 2
    said = capsys.readouterr().err
    assert said.index("Probably 3 requests are still to come, and the ceiling is 2") < said.index("2 requests sent")
    assert main(command(server, tmp_path, "--max-calls", "100")) == 0
    assert "still to come" not in capsys.readouterr().err


def test_tokens_that_nothing_bounds_are_said_to_be_unknown(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(command(server, tmp_path, "--max-tokens", "5"))
    assert "No one knows how many tokens are still to come, and the ceiling is 5" in capsys.readouterr().err


def test_a_grid_that_is_replayed_says_which_run_found_what(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = grid(server, tmp_path, trials=2)
    nothing = sum(not run.trajectory.evaluated for run in found)
    assert main(["search", "--from", str(tmp_path / "grid.jsonl"), "--format", "json"]) == 0
    said = json.loads(capsys.readouterr().out)
    expected = [run.specification for run in found if run.trajectory.evaluated]
    assert {row["run"]["value"] for row in said["rows"]} == {
        f"t{one.label.temperature:g}:{one.number + 1}" for one in expected
    }
    assert (f"In {nothing} of 4 trials nothing was evaluated." in said["notes"]) == (nothing > 0)
