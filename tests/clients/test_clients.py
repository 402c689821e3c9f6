"""Clients that nobody here wrote, recorded against an upstream and replayed without it, as they are.

What has to be installed for one is installed by its test, which is `slow`: `tox -e clients`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cache.__main__ import main
from tests.cache.server import Handler, Server, completion, events, running, says

pytest.importorskip("uvicorn", reason="serves: install the extra `server`")
pytestmark = [pytest.mark.enable_socket, pytest.mark.network]

KEY = "sk-test-0123456789abcdefghij"

Installed = Callable[[Path], Sequence["str | Path"]]
"""Installs a client into a folder, and gives the words before a program."""


def python_with(*packages: str) -> Installed:
    def install(folder: Path) -> list[str | Path]:
        python = folder / "environment" / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", folder / "environment"], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True, stderr=subprocess.DEVNULL)
        return [python, "-c"]

    return install


def node_with(*packages: str) -> Installed:
    def install(folder: Path) -> list[str | Path]:
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", *packages], check=True, cwd=folder)
        return ["node", "--input-type=module", "--eval"]

    return install


class Program(NamedTuple):
    """Asks the same twice, then for a stream of it, and prints the answers."""

    installed: Installed
    text: str


PROGRAMS = {
    "openai-python": Program(
        lambda _: [sys.executable, "-c"],
        """
import asyncio, os, openai
ask = {"model": "m", "messages": [{"role": "user", "content": os.environ["QUESTION"]}]}
async def third():
    async with openai.AsyncOpenAI() as client, client.chat.completions.stream(**ask) as stream:
        return await stream.get_final_completion()
with openai.OpenAI() as client:
    for answer in (*[client.chat.completions.create(**ask) for _ in range(2)], asyncio.run(third())):
        print(answer.choices[0].message.content)
""",
    ),
    "openai-python 0.28": Program(
        python_with("openai==0.28.1"),
        """
import os, openai
ask = {"model": "m", "messages": [{"role": "user", "content": os.environ["QUESTION"]}]}
for _ in range(2):
    print(openai.ChatCompletion.create(**ask)["choices"][0]["message"]["content"])
pieces = openai.ChatCompletion.create(**ask, stream=True)
print("".join(piece["choices"][0]["delta"].get("content", "") for piece in pieces))
""",
    ),
    "openai-node": Program(
        node_with("openai"),
        """
import OpenAI from "openai";
const client = new OpenAI();
const ask = {model: "m", messages: [{role: "user", content: process.env.QUESTION}]};
for (const _ of [1, 2]) console.log((await client.chat.completions.create(ask)).choices[0].message.content);
console.log((await client.chat.completions.stream(ask).finalChatCompletion()).choices[0].message.content);
""",
    ),
    "litellm": Program(
        python_with("litellm"),
        """
import os, litellm
ask = {"model": "openai/m", "messages": [{"role": "user", "content": os.environ["QUESTION"]}]}
for _ in range(2):
    print(litellm.completion(**ask).choices[0].message.content)
print(litellm.stream_chunk_builder(list(litellm.completion(**ask, stream=True))).choices[0].message.content)
""",
    ),
    "langchain": Program(
        python_with("langchain-openai"),
        """
import os
from langchain_openai import ChatOpenAI
model, question = ChatOpenAI(model="m"), os.environ["QUESTION"]
print(*[model.invoke(question).content for _ in range(2)], sep="\\n")
print("".join(piece.content for piece in model.stream(question)))
""",
    ),
    "curl": Program(
        lambda _: ["sh", "-ec"],
        """
for rest in '' '' ', "stream": true'; do
    curl -sSN --fail-with-body "$OPENAI_BASE_URL/chat/completions" -H 'Content-Type: application/json' \\
        -d '{"model": "m", "messages": [{"role": "user", "content": "'"$QUESTION"'"}]'"$rest"'}'
done
""",
    ),
}
QUICK = {"curl": pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")}
CLIENTS = [pytest.param(name, id=name, marks=QUICK.get(name, pytest.mark.slow)) for name in PROGRAMS]


def answers(handler: Handler) -> None:
    """Say which request this is, also in a stream, with what some take for the end of a line."""
    asked, number = handler.server.asked[-1], len(handler.server.asked)
    text = f"Answer {number} to {asked['messages'][-1]['content']}\u2028 – whole."
    if not asked.get("stream"):
        return says(completion(text))(handler)
    deltas: list[Any] = [{"role": "assistant", "content": ""}, *({"content": word} for word in text.partition(" ")), {}]
    chunks: list[Any] = [
        {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "test-1a", "choices": [choice]}
        for delta in deltas
        for choice in [{"index": 0, "delta": delta, "finish_reason": None if delta else "stop"}]
    ]
    return says(events(*chunks), Content_Type="text/event-stream")(handler)


@pytest.fixture
def upstream() -> Iterator[Server]:
    with running() as upstream:
        upstream.behaviours = [answers]
        yield upstream


Run = Callable[..., "tuple[int, str, str]"]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """`python -m cache run mine.jsonl` from a folder beside it; gives the exit code and what was printed."""
    for name in [name for name in os.environ if name.startswith("OPENAI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # or it asks for another at its start

    def run(folder: Path, *words: str | Path) -> tuple[int, str, str]:
        monkeypatch.chdir(folder)
        return main(["run", str(tmp_path / "mine.jsonl"), *map(str, words)]), *capfd.readouterr()

    return run


@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_is_recorded_and_replayed_as_it_is(
    name: str, upstream: Server, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "client"
    folder.mkdir()
    program = ["--", *PROGRAMS[name].installed(folder), PROGRAMS[name].text]
    monkeypatch.setenv("QUESTION", "this")
    code, recorded, err = run(folder, "--record", "--upstream", upstream.url, *program)
    assert code == 0, err
    assert [number for number in "123" if f"Answer {number} to this" in recorded] == ["1", "2", "3"]
    assert [bool(asked.get("stream")) for asked in upstream.asked] == [False, False, True]
    assert KEY not in (tmp_path / "mine.jsonl").read_text()

    assert run(folder, *program) == (0, recorded, "")
    monkeypatch.setenv("QUESTION", "that")
    code, _, err = run(folder, *program)
    assert code == 1
    assert "-this\n+that" in err
    assert len(upstream.asked) == 3


SEARCHES = [
    pytest.param(lambda _: [sys.executable, "-c"], False, id="openai-python"),
    pytest.param(lambda _: [sys.executable, "-c"], True, id="openai-python, typed", marks=pytest.mark.slow),
    pytest.param(python_with("openai==0.28.1"), False, id="openai-python 0.28", marks=pytest.mark.slow),
    pytest.param(python_with("openai==0.28.1"), True, id="openai-python 0.28, typed", marks=pytest.mark.slow),
]
DESIGNS = ["[1, 2, 3]", "[0, 0, 1]", "[1, 2, 3]", "[3, 3, 0]", "[2, 0, 2]"]


@pytest.mark.parametrize(("installed", "typed"), SEARCHES)
def test_a_search_by_script_has_an_equal_history_offline(
    installed: Installed, typed: bool, upstream: Server, tmp_path: Path, run: Run
) -> None:
    upstream.behaviours = [says(completion(design)) for design in DESIGNS]
    keys = ["".join(digits) for digits in product("0123", repeat=3)]
    person = tmp_path / "typed"
    person.write_text("".join(f"{''.join(map(str, json.loads(design)))}\n" for design in DESIGNS))
    python, _ = installed(tmp_path)
    histories: list[dict[str, bytes]] = []
    for asked in (["--record", "--upstream", upstream.url, "--"], ["--"]):
        folder = tmp_path / f"run {len(histories)}"
        (folder / "benchmark").mkdir(parents=True)
        (folder / "benchmark" / "three_layers.json").write_text(json.dumps({key: int(key, 4) / 7 for key in keys}))
        script: list[str | Path] = [python, Path(__file__).with_name("search_by_script.py")]
        if typed:
            script = ["sh", "-c", 'exec "$@" < ../typed', "sh", *script, "--typed"]
        code, _, err = run(folder, *asked, *script, "--key", "none" if histories else KEY)
        assert code == 0, err
        histories.append({path.name: path.read_bytes() for path in (folder / "history").iterdir()})
    assert histories[0] == histories[1]
    assert [score["widths"] for score in json.loads(histories[0]["scores.json"])] == ["123", "001", "123", "330", "202"]
    assert len(upstream.asked) == len(DESIGNS)
    assert KEY not in (tmp_path / "mine.jsonl").read_text()
