"""Benchmark tables: built from the fetched files, opened, looked up."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import spaces
from reproduce import benchmarks
from reproduce.benchmarks import BENCHMARKS, PUBLISHED
from reproduce.errors import DataMissing, ReproduceError, UsageError
from tables.build import SOURCES


@pytest.mark.parametrize("name", [name for name, benchmark in BENCHMARKS.items() if benchmark.path])
def test_a_table_and_its_space_are_declared_alike(name: str) -> None:
    space, source = spaces.find(BENCHMARKS[name].space).SPACE, SOURCES[name]
    assert [(slot.name, slot.choices) for slot in source.slots] == [(slot.name, slot.choices) for slot in space.slots]
    assert BENCHMARKS[name].path == source.origin.path


@pytest.mark.parametrize("name", [name for name, benchmark in BENCHMARKS.items() if not benchmark.path])
def test_the_tables_of_the_project_need_no_fetch(name: str) -> None:
    space = spaces.find(BENCHMARKS[name].space).SPACE
    assert benchmarks.of_space(space.name) == name
    opened = benchmarks.open_benchmark(name)
    slots = opened.table.info.slots
    assert [(slot.name, slot.choices) for slot in slots] == [(slot.name, slot.choices) for slot in space.slots]
    told, test = opened.figures(space.architecture_at(0))
    assert 0 < told < 100
    assert test == opened.standing(space.architecture_at(0)).test


@pytest.mark.parametrize("name", PUBLISHED)
def test_fetched_tables_open(name: str, fetched: Path) -> None:
    opened = benchmarks.open_benchmark(name)
    assert opened.table.name == name
    file = BENCHMARKS[name].file
    assert file is not None
    assert opened.table.info.source_sha256 == file.sha256
    best = opened.table.architecture_at(int(opened.verdicts.top(1)[0]))
    assert opened.standing(best).ties[0] == 1


def test_a_table_is_built_again_when_it_is_gone_or_of_another_file(
    fetched: Path, mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "nas-bench-macro"
    file = tmp_path / "home" / "published" / str(BENCHMARKS[name].path)
    file.parent.mkdir(parents=True)
    file.write_bytes((mirror / str(BENCHMARKS[name].path)).read_bytes())
    monkeypatch.setenv("GENIUS_REPLAY_HOME", str(tmp_path / "home"))
    built = benchmarks.table_path(name)
    content = built.read_bytes()
    built.unlink()
    assert benchmarks.table_path(name).read_bytes() == content
    built.write_bytes(content[:1000])  # damaged
    assert benchmarks.table_path(name).read_bytes() == content
    file.write_bytes(b"{}")
    built.unlink()
    with pytest.raises(ReproduceError, match="expected sha256"):
        benchmarks.open_benchmark(name)


def test_nothing_fetched_and_no_such_table() -> None:
    assert not benchmarks.at_hand("nas-bench-macro")
    with pytest.raises(DataMissing, match="python -m reproduce fetch nas-bench-macro_cifar10"):
        benchmarks.open_benchmark("nas-bench-macro")
    with pytest.raises(UsageError, match="there are nas-bench-201-digits, nas-bench-macro"):
        benchmarks.at_hand("nas-bench-102")
