"""The names in a run's specification, resolved: the space, the method, the wording, the reader, what measures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache, partial
from importlib import metadata
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from baselines import catalogue
from baselines.genius import TOLD, Prompts, refuse_unknown
from cache.client import Provider, Reply, Request
from cache.key import JSON, digest_bytes
from harness import spaces
from harness.arrays import free
from harness.constraints import Bound, Costs
from harness.errors import HarnessError
from harness.loop import Budget, blaming
from harness.objectives import Measure
from harness.protocol import Complete, Method, Optimizer
from harness.run import Setting
from harness.spaces import mobilenetv2_se
from harness.spaces.nas_bench_201 import CELLS_PER_STAGE
from harness.specification import Model, Protocol, Specification
from harness.text import published, strict
from harness.text.reply import Hear, heard, uncut, verbatim
from harness.text.strict import Form
from harness.training.jobs import Scale, Training
from reproduce.benchmarks import Opened
from reproduce.errors import UsageError
from reproduce.published import scripts
from reproduce.searching import costs
from reproduce.searching.protocols import as_published, refuse_unfit
from tables.source import Measure as Measured
from tables.space import Space
from tables.table import of_slots

_CALL: Mapping[str, JSON] = {"name": strict.FUNCTION}


def _by_schema(**said: JSON) -> dict[str, JSON]:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "design", **said}}}


ANSWERS: Mapping[str, Callable[[Space], dict[str, JSON]]] = {
    "free": lambda space: {},  # noqa: ARG005
    "json-object": lambda space: {"response_format": {"type": "json_object", "schema": space.json_schema()}},
    "json-schema": lambda space: _by_schema(schema=space.json_schema()),
    "json-schema-strict": lambda space: _by_schema(schema=space.plain_schema(), strict=True),
    "tool-call": lambda space: {
        "tools": [{"type": "function", "function": {**_CALL, "parameters": space.plain_schema(), "strict": True}}],
        "tool_choice": {"type": "function", "function": _CALL},
    },
    "gbnf": lambda space: {"grammar": space.gbnf()},
}
"""How a model may answer: in prose, or held to the space by what a server takes (`docs/record.md`)."""

OF_ONES_OWN = "; a method made elsewhere is found again by `replay_recording(path, methods=[…])`"
PLAIN = "plain"  # the wording that is made of what a space declares
STRICT, PUBLISHED = "strict", "published"  # readers: of new recordings, and of those from before there was this one

DEFAULT = Protocol()
Window: TypeAlias = "tuple[int, int] | None"

DATA = {
    "mobilenetv2-se": "ImageNet (1000 classes, input 224 x 224)",
    "nas-bench-201-cifar100": "CIFAR-100 (100 classes, input 32 x 32)",
    "nas-bench-201-imagenet16-120": "ImageNet16-120 (120 classes, input 16 x 16)",
    **dict.fromkeys(
        ("nas-bench-macro", "channel-bench-resnet", "channel-bench-mobilenet", "nas-bench-201-cifar10"),
        "CIFAR-10 (10 classes, input 32 x 32)",
    ),
}
"""What a network is measured on, by table or by space, as a statement of the problem says it."""


# -- names ---


def form(space: Space, answers: str, how: Protocol = DEFAULT) -> Form:
    """The form that is demanded of an answer, for a way to answer and a protocol."""
    kind = {"free": how.form, "tool-call": "call"}.get(answers, "object")
    return strict.form(space, kind, how.vocabulary, how.proposals, rationale=how.rationale)


def wording(
    space: Space,
    answers: str,
    window: Window = None,
    by: str | Training | None = None,
    how: Protocol = DEFAULT,
    prompt: str | PathLike[str] = "",
    budget: Budget | None = None,
) -> Prompts:
    """The statement of the problem that is measured: this project's own, if there is one, or the plain one.

    Args:
        space: what is searched.
        answers: how the model may answer, one of `ANSWERS`.
        window: bounds of the cost in millions of multiply-accumulates.
        by: the table that measures, whose own statement is taken if there is one, or the training; None is the table
            of the space's own benchmark.
        how: the protocol by which it is said.
        prompt: "plain" for the statement that is made from what the space declares, or the file of one's own, with the
            parts of `baselines/prompts/plain.md`, which may use what that uses.
        budget: which the plain one states.

    Raises:
        UsageError: a file of one's own cannot be read, or is no wording.
    """
    own, scale, table = form(space, answers, how), Scale(), by if isinstance(by, str) else space.name
    words = {"conclusion": own.conclusion, "data": DATA.get(table, table)}
    if isinstance(by, Training):
        scale, side = by.network, by.recipe.input_size
        narrower = "" if scale.width == 1 else f", with all numbers of channels multiplied by {scale.width:g},"
        words["data"] = f"the pictures {by.dataset} (input {side} x {side}){narrower}"
    words["cells"] = str(scale.cells_per_stage or CELLS_PER_STAGE)
    light = "a 2x2 average pool and a 1x1 convolution"
    words["reduction"] = light if scale.light_reduction else "a residual block of stride 2"
    if window is not None:
        words |= {"low": str(window[0]), "high": str(window[1]), "costs": mobilenetv2_se.describe_costs()}
    if not prompt:
        for name in (table, space.name):
            with suppress(FileNotFoundError):
                return Prompts.load(name.replace("-", "_"), own.demand, how.statement, **words)
    words |= _plainly(space, window, how, budget)
    if prompt in ("", PLAIN):
        return Prompts.load(PLAIN, own.demand, how.statement, **words)
    try:
        text = Path(prompt).read_text("utf-8")
        refuse_unknown(text, str(prompt), words)
        return Prompts.read(text, str(prompt), own.demand, how.statement, **words)
    except (OSError, ValueError) as error:
        why = str(getattr(error, "strerror", None) or error).removeprefix(f"{prompt}: ")
        known = f"{PLAIN}, {PUBLISHED}, or a file with the parts of baselines/prompts/plain.md"
        raise UsageError(f"{prompt}: expected as the prompt {known}, got another ({why})") from error


def _plainly(space: Space, window: Window, how: Protocol, budget: Budget | None) -> dict[str, str]:
    """What a space declares, and what bounds a search, in words."""
    lines = []
    for number, (slot, written) in enumerate(zip(space.slots, space.written(how.vocabulary), strict=True), start=1):
        named = zip(map(str, written), slot.choices, strict=True)
        choices = (f"{each} = {name}" if how.vocabulary == "symbols" else each for each, name in named)
        lines.append(f"{number}. {slot.name}: {', '.join(choices)}")
    most = budget and budget.designs
    limits = " It has to cost from {} to {} million multiply-accumulates.".format(*window) if window else ""
    return {
        "title": space.title,
        "n": str(len(space.slots)),
        "slots": "\n".join(lines),
        "evaluations": f"At most {most} designs are measured." if most else "",
        "window": limits,
    }


def model(
    name: str,
    space: Space,
    answers: str,
    parameters: Mapping[str, JSON],
    window: Window = None,
    by: str | Training | None = None,
    how: Protocol = DEFAULT,
    prompt: str | PathLike[str] = "",
    api: Literal["chat", "responses"] = "chat",
    constraints: Sequence[Bound] = (),
    budget: Budget | None = None,
) -> Model:
    """A model and all that its requests hold: what `wording` says, under constraints, and what else is sent.

    A `prompt` that is "published" is that in which GPT-4 was asked, by GENIUS' own protocol; `wording` knows others.

    Raises:
        HarnessError: there is none of this name.
        InvalidArchitecture: the space has no such vocabulary as the protocol says.
        UsageError: the protocol does not fit the wording or the way to answer; there is no such prompt; or a
            parameter is one by which answers are held to the space, or they cannot be.
        DataMissing: the published wording has not been fetched.
    """
    as_gpt_4 = prompt == PUBLISHED
    if as_gpt_4:
        how = as_published(how, space.name)
    refuse_unfit(how, answers)
    if as_gpt_4 and constraints:
        raise UsageError(f"expected no constraint with the prompt {PUBLISHED}, which says what was said then, got one")
    if as_gpt_4:
        said = scripts.wording_of(space.name, window)
    else:
        said = costs.limited(wording(space, answers, window, by, how, prompt, budget), constraints).parts
    fields = ANSWERS[answers](space)
    if api == "responses":
        fields = _for_responses(fields)
    elif as_gpt_4 and space.name in scripts.SCRIPTS:
        parameters = {"n": 1, **parameters}  # as the scripts do
    if twice := sorted(fields.keys() & parameters.keys()):
        raise UsageError(f"expected no parameter {', '.join(twice)}, which answers as {answers} give, got one")
    reader = PUBLISHED if how.form == "prose" else STRICT
    sent = {**parameters, **fields}
    return Model(name=name, parameters=sent, prompt=said, answers=answers, reader=reader, protocol=how, api=api)


def _for_responses(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a way to answer, as the interface Responses takes them; raises UsageError if it does not."""

    def flat(one: Mapping[str, Any]) -> dict[str, Any]:
        """What chat completions put into a member that is named as the type stands beside the type."""
        return {**{name: said for name, said in one.items() if name != one["type"]}, **one.get(one["type"], {})}

    if "grammar" in fields:
        raise UsageError("expected answers in another way than gbnf of the api responses, which takes no grammar")
    flattened: dict[str, Any] = {
        name: [*map(flat, said)] if isinstance(said, list) else flat(said) for name, said in fields.items()
    }
    form = flattened.pop("response_format", None)
    return {"text": {"format": form}} if form else flattened


def space_of(specification: Specification) -> Space:
    """The space that is searched; raises HarnessError if there is none of its name."""
    if specification.declared:
        return specification.declared.space(specification.space, specification.slots)
    if specification.slots:
        return of_slots(specification.space, specification.slots)
    return spaces.find(specification.space).SPACE


def setting(
    specification: Specification,
    methods: Mapping[str, Method] = MappingProxyType({}),
    counted: Costs = MappingProxyType({}),
) -> Setting:
    """The values that a specification names; `methods` are those of one's own, by name, `counted` what knows costs.

    Raises:
        HarnessError: there is none of this name, or the method asks no model and the specification has one.
        UnfitMethod: the method is handed a model, and the specification has none.
    """
    space = space_of(specification)
    method = methods.get(specification.method) or catalogue.find(specification.method, OF_ONES_OWN)
    macs = free if specification.slots else partial(spaces.counted_macs, specification.space)
    code, oblivious = code_of(method), method.oblivious
    if (asked := specification.model) is None:
        own = None if catalogue.METHODS.get(method.name) is method else method
        draws, versions = partial(_drawing, own, space, specification), versions_of(method)
        return Setting(space, macs, draws, costs=counted, code=code, versions=versions, oblivious=oblivious)
    if asked.reader not in (STRICT, PUBLISHED):
        raise HarnessError(f"expected the reader {STRICT} or {PUBLISHED}, got {asked.reader[:40]!r}")
    if (make := method.with_model) is None:
        raise HarnessError(f"{method.name} asks no model, and one is named; leave out --model")
    how = asked.protocol
    prompts = Prompts.of(scripts.parts(asked.prompt), **{name: getattr(how, name) for name in TOLD})
    read = form(space, asked.answers, how).read
    hear: Hear = partial(heard, function=strict.FUNCTION * (asked.answers == "tool-call"))
    if asked.reader == PUBLISHED:
        read, hear = published.read, uncut if how.form == "prose" else verbatim
    asks = partial(make, space, prompts)
    return Setting(space, macs, asks, read, hear, costs=counted, code=code, oblivious=oblivious)


def _drawing(own: Method | None, space: Space, specification: Specification, _: Complete) -> Optimizer:
    """The optimiser of a run; what is no method of one's `own` is found by its name, so that runs can be pickled."""
    from harness.streams import Stream  # late: a replay of a model needs no arrays

    method = own or catalogue.METHODS[specification.method]
    with blaming(method.name):
        return method.factory(space, Stream(specification.seed, specification.number))


def code_of(method: Method) -> str:
    """The digest of the source of this project's methods; empty for a method that states no version."""
    return "" if method.version is None else _code()


def versions_of(method: Method) -> dict[str, str]:
    """The versions of the packages that decide what a method proposes, by name."""
    return {package: metadata.version(package) for package in method.packages}


@cache
def _code() -> str:
    """The digest of all that decides what a method proposes."""
    harness = Path(spaces.__file__).parents[1]
    sources = [
        *Path(catalogue.__file__).parent.glob("*.py"),
        *(harness / f"{name}.py" for name in ("arrays", "loop", "protocol", "streams")),
    ]
    return digest_bytes(b"".join(path.read_bytes() for path in sorted(sources)))


def measure(opened: Opened) -> Measure:
    """What names a table in a key."""
    info = opened.table.info
    test = "test" if info.measure is Measured.VALIDATION else "accuracy"
    return Measure(table=info.name, source=info.source_sha256, test=test)


def figures(*tables: Opened) -> Provider:
    """The provider of the figures of tables."""
    named = {(measure(each).table, measure(each).source): each for each in tables}

    def look_up(request: Request) -> Reply:
        opened = named[str(request["table"]), str(request["source"])]
        architecture = opened.space.from_native(str(request["architecture"]))
        if opened.table.row_of(architecture) is None:
            return Reply({"reason": opened.table.no_figure(str(request["architecture"]))})
        told, test = opened.figures(architecture)
        return Reply({"accuracy": told, "test": test})

    return look_up
