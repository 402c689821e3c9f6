"""The wording in which GPT-4 was asked, read out of what was fetched, so that any model can be asked the same.

On tables GENIUS asked by scripts: text in constants, and a function that writes the experiments. They are read as
syntax and never executed. On ImageNet a person typed: there the templates of a published conversation are the wording.
Neither has a licence, so that a run holds the digest of the file in the place of the wording, which comes from there
each time.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

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
    try:
        said = {
            node.targets[0].id: [*_texts(node.value)]
            for node in ast.parse(source).body
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        }
        [system], [problem], suffix = said["system_content"], said["user_input"], "".join(said.get("suffix", ()))
        template, *line = said["experiments_prompt"]
        if not line:  # the last accuracy
            return Prompts(system, problem + suffix, experiment=literal(template).format(_Accuracy()))
        before, after = template.format(_HOLE).split(_HOLE)
        experiment = literal(*line).format("$design", _Accuracy())
        return Prompts(system, problem + suffix, problem + before, experiment, after + suffix)
    except (IndexError, KeyError, SyntaxError, TypeError, ValueError) as error:
        raise ReproduceError(
            f"{file}: expected a script that says what it asks in system_content, user_input and experiments_prompt, "
            f"found another ({error!r:.80}); fetch it again"
        ) from error


_HOLE = "\0"


class _Accuracy:
    """Stands in the place of an accuracy that a script writes."""

    def __format__(self, form: str) -> str:
        return "$accuracy" if form else "$rounded"


def _texts(node: ast.expr) -> Iterator[str]:
    """All texts that are not empty, those of a function's text before those of what it fills in."""
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value:
            yield part.value
