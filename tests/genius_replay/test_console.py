"""Text from outside is shown without what a terminal obeys, and output goes wherever it is sent, or says why not."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from genius_replay.console import _READABLY, printable
from reproduce.__main__ import main
from reproduce.report.report import Status

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, ümläut, 中文 🙂\n\ttab", "plain, ümläut, 中文 🙂\n\ttab"),
        ("\x1b[2J\x1b]52;c;aGk=\x07", r"\x1b[2J\x1b]52;c;aGk=\x07"),
        ("a\rb\x00\x7f\x9b31m", r"a\rb\x00\x7f\x9b31m"),
        ("txt.\u202egnp.exe\u2066x\u2069", r"txt.\u202egnp.exe\u2066x\u2069"),
        ("half \ud83d, other \udc00", r"half \ud83d, other \udc00"),
    ],
)
def test_what_a_terminal_obeys_is_shown_as_its_escape(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(shown) == shown


# -- where it goes ---

EVERY = [
    ("reproduce", "table2"),
    ("cache", "list", "cache/recorded/genius-table7.jsonl"),
    ("tables", "info", "tables/trained/nas-bench-201-digits.h5"),
    ("harness.training", "--digest", "digits"),
]


def run(*command: str, home: Path, **variables: str) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "GENIUS_REPLAY_HOME": str(home), **variables}
    return subprocess.run(["bash", "-c", *command], capture_output=True, cwd=ROOT, env=environment, check=False)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize(("to", "unbuffered"), [(">/dev/full", ""), (">/dev/full", "1"), (">&-", "")])
@pytest.mark.parametrize("command", EVERY, ids=" ".join)
def test_f6_output_that_cannot_be_written_is_one_line_and_wrong_use(
    command: tuple[str, ...], to: str, unbuffered: str, home: Path
) -> None:
    if command[0] == "harness.training":
        pytest.importorskip("torch")
        pytest.importorskip("sklearn")
    line = shlex.join([sys.executable, "-m", *command])
    done = run(f"{line} {to}", home=home, PYTHONUNBUFFERED=unbuffered)
    said = done.stderr.decode()
    assert done.returncode == 2, said
    assert said.count("\n") == 1, said
    assert "Traceback" not in said


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1"])
def test_an_encoding_that_lacks_the_marks_gets_letters(encoding: str, home: Path) -> None:
    done = run(f"{sys.executable} -m reproduce table1", home=home, PYTHONIOENCODING=encoding)
    text = done.stdout.decode(encoding)
    assert done.returncode == 0, done.stderr
    assert "q quoted from the paper" in text
    assert "\\u" not in text
    assert ("30.87/16.40 q" if encoding == "ascii" else "30.87±16.40 q") in text


def test_every_mark_of_a_report_has_its_letter() -> None:
    for status in Status:
        assert status.mark.encode("ascii", _READABLY).decode() == status.letter


class Notebook:
    """Standard output as ipykernel has it: text alone, no bytes below it."""

    encoding = "UTF-8"

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return False


@pytest.mark.parametrize("arguments", [["table2"], ["list"], ["table2", "--format", "json"]], ids=" ".join)
def test_f5_a_notebook_prints(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = Notebook()
    monkeypatch.setattr(sys, "stdout", notebook)
    assert main(arguments) == 0
    assert "GENIUS" in notebook.text
