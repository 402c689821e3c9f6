"""The pages under docs: what they show is what their commands and programs print, and their prose claims no number.

`python -m tests.test_docs` writes anew what is printed, once the published tables are at hand (`fetch`).
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

from reproduce.__main__ import main

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = {str(path.relative_to(DOCS)): path for path in sorted(DOCS.rglob("*.md"))}
FETCH = "python -m reproduce fetch"
"""A page that shows numbers from published files says how to bring them."""

REPORT = re.compile(
    r"```sh\n(?:python [^\n]*\n)*?python -m reproduce (?P<command>[^\n]*)\n```\n"
    r"(?P<only><!-- notes -->\n)?(?P<shown>(?:(?!```sh\n).)*?)<!-- end -->",
    re.DOTALL,
)
"""A command in a block, and its report in Markdown; of a long one its notes alone."""
CONSOLE = re.compile(r"```console\n\$ (?P<command>[^\n]*)\n(?P<shown>.*?)```", re.DOTALL)
PROGRAM = re.compile(r"```python\n(?P<command>(?:(?!```).)*)```\n\n```text\n(?P<shown>.*?)```", re.DOTALL)
SNIPPET = re.compile(r"^--8<--\n(.*)\n--8<--$", re.MULTILINE)
COMMAND = re.compile(r"^(?:python -m (\w+(?:\.\w+)?)|genius-replay) (.*?)(?: *#.*| &| \||$)", re.MULTILINE)
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)

NAMES = re.compile(
    r"NAS-Bench-201|GPT-4|SmolLM2 135M|`smollm2`|`gemma3-270m`|Gemma 3 270M|budget 0\b|sections? [\d., ]+"
)
COMPARES = re.compile(r"\b(?:better|worse|ahead|behind|beats|outperforms?|level with)\b")
JUDGED = [name for name in PAGES if name.startswith("questions/")] + ["what-genius-numbers-mean.md"]
"""Pages that say what numbers mean."""


def reported(command: str, only_notes: bool) -> str:
    """The table and the notes that a command prints, without its title and without the digest of today's code."""
    out = io.TextIOWrapper(io.BytesIO())
    with contextlib.redirect_stdout(out):
        assert main([*shlex.split(command), "--format", "md"]) == 0
        out.seek(0)
    lines = out.read().splitlines()
    kept = [line for line in lines if not line.startswith(("## ", "- genius-replay ")) and "computed anew" not in line]
    if only_notes:
        kept = [line for line in kept if line.startswith("- ")]
    return "\n" + "\n".join(kept).strip() + "\n\n"


def ran(*command: str) -> str:
    """What a command prints in an empty folder, with the Python that runs the tests."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": "80"}
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, capture_output=True, text=True, env=variables, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def printed(text: str) -> Iterator[tuple[re.Match[str], str]]:
    """Each place of a page where something is shown that is printed, with what is printed today."""
    for found in REPORT.finditer(text):
        yield found, reported(found["command"], found["only"] is not None)
    for found in CONSOLE.finditer(text):
        yield found, ran("bash", "-c", f"set -o pipefail; {found['command']}")
    for found in PROGRAM.finditer(text):
        source = SNIPPET.sub(lambda named: (ROOT / named[1]).read_text(encoding="utf-8"), found["command"])
        yield found, ran(sys.executable, "-c", source)


RAN = [name for name in PAGES if not name.startswith("add/")]
"""Pages whose programs and commands run here; those of the others need their files (`test_contributing`)."""


def shows(text: str) -> bool:
    return any(pattern.search(text) for pattern in (REPORT, CONSOLE, PROGRAM))


@pytest.mark.parametrize("name", RAN)
def test_what_a_page_shows_is_what_is_printed(name: str, request: pytest.FixtureRequest) -> None:
    text = PAGES[name].read_text(encoding="utf-8")
    if FETCH in text and shows(text):
        request.getfixturevalue("fetched")
    for found, today in printed(text):
        assert found["shown"].splitlines() == today.splitlines(), found["command"]


@pytest.mark.parametrize("name", JUDGED)
def test_the_rest_of_a_page_states_no_number_and_no_comparison(name: str) -> None:
    """C6: what a person wrote beside the numbers was contradicted by them; so it holds none."""
    text = PAGES[name].read_text(encoding="utf-8")
    for pattern in (REPORT, PROGRAM, BLOCK):
        text = pattern.sub("", text)
    prose = NAMES.sub("", re.sub(r"`[^`\n]*`|\]\([^)]*\)", "", text))
    assert re.findall(r"\S*\d\S*", prose) == []
    assert COMPARES.findall(prose) == []


def test_the_pages_that_judge_show_what_they_judge() -> None:
    for name in set(JUDGED) - {"questions/index.md"}:
        text = PAGES[name].read_text(encoding="utf-8")
        assert shows(text), name
        if name.startswith("questions/"):
            assert "## What answers it" in text
            assert "## What is still open" in text


def test_the_tour_is_stored_without_what_it_prints() -> None:
    cells = json.loads((DOCS / "tour.ipynb").read_text(encoding="utf-8"))["cells"]
    assert len(cells) <= 25
    for cell in cells:
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None


class _Parsed(BaseException):
    """Raised when a command line was understood, so that it does not run."""


def commands() -> Iterator[tuple[str, str, str]]:
    """Every command line of ours in a block of the README and of the pages: where, package, arguments."""
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES.values()):
        for block in BLOCK.findall(path.read_text(encoding="utf-8").replace("\\\n", "")):
            for package, arguments in COMMAND.findall(block):
                if package.partition(".")[0] in ("", "reproduce", "cache", "tables", "harness"):
                    yield str(path.relative_to(ROOT)), package or "reproduce", arguments.replace("…", "")


@pytest.mark.parametrize(("where", "package", "arguments"), list(commands()))
def test_every_command_is_understood(where: str, package: str, arguments: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parse: Callable[..., object] = argparse.ArgumentParser.parse_args

    def stop(*of: object, **named: object) -> object:
        parse(*of, **named)
        raise _Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", stop)
    with pytest.raises(_Parsed):
        import_module(f"{package}.__main__").main(shlex.split(arguments))


if __name__ == "__main__":
    for page in map(PAGES.__getitem__, RAN):
        text = page.read_text(encoding="utf-8")
        for found, today in list(printed(text)):
            start = found.start("shown") - found.start()
            text = text.replace(found[0], found[0][:start] + today + found[0][found.end("shown") - found.start() :])
        page.write_text(text, encoding="utf-8")
