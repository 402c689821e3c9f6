"""Searching, as commands and notebooks do it: any method, a language model among them, on a table or by real training.

What a search asks a model, and what it has trained, is kept under its key before it is used: the same call asks and
trains nothing twice, and goes on where it was interrupted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import chain
from os import PathLike
from pathlib import Path
from types import MappingProxyType

from baselines import catalogue
from baselines.catalogue import AnyMethod
from cache import cassette
from cache.cassette import Cassette
from cache.client import Client, Provider, Queue, Records, Reply, Request, Shelf
from cache.errors import CacheError
from cache.key import JSON
from cache.provider.limits import Clock, Limits, Spent
from cache.store import Store
from genius_replay.console import warn
from genius_replay.side_by_side import SideBySide
from harness.loop import After, Budget
from harness.objectives import FIGURES
from harness.protocol import Method
from harness.run import Run, Setting, perform_all
from harness.specification import Protocol, Specification
from harness.training import queue
from harness.training.jobs import KIND as TRAINING
from harness.training.jobs import Training
from harness.training.local import LocalExecutor
from reproduce import benchmarks, data, runs
from reproduce.arguments import expect_types, positive, several
from reproduce.benchmarks import AnySpace, AnyTable, Opened
from reproduce.errors import UsageError
from reproduce.published import imagenet
from reproduce.published.replay import ITERATIONS
from reproduce.searching import answering, costs, forecast
from reproduce.searching.answering import Answer, Endpoint
from reproduce.searching.costs import AnyBound
from reproduce.searching.forecast import Ahead
from reproduce.searching.planning import AXES, GENIUS, grid
from reproduce.searching.progress import Progress
from tables.space import Architecture


def search(
    method: AnyMethod = "",
    table: AnyTable | Sequence[AnyTable] | None = None,
    *,
    space: AnySpace | Sequence[AnySpace] | None = None,
    training: Training | None = None,
    trainer: Queue | None = None,
    budget: int | Budget = ITERATIONS,
    trials: int | Sequence[int] = 1,
    seed: int | None = None,
    start: str | Sequence[Architecture | str] = (),
    after: After | None = None,
    model: str | Endpoint | Sequence[str | Endpoint] | None = None,
    complete: Answer | None = None,
    base_url: str | None = None,
    temperature: float | str | Sequence[float | str] = 0.0,
    window: tuple[int, int] | None = None,
    constraints: AnyBound | Sequence[AnyBound] = (),
    answers: str = "free",
    protocol: str | Sequence[str] | Protocol = (),
    prompt: str | PathLike[str] | Sequence[str | PathLike[str]] = "",
    parameters: Mapping[str, JSON] | None = None,
    limits: Limits | None = None,
    fresh: bool = False,
    run: str | None = None,
    into: str | PathLike[str] | None = None,
    store: str | PathLike[str] | None = None,
    arm: str | Sequence[str] = "",
    parallel: int = 1,
    clock: Clock | None = None,
) -> list[Run]:
    """Search a table, or by training, and return the runs, trial by trial.

    Of models, wordings, temperatures, arms, tables and trials there may be several: every one with every other is a
    run, in this order.

    >>> [run] = search("local-search", "nas-bench-201-digits", budget=3, start=["333333"])
    >>> [round(step.accuracy, 2) for step in run.trajectory.steps]
    [72.98, 70.46, 71.95]

    Args:
        method: of the catalogue, a `Method`, or a class or function of one's own that is made from a space and a stream
            of random numbers; with a model GENIUS' own, unless it is said.
        table: by name, the path of one's own, or opened, or several; or else there is a training.
        space: that the table is of, by name or one's own (`reproduce.open_table`); or several, of which each has its
            table.
        training: how architectures are trained; a training of which there is no result is made by `trainer`.
        trainer: what trains; by default this machine, which works the user's queue off.
        budget: evaluations of a trial, by default 10 (of a model at most twice as many proposals), or when it ends.
        trials: how many independent ones, or the numbers of those that are to be performed, from 0.
        seed: of the method, by default 0; to a model it is sent as the seed plus the trial, if it is given.
        start: designs that each trial begins with; they count in the budget.
        after: is shown every step when it has happened; if it says True, that trial ends there.
        model: a language model, as the endpoint calls it, or an `Endpoint`, or several; or what a function is to be
            called.
        complete: a Python function as the model: messages → text. Its answers are kept by its source.
        base_url: of the endpoint, such as http://127.0.0.1:8000/v1; else OPENAI_BASE_URL.
        temperature: sent to the model, "none" for none.
        window: bounds of the cost in millions, of the space whose problem states them.
        constraints: bounds of costs, such as "macs<=60e6", for any method; of `reproduce.searching.costs.known`.
        answers: how a model may answer, one of `reproduce.runs.ANSWERS`.
        protocol: how the model is talked to: the name of a preset such as "genius-nas-bench-201", "FIELD=VALUE" for
            each field that differs, or a `harness.Protocol`.
        prompt: a file of one's own, "plain" for what the space declares, which is said where this project has no
            statement of its own, or "published" for the words in which GPT-4 was asked, which have to be fetched.
        parameters: sent with every request.
        limits: ceilings on what an endpoint may cost.
        fresh: whether no answer is used that another endpoint gave before.
        run: a published ImageNet run, such as "329M", whose designs are trained.
        into: a recording of the runs, which `replay_recording` performs again; one that is there grows.
        store: the folder where answers and trainings are kept; by default in the user's.
        arm: what the runs are called that are not to be pooled with others. Requests that are equal in two arms get the
            same answer.
        parallel: how many requests are underway at a time, of runs that go on side by side, in threads; what is
            recorded does not depend on it. A run that fails ends, and the others go on, unless three in a row fail.
        clock: where the times come from that are recorded; by one of one's own recordings are the same bytes.

    Raises:
        UsageError: what is asked for does not fit together.
        DataMissing: the table has not been fetched.
        TableError: a table of one's own cannot be read.
        HarnessError: a training or the method fails; what was trained is kept, and the same call goes on from there.
        CacheError: there is no answer, a ceiling is reached, or an answer cannot be kept.
    """
    said = {**locals()}
    expect_types(search, said)
    of_endpoint = base_url or fresh or limits not in (None, Limits())
    of_model = (
        complete or of_endpoint or parameters or prompt or protocol or (several(temperature), answers) != ([0], "free")
    )
    if not model and of_model:
        raise UsageError("expected the name of a language model, since options of one are given, got none")
    if complete and of_endpoint:
        raise UsageError("expected a function or an endpoint as the model, got both; leave out base_url, fresh, limits")
    endpoints = [Endpoint(one, base_url) if isinstance(one, str) else one for one in several(model) if one]
    if complete and len(endpoints) > 1:
        raise UsageError(f"expected one model's name for a function, got {len(endpoints)}")
    if not (method or model or run):
        raise UsageError(f"expected a method or a model, got neither; methods are {', '.join(catalogue.METHODS)}")
    tables = benchmarks.open_tables(table, space)
    chosen = catalogue.method(method or GENIUS)
    planned = grid(chosen, tables, training, endpoints, **{name: said[name] for name in AXES})
    settings = _settings(planned, tables, {chosen.name: chosen})
    for one in planned:
        settings(one)  # refused here, before anything is opened
    recording = None if into is None else Path(into)
    known = _known(recording, run)
    providers: dict[str, Provider | Queue] = {}
    if training is not None:
        providers[TRAINING] = trainer or queue.Provider(data.queue(), LocalExecutor)
    looked_up: dict[str, Provider | Queue] = {FIGURES: runs.figures(*tables)} if tables else {}
    providers |= looked_up
    ended, parallel = dict[int, Run](), positive(parallel, "a positive number of runs in parallel")
    # Far more are underway than may ask: the long ones among them have less left when the others have ended.
    together = SideBySide(8 * parallel if endpoints and parallel > 1 else parallel)
    clock = clock or Clock(sleep=together.go_on)
    with ExitStack() as stack:
        who, progress = None, Progress(planned)
        if endpoints:
            progress.spent = Spent(limits or Limits(), clock, progress.retrying)
            asked = answering.endpoints(endpoints, progress.spent, fresh=fresh)  # which opens nothing yet
            who = answering.function(complete, endpoints[0].model) if complete else stack.enter_context(asked)
            who.refuse_others(recording, known)
            at_once = threading.Semaphore(parallel)
            providers |= {kind: partial(_in_turn, at_once, together, send) for kind, send in who.providers.items()}
            stack.enter_context(progress)
            after = progress.after(after)
        kept = stack.enter_context(keeping(store, who.apart if who else "")) if training or model else Cassette()
        client = Client(Shelf((known, kept), new=kept), providers, unkept={FIGURES})
        if who and limits and {limits.calls, limits.tokens, limits.cost} != {None}:
            expected = forecast.ahead(planned, [known, kept], known.values(), looked_up, settings, limits)
            warn("\n".join(forecast.over(expected, limits)))

        def end(number: int, one: Run) -> None:
            ended[number] = one
            if who:
                progress.ended(number, one)

        try:
            perform_all(planned, client, settings, after, together, end)
        finally:  # also when others failed, or Ctrl-C ended them
            found = [ended[number] for number in sorted(ended)]
            _keep(found, known, kept, recording)
        if who:
            who.warn_of_others(found)
    return found


def _settings(
    planned: Sequence[Specification], tables: Sequence[Opened], own: Mapping[str, Method] = MappingProxyType({})
) -> Callable[[Specification], Setting]:
    """What gives the values that a run names; what architectures cost is known from the tables, too, once for all."""
    limited = {one.target: runs.space_of(one) for one in planned if one.constraints}
    opened = {each.name: each for each in tables}
    counted = {target: costs.known(space, opened.get(target)) for target, space in limited.items()}
    return lambda one: runs.setting(one, own, counted.get(one.target, {}))


def _in_turn(at_once: threading.Semaphore, together: SideBySide, send: Provider, request: Request) -> Reply:
    """The answer to a request, of which only so many are sent at once, and none when the search is to stop."""
    with at_once:
        together.go_on()
        return send(request)


def _keep(found: Sequence[Run], known: Cassette, kept: Records, into: Path | None) -> None:
    """Keep the runs that came to their end; raises UsageError if one took another course than is known of it."""
    for record in (one.record() for one in found):
        if (before := known.get(record.key)) is not None and before.answer != record.answer:
            raise UsageError(
                f"{into}: expected the course that it holds of {Specification.of(record).name}, got another: "
                "the method is not what it was, or the recording is changed; name another file with --into"
            )
        kept.put(record)
    if into is not None and found:
        cassette.grow(into, (record for one in found for record in one.records))


def keeping(store: str | PathLike[str] | None = None, apart: str = "") -> Store:
    """Where answers and trainings are kept: the user's store or a named one, in it perhaps one for who is `apart`."""
    return Store(Path(store) / apart) if store else data.store(f"answers/{apart}" if apart else "answers")


def ahead(
    planned: Sequence[Specification],
    tables: Sequence[Opened],
    limits: Limits,
    into: Path | None = None,
    store: Path | None = None,
) -> list[Ahead]:
    """What it will take to ask models for what is neither in a recording nor in a store; raises as `search` does."""
    known, settings = _known(into, None), _settings(planned, tables)
    with keeping(store) as kept:
        earlier = chain(known.values(), kept.export().values())
        return forecast.ahead(planned, [known, kept], earlier, {FIGURES: runs.figures(*tables)}, settings, limits)


def known(run: str) -> Cassette:
    """The answers of a published run."""
    return cassette.read(imagenet.cassette_path(str(imagenet.published_run(run).run)))


def _known(into: Path | None, run: str | None) -> Cassette:
    """What is asked of nobody: the answers of a published run, and what a recording holds that is to grow.

    Raises:
        UsageError: it cannot grow.
    """
    if into is not None and into.is_dir():
        raise UsageError(f"expected a file for --into, got the folder {into}; name a file in it")
    if into is not None and not into.parent.is_dir():
        raise UsageError(f"expected a folder {into.parent} for {into.name}, got none; make it first")
    try:
        growing = cassette.read(into, exact=True) if into is not None and into.is_file() else {}
    except CacheError as error:
        raise UsageError(
            f"{into}: expected a new file, or a recording that grows, found another; it was left as it is: name "
            f"another with --into, or mend it. {error}"
        ) from None
    return Cassette([*growing.values(), *(known(run).values() if run else ())])
