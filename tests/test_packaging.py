"""What is installed, from what: packages, lowest versions, hints that install, and what a source distribution holds."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import reproduce

tomllib = pytest.importorskip("tomllib", reason="the standard library reads TOML from Python 3.11 on")

ROOT = Path(__file__).parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT, EXTRAS = SETTINGS["project"], SETTINGS["project"]["optional-dependencies"]
PACKAGES = SETTINGS["tool"]["setuptools"]["packages"]
REQUIREMENT = re.compile(r"([\w-]+)(\[[\w,]+\])?(?:>=([\w.]+))?(?:,<\d+)?(?:; .*)?")

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


def test_every_extra_for_users_is_explained() -> None:
    page = (ROOT / "docs" / "index.md").read_text("utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == set(EXTRAS) - {"docs", "test"}
    assert set(re.findall(r"genius_replay-([\d.]+)-py3", page)) == {reproduce.__version__}


def test_every_package_is_installed() -> None:
    folders = {path.parent.relative_to(ROOT) for name in PACKAGES for path in (ROOT / name.split(".")[0]).rglob("*.py")}
    assert {".".join(folder.parts) for folder in folders} == set(PACKAGES)


def test_f10_hints_install_what_they_name_wherever_they_are_printed() -> None:
    """Every hint is made by `genius_replay.advice.install`, and for each extra that a user may lack there is one."""
    hinted: set[str] = set()
    for path in sorted(path for name in PACKAGES for path in ROOT.joinpath(*name.split(".")).glob("*.py")):
        if path.name == "advice.py":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant):
                assert "pip install" not in str(node.value), path
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("install", "needing"):
                hinted |= {str(argument.value) for argument in node.args if isinstance(argument, ast.Constant)}
    names = {re.split(r"[<\[]", package)[0] for package in hinted}
    assert names <= NAMES - {"genius-replay"}
    without = [extra for extra in EXTRAS if not names & {_lowest(package)[0] for package in EXTRAS[extra]}]
    assert set(without) == {"docs", "test"}  # of those who work on the project


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what is in git, to build in."""
    pytest.importorskip("setuptools", minversion="77", reason="builds the project: install the extra `test`")
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if files.returncode != 0:
        pytest.skip("no checkout")
    folder = tmp_path_factory.mktemp("checkout")
    for name in files.stdout.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    return folder


def built(checkout: Path, kind: str, folder: Path) -> Path:
    """A distribution of this kind, "sdist" or "wheel", built without a network."""
    build = f"from setuptools.build_meta import build_{kind} as build; build({str(folder)!r})"
    done = subprocess.run([sys.executable, "-c", build], cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Deprecat" not in done.stderr
    (made,) = folder.iterdir()
    return made


def test_f9_a_source_distribution_holds_no_test_and_all_that_is_installed(checkout: Path, tmp_path: Path) -> None:
    with tarfile.open(built(checkout, "sdist", tmp_path)) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    assert not {name for name in held if name.startswith("tests")}
    in_git = (path.relative_to(checkout) for path in checkout.rglob("*.*"))
    product = {str(path) for path in in_git if ".".join(path.parent.parts) in PACKAGES and path.suffix != ".pyc"}
    assert "cache/key.py" in product
    assert product <= held


OF_A_USER = """
from cache import Cassette, Client, Nothing
from harness import Evaluated, Method, Proposal, Stream, Trial
from reproduce import replay
from tables import Slot, Space


class Mine:
    def __init__(self, space: Space, stream: Stream) -> None:
        self.next = space.sample(stream)

    def ask(self) -> Proposal:
        return Proposal(self.next)

    def tell(self, trial: Trial) -> None:
        if isinstance(trial, Evaluated):
            reveal_type(trial.accuracy)


Method("mine", "my own", Mine)
reveal_type(Client(Cassette()).tally.hits)
reveal_type(replay("329M").winner)
Slot(1, ("a", "b"))
"""


def test_whoever_installs_the_wheel_has_its_types(checkout: Path, tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="checks types: install the extra `test`")
    environment, program = tmp_path / "environment", tmp_path / "user.py"
    venv.create(environment, symlinks=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    (tmp_path / "made").mkdir()
    with zipfile.ZipFile(built(checkout, "wheel", tmp_path / "made")) as wheel:
        wheel.extractall(packages)
    program.write_text(OF_A_USER, encoding="utf-8")
    python = environment / "bin" / "python"
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--cache-dir",
        str(tmp_path),
        "--python-executable",
        str(python),
    ]
    done = subprocess.run([*command, "user.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    said = [line.partition(": ")[2].partition("  [")[0] for line in done.stdout.splitlines()]
    assert said[:-1] == [
        'error: Module "cache" has no attribute "Nothing"',
        'note: Revealed type is "float"',
        'note: Revealed type is "int"',
        'note: Revealed type is "tuple[int, ...]"',
        'error: Argument 1 to "Slot" has incompatible type "int"; expected "str"',
    ], done.stdout + done.stderr
