"""`python -m reproduce serve`: a small language model on this machine, behind an OpenAI-compatible endpoint.

It starts the server of llama-cpp-python on loopback, says what answers, and stops it at Ctrl-C or SIGTERM.

What makes equal requests get equal answers, as seen with llama-cpp-python 0.3.36. The server takes one request at a
time, and keeps the longest prefix that a prompt has in common with the one before. Evaluated in batches, the rest of
the prompt is then cut into other batches than the whole would be, sums are rounded otherwise, and at temperature 0 the
answer depended on what had been asked before. So prompts are evaluated token by token (a batch of 1): that costs a few
seconds for a first prompt and little afterwards, since the prefix is kept. With it, a request at temperature 0, and one
at temperature 1 with a `seed`, got the same answer in any order. Without a `seed` the answers to equal requests differ,
and depend on how many requests came before.

One thread is the default: with as many threads as cores they wait for each other as soon as anything else runs, and
answers of 1.4 seconds were seen to take 60.

The server reads settings from environment variables with names as common as SEED, CACHE and HOST. It is given none.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import FrameType

from reproduce.cli.local_models import INSTALL, LOOPBACK, MODELS, Serving, announced, announcement
from reproduce.errors import ReproduceError, UsageError

PACKAGE = "llama-cpp-python"
BATCH = 1  # see above
START_S = 300.0  # until the server has to answer: a slow disk needs its time
STOP_S = 5.0  # until a server that is asked to stop is killed: it finishes its answer first, which may take minutes
POLL_S = 0.1
SHOWN = 20  # lines of the log of a server that failed

_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONPATH")


class ServerFailed(ReproduceError):
    """The server ended by itself, or never answered."""


@dataclass(frozen=True)
class Launch:
    """A server to be started: its command, the name its model goes by, its port and its log."""

    command: Sequence[str]
    model: str
    port: int
    log: Path


def command(path: Path, serving: Serving, port: int) -> list[str]:
    """The command line of the server."""
    settings = {
        "model": path,
        "model_alias": serving.model,
        "host": LOOPBACK,
        "port": port,
        "n_ctx": serving.context,
        "n_batch": serving.batch,
        "n_ubatch": serving.batch,
        "n_threads": serving.threads,
        "n_threads_batch": serving.threads,
        "logits_all": False,  # else it keeps the logits of every token: gigabytes
        "use_mlock": False,
    }
    options = (word for name, value in settings.items() for word in (f"--{name}", str(value)))
    return [sys.executable, "-m", "llama_cpp.server", *options]


@contextmanager
def running(launch: Launch) -> Iterator[subprocess.Popen[bytes]]:
    """A server that answers; it is stopped when the block ends, however it ends.

    Raises:
        UsageError: the port is taken.
        ServerFailed: the server ended, or did not answer in time.
    """
    _expect_free(launch.port)
    launch.log.parent.mkdir(parents=True, exist_ok=True)
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    with launch.log.open("wb") as log:
        # A session of its own: Ctrl-C reaches this process alone, which then stops the server with all its children.
        server = subprocess.Popen(
            launch.command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=launch.log.parent,  # `-m` looks for modules there first
            env=environment,
            start_new_session=True,
        )
        try:
            _wait(server, launch)
            yield server
        finally:
            _stop(server)


def _wait(server: subprocess.Popen[bytes], launch: Launch) -> None:
    deadline = time.monotonic() + START_S
    while not _answers(launch):
        if server.poll() is not None:
            raise failure(server, launch)
        if time.monotonic() > deadline:
            raise ServerFailed(
                f"{launch.model}: expected an answer within {START_S:g} s, got none; "
                f"the end of the server's log says why, the whole is {launch.log}{_tail(launch.log)}"
            )
        time.sleep(POLL_S)


def failure(server: subprocess.Popen[bytes], launch: Launch) -> ServerFailed:
    """What to say of a server that ended by itself."""
    return ServerFailed(
        f"{launch.model}: expected a server that runs until it is stopped, got one that ended with exit code "
        f"{server.returncode}; the end of its log says why, the whole is {launch.log}{_tail(launch.log)}"
    )


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-SHOWN:]
    return "".join(f"\n  {line}" for line in lines)


def _expect_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does: a port just left is free
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise UsageError(
                f"--port {port}: expected a free port, found: {error.strerror}; stop the program that has it, "
                "or choose another port"
            ) from None


def _answers(launch: Launch) -> bool:
    """Whether the server lists its model. Not by way of urllib, which may ask a proxy."""
    connection = http.client.HTTPConnection(LOOPBACK, launch.port, timeout=START_S)
    try:
        connection.request("GET", "/v1/models")
        listed = json.load(connection.getresponse())
        return any(entry["id"] == launch.model for entry in listed["data"])
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return False
    finally:
        connection.close()


def _stop(server: subprocess.Popen[bytes]) -> None:
    """End the server and all its children: first ask, then kill what is left. A second Ctrl-C ends the waiting."""
    for wish, patience_s in ((signal.SIGTERM, STOP_S), (signal.SIGKILL, None)):
        with suppress(ProcessLookupError):  # nothing is left
            os.killpg(server.pid, wish)
        with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            server.wait(patience_s)


# -- the command ------------------------------------------------------------------------------------------------------


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `serve`."""
    titles = "; ".join(f"{model.name}: {model.title}" for model in MODELS.values())
    parser.add_argument("model", choices=MODELS, metavar="MODEL", help=titles)
    parser.add_argument("--port", type=int, default=8000, metavar="N", help="on loopback (default: 8000)")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="of the server (default: 1)")
    parser.add_argument(
        "--context", type=int, default=8192, metavar="N", help="tokens of prompt and answer together (default: 8192)"
    )


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM.

    Raises:
        UsageError: the packages are missing, an option is out of range, or the port is taken.
        WrongDigest: the model's file is not the one that is named in `reproduce.cli.local_models`.
        ServerFailed: the server ended by itself, or never answered.
    """
    for name, most in (("port", 65535), ("threads", os.cpu_count() or 1), ("context", 1 << 20)):
        if not 1 <= (number := getattr(args, name)) <= most:
            raise UsageError(f"serve: expected --{name} from 1 to {most}, got {number}")
    model = MODELS[args.model]
    try:
        server_version = version(PACKAGE)
    except PackageNotFoundError:
        raise UsageError(f"serve: expected the package {PACKAGE}[server], found none; {INSTALL}") from None
    path = model.path.resolve()
    serving = Serving(
        model.name, model.file, model.sha256, f"{PACKAGE} {server_version}", args.context, BATCH, args.threads
    )
    log = announcement(args.port).resolve().with_suffix(".log")
    launch = Launch(command(path, serving, args.port), model.name, args.port, log)
    with _stopped_by_signals():
        try:
            with running(launch) as server, announced(serving, port=args.port, pid=server.pid):
                _say(served(serving, args.port))
                server.wait()
                raise failure(server, launch)
        except KeyboardInterrupt:
            _say("stopped")
            return 0


def served(serving: Serving, port: int) -> str:
    """What is served, and the line that uses it."""
    base_url = f"http://{LOOPBACK}:{port}/v1"
    facts = {
        "model": f"{serving.model}, {serving.file}",
        "sha256": serving.sha256,
        "server": serving.server,
        "context": f"{serving.context} tokens",
        "base URL": base_url,
    }
    lines = [f"{name:<9} {value}" for name, value in facts.items()]
    record = (
        f"python -m reproduce record --model {serving.model} --base-url {base_url} --space nas-bench-macro "
        f"--answers json-object --parameter repeat_penalty=1 --into {serving.model}.jsonl"
    )
    return "\n".join([*lines, "In another terminal:", f"  {record}", "Ctrl-C stops the server."])


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Let SIGTERM, and the end of the terminal, stop this process as Ctrl-C does."""

    def interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        raise KeyboardInterrupt

    # Under nohup the end of the terminal is ignored, and stays so.
    wanted = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, interrupt) for number in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
