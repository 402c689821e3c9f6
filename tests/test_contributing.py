"""CONTRIBUTING.md and docs/add: every file that they show is written and run, every command prints what is shown."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from baselines import catalogue

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs" / "add").glob("*.md")))
TEXT = "".join(page.read_text(encoding="utf-8") for page in PAGES)
FILES = dict(re.findall(r"^```\w+ title=\"(\S+)\"\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE))
COMMANDS = re.findall(r"^```console\n\$ python (.*)\n((?:.*\n)*?)```", TEXT, re.MULTILINE)
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder outside the repository with every file that is shown."""
    folder = tmp_path_factory.mktemp("contributing")
    for name, content in FILES.items():
        (folder / name).write_text(content, encoding="utf-8")
    return folder


def python(folder: Path, *arguments: str) -> str:
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_no_block_is_left_out() -> None:
    fences = re.findall(r"^```(\w+.*)$", TEXT, re.MULTILINE)
    assert fences[0] == "sh"  # how to install, which the README shows and CI runs
    assert len(fences) == 1 + len(FILES) + len(COMMANDS)
    assert {Path(name).suffix for name in FILES} == {".py", ".csv", ".toml"}


@pytest.mark.parametrize(("command", "output"), COMMANDS)
def test_what_is_shown_is_what_is_printed(folder: Path, command: str, output: str) -> None:
    assert python(folder, *command.split()) == output


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".py")])
def test_every_file_runs(folder: Path, name: str) -> None:
    if name.startswith("test_"):
        assert " passed" in python(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", name)
    else:
        python(folder, name)


def test_the_entry_point_names_the_optimiser(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = configparser.ConfigParser()
    settings.read(folder / "pyproject.toml")
    offered = settings[f'project.entry-points."{catalogue.GROUP}"']
    monkeypatch.syspath_prepend(folder)
    assert catalogue.find(offered["mine"].strip('"')).factory.__name__ == "MyOptimiser"


def test_an_optimiser_is_a_short_class() -> None:
    _, _, body = FILES["my_module.py"].partition("class ")
    assert sum(bool(line) for line in body.splitlines()) <= 15
