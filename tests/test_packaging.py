"""What is installed, from what: packages, lowest versions, hints that install, and what a source distribution holds."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

tomllib = pytest.importorskip("tomllib", reason="the standard library reads TOML from Python 3.11 on")

ROOT = Path(__file__).parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT, EXTRAS = SETTINGS["project"], SETTINGS["project"]["optional-dependencies"]
PACKAGES = SETTINGS["tool"]["setuptools"]["packages"]
REQUIREMENT = re.compile(r"([\w-]+)(\[[\w,]+\])?(?:>=([\w.]+))?(?:,<\d+)?")

NOT_RUN_BY_TESTS = {"mypy", "ruff"}
OF_OTHERS = {"docs", "local"}  # extras that no test needs, in environments of their own
NEED_TORCH = {"torch", "thop"}  # whose oldest build for a CPU is in no index of packages


def _lowest(requirement: str) -> tuple[str, str | None]:
    """Name and lower bound of a requirement."""
    found = REQUIREMENT.fullmatch(requirement)
    assert found, requirement
    return found[1], found[3]


REQUIRED = [*PROJECT["dependencies"], *(each for extra in EXTRAS.values() for each in extra)]
NAMES = {_lowest(requirement)[0] for requirement in REQUIRED}


def test_every_requirement_has_a_lower_bound() -> None:
    without = {name for name, bound in map(_lowest, REQUIRED) if bound is None}
    assert without == {"genius-replay"}


def test_f3_the_lowest_versions_are_the_bounds_of_the_project() -> None:
    tested = [*PROJECT["dependencies"], *(one for extra in EXTRAS if extra not in OF_OTHERS for one in EXTRAS[extra])]
    bounds = dict(map(_lowest, tested))
    pinned = sorted(set(bounds) - NOT_RUN_BY_TESTS - NEED_TORCH - {"genius-replay"})
    lines = "".join(f"{name}=={bounds[name]}\n" for name in pinned)
    head = "# The lowest versions that pyproject.toml allows, without torch; a test holds the two together.\n"
    assert (ROOT / "constraints-lowest.txt").read_text("utf-8") == head + lines


def test_every_package_is_installed() -> None:
    folders = {path.parent.relative_to(ROOT) for name in PACKAGES for path in (ROOT / name.split(".")[0]).rglob("*.py")}
    assert {".".join(folder.parts) for folder in folders} == set(PACKAGES)


def test_f10_hints_install_what_they_name_wherever_they_are_printed() -> None:
    hints = []
    for path in sorted(path for name in PACKAGES for path in ROOT.joinpath(*name.split(".")).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                hints += re.findall(r"(.{0,10})pip install ([^`;.]*)", node.value)
    assert len(hints) >= 9
    for before, named in hints:
        assert before.endswith("python -m "), (before, named)
        packages = re.findall(r"[\w-]+(?:\[\w+\])?", re.sub(r"[<>=]+[\d.]+|'", "", named))
        assert {package.partition("[")[0] for package in packages} <= NAMES, named
        assert "genius-replay" not in packages


def test_f9_a_source_distribution_holds_no_test_and_all_that_is_installed(tmp_path: Path) -> None:
    pytest.importorskip("setuptools", minversion="77", reason="builds the project: install the extra `test`")
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if files.returncode != 0:
        pytest.skip("no checkout")
    for name in files.stdout.splitlines():
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tmp_path / name)
    build = "from setuptools.build_meta import build_sdist; build_sdist('.')"
    done = subprocess.run([sys.executable, "-c", build], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Deprecat" not in done.stderr
    (made,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(made) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    assert not {name for name in held if name.startswith("tests")}
    product = {name for name in files.stdout.splitlines() if ".".join(Path(name).parent.parts) in PACKAGES}
    assert {name for name in product if (ROOT / name).is_file()} <= held
