"""How commands end: every exit code, streams that cannot be written, and text from outside."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from genius_replay.console import _READABLY, INTERRUPTED, ending, printable
from reproduce.__main__ import main
from reproduce.report.report import Status

ROOT = Path(__file__).parents[2]


class _Wrong(Exception):
    pass


class _Damage(_Wrong):
    pass


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (None, 0, ""),
        (_Wrong("wrong"), 2, "wrong\n"),
        (_Damage("damaged"), 1, "damaged\n"),
        (FileNotFoundError(2, "No such file", "a"), 2, "[Errno 2] No such file: 'a'\n"),
        (KeyboardInterrupt(), INTERRUPTED, "all is kept\n"),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(
    raised: BaseException | None, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    @ending(_Wrong, damage=(_Damage,), interrupted="all is kept")
    def main(arguments: object = None) -> int:
        if raised is not None:
            raise raised
        return 0

    assert main() == code
    assert capsys.readouterr() == ("", said)


def test_what_no_user_can_do_keeps_its_traceback() -> None:
    @ending(_Wrong)
    def main(arguments: object = None) -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        main()


PRINTS = """
import sys
from genius_replay.console import ending
@ending()
def main(arguments=None):
    sys.stdout.write(sys.argv[1])
    return 1
sys.exit(main())
"""


def _prints(text: str, redirected: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = ["sh", "-c", f'exec "$0" -c "$1" "$2" {redirected}', sys.executable, PRINTS, text]
    variables = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=variables, check=False)


@pytest.mark.parametrize("redirected", [">&-", ">/dev/full"], ids=["f6 closed", "f6 full"])
@pytest.mark.parametrize("size", [1, 10**5])
def test_output_that_cannot_be_written_is_one_line_and_no_damage(redirected: str, size: int) -> None:
    if "full" in redirected and not Path("/dev/full").exists():
        pytest.skip("this system has no device that is always full")
    done = _prints("a" * size, redirected)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_a_closed_standard_output_matters_only_to_what_is_printed() -> None:
    assert _prints("", ">&-").returncode == 1


def test_without_a_standard_error_there_is_still_an_exit_code() -> None:
    assert _prints("a", ">&- 2>&-").returncode == 2


def test_a_reader_that_goes_away_ends_a_command_well() -> None:
    command = ["bash", "-o", "pipefail", "-c", '"$0" -c "$1" "$2" | true', sys.executable, PRINTS, "a" * 10**5]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1"])
def test_what_an_encoding_does_not_have_is_another_letter_or_escaped(encoding: str) -> None:
    done = _prints("● ◐ ⟦5⟧ ☃", "", PYTHONIOENCODING=encoding)
    assert done.returncode == 1
    assert done.stdout == "c r [5] \\u2603"
    assert done.stderr == ""


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


PACKAGES = ("baselines", "cache", "harness", "reproduce", "tables")
OF_THEIR_OWN = {
    "harness/conformance/methods.py",  # a second process tells the first, which reads it as JSON
}


def test_whatever_is_printed_goes_through_one_place() -> None:
    sources = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    direct = {
        path.relative_to(ROOT).as_posix()
        for path in sources
        if re.search(r"std(out|err)\.(buffer\.)?write", path.read_text("utf-8"))
    }
    assert direct == OF_THEIR_OWN


@pytest.mark.parametrize(
    "arguments", [["query", "\x1b]52;c;aGk=\x07"], ["table2", "\x1b[2J"], ["table2", "--out", "no\x1b[2J/such"]]
)
def test_a_message_holds_no_control(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with suppress(SystemExit):
        assert main(arguments) == 2
    said = capsys.readouterr().err
    assert said
    assert "\x1b" not in said


def test_a_notebook_shows_an_exit_code_and_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "reproduce.published.reconstruct", raising=False)
    with pytest.raises(SystemExit) as ended:
        main(["table2", "--nothing"])
    assert ended.value._render_traceback_() == ["exit code 2"]  # type: ignore[attr-defined]
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("reproduce.published.reconstruct", run_name="__main__")
    assert ended.value.code == 2
    assert ended.value._render_traceback_() == ["exit code 2"]  # type: ignore[attr-defined]
