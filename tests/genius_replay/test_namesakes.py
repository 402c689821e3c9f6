"""A folder or module of somebody else's under the name of one of our packages is named, never taken for it (f8)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

from genius_replay.console import INTERRUPTED

ROOT = Path(__file__).parents[2]
COMMANDS = [("reproduce", "check"), ("harness.training", "--help"), ("harness.digits", "-h"), ("cache",), ("tables",)]


def _python(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run Python where packages of the folder `cwd` come before ours."""
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join([str(cwd), str(ROOT)])}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, cwd=cwd, env=variables, check=False
    )


@pytest.mark.parametrize(("name", "command"), [*product(["baselines"], COMMANDS), *product(["cache"], COMMANDS[:3])])
@pytest.mark.parametrize("made", ["{}.py", "{}/__init__.py"])
def test_a_namesake_is_named(name: str, made: str, command: tuple[str, ...], tmp_path: Path) -> None:
    namesake = tmp_path / made.format(name)
    namesake.parent.mkdir(exist_ok=True)
    namesake.touch()
    done = _python("-m", *command, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert str(tmp_path / made.partition("/")[0].format(name)) in done.stderr
    assert "genius-replay" in done.stderr


@pytest.mark.parametrize("name", ["reproduce", "tables"])
def test_a_data_folder_is_harmless_or_named(name: str, tmp_path: Path) -> None:
    """An installation that is edited in place finds the folder first, and the command itself in both."""
    (tmp_path / name).mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "reproduce", "list"], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode in (0, 2)
    assert done.stderr.count("\n") == (done.returncode == 2)


def test_in_a_program_a_namesake_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "tables.py").touch()
    done = _python("-c", "import reproduce", cwd=tmp_path)
    assert done.returncode == 1
    assert "ImportError: expected the package tables" in done.stderr


@pytest.mark.parametrize("name", ["reproduce", "cache", "tables", "harness", "baselines"])
def test_the_console_script_does_not_look_where_one_works(name: str, tmp_path: Path) -> None:
    (tmp_path / f"{name}.py").write_text("raise SystemExit(0)\n")
    (tmp_path / name).mkdir()
    script = Path(sys.executable).with_name("genius-replay")
    if not script.exists():
        pytest.skip("the project is not installed here, only found")
    done = subprocess.run([script, "list"], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert "table2" in done.stdout


@pytest.mark.parametrize(
    "command", [("tables", "info", "x"), ("reproduce", "query", "x", "y"), ("harness.digits", "-h")]
)
def test_ctrl_c_while_modules_are_imported_leaves_no_traceback(command: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "msgspec.py").write_text("raise KeyboardInterrupt\n")
    done = _python("-m", *command, cwd=tmp_path)
    assert done.returncode in (-signal.SIGINT, INTERRUPTED)
    assert done.stderr == "interrupted\n"
