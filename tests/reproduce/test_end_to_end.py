"""A real language model over HTTP: serve, record, stop the server, replay with sockets disabled, byte for byte."""

from __future__ import annotations

import importlib.util
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reproduce.cli.serve import MODELS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("llama_cpp") is None, reason="needs a local model: python -m pip install -e '.[local]'"
    ),
]

PORT = 8127
WITHOUT_SOCKETS = """
import socket, sys
def refuse(*arguments, **named):
    raise AssertionError("a replay opened a socket")
socket.socket.connect = socket.create_connection = refuse
from reproduce.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def python(*arguments: str) -> str:
    return subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


def found(printed: str, part: str) -> list[Any]:
    """The trajectories ("runs") with the key of every record, or the rows, of a report as JSON."""
    content: list[Any] = json.loads(printed)[part]
    return content


@pytest.mark.parametrize("model", MODELS)
def test_serve_record_stop_replay(model: str, tmp_path: Path, home: Path) -> None:
    serve = [sys.executable, "-m", "reproduce", "serve", model, "--port", str(PORT)]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            said = [server.stdout.readline() for _ in range(4)]
            assert MODELS[model].sha256 in "".join(said)
            into = tmp_path / "mine.jsonl"
            record = [
                "-m",
                "reproduce",
                "record",
                "--model",
                MODELS[model].identifier,
                "--base-url",
                f"http://127.0.0.1:{PORT}/v1",
            ]
            search = ["--space", "nas-bench-201", "--table", "nas-bench-201-digits", "--temperature", "1"]
            answers = ["--answers", "json-object", "--seed", "0", "--iterations", "2", "--parameter", "max_tokens=256"]
            recorded = python(*record, *search, *answers, "--into", str(into), "--format", "json")
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(60)
    replayed = python("-c", WITHOUT_SOCKETS, "recordings", str(into), "--format", "json")
    assert [*found(replayed, "runs"), *found(replayed, "rows")] == [*found(recorded, "runs"), *found(recorded, "rows")]
    assert MODELS[model].identifier in replayed
