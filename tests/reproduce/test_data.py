"""The manifest is whole and consistent; what lies on disk is verified on every read."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cache.errors import CacheError
from reproduce import data
from reproduce.__main__ import main
from reproduce.errors import DataMissing, NoHome, ReproduceError
from reproduce.paper.registry import ITEMS

ENTRY = data.Published(
    path="folder/made-up.json",
    url="http://127.0.0.1:1/folder/made-up.json",
    sha256=hashlib.sha256(b"made up").hexdigest(),
    run=None,
    sample=None,
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(data.HOME_VARIABLE, str(tmp_path / "home"))
    return tmp_path / "home"


def test_the_manifest_has_every_published_file_once() -> None:
    entries = data.manifest()
    assert len(entries) == 17
    assert len({entry.path for entry in entries}) == len({entry.name for entry in entries}) == 17
    assert len(data.conversations()) == 11


def test_every_entry_is_pinned_to_one_commit_and_stays_below_the_home() -> None:
    base = "https://raw.githubusercontent.com/mingkai-zheng/GENIUS/97361d30b2da337edd0c8e1ed71b7c88b4a85d38/"
    for entry in data.manifest():
        assert entry.url == base + entry.path
        assert re.fullmatch(r"[0-9a-f]{64}", entry.sha256)
        assert re.fullmatch(r"(benchmark|imagenet/chat_history(/ablation_study)?)/[\w-]+\.json", entry.path)


def test_runs_share_a_sample_exactly_where_they_share_a_file() -> None:
    entries = data.conversations()
    assert {entry.run for entry in entries} == {entry.name for entry in entries}
    digests = {entry.sample: entry.sha256 for entry in entries}
    assert len(digests) == len({entry.sha256 for entry in entries}) == 10
    assert all(digests[entry.sample] == entry.sha256 for entry in entries)
    assert set(digests) == set(range(10))


@pytest.mark.skipif("GENIUS_REPLAY_MIRROR" not in os.environ, reason="GENIUS_REPLAY_MIRROR names no copy of the files")
def test_a_real_mirror_agrees_with_the_manifest() -> None:
    mirror = Path(os.environ["GENIUS_REPLAY_MIRROR"])
    present = [entry for entry in data.manifest() if (mirror / entry.path).exists()]
    assert present, f"{mirror} holds none of the published files"
    for entry in present:
        content = (mirror / entry.path).read_bytes()
        assert data.sha256_of(content) == entry.sha256


def test_the_environment_variable_moves_the_home(home: Path) -> None:
    assert data.home() == home
    assert data.path_of(ENTRY) == home / "published" / "folder" / "made-up.json"


@pytest.mark.parametrize("value", ["", None])
def test_without_the_variable_home_is_the_users_cache(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if value is None:
        monkeypatch.delenv(data.HOME_VARIABLE)
    else:
        monkeypatch.setenv(data.HOME_VARIABLE, value)
    assert data.home().is_absolute()
    assert "genius-replay" in data.home().parts


def test_a_tilde_in_the_variable_is_the_users_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(data.HOME_VARIABLE, "~/replay")
    assert data.home() == Path.home() / "replay"


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without a home and without an entry among the users, as in containers."""
    for name in (data.HOME_VARIABLE, "HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda _uid: {}[_uid])


@pytest.mark.usefixtures("homeless")
def test_b1_without_a_home_nothing_is_fetched_and_what_writes_names_the_variable() -> None:
    assert not data.is_fetched(ENTRY)
    assert data.read_published(ENTRY) is None
    for needs in (data.home, lambda: data.store("answers")):
        with pytest.raises(NoHome, match=f"set {data.HOME_VARIABLE} to a folder"):
            needs()


@pytest.mark.usefixtures("homeless")
@pytest.mark.parametrize("command", [*ITEMS, "list", "jobs", "query mobilenetv2-se 000000000000000000000000000000"])
def test_b1_embedded_commands_need_no_home(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command.split()) == 0, capsys.readouterr().err


@pytest.mark.usefixtures("homeless")
@pytest.mark.parametrize(
    "command",
    [
        "fetch 329M --mirror .",
        "jobs cancel 0",
        "record --model a --base-url http://127.0.0.1:1/v1 --space nas-bench-201 --into new.jsonl",
    ],
)
def test_b1_what_keeps_something_names_the_variable(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command.split()) == 2
    assert f"set {data.HOME_VARIABLE} to a folder" in capsys.readouterr().err


def test_a_home_of_nobody_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(data.HOME_VARIABLE, "~no-such-user/replay")
    with pytest.raises(ReproduceError, match=f"{data.HOME_VARIABLE}=~no-such-user/replay"):
        data.is_fetched(ENTRY)


def test_a_relative_home_is_one_folder_wherever_a_worker_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(data.HOME_VARIABLE, "replay")
    assert data.home() == tmp_path / "replay"


def test_a_home_that_may_not_be_entered_has_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", refuse)
    assert not data.is_fetched(ENTRY)


def test_a_store_that_cannot_be_opened_names_the_variable(home: Path) -> None:
    home.touch()
    with pytest.raises(CacheError, match=f"set {data.HOME_VARIABLE} to another folder"):
        data.store("answers")


def test_what_was_not_fetched_reads_as_none() -> None:
    assert data.read_published(ENTRY) is None


def test_what_was_fetched_reads_back_and_is_verified_each_time() -> None:
    path = data.path_of(ENTRY)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"made up")
    assert data.read_published(ENTRY) == b"made up"
    path.write_bytes(b"made uq")
    with pytest.raises(ReproduceError) as caught:
        data.read_published(ENTRY)
    message = str(caught.value)
    assert str(path) in message
    assert ENTRY.sha256 in message
    assert data.sha256_of(b"made uq") in message
    assert "python -m reproduce fetch made-up" in message


def test_inside_embedded_only_nothing_is_fetched() -> None:
    path = data.path_of(ENTRY)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"made up")
    with data.embedded_only():
        assert data.read_published(ENTRY) is None
        assert not data.is_fetched(ENTRY)
    assert data.read_published(ENTRY) == b"made up"
    assert data.is_fetched(ENTRY)


def test_missing_data_names_the_command_that_brings_it() -> None:
    assert "`python -m reproduce fetch 329M 401M`" in str(DataMissing("329M", "401M", purpose="table 2"))


def test_every_error_is_drawn_in_the_tree() -> None:
    from reproduce import errors

    defined = (value for value in vars(errors).values() if getattr(value, "__module__", "") == errors.__name__)
    classes = [value for value in defined if isinstance(value, type)]
    assert all(issubclass(kind, ReproduceError) for kind in classes)
    assert all(kind.__name__ in (errors.__doc__ or "") for kind in classes)


def test_importing_fetch_loads_neither_platformdirs_nor_rich_nor_http() -> None:
    late = {"platformdirs", "rich", "http.client", "urllib.request"}
    code = f"import sys, reproduce.cli.fetch; print({late} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
