"""`python -m tables`: what it prints and how it exits."""

from pathlib import Path

import pytest

from tables import __main__ as command
from tables import build as building
from tables.build import build
from tests.tables.made_up import CELLS, MACRO, published_bytes


@pytest.fixture(autouse=True)
def _reduced(monkeypatch: pytest.MonkeyPatch) -> None:
    for source in (MACRO, CELLS):
        monkeypatch.setitem(building.SOURCES, source.name, source)


def test_build_and_info(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    published = tmp_path / "published.json"
    published.write_bytes(published_bytes(CELLS))
    assert command.main(["build", CELLS.name, "--source", str(published), "--into", str(tmp_path)]) == 0
    path = Path(capsys.readouterr().out.strip())
    assert path == tmp_path / "nas-bench-201-cifar10.h5"
    assert command.main(["info", str(path)]) == 0
    said = capsys.readouterr().out
    assert "64 architectures, accuracy in percent: validation" in said
    assert "github.com/mingkai-zheng/GENIUS" in said
    assert "none | skip_connect" in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["build", "nas-bench-macro", "--into", "{0}"], "--source FILE"),
        (["build", "nas-bench-macro", "--source", "{0}/absent", "--into", "{0}"], "expected the published file"),
        (["info", "{0}/absent.h5"], "no table at"),
    ],
)
def test_missing_data_exits_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert command.main([argument.format(tmp_path) for argument in arguments]) == 2
    assert says in capsys.readouterr().err


def test_a_damaged_table_exits_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = build(published_bytes(MACRO), MACRO, tmp_path)
    path.write_bytes(path.read_bytes()[:-100])
    assert command.main(["info", str(path)]) == 1
    assert "build it again" in capsys.readouterr().err
