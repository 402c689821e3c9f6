"""The pages under docs: what they show is what their commands print."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from reproduce.__main__ import main

PAGE = Path(__file__).parents[1] / "docs" / "what-genius-numbers-mean.md"


def test_the_contest_is_what_the_command_prints(fetched: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    command = re.search(r"```sh\npython -m reproduce (.*)\n```", page)
    assert command is not None
    assert main(shlex.split(command[1])) == 0
    printed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert [line for line in page.splitlines() if line.startswith("|")] == printed
