"""What errors advise: the name that was meant, and a command that installs what is missing where it is printed."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from importlib.machinery import PathFinder
from pathlib import Path

import pytest

from baselines import catalogue
from genius_replay.advice import install, meant, unknown
from harness import spaces
from harness.training import data, recipes
from reproduce import benchmarks
from reproduce.cli import audit, fetch
from reproduce.published import imagenet


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("tabel2", "; did you mean table2?"),
        ("TABLE-2", "; did you mean table2?"),
        ("table", "; did you mean table1 or table2 or table3?"),
        ("serach", "; did you mean search?"),
        ("xyz", ""),
        ("", ""),
    ],
)
def test_the_most_alike_are_offered(name: str, question: str) -> None:
    assert meant(name, ["search", "table1", "table2", "table3", "table4"]) == question
    assert meant(name, []) == ""


@pytest.mark.parametrize(
    ("find", "name", "nearest"),
    [
        (benchmarks.find, "nas-bench-marco", "nas-bench-macro"),
        (benchmarks.open_table, "nas-bench-201-digit", "nas-bench-201-digits"),
        (spaces.find, "nasbench201", "nas-bench-201"),
        (catalogue.find, "evolution-autdl", "evolution-autodl"),
        (imagenet.published_run, "329", "329M"),
        (recipes.find, "nasbench-macro", "nas-bench-macro"),
        (data.find, "cifar-10", "cifar10"),
        (lambda name: fetch.chosen([name]), "nas-bench-201-cifar-10", "nas-bench-201-cifar10"),
        (lambda name: fetch.chosen([name]), "nasbench201_cifar-10", "nasbench201_cifar10"),
        (audit._named, "epoch_30_input_22", "epoch_30_input_224"),
    ],
)
def test_every_name_that_does_not_exist_is_answered_with_the_one_that_does(find, name, nearest) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(Exception, match=rf"^no [\w ]+ is called {name!r}; there are .*; did you mean {nearest}\?$"):
        find(name)


def test_a_name_is_shown_as_it_was_written() -> None:
    assert unknown("run", "a'b", []) == """no run is called "a'b"; there are """


# -- what installs ---


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The programs on PATH; none at first."""
    programs: dict[str, str] = {}
    monkeypatch.setattr(shutil, "which", programs.get)
    return programs


def test_f10_python_is_named_so_that_it_is_the_one_that_runs(
    found: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/an environment/bin/python3")
    assert install("torch") == "'/an environment/bin/python3' -m pip install torch"
    found["python"] = "/usr/bin/python"
    assert install("torch") == "'/an environment/bin/python3' -m pip install torch"
    found["python"] = "/an environment/bin/python"
    assert install("torch") == "python -m pip install torch"
    assert install("diskcache<6", "a[b]") == "python -m pip install 'diskcache<6' 'a[b]'"


def test_f10_without_pip(found: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/env/bin/python")
    monkeypatch.setattr(sys, "path", [])
    assert install("torch") == "/env/bin/python -m ensurepip && /env/bin/python -m pip install torch"
    found["uv"] = "/bin/uv"
    assert install("torch") == "uv pip install --python /env/bin/python torch"


def test_f10_the_command_runs_where_it_is_printed(tmp_path: Path) -> None:
    """An environment that is not active, called by its path; nothing is downloaded: the package is a folder."""
    package = tmp_path / "made_up"
    package.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", f"from genius_replay.advice import install; print(install({str(package)!r}))"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        env={"PATH": "/usr/bin:/bin"},
        check=True,
    )
    words = shlex.split(done.stdout)
    assert words[-1] == str(package)
    if PathFinder.find_spec("pip"):
        tried = subprocess.run([*words[:3], "--version"], capture_output=True, text=True, check=True, env={})
        assert str(Path(sys.prefix).resolve()) in str(Path(tried.stdout.split(" from ")[1]).resolve())
