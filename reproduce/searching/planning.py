"""The runs of a search, planned from values before anything is asked: which there are, in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from operator import index
from os import PathLike
from typing import Any

from msgspec import structs

from cache.key import JSON, SAFE_INTEGER, canonical
from harness import spaces
from harness.loop import Budget
from harness.protocol import Method
from harness.run import SAMPLES
from harness.spaces import mobilenetv2_se
from harness.specification import Declaration, Protocol, Specification
from harness.text.notation import from_any
from harness.training.jobs import Training
from reproduce import benchmarks, runs
from reproduce.arguments import positive, several
from reproduce.benchmarks import Opened
from reproduce.errors import UsageError
from reproduce.published import imagenet
from reproduce.published.replay import ITERATIONS
from reproduce.searching import costs, protocols
from reproduce.searching.answering import Endpoint
from reproduce.searching.costs import AnyBound
from tables.space import Architecture
from tables.table import of_slots

GENIUS = "genius"
WINDOWED = mobilenetv2_se.SPACE.name  # the space whose problem states a window of costs


def plan(
    method: Method,
    opened: Opened | None,
    training: Training | None,
    budget: int | Budget = ITERATIONS,
    trials: int | Sequence[int] = 1,
    seed: int | None = None,
    start: Sequence[Architecture | str] = (),
    window: tuple[int, int] | None = None,
    run: str | None = None,
    model: bool = False,
    constraints: Sequence[AnyBound] = (),
) -> list[Specification]:
    """The runs of a search of one table or by training, one a trial; `grid` gives them their model.

    Raises:
        UsageError: what is asked for does not fit together.
        InvalidArchitecture: a design to start from is none of the space.
    """
    if run is not None:
        asked = (training and training.space, method.name, trials, budget, model, *start, *constraints)
        if training is None or asked != (WINDOWED, GENIUS, 1, ITERATIONS, False):
            raise UsageError(
                f"expected a published run with the method {GENIUS}, the space {WINDOWED} by training (--objective "
                "train), one trial, its own budget, no model, no constraint, and no designs to start from; what GPT-4 "
                "did on tables is replayed by `table1` and `table7` to `table13`"
            )
        published = imagenet.specification(imagenet.embedded()[str(imagenet.published_run(run).run)])
        return [structs.replace(published, training=training)]
    space = spaces.find(training.space).SPACE if training else opened.space if opened else None
    if space is None or (opened and training):
        raise UsageError(
            f"expected a table or a training to search, one of them; tables are {', '.join(benchmarks.BENCHMARKS)}, or "
            "a file of your own"
        )
    limits = structs.asdict(budget) if isinstance(budget, Budget) else {"evaluations": budget}
    limited = {name: positive(n, f"a positive number of {name}") for name, n in limits.items() if n is not None}
    numbers = trials if isinstance(trials, Sequence) else range(positive(trials, "a positive number of trials"))
    if not numbers or not all(type(n) is int and 0 <= n < (SAMPLES if model else SAFE_INTEGER) for n in numbers):
        most = f" below {SAMPLES}, of which a model's samples leave room for no more," if model else ""
        raise UsageError(f"expected numbers of trials from 0 on,{most} got {str(numbers)[:40]}")
    seed = None if seed is None else index(seed)
    if abs((seed or 0) + max(numbers) + 1) > SAFE_INTEGER:
        raise UsageError(f"expected a seed with its trials within ±{SAFE_INTEGER}, got {seed}")
    if model and (space.name == WINDOWED) != (window is not None):
        raise UsageError(
            f"expected a window of costs, --window LOW HIGH, for {WINDOWED}, whose problem states it, and for no other "
            "space; GENIUS' own was 270 330"
        )
    if model and not isinstance(budget, Budget):
        limited["proposals"] = 2 * limited["evaluations"]
    budget = Budget(**limited)
    if start and not budget.left(len(start) - 1, len(start) - 1, 0):
        raise UsageError(f"expected no more designs to start from than the budget holds, got {len(start)}")
    designs = (from_any(space, each) if isinstance(each, str) else each for each in start)
    known = (*benchmarks.SPACES, of_slots(space.name, space.slots))  # of which no more is to be said than the slots
    one = Specification(
        method=method.name,
        space=space.name,
        table=runs.measure(opened) if opened else None,
        training=training,
        version=method.version,
        budget=budget,
        window=window,
        constraints=costs.bounds(constraints, costs.known(space, opened)) if constraints else (),
        start=tuple(map(space.to_native, designs)),
        slots=() if space in benchmarks.SPACES else space.slots,
        declared=None if space in known else Declaration.of(space),
        seed=0 if model else seed or 0,
    )
    return [structs.replace(one, number=number) for number in numbers]


def grid(
    method: Method,
    tables: Sequence[Opened],
    training: Training | None,
    endpoints: Sequence[Endpoint],
    *,
    budget: int | Budget = ITERATIONS,
    trials: int | Sequence[int] = 1,
    seed: int | None = None,
    start: str | Sequence[Architecture | str] = (),
    window: tuple[int, int] | None = None,
    constraints: AnyBound | Sequence[AnyBound] = (),
    run: str | None = None,
    temperature: float | str | Sequence[float | str] = 0.0,
    answers: str = "free",
    protocol: str | Sequence[str] | Protocol = (),
    prompt: str | PathLike[str] | Sequence[str | PathLike[str]] = "",
    parameters: Mapping[str, JSON] | None = None,
    arm: str | Sequence[str] = "",
) -> list[Specification]:
    """The runs of a search in their order: models, wordings, temperatures, arms, tables, run numbers; each once.

    Raises:
        UsageError: what is asked for does not fit together.
        HarnessError: a constraint is written in another form.
        InvalidArchitecture: a design to start from is none of the space.
    """
    if answers not in runs.ANSWERS:
        raise UsageError(f"expected answers as one of {', '.join(runs.ANSWERS)}, got {answers!r}")
    if not (temperatures := several(temperature)):
        raise UsageError("expected every temperature from 0 on, got no temperature")
    measuring: Sequence[Opened | None] = [*tables] or [None]
    each: Any = (budget, trials, seed, several(start), window, run, bool(endpoints), several(constraints))
    unnamed = [one for opened in measuring for one in plan(method, opened, training, *each)]
    planned = [structs.replace(one, arm=name) for name in several(arm) or [""] for one in unnamed]
    how, found = protocols.protocol(protocol), list[Specification]()
    for endpoint, words in product(endpoints, several(prompt) or [""]):
        for said, one in product(temperatures if endpoint.temperature is None else [endpoint.temperature], planned):
            drawn = {} if seed is None else {"seed": seed + one.number}
            by = one.training or (one.table.table if one.table else None)
            sent, space = {**endpoint.sent(parameters or {}, said), **drawn}, runs.space_of(one)
            asked: Any = (one.window, by, how, words, endpoint.api, one.constraints, one.budget)
            found.append(structs.replace(one, model=runs.model(endpoint.model, space, answers, sent, *asked)))
    return [*{canonical(one.request()): one for one in found or planned}.values()]


AXES = tuple(grid.__kwdefaults__ or ())
"""The arguments of `grid` beside what searches, what measures and who is asked."""
