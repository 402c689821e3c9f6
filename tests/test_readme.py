"""The README: what it shows is what its commands print, and the names it gives exist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from reproduce import __version__
from reproduce.__main__ import COMMANDS
from reproduce.paper.registry import ITEMS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONSOLE = re.findall(r"```console\n\$ (.*)\n((?:.*\n)*?)```", README)


def _shell(command: str) -> str:
    """Run a command of the README with the Python that runs the tests."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = command.replace("python ", f"{sys.executable} ", 1)
    return subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, cwd=ROOT, env=environment, check=True
    ).stdout


def test_the_first_block_is_two_lines() -> None:
    block = re.search(r"```sh\n(.*?)```", README, re.DOTALL)
    assert block is not None
    first, second = block[1].splitlines()
    assert first.endswith("python -m reproduce table2")
    assert second.endswith("python -m pytest -q -n 2")


@pytest.mark.parametrize(("command", "output"), CONSOLE)
def test_what_is_shown_is_what_is_printed(command: str, output: str) -> None:
    assert _shell(command) == output


def test_every_command_exists_and_every_table_is_listed() -> None:
    named = set(re.findall(r"python -m reproduce (\w+)", README))
    assert named <= {*ITEMS, *COMMANDS}
    assert all(f"`{name}`" in README or f"reproduce {name}" in README for name in (*ITEMS, *COMMANDS))


def test_the_changelog_knows_this_version() -> None:
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
