"""A folder or module of somebody else's under the name of one of our packages is named, never taken for it (f8)."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

from genius_replay.console import INTERRUPTED
from genius_replay_namesakes import PACKAGES

ROOT = Path(__file__).parents[2]
COMMANDS = [("reproduce", "check"), ("harness.training", "--help"), ("harness.digits", "-h"), ("cache",), ("tables",)]


def _python(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run Python where packages of the folder `cwd` come before ours."""
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join([str(cwd), str(ROOT)])}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, cwd=cwd, env=variables, check=False
    )


@pytest.mark.parametrize(
    ("name", "command"),
    [*product(["baselines"], COMMANDS), *product(["genius_replay"], COMMANDS[2:4]), *product(["cache"], COMMANDS[:3])],
)
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


@pytest.mark.parametrize("name", ["reproduce", "tables", "genius_replay"])
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


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the project is installed beside others; without its data, which no import reads."""
    folder = tmp_path_factory.mktemp("lib") / "site-packages"
    folder.mkdir()
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.h5", "*.jsonl"))
        described = folder / f"Py{name}-1.dist-info"  # what pip leaves of another distribution
        described.mkdir()
        (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: Py{name}\nVersion: 1\n")
        (described / "top_level.txt").write_text(name)
    shutil.copy(ROOT / "genius_replay_namesakes.py", folder)
    return folder


@pytest.mark.parametrize("name", ["tables", "cache", "reproduce"])
def test_a_distribution_that_is_installed_over_a_package_is_named(name: str, site: Path, tmp_path: Path) -> None:
    """As PyTables over `tables`; installed the other way round, ours is whole."""
    ours = site / name / "__init__.py"
    kept = ours.read_bytes()

    def run() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "cache" if name != "cache" else "tables", "--help"]
        environment = {**os.environ, "PYTHONPATH": str(site)}
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)

    try:
        ours.write_text("'''Theirs.'''\n")
        over = run()
    finally:
        ours.write_bytes(kept)
    assert (over.returncode, over.stdout) == (2, "")
    named = f"got that of Py{name}, installed over it; install genius-replay into an environment of its own\n"
    assert over.stderr.endswith(named)
    assert over.stderr.count("\n") == 1
    assert run().returncode == 0


@pytest.fixture
def script() -> Path:
    found = Path(sys.executable).with_name("genius-replay")
    if not found.exists():
        pytest.skip("the project is not installed here, only found")
    return found


def test_the_console_script_finds_an_optimiser_where_one_works(script: Path, tmp_path: Path) -> None:
    (tmp_path / "cache.py").write_text("raise SystemExit(0)\n")
    (tmp_path / "mine.py").write_text("from baselines import RandomSearch as Mine\n")
    arguments = ("search", "--method", "mine:Mine", "--table", "nas-bench-201-digits", "--budget", "1")
    done = subprocess.run([script, *arguments], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "mine:Mine on the table nas-bench-201-digits")


@pytest.mark.parametrize("name", PACKAGES)
def test_the_console_script_does_not_look_where_one_works(name: str, script: Path, tmp_path: Path) -> None:
    (tmp_path / f"{name}.py").write_text("raise SystemExit(0)\n")
    (tmp_path / name).mkdir()
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
