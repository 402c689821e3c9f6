"""The models that packages bring are found without an import and verified, and what is served can be named."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from cache.key import JSON
from reproduce.cli.local_models import MODELS, LocalModel, Serving, announced, announcement, describe_served
from reproduce.errors import UsageError, WrongDigest

pytestmark = [pytest.mark.enable_socket, pytest.mark.network]

SERVING = Serving("made-up", "made-up.gguf", "0" * 64, "made-up-server 1.2", 512, 1, 2)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")


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


# -- the file ---------------------------------------------------------------------------------------------------------


def test_a_whole_file_is_used_where_it_is(site: Path, home: Path) -> None:
    install(site, b"weights")
    assert made_up(b"weights").path == site / "made_up_part0" / "data" / "part0"
    assert not home.exists()


def test_parts_are_put_together_once(site: Path, home: Path) -> None:
    install(site, b"first", b"second")
    whole = made_up(b"first", b"second").path
    assert whole == home / "models" / "made-up.gguf"
    assert whole.read_bytes() == b"firstsecond"
    written = whole.stat().st_ino
    assert made_up(b"first", b"second").path.stat().st_ino == written
    assert [path.name for path in whole.parent.iterdir()] == ["made-up.gguf"]


def test_another_file_is_refused(site: Path, home: Path) -> None:
    install(site, b"first", b"second")
    with pytest.raises(WrongDigest, match="delete that file"):
        _ = made_up(b"first", b"second", sha256="0" * 64).path
    with pytest.raises(WrongDigest, match="install its package again"):
        _ = made_up(b"first", sha256="0" * 64).path


@pytest.mark.parametrize("installed", [0, 1])
def test_what_is_missing_is_named_with_the_line_that_installs_it(site: Path, home: Path, installed: int) -> None:
    install(site, *[b"first", b"second"][:installed])
    with pytest.raises(UsageError, match=rf"package made_up_part{installed} .*genius-replay\[local\]"):
        _ = made_up(b"first", b"second").path
    assert not home.exists()


def test_models_are_named_as_the_command_takes_them() -> None:
    assert set(MODELS) == {"smollm2", "gemma3-270m"}
    assert all(model.name == name and len(model.sha256) == 64 for name, model in MODELS.items())


# -- what is served ---------------------------------------------------------------------------------------------------


def test_an_announced_server_is_described_without_asking_it() -> None:
    with announced(SERVING, port=1, pid=os.getpid()):
        described = describe_served("http://127.0.0.1:1/v1")
        assert described == describe_served("http://localhost:1/v1/")
        assert describe_served("http://127.0.0.1:2/v1") == {}
    assert described == {
        "source": "a local model",
        "model": "made-up",
        "file": "made-up.gguf",
        "sha256": "0" * 64,
        "server": "made-up-server 1.2",
        "context": 512,
        "batch": 1,
        "threads": 2,
    }
    assert not announcement(1).exists()


def test_the_base_url_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with announced(SERVING, port=1, pid=os.getpid()):
        assert describe_served(None) == {}
        monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
        assert describe_served(None)["file"] == "made-up.gguf"


def test_the_announcement_of_a_server_that_is_gone_is_not_believed() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with announced(SERVING, port=1, pid=gone.pid):
        assert describe_served("http://127.0.0.1:1/v1") == {}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": "1"}', b'{"pid": 1, "serving": {"other": 1}}'])
def test_a_broken_announcement_is_none(content: bytes) -> None:
    announcement(1).parent.mkdir(parents=True)
    announcement(1).write_bytes(content)
    assert describe_served("http://127.0.0.1:1/v1") == {}


@pytest.mark.parametrize("base_url", ["", "nonsense", "http://127.0.0.1:99999/v1", "http://[/v1", "file:///etc"])
def test_no_endpoint_is_nothing_known(base_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    assert describe_served(base_url) == {}


@contextmanager
def listing(body: JSON) -> Iterator[tuple[str, list[str | None]]]:
    """An endpoint that lists models; yields its base URL and the Authorization of each request."""
    asked: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers["Authorization"])
            content = json.dumps(body).encode()
            self.send_response(200 if self.path == "/v1/models" else 404)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_words: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1", asked
        finally:
            server.shutdown()
            thread.join()


def test_another_endpoint_is_described_by_its_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "made-up-key")
    a: JSON = {"id": "a", "object": "model", "owned_by": "vllm", "root": "/home/me/a", "max_model_len": 2048}
    with listing({"data": [a]}) as (base_url, asked):
        assert describe_served(base_url) == {"owned_by": "vllm", "max_model_len": 2048}
        assert describe_served(base_url, "other") == {}
    assert set(asked) == {"Bearer made-up-key"}
    with listing({"data": [a, {"id": "b", "owned_by": "me"}]}) as (base_url, _asked):
        assert describe_served(base_url) == {}
        assert describe_served(base_url, "b") == {"owned_by": "me"}


@pytest.mark.parametrize("body", [None, [], {"data": None}, {"data": [1]}, {"data": [{}]}])
def test_a_list_of_another_form_is_nothing_known(body: JSON) -> None:
    with listing(body) as (base_url, _asked):
        assert describe_served(base_url, "a") == {}
