"""A run: a function of its specification and a client, whatever searched and whatever measured.

The record of a run pins what happened by a digest and says what was selected, so that nobody repeats a run to read its
result; `verify` repeats it.

    run = perform(specification, Client(records, providers), setting)   # asks for what is not recorded, by kind
    records.put(run.record())
    verify(run.record(), Client(records), setting)                      # strict replay: nothing can be asked
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import islice

import msgspec

from cache.client import Client, Tally
from cache.errors import CacheError
from cache.key import JSON, digest
from cache.provider.limits import Usage, attempts_at, usage_of
from cache.record import CHAT, Record
from genius_replay.showing import brief
from genius_replay.side_by_side import SideBySide
from harness.constraints import Constraint, Costs, MacsWindow, Within, novel
from harness.errors import BrokenRecording, GivenUp, HarnessError, OptimizerError
from harness.loop import After, Before, Objective, Problem, Step, Trajectory, course, steps_of
from harness.objectives import Asked, Figures
from harness.protocol import (
    MILLION,
    Complete,
    Completion,
    Evaluated,
    Message,
    Optimizer,
    Reason,
    Rejected,
    Rejection,
    Trial,
    Unmeasured,
)
from harness.shown import Shown
from harness.specification import KINDS, RUN, Ended, Specification, Turn
from harness.text import published
from harness.text.published import Reader
from harness.text.reply import Hear, verbatim
from harness.training.jobs import KIND as TRAINING
from tables.errors import TableError
from tables.space import Architecture, Space

HOPELESS = 3  # trainings that come to nothing before any other has ended; runs that fail one after the other
REASONS = 5  # for which runs failed, that are told
SAMPLES = 1000
"""More than there are runs of a specification, so that the numbers of requests that a run repeats are free."""


@dataclass(frozen=True)
class Setting:
    """The values that a specification names.

    Attributes:
        space: what is searched.
        macs: the cost of an architecture by the rule of its publication.
        optimizer: makes the optimiser; it is handed a way to ask the model.
        reader: what finds the design in a reply.
        hear: what makes a reply of an answer.
        objective: what measures instead of the specification's table or training.
        costs: what gives a cost by name, of those that are not read from records.
        name: what messages call the run.
        code: digest of the method's source.
        versions: of the packages that decide what the method proposes.
        oblivious: whether the method proposes the same whatever it is told.
    """

    space: Space
    macs: Callable[[Architecture], int]
    optimizer: Callable[[Complete], Optimizer]
    reader: Reader = published.read
    hear: Hear = verbatim
    objective: Objective | None = None
    costs: Costs = field(default_factory=dict)
    name: str = ""
    code: str = ""
    versions: Mapping[str, JSON] = field(default_factory=dict)
    oblivious: bool = False

    def __repr__(self) -> str:
        return brief(self, f"{self.name or 'of a run'} on {self.space.name}")


@dataclass(frozen=True, repr=False)
class Run(Shown):
    """A run as it was performed: what happened, the records it used, and the figures of what it evaluated."""

    specification: Specification
    setting: Setting = field(compare=False)  # what its specification names
    trajectory: Trajectory
    answers: tuple[Record, ...]
    measured: tuple[Record, ...]
    figures: Mapping[Architecture, Figures]
    tally: Tally

    def what(self) -> tuple[str, Space]:
        """The run in words, and what was searched."""
        return self.specification.name, self.setting.space

    @property
    def selected(self) -> Architecture | None:
        """The best by what was told; None if nothing was evaluated."""
        return self.trajectory.best.trial.architecture if self.trajectory.evaluated else None

    @cached_property
    def ended(self) -> Ended:
        """What became of it, as its record says."""
        selected = self.selected
        figures = None if selected is None else self.figures.get(selected)
        rejected = Counter(step.rejected for step in self.trajectory.steps if step.rejected)
        return Ended(
            course=digest(course(self.trajectory)),
            selected=None if selected is None else self.setting.space.to_native(selected),
            told=figures and figures.told,
            test=figures and figures.test,
            evaluated=len(self.trajectory.evaluated),
            rejected=dict(sorted(rejected.items())),
            answers=len(self.answers),
            attempts=sum(len(attempts_at(answer)) or 1 for answer in self.answers),
            tokens=sum((usage_of(answer.answer) or Usage()).tokens for answer in self.answers),
        )

    def record(self) -> Record:
        """The record of the run."""
        provenance = dict(self.answers[0].provenance) if self.answers else {}
        for name in ("endpoint", "model"):  # of which a run may have had several
            said = {str(answer.provenance[name]) for answer in self.answers if name in answer.provenance}
            if len(said) > 1:
                provenance[name] = sorted(said)
        observed = {"code": self.setting.code, **self.setting.versions} if self.setting.code else {}
        answer = msgspec.to_builtins(self.ended)
        return Record(self.specification.request(), answer, kind=RUN, provenance=provenance, observed=observed)

    @property
    def records(self) -> tuple[Record, ...]:
        """All that a replay needs, the run's own record last."""
        return (*self.answers, *self.measured, self.record())

    @property
    def missing(self) -> tuple[Architecture, ...]:
        """The architectures that have to be measured before the run can go on."""
        trials = (step.trial for step in self.trajectory.steps)
        unmeasured = (trial.architecture for trial in trials if isinstance(trial, Unmeasured))
        return tuple(dict.fromkeys(architecture for architecture in unmeasured if architecture is not None))


def perform(
    specification: Specification,
    client: Client,
    setting: Setting,
    before: Before = lambda iteration, turn: None,  # noqa: ARG005
    *,
    wait: bool = True,
    given_up: Mapping[str, str] | None = None,
    after: After = lambda step: None,  # noqa: ARG005
) -> Run:
    """Perform a run; with a client that only replays, exactly what was recorded.

    A request that the run itself repeats asks for another sample, `SAMPLES` further on.

    Args:
        specification: what is run.
        client: has the answers and figures, or providers that make them.
        setting: the values that the specification names.
        before: is told the iteration and the turn of every proposal before it is asked for.
        wait: whether trainings that are missing are asked for; otherwise the run ends there and says what is `missing`.
        given_up: why a training came to nothing, by its key: its proposal is told as one that was not measured.
        after: is shown every step when it has happened. If it ends the run, that is a run of so many proposals, and the
            specification of what is returned says so.

    Raises:
        CacheError: what `Client.ask` raises; what was answered before is kept.
        InvalidArchitecture: a design that it starts from is none of the space.
    """
    asked: list[Sequence[Message]] = []
    answers: list[Record] = []
    unread: dict[str, Rejection] = {}
    place, kind = "", KINDS[specification.model.api] if specification.model else CHAT

    def note(iteration: int, turn: int) -> None:
        nonlocal place
        place = f"run {setting.name or specification.name}, iteration {iteration}, turn {turn}"
        before(iteration, turn)

    def complete(messages: Sequence[Message]) -> Completion:
        sample = specification.number + SAMPLES * asked.count(messages)
        asked.append(messages)
        answer = client.ask(kind, request(specification, messages), sample=sample, where=place)
        answers.append(answer)
        heard = setting.hear(answer.answer)
        if heard.rejection:
            unread[answer.key] = heard.rejection
        return Completion(heard.text, answer.key)

    source = specification.table or specification.training
    measuring = Asked(client, setting.space, source, wait, given_up or {}, setting.costs) if source else None
    objective = setting.objective or measuring or remembered(specification)
    problem = Problem(
        setting.space, setting.macs, _constraints(specification, measuring), objective, setting.reader, unread
    )
    told = None if specification.told is None else partial(as_told, specification.told, specification.window)
    start = [setting.space.from_native(design) for design in specification.start]
    steps: list[Step] = []
    for step in steps_of(setting.optimizer(complete), problem, specification.budget, told, note, start):
        steps.append(step)
        if isinstance(step.told, Evaluated | Rejected) and after(step):
            budget = msgspec.structs.replace(specification.budget, proposals=len(steps))
            specification = msgspec.structs.replace(specification, budget=budget)
            break
    measured, known = (tuple(measuring.used.values()), measuring.known) if measuring else ((), {})
    figures = {architecture: each for architecture, each in known.items() if isinstance(each, Figures)}
    return Run(specification, setting, Trajectory(tuple(steps)), tuple(answers), measured, figures, client.tally)


def perform_all(
    specifications: Sequence[Specification],
    client: Client,
    setting: Callable[[Specification], Setting],
    after: After | None = None,
    together: SideBySide | None = None,
    ended: Callable[[int, Run], object] = lambda number, run: None,  # noqa: ARG005
) -> list[Run]:
    """Perform runs side by side; what they all need next is trained at once, and they are performed again.

    A run that fails ends, and the others go on; not so if `HOPELESS` in a row fail, which then is no matter of single
    runs.

    A training that comes to nothing is told as a proposal that was not measured, and the runs go on; not so if the
    first `HOPELESS` of all come to nothing, which then is no matter of what was proposed.

    Args:
        specifications: what is run.
        client: has the answers and figures, or providers that make them.
        setting: the values that a specification names.
        after: is shown every step of every run once, and may end the run; in threads where runs are.
        together: how many run at a time; by default one after the other.
        ended: is told the position of every run that has come to its end, and the run; in threads, too.

    Raises:
        OptimizerError: a run takes another course when it is performed again.
        CacheError, HarnessError: what `perform` and `Client.ask_all` raise; of several runs it says which failed.
    """
    together = together or SideBySide()
    failed: dict[int, Exception] = {}
    outcomes: list[bool] = []  # in the order in which they came
    given_up: dict[str, str] = {}
    asked: set[str] = set()
    settings = [setting(each) for each in specifications]
    runs: dict[int, Run] = {}
    wanted: dict[int, tuple[Architecture, ...]] = {}
    for n, one in enumerate(specifications):
        if settings[n].oblivious and one.training is not None and after is None:  # all of them are known from the start
            ahead = (step.trial.architecture for step in foreseen(one, client, settings[n]))
            wanted[n] = tuple(architecture for architecture in ahead if architecture is not None)

    def go(n: int) -> None:
        try:
            new, asks = _unseen(after, runs.get(n)), lambda iteration, turn: together.go_on()  # noqa: ARG005
            again = perform(specifications[n], client, settings[n], asks, wait=False, given_up=given_up, after=new)
            _refuse_another_course(runs.get(n), again)
        except (CacheError, HarnessError, TableError) as error:
            failed[n] = error
        else:
            runs[n] = again
            if not again.missing:
                ended(n, again)
        outcomes.append(n not in failed)
        if outcomes[-HOPELESS:] == [False] * HOPELESS:
            together.stop()

    going_on = list(range(len(specifications)))
    while going_on:
        jobs = dict(job(specifications[n], architecture) for n, missing in wanted.items() for architecture in missing)
        asked.update(jobs)
        try:
            client.ask_all(TRAINING, list(jobs.values()))
        except GivenUp as error:
            given_up |= error.reasons
            if len(given_up) >= HOPELESS and len(given_up) == len(asked):
                raise
        together.each(go, going_on)
        wanted = {n: runs[n].missing for n in going_on if n in runs and n not in failed and runs[n].missing}
        going_on = [] if together.stopped else list(wanted)
    if failed:
        raise _failure(specifications, failed, sum(n not in failed and not one.missing for n, one in runs.items()))
    return [runs[n] for n in range(len(specifications))]


def _failure(specifications: Sequence[Specification], failed: Mapping[int, Exception], performed: int) -> Exception:
    """What says which runs failed; of one run, why."""
    if len(specifications) == 1:
        return failed[0]
    reasons: dict[str, list[str]] = {}
    for n in sorted(failed):
        reasons.setdefault(str(failed[n]), []).append(specifications[n].name)
    lines = [
        f"{runs[0]}{f' and {len(runs) - 1} more' if runs[1:] else ''}: {why}"
        for why, runs in islice(reasons.items(), REASONS)
    ]
    kind = CacheError if all(isinstance(error, CacheError) for error in failed.values()) else HarnessError
    count = f"{performed} of {len(specifications)} runs came to their end, {len(failed)} failed"
    return kind("\n".join([f"{count}; the same command goes on from here.", *lines]))


def foreseen(specification: Specification, client: Client, setting: Setting) -> tuple[Step, ...]:
    """What is known to be evaluated before anything is measured: everything, or the first proposal of the run."""
    known = replace(setting, objective=lambda _: 0.0 if setting.oblivious else None)
    return accepted(perform(specification, client, known, wait=False).trajectory)


def accepted(trajectory: Trajectory) -> tuple[Step, ...]:
    """The steps whose proposal was not rejected, as far as was told."""
    return tuple(step for step in trajectory.steps if not isinstance(step.told or step.trial, Rejected))


def verify(record: Record, client: Client, setting: Setting) -> Run:
    """Perform the run of a record again, and return it.

    Raises:
        ReplayMiss: an answer or a figure is not there.
        BrokenRecording: the run takes another course, or its record says something else of it.
    """
    again = perform(Specification.of(record), client, setting)
    if again.ended != Ended.of(record):
        raise BrokenRecording(again.specification.name, "another course than it took when it was recorded")
    return again


# -- parts ---


def request(specification: Specification, messages: Sequence[Message]) -> dict[str, JSON]:
    """The body of a request to the specification's model."""
    model = specification.model
    if model is None:
        raise OptimizerError(f"{specification.method} asks a model, and its specification names none: name one")
    said: list[JSON] = [{"role": message["role"], "content": message["content"]} for message in messages]
    return {"model": model.name, "messages" if model.api == "chat" else "input": said, **model.parameters}


def job(specification: Specification, architecture: Architecture) -> tuple[str, dict[str, JSON]]:
    """The key and the request of the training of an architecture, of a run that trains."""
    assert specification.training is not None  # a table leaves nothing unmeasured
    training = specification.training.job(architecture)
    return training.key, training.request()


def remembered(specification: Specification) -> Objective:
    """The accuracies that a published run was told when its designs were accepted, of several the first; else None."""
    turns = [turn for iteration in specification.told or () for turn in iteration]
    told = [(turn.design, turn.accuracy) for turn in turns if turn.verdict == "accepted" and turn.design is not None]
    return dict(reversed(told)).get


def as_told(
    iterations: Sequence[Sequence[Turn]], window: tuple[int, int] | None, iteration: int, turn: int, trial: Trial
) -> Trial | None:
    """What the optimiser was told of this proposal (`harness.loop.Told`); the truth behind the end of what is known.

    The last proposal of an iteration ends it whatever was said, since the next one opened a new conversation.
    """
    if iteration >= len(iterations):
        return trial
    told = iterations[iteration][turn]
    if told.verdict is None:
        return None
    macs = trial.macs if told.macs is None else round(told.macs * MILLION)
    ended = turn + 1 == len(iterations[iteration]) and iteration + 1 < len(iterations)
    if told.verdict == "accepted" or ended:
        architecture = told.listed or trial.architecture
        if architecture is None or macs is None or told.accuracy is None:
            return Unmeasured(trial.proposal, architecture, macs)
        return Evaluated(trial.proposal, architecture, macs, told.accuracy)
    low, high = window or (None, None)
    bound = {"above": high, "below": low}.get(told.verdict)
    rejection = Rejection(_REASONS[told.verdict], "as told in the published run", bound)
    return Rejected(trial.proposal, rejection, trial.architecture, macs)


_REASONS: Mapping[str, Reason] = {
    "above": Reason.ABOVE_WINDOW,
    "below": Reason.BELOW_WINDOW,
    "repeated": Reason.REPEATED,
    "unread": Reason.NOTHING_FOUND,
}


def _constraints(specification: Specification, measuring: Asked | None) -> tuple[Constraint, ...]:
    window = () if specification.window is None else (MacsWindow(*specification.window),)
    limits: list[Constraint] = []
    if measuring is not None:  # a published run kept its window alone
        limits = [Within(bound, partial(measuring.cost, bound.cost)) for bound in specification.constraints]
    novelty = () if specification.model is None or specification.model.protocol.repeats != "refused" else (novel,)
    return (*window, *limits, *novelty)


def _unseen(after: After | None, before: Run | None) -> After:
    """A callback that is shown what a run had not come to when it was performed before."""
    steps = before.trajectory.steps if before else ()
    seen = iter([step for step in steps if not isinstance(step.told, Unmeasured)])
    return lambda step: next(seen, None) is None and after is not None and after(step)


def _refuse_another_course(before: Run | None, again: Run) -> None:
    """A run that goes on has to propose what it proposed before."""
    proposed = [[step.trial.proposal for step in run.trajectory.steps] for run in (before, again) if run is not None]
    if proposed[0] != proposed[-1][: len(proposed[0])]:
        raise OptimizerError(
            f"{again.specification.method}: expected run {again.specification.number + 1} to propose what it proposed "
            "before, got something else; all randomness must come from the stream (`python -m reproduce conformance`)"
        )
