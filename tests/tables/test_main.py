"""`python -m tables`: what it prints and how it exits."""

from pathlib import Path

import pytest

from tables import __main__ as command
from tests.tables.made_up import CELLS, MACRO, build, published_bytes


def test_build_and_info(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written = tmp_path / "mine.csv"
    written.write_text("architecture,accuracy,test\n00,71.25,70.5\n01,73,72.75\n10,70.5,69.5\n11,74.25,73\n")
    assert command.main(["build", str(written), "--into", str(tmp_path / "built")]) == 0
    path = Path(capsys.readouterr().out.strip())
    assert path == tmp_path / "built" / "mine.h5"
    assert command.main(["info", str(path), str(build(published_bytes(CELLS), CELLS, tmp_path))]) == 0
    said = capsys.readouterr().out
    assert "mine  4 architectures, accuracy in percent: validation" in said
    assert "64 architectures, accuracy in percent: validation" in said
    assert "github.com/mingkai-zheng/GENIUS" in said
    assert "none | skip_connect" in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["build", "{0}/absent.csv", "--into", "{0}"], "name a CSV file that can be read"),
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


@pytest.mark.parametrize("what", ["info", "quality"])
def test_a_file_that_is_no_built_table_yet_is_wrong_use(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # d9
    (tmp_path / "mine.csv").write_text("architecture,accuracy\n00,50\n")
    assert command.main([what, str(tmp_path / "mine.csv")]) == 2
    assert "`python -m tables build` makes one of a file" in capsys.readouterr().err
