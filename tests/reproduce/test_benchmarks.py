"""Benchmark tables: built from the fetched files, opened, looked up."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.conformance.methods import TINY
from harness.spaces import CSV, Benchmark
from harness.spaces.costs import NOTHING
from reproduce import benchmarks
from reproduce.benchmarks import BENCHMARKS, PUBLISHED
from reproduce.errors import DataMissing, ReproduceError, UsageError
from tables.errors import TableError
from tables.published import FORMATS


def test_the_tables_of_the_project_need_no_fetch() -> None:
    name = "nas-bench-201-digits"
    space = BENCHMARKS[name].space
    assert benchmarks.of_space(space.name) == name
    opened = benchmarks.open_benchmark(name)
    assert opened.table.info.slots == space.slots
    told, test = opened.figures(space.architecture_at(0))
    assert 0 < told < 100
    assert test == opened.standing(space.architecture_at(0)).test


def test_every_published_table_names_a_published_file_and_a_format() -> None:
    for name in PUBLISHED:
        file = benchmarks.file_of(BENCHMARKS[name])
        assert file is not None
        assert file.run is None
        assert BENCHMARKS[name].brings == f"python -m reproduce fetch {file.name}"
        assert BENCHMARKS[name].format in FORMATS


@pytest.mark.parametrize("name", PUBLISHED)
def test_fetched_tables_open(name: str, fetched: Path) -> None:
    opened = benchmarks.open_benchmark(name)
    assert opened.table.name == name
    file = benchmarks.file_of(BENCHMARKS[name])
    assert file is not None
    assert opened.table.info.source_sha256 == file.sha256
    best = opened.table.architecture_at(int(opened.held_out.top(1)[0]))
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


def test_a_csv_file_is_a_table_of_its_space(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = tmp_path / "mine.csv"
    benchmark = Benchmark("mine", TINY, lambda _: NOTHING, str(written), CSV)
    monkeypatch.setitem(BENCHMARKS, "mine", benchmark)
    with pytest.raises(TableError, match="name a CSV file that can be read"):
        benchmarks.open_benchmark("mine")
    keys = [TINY.to_native(TINY.architecture_at(index)) for index in range(TINY.size)]
    for best in (70, 80):  # built again when the file changes
        lines = [f'"{key}",{best - number}' for number, key in enumerate(keys)]
        written.write_text("\n".join(["architecture,accuracy", *lines]))
        opened = benchmarks.open_benchmark("mine")
        assert opened.figures((0, 0)) == (best, best)
        assert opened.table.info.slots == TINY.slots
    assert benchmarks.at_hand("mine")
    assert "mine" not in PUBLISHED
    assert (home / "tables" / "mine.h5").exists()


def test_nothing_fetched_and_no_such_table() -> None:
    assert not benchmarks.at_hand("nas-bench-macro")
    with pytest.raises(DataMissing, match="python -m reproduce fetch nas-bench-macro_cifar10"):
        benchmarks.open_benchmark("nas-bench-macro")
    with pytest.raises(UsageError, match="there are nas-bench-201-digits, nas-bench-macro"):
        benchmarks.at_hand("nas-bench-102")
