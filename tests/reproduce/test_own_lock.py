"""Recordings of one's own and their lock: what moved is named, and a lock is never written over by mistake."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import reproduce
from baselines.random_search import RandomSearch
from cache import cassette
from harness.errors import HarnessError
from reproduce import lockfile
from reproduce.__main__ import main
from reproduce.errors import UsageError
from tests.cache.records import chat_record
from tests.schemas import valid


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Two recordings of searches."""
    folder = tmp_path_factory.mktemp("made")
    for name, seed in (("a.jsonl", "1"), ("b.jsonl", "2")):
        search = ("search", "--method", "random", "--space", "nas-bench-201", "--budget", "3", "--seed", seed)
        assert main([*search, "--trials", "2", "--into", str(folder / name)]) == 0
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def folder(made: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with both, and where commands are given."""
    for name, content in made.items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check(*arguments: str) -> int:
    return main(["check", *arguments, "--lock", "lock.json"])


def altered(path: Path) -> None:
    """Let a recording say that its first run selected something else, with keys and digests as they should be."""
    records = list(cassette.read(path).values())
    place = next(n for n, record in enumerate(records) if record.kind == "run")
    one = records[place]
    answer = {**one.answer, "told": 12.5}
    records[place] = replace(one, answer=answer)
    path.unlink()
    cassette.grow(path, records)


def test_a_lock_is_written_once_and_holds(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check("a.jsonl", "b.jsonl", "--update") == 0
    assert "lock.json written; moved: 0, new: a.jsonl, b.jsonl" in capsys.readouterr().out
    content = json.loads((folder / "lock.json").read_text("utf-8"))
    assert [*content] == ["a.jsonl", "b.jsonl", "reasons"]
    assert content["reasons"] == []
    assert any(
        name.startswith("random on nas-bench-201-digits") and "run 2 / course" in name for name in content["a.jsonl"]
    )
    assert check("a.jsonl", "b.jsonl") == 0
    assert "values are as locked" in capsys.readouterr().out
    assert lockfile.check(["a.jsonl", folder / "b.jsonl"], "lock.json") == []
    before = (folder / "lock.json").read_bytes()
    assert lockfile.lock([folder / "b.jsonl", folder / "a.jsonl"], folder / "lock.json") == []
    assert (folder / "lock.json").read_bytes() == before


def test_tables_and_recordings_of_other_programs_are_pinned_by_what_they_hold(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "mine.csv").write_text("architecture,accuracy\n00,71\n01,73\n10,70\n11,74\n")
    cassette.write(folder / "other.jsonl", [chat_record("One.")])
    own = ("a.jsonl", "mine.csv", "other.jsonl")
    assert check(*own, "--update") == 0
    locked = json.loads((folder / "lock.json").read_text("utf-8"))
    assert (locked["mine.csv"]["table / architectures"], locked["mine.csv"]["table / best accuracy"]) == ("4", "74.0")
    assert locked["other.jsonl"]["answers / count"] == "1"
    assert check(*own) == 0
    (folder / "mine.csv").write_text("architecture,accuracy\n00,71\n01,73\n10,70\n11,75\n")
    cassette.grow(folder / "other.jsonl", [chat_record("Two.")])
    capsys.readouterr()
    assert check(*own) == 1
    said = capsys.readouterr().out
    assert "mine.csv: table / best accuracy: locked 74.0, now 75.0" in said
    assert "other.jsonl: answers / count: locked 1, now 2" in said
    (folder / "mine.csv").write_text("architecture,accuracy\n00,seventy\n")
    assert check(*own) == 1
    assert "mine.csv: all values: locked 4 values, now " in capsys.readouterr().out


def test_what_moved_is_named_and_moves_with_a_reason(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lockfile.lock("a.jsonl", "lock.json")
    locked = json.loads((folder / "lock.json").read_text("utf-8"))
    name = next(name for name in locked["a.jsonl"] if name.endswith("selected"))
    was, locked["a.jsonl"][name] = locked["a.jsonl"][name], '["another"]'
    (folder / "lock.json").write_text(json.dumps(locked), encoding="utf-8")
    difference = lockfile.Difference("a.jsonl", name, '["another"]', was)
    assert lockfile.check("a.jsonl", "lock.json") == [difference]
    capsys.readouterr()
    assert check("a.jsonl", "--format", "json") == 1
    found = valid(capsys.readouterr().out)
    assert (found["verdict"], found["moved"], found["lock"]) == ("moved", [difference._asdict()], "lock.json")
    assert check("a.jsonl", "--update") == 2
    printed = capsys.readouterr()
    assert str(difference) in printed.out
    assert "say why" in printed.err
    with pytest.raises(UsageError, match="say why"):
        lockfile.lock("a.jsonl", "lock.json")
    assert lockfile.check("a.jsonl", "lock.json") == [difference]
    assert check("a.jsonl", "--update", "--reason", "Another prompt.", "--format", "json") == 0
    assert valid(capsys.readouterr().out)["verdict"] == "updated"
    assert lockfile.read_lock(folder / "lock.json")[1] == ["1 values: Another prompt."]
    assert check("a.jsonl") == 0


def test_a_recording_that_is_damaged_altered_gone_or_new(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check("a.jsonl", "--update") == 0
    assert check("a.jsonl", "b.jsonl") == 1
    out = capsys.readouterr().out
    assert "b.jsonl: all values: locked absent, now" in out
    assert "b.jsonl: not in the lock" in out
    assert check("a.jsonl", "b.jsonl", "--update") == 0  # a new one moves nothing
    assert check("b.jsonl") == 1
    assert "a.jsonl: all values: locked" in capsys.readouterr().out
    assert check("b.jsonl", "--update") == 2
    whole = (folder / "a.jsonl").read_bytes()
    (folder / "a.jsonl").write_bytes(whole[:-40])
    capsys.readouterr()
    assert check("a.jsonl", "b.jsonl") == 1
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("a.jsonl")]
    assert "values, now Line 13 of a.jsonl" in line
    assert check("a.jsonl", "b.jsonl", "--update", "--reason", "it is so") > 0  # what is damaged is not locked
    (folder / "a.jsonl").write_bytes(whole)
    altered(folder / "a.jsonl")
    assert check("a.jsonl", "b.jsonl") == 1
    (folder / "a.jsonl").unlink()
    capsys.readouterr()
    assert check("a.jsonl", "b.jsonl") == 1
    assert "a.jsonl: all values: locked" in capsys.readouterr().out
    assert check("b.jsonl", "--update", "--reason", "A is not needed any more.") == 0
    assert check("b.jsonl") == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "expected a lock, found no file; `check --update` writes one"),
        ("{", "expected a lock as JSON"),
        ("[]", "expected a lock as JSON"),
        ('{"name": "package", "lockfileVersion": 3}', "expected a lock as JSON"),
        ('{"embedded": {"x": "1"}}', "expected a lock of a.jsonl, got one of embedded; name another file"),
    ],
)
def test_a_lock_that_is_none_of_these(
    content: str | None, said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "lock.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    assert check("a.jsonl") == 2
    assert said in capsys.readouterr().err
    if content is not None:
        assert check("a.jsonl", "--update", "--reason", "mine") == 2
        assert path.read_text("utf-8") == content


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a.jsonl"], "expected FILE.jsonl and --lock LOCK.json together"),
        (["--lock", "lock.json"], "expected FILE.jsonl and --lock LOCK.json together"),
        (["a.jsonl", "--lock", "lock.json", "--published"], "--published is for neither"),
        (["a.jsonl", "sub/a.jsonl", "--lock", "lock.json"], "expected recordings of different names"),
        (["nothing.jsonl", "--lock", "lock.json", "--update"], "nothing.jsonl"),
        (["a.jsonl", "--lock", "no/lock.json", "--update"], "no/lock.json: expected a file that can be written"),
        (
            ["a.jsonl", "--lock", "lock.json", "--out", "x.md"],
            "expected a suffix among .txt, .json, or --format",
        ),
        (["lock.py", "--lock", "lock.json", "--update"], "lock.py"),
    ],
)
def test_wrong_use_is_said(arguments: list[str], said: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "lock.py").write_text("x = 1\n", encoding="utf-8")
    assert main(["check", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert not (folder / "lock.json").exists()


def test_python_says_the_same(folder: Path) -> None:
    with pytest.raises(UsageError, match="expected recordings of different names"):
        lockfile.lock([], "lock.json")
    with pytest.raises(UsageError, match="none of them 'reasons'"):
        lockfile.check(["reasons"], "lock.json")


def test_the_page_on_ci_works_in_a_fresh_folder(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "ci.md").read_text("utf-8")
    script = ["set -ex", *re.findall(r"```sh\n(.*?)```", page, re.DOTALL)[:-1]]  # the last is the project's own check
    then = re.findall(r"```bash\n(.*?)```", page, re.DOTALL)
    variables = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}

    def run(*lines: str) -> subprocess.CompletedProcess[str]:
        command = ["bash", "-c", "\n".join(lines)]
        return subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)

    assert (done := run(*script)).returncode == 0, done.stderr
    assert run(*then).stdout.splitlines()[-1] == "all runs are as locked"
    (tmp_path / "runs" / "random.jsonl").unlink()
    done = run(*then)
    assert (done.returncode, done.stdout.strip()) == (1, '"name": "all values",')


def test_a_method_of_ones_own_is_handed_over(folder: Path) -> None:
    class Mine(RandomSearch):
        pass

    reproduce.search(Mine, "nas-bench-201-digits", budget=2, into="mine.jsonl")
    with pytest.raises(HarnessError):
        reproduce.lock("mine.jsonl", "lock.json")
    assert len(reproduce.lock("mine.jsonl", "lock.json", methods=[Mine])) == 1
    assert reproduce.check("mine.jsonl", "lock.json", methods=[Mine]) == []


def test_a_recording_is_told_from_a_table_by_its_last_suffix(made: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "mine.csv.jsonl"
    path.write_bytes(made["a.jsonl"])
    reproduce.lock([path], tmp_path / "lock.json")
    assert reproduce.check([path], tmp_path / "lock.json") == []
