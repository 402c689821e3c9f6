"""The wording in which GPT-4 was asked, read out of what was fetched, so that any model can be asked the same.

On tables GENIUS asked by scripts: text in constants, and a function that writes the experiments. They are read as
syntax and never executed. On ImageNet a person typed: there the templates of a published conversation are the wording.
Neither has a licence, so that a run holds the digest of the file in the place of the wording, which comes from there
each time.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from string import Formatter

from baselines.genius import Prompts
from cache.key import DIGEST_PREFIX
from harness.specification import Model
from reproduce.data import Published, manifest, needed, scripts
from reproduce.errors import ReproduceError, UsageError
from reproduce.published.conversation import parse
from reproduce.published.imagenet import embedded, published_run
from reproduce.published.wording import literal, prompt_pack

SCRIPTS: Mapping[str, str] = {
    "nas-bench-macro": "nas_bench_macro",
    "channel-bench-resnet": "channel_bench_res",
    "channel-bench-mobilenet": "channel_bench_mob",
    "nas-bench-201": "nas_bench_201",
}
"""The script that searched each space."""

DIGEST = "digest"  # in a model's prompt, in the place of the wording
PURPOSE = "the words in which GPT-4 was asked"


def wording_of(space: str, window: tuple[int, int] | None = None) -> dict[str, str]:
    """What stands in a specification for the published wording of a space: the digest of the file.

    Raises:
        UsageError: GPT-4 was not asked about this space, or under other bounds of the cost.
        DataMissing, ReproduceError: the file has not been fetched, or is not the published one.
    """
    if space in SCRIPTS:
        file = next(each for each in scripts() if each.name == SCRIPTS[space])
    elif (run := next((each.run for each in embedded().values() if each.window == window), None)) is not None:
        file = published_run(run)
    else:
        stated = " or ".join(sorted({"{} {}".format(*each.window) for each in embedded().values()}))
        got = space if window is None else "{} with --window {} {}".format(space, *window)
        raise UsageError(
            f"expected a space that GPT-4 was asked about, {', '.join(SCRIPTS)} or mobilenetv2-se with --window "
            f"{stated}, got {got}; leave out the prompt for this project's own words"
        )
    _read(file)
    return {DIGEST: DIGEST_PREFIX + file.sha256}


def is_published(model: Model | None) -> bool:
    """Whether a model was asked in a wording that stands in the specification by its digest alone."""
    return model is not None and DIGEST in model.prompt


def parts(prompt: Mapping[str, str]) -> Mapping[str, str]:
    """The wording that a specification names: its own parts, or what the file of its digest holds.

    Raises:
        DataMissing, ReproduceError: the file has not been fetched, or is not known here.
    """
    if DIGEST not in prompt:
        return prompt
    for file in (*manifest(), *scripts()):
        if DIGEST_PREFIX + file.sha256 == prompt[DIGEST]:
            return _read(file).parts
    raise ReproduceError(f"expected the wording of a published file, got {prompt[DIGEST]}; read it where that is known")


def _read(file: Published) -> Prompts:
    data = needed(file, PURPOSE)
    return prompt_pack(parse(data, file.path)) if file.run else read(data, file.path)


def read(source: bytes, file: str) -> Prompts:
    """The wording in a script: what it assigns to `system_content`, `user_input`, `suffix` and `experiments_prompt`.

    The last is a function that writes the last accuracy, or all experiments, a line each, into a text; the script sends
    the problem, in later requests with that text behind it, and the suffix, if there is one.

    Raises:
        ReproduceError: it is another script.
    """
    said: dict[str, ast.expr] = {}
    try:
        for node in ast.parse(source).body:
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    said[name] = value
        system, problem = _text(said["system_content"]), _text(said["user_input"])
        suffix = _text(said["suffix"]) if "suffix" in said else ""
        match said["experiments_prompt"]:
            case ast.Lambda(body=body):
                opening, experiment, closing = _experiments(body)
        if opening or closing:
            opening, closing = problem + opening, closing + suffix
        return Prompts(system, problem + suffix, opening, experiment, closing)
    except (KeyError, SyntaxError, UnboundLocalError, ValueError) as error:
        raise ReproduceError(
            f"{file}: expected a script that says what it asks in system_content, user_input and experiments_prompt, "
            f"found another ({error!r:.80}); fetch it again"
        ) from error


def _experiments(body: ast.expr) -> tuple[str, str, str]:
    """What stands before all experiments, each of them as a template, and what stands behind them."""
    texts, argument = _formatted(body)
    match argument:
        case ast.Name():  # the last accuracy
            (before, _), (after, form) = texts
            return "", _experiment([before, after], form), ""
        case ast.Call(args=[ast.ListComp(elt=line)]):
            (before, _), (after, _) = texts
            pieces, _ = _formatted(line)
            return before, _experiment([text for text, _ in pieces], pieces[-1][1]), after
    raise ValueError("experiments_prompt writes neither one accuracy nor a line for each experiment")


def _experiment(texts: Sequence[str], form: str) -> str:
    names = ("$design", "$accuracy" if form else "$rounded", "")[3 - len(texts) :]
    return "".join(literal(text) + name for text, name in zip(texts, names, strict=True))


def _formatted(node: ast.expr) -> tuple[list[tuple[str, str]], ast.expr]:
    """The texts of a `"…{}…{:.2f}…".format(…)`, each with the form of the field before it, and its first argument."""
    match node:
        case ast.Call(func=ast.Attribute(value=text, attr="format"), args=[argument, *_]):
            texts, said, form = [], "", ""
            for piece, field, spec, _ in Formatter().parse(_text(text)):
                said += piece
                if field is not None:
                    texts.append((said, form))
                    said, form = "", spec or ""
            return [*texts, (said, form)], argument
    raise ValueError("no text with fields to fill in")


def _text(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
    raise ValueError("something else than a text")
