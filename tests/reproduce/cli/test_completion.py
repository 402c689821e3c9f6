"""Shell completion: what bash really completes with the script that is printed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from reproduce.__main__ import COMMANDS, main
from reproduce.cli.completion import SHELLS
from reproduce.paper.registry import ITEMS

TRY = """
source "$1"; shift
COMP_WORDS=(genius-replay "$@"); COMP_CWORD=$#
_shtab_genius_replay
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("shtab", reason="install the extra `completion`")
    path = tmp_path_factory.mktemp("completion") / "script"
    with pytest.MonkeyPatch.context() as patch, path.open("w") as file:
        patch.setattr("sys.stdout", file)
        assert main(["completion", "bash"]) == 0
    return path


@pytest.mark.parametrize(
    ("written", "offered"),
    [
        (["table1"], {name for name in ITEMS if name.startswith("table1")}),
        ([""], {*ITEMS, *COMMANDS}),
        (["rec"], {"record", "recordings"}),
        (["compare", "--t"], {"--table", "--trials"}),
        (["compare", "--table", "channel-"], {"channel-bench-resnet", "channel-bench-mobilenet"}),
        (["compare", "--methods", "random", "g"], {"gdas", "genius"}),
        (["search", "--objective", ""], {"table", "train"}),
        (["search", "--run", "4"], {"401M"}),
        (["query", "mobile"], {"mobilenetv2-se"}),
        (["fetch", "Results_R"], {"Results_ResNet"}),
        (["jobs", "c"], {"cancel"}),
        (["completion", "z"], {"zsh"}),
        (["table2", "--format", "m"], {"md"}),
        (["table2", "--out", "./fil"], {"./file.md"}),
        (["recordings", "./f"], {"./file.md", "./folder"}),
        (["all", "--out", "./f"], {"./folder"}),
        (["list", "--qu"], {"--quiet"}),
    ],
)
def test_bash_completes(written: list[str], offered: set[str], script: Path, tmp_path: Path) -> None:
    if shutil.which("bash") is None:
        pytest.skip("there is no bash")
    (tmp_path / "file.md").touch()
    (tmp_path / "folder").mkdir()
    command = ["bash", "-c", TRY, "bash", str(script), *written]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    found = set(done.stdout.split())
    assert found - {"-h", "--help", "-q", "--quiet", "--version"} | (found & {"--quiet"} & offered) == offered


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_has_a_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("shtab", reason="install the extra `completion`")
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(name in script for name in ("genius-replay", *COMMANDS, "nas-bench-201-digits", "--methods"))


def test_without_shtab_it_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "shtab", None)
    assert main(["completion", "bash"]) == 2
    assert "-m pip install shtab`" in capsys.readouterr().err
