"""The plugin for tests of one's own: offline, strict, recorded on demand, and only where it is named."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from cache import cassette
from tests.cache.records import chat_record
from tests.cache.server import completion, running, says

pytest.importorskip("uvicorn", reason="serves: install the extra `server`")
ROOT = Path(__file__).parents[2]
TESTS = """
import json, urllib.request
import pytest

ASKED = {"model": "test-1", "messages": [{"role": "system", "content": "You propose."},
                                         {"role": "user", "content": "Propose."}]}


@pytest.mark.cassette("mine.jsonl")
def test_a_client(llm):
    assert llm.client.chat.completions.create(**ASKED).choices[0].message.content == "0"
    request = urllib.request.Request(llm.base_url + "/chat/completions", json.dumps(ASKED).encode())
    with urllib.request.urlopen(request) as response:
        assert json.load(response)["choices"][0]["message"]["content"] == "1"


@pytest.mark.cassette("mine.jsonl")
def test_a_base_url(llm):
    request = urllib.request.Request(llm.base_url + "/chat/completions", json.dumps(ASKED).encode())
    with urllib.request.urlopen(request) as response:
        assert json.load(response)["choices"][0]["message"]["content"] == "0"
"""
DATED = """
import time
import pytest


@pytest.mark.cassette("dated.jsonl", rewrite={r"at \\d+": "at NOW"})
def test_at_another_moment(llm):
    asked = {"model": "test-1", "messages": [{"role": "user", "content": f"It is at {time.time_ns()}."}]}
    assert llm.client.chat.completions.create(**asked).choices[0].message.content == "2"
"""
MISSES = """
import pytest


@pytest.mark.cassette("mine.jsonl")
def test_a_miss_that_is_swallowed(llm):
    try:
        llm.client.chat.completions.create(model="test-1", messages=[{"role": "user", "content": "Other."}])
    except Exception:
        pass


def test_without_a_marker(llm):
    pass


@pytest.mark.cassette("mine.jsonl", rewrit={})
def test_with_another_option(llm):
    pass


@pytest.mark.cassette("nothing.jsonl")
def test_without_a_file(llm):
    pass
"""


def pytest_in(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the tests of a project of somebody."""
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    named = {name: said for name, said in os.environ.items() if not name.startswith(("OPENAI", "PYTEST"))}
    named |= {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment}
    return subprocess.run(words, cwd=folder, env=named, capture_output=True, text=True, check=False, timeout=100)


def test_it_is_there_only_where_it_is_named() -> None:
    plugins = entry_points(group="pytest11")
    assert not [plugin for plugin in plugins if plugin.value.startswith("cache")]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with tests of its own, and a cassette that answers some of them."""
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n")
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["cache.pytest_plugin"]\n')
    (tmp_path / "test_mine.py").write_text(TESTS)
    (tmp_path / "test_dated.py").write_text(DATED)
    return tmp_path


@pytest.mark.enable_socket
@pytest.mark.network
def test_tests_are_recorded_and_then_run_offline(project: Path) -> None:
    with running() as upstream:
        upstream.behaviours = [says(completion(said)) for said in "201"]
        done = pytest_in(project, "--llm-record", OPENAI_BASE_URL=upstream.url, OPENAI_API_KEY="sk-mine-0123456789")
        assert done.returncode == 0, done.stdout
        assert len(upstream.asked) == 3
        assert upstream.headers[0]["authorization"] == "Bearer sk-mine-0123456789"
    assert len(cassette.read(project / "mine.jsonl", exact=True)) == 2
    done = pytest_in(project)
    assert done.returncode == 0, done.stdout


def test_a_miss_fails_with_its_reason_also_where_it_was_swallowed(project: Path) -> None:
    cassette.write(project / "mine.jsonl", [chat_record("Propose.")])
    (project / "test_mine.py").write_text(MISSES)
    (project / "test_dated.py").unlink()
    done = pytest_in(project)
    assert done.returncode == 1
    assert "its occurrence 0 in session program: expected a record with key sha256:" in done.stdout
    assert "+Other." in done.stdout
    assert done.stdout.count('Expected @pytest.mark.cassette("file.jsonl") at a test that uses `llm`.') >= 2
    assert (
        "nothing.jsonl, got No such file or directory. Name another file. `pytest --llm-record` records" in done.stdout
    )
    assert "Traceback" not in done.stdout
