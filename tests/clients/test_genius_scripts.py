"""GENIUS' own four scripts, not a line changed: recorded and re-run with the same histories.

They have no licence and are in no mirror: a folder that holds them beside `benchmark/`, such as a clone of their
repository, is named in GENIUS_REPLAY_MIRROR.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from cache.__main__ import main
from tests.cache.server import Handler, completion, running, says

pytest.importorskip("uvicorn", reason="serves: install the extra `server`")
pytestmark = [pytest.mark.enable_socket, pytest.mark.network, pytest.mark.slow]

KEY, ORGANIZATION = "sk-test-0123456789abcdefghij", "org-0123456789abcdefghij"
RESNET, MOBILENET = (64, 64, 64, 128, 128, 128, 128), (32, 192, 192, 192, 64, 384, 256)
SCRIPTS = {  # name: sha256, lowest and how many of each place in a list, and what else it is told
    "nas_bench_macro": ("37dd89e942693d9ad3b3704ed45eafe9def3028ea11c16a5e4f272d5bb7550c8", [0] * 8, 3, []),
    "channel_bench_res": ("69dd76c94cbb0b974da52f5d134f51d848ccafa9574de60a552c4f3feb4edaa5", RESNET, 4, []),
    "channel_bench_mob": ("6b66629049781c4c520537e4c6bd78040bde1c6a9c95c4783e5135a1abac73cb", MOBILENET, 4, []),
    "nas_bench_201": (
        "cef5c44c5460e11441a4e6e4e0700da8ee65d63c89faa9559d40bb48c76563c8", [0] * 6, 5, ["--dataset", "cifar100"]
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def sdk_of_2023(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with what the scripts import."""
    folder = tmp_path_factory.mktemp("sdk")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "openai==0.28.1", "numpy"], check=True)
    return python


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_of_genius_is_recorded_and_runs_again_without_a_key(
    name: str, mirror: Path, sdk_of_2023: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest, lowest, choices, others = SCRIPTS[name]
    script = mirror.resolve() / f"{name}.py"
    if not script.exists():
        pytest.skip(f"needs {script.name} in the folder that GENIUS_REPLAY_MIRROR names")
    assert hashlib.sha256(script.read_bytes()).hexdigest() == digest

    def design(number: int) -> list[int]:
        drawn = [(number + place * number) % choices for place in range(len(lowest))]
        return [each * (place + 1) if each else place for each, place in zip(lowest, drawn, strict=True)]

    def answers(handler: Handler) -> None:
        says(completion(str(design(len(handler.server.asked)))))(handler)

    typed = tmp_path / "digits"
    typed.write_text("".join(f"{''.join(map(str, design(number)))}\n" for number in range(1, 11)))
    program = ["sh", "-c", 'exec "$@" < ../digits', "sh", str(sdk_of_2023), str(script), *others]
    histories: list[dict[str, bytes]] = []
    with running() as upstream:
        upstream.behaviours = [answers]
        for asked in (["--record", "--upstream", upstream.url], []):
            key, organization = ("none", "none") if histories else (KEY, ORGANIZATION)
            folder = tmp_path / f"run {len(histories)}"
            folder.mkdir()
            (folder / "benchmark").symlink_to(mirror.resolve() / "benchmark")
            monkeypatch.chdir(folder)
            words = [*program, "--openai_key", key, "--openai_organization", organization]
            assert main(["run", "../mine.jsonl", *asked, "--", *words]) == 0
            histories.append({path.name: path.read_bytes() for path in (folder / "history").iterdir()})
        assert len(upstream.asked) == 10
        assert all(headers["openai-organization"] == ORGANIZATION for headers in upstream.headers)
    assert histories[0] == histories[1]
    assert len(histories[0]) == 2
    assert all(len(json.loads(text)) >= 10 for text in histories[0].values())
    kept = (tmp_path / "mine.jsonl").read_text()
    assert KEY not in kept
    assert ORGANIZATION not in kept
