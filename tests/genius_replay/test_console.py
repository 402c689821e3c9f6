"""How commands end: every exit code, streams that cannot be written, and text from outside."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from genius_replay.console import INTERRUPTED, ending, printable

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
def test_what_an_encoding_does_not_have_is_escaped(encoding: str) -> None:
    done = _prints("● ◐", "", PYTHONIOENCODING=encoding)
    assert done.returncode == 1
    assert "\\u25cf" in done.stdout
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
