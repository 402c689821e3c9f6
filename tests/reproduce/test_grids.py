"""Many runs in one search: side by side, of a model on loopback whose answer depends on the request alone."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cache import cassette
from cache.errors import CacheError
from cache.provider.limits import Clock, Limits
from cache.record import CHAT
from cache.store import Store
from harness.errors import HarnessError
from harness.run import Run
from harness.specification import RUN
from reproduce import search
from reproduce.__main__ import main
from reproduce.progress import Progress
from tests.cache.server import Handler, Server, completion, fails, running, says

pytestmark = [pytest.mark.enable_socket, pytest.mark.network]

TABLE = "nas-bench-201-digits"
STILL = Clock(now=lambda: 0.0, passing=lambda: 0.0)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with running() as server:
        server.behaviours = [proposing]
        yield server


def drawn(body: dict[str, Any]) -> random.Random:
    """What is the same for equal requests, whoever asks and when."""
    return random.Random(hashlib.sha256(json.dumps(body, sort_keys=True).encode()).digest())


def proposing(handler: Handler, wait_s: float = 0.004) -> None:
    """Propose a cell, or none that can be read, or conclude: runs are of unequal length."""
    draws = drawn(handler.body)
    time.sleep(draws.random() * wait_s)
    design = ", ".join(str(draws.randrange(5)) for _ in range(6))
    said = draws.choices([f"Design: [{design}]", "I had rather not.", "Design: none"], [8, 3, 1])[0]
    says(completion(said))(handler)


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
    with pytest.raises(
        CacheError, match=r"0 of 20 runs came to their end, 3 failed.*\n.*run 1 and 2 others: .*API key"
    ):
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
    given = ["--model", "made-up", "--base-url", server.url, "--space", "nas-bench-201", "--table", TABLE]
    place = ["--into", str(folder / "grid.jsonl"), "--store", str(folder / "store")]
    return ["record", *given, *place, "--iterations", "3", "--seed", "0", *more]


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
        progress.retrying(HarnessError("busy."), 30)
    assert capsys.readouterr().err == "busy. It is asked again in 30 s\n"


@pytest.mark.parametrize("number", ["0", "-3"])
def test_a_number_in_parallel_is_positive(
    number: str, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(server, tmp_path, f"--parallel={number}")) == 2
    assert "a positive number of runs in parallel" in capsys.readouterr().err
    assert not server.asked
