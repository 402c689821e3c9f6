"""What every search method has to hold: one function a property (spaces and tables: `harness.conformance.spaces`).

A property is given a method, and returns None if it holds, otherwise the reason why not:

    @pytest.mark.parametrize("holds", conformance.OF_METHODS)
    def test_my_optimiser(holds):
        assert holds(Method("mine", "my optimiser", MyOptimiser)) is None

`check` makes findings of them, which `python -m reproduce conformance` prints. Methods are tried on made-up spaces and
tables. Nothing is pickled: a second process imports the method.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial
from itertools import product, zip_longest
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeVar

from harness.arrays import free, search
from harness.constraints import Constraint
from harness.errors import OptimizerError
from harness.loop import Budget, Objective, Problem, raised, run
from harness.objectives import TabularObjective
from harness.protocol import Evaluated, Factory, Method, Proposal, Reason, Rejection, Trial
from harness.streams import Stream, Streams
from tables import csv
from tables.errors import InvalidArchitecture
from tables.space import Architecture, Group, Slot, Space
from tables.storage import build
from tables.table import Table

SEED = 0
DRAWS = 10_000  # more random numbers than a few dozen proposals can need
TRIALS = range(3)
STEPS = 40  # of each trial
MOST = 10 * STEPS  # proposals, should many of them be rejected

Subject = TypeVar("Subject")
Property: TypeAlias = Callable[[Subject], "str | None"]


class Finding(NamedTuple):
    """Whether a property holds, and if not, why; `property` is what has to hold, in words."""

    property: str
    ok: bool
    reason: str = ""


def check(properties: Iterable[Property[Subject]], subject: Subject) -> Iterator[Finding]:
    """Try one property after the other; an exception of the subject is a property that does not hold."""
    for holds in properties:
        try:
            reason = holds(subject)
        except Exception as error:
            reason = raised(error)
        yield Finding(holds.__name__.replace("_", " "), reason is None, reason or "")


# -- made-up spaces and tables, and a stream: nothing has to be fetched ---


def _space(name: str, *groups: Sequence[int]) -> Space:
    numbers, stages = iter(range(1, 100)), []
    for stage, counts in enumerate(groups, start=1):
        slots = (Slot(f"Layer {next(numbers)}", tuple(f"width {n}" for n in range(1, count + 1))) for count in counts)
        stages.append(Group(f"Stage {stage}", tuple(slots)))
    largest = tuple(count - 1 for counts in groups for count in counts)
    return Space(name, "made up for conformance", tuple(stages), first_symbol=1, largest=largest)


UNEVEN = _space("uneven", (2, 3), (4, 2, 5))
TINY = _space("tiny", (2, 3))
"""So small that a search has seen all of it long before its budget is spent."""


def build_table(space: Space, folder: Path, *, test_follows: bool = True) -> Table:
    """Build a table of random accuracies, some of them equal; test accuracy is validation accuracy, or its opposite."""
    stream = Stream(SEED, 0)
    lines = ["architecture,accuracy,test"]
    for architecture in product(*map(range, space.cardinalities)):
        accuracy = 5 + int(stream.random() * 90)
        symbols = " ".join(map(str, space.symbols(architecture)))
        lines.append(f"{symbols} ,{accuracy},{accuracy if test_follows else 100 - accuracy}")
    data = "\n".join(lines).encode()
    return Table.open(build(*csv.read(data, space.name, space), data, folder))


@cache
def table_of(space: Space) -> Table:
    """The made-up table of a made-up space."""
    with tempfile.TemporaryDirectory() as folder:
        return build_table(space, Path(folder))


class FiniteStream(Stream):
    """A stream that ends, so that whoever draws until something new comes up is found out."""

    def getrandbits(self, k: int, /) -> int:
        """The next k bits.

        Raises:
            OptimizerError: after `DRAWS` draws.
        """
        if self._drawn > DRAWS:
            raise OptimizerError(
                f"expected a few random numbers for each proposal, got {DRAWS} and no end; "
                "where nothing new is left, propose an architecture again"
            )
        return super().getrandbits(k)


# -- properties ---


def _problem(space: Space, table: Table | None = None, constraints: Sequence[Constraint] = ()) -> Problem:
    return Problem(space, free, constraints, TabularObjective(space, table or table_of(space)))


def _course(factory: Factory, trial: int, problem: Problem, start: Sequence[Trial] = ()) -> list[Proposal]:
    """What one trial proposes in `STEPS` steps, once it was told of what it starts from."""
    optimizer = factory(problem.space, Stream(SEED, trial))
    for each in start:
        optimizer.tell(each)
    trajectory = run(optimizer, problem, Budget(evaluations=STEPS, proposals=MOST))
    return [step.trial.proposal for step in trajectory.steps]


def _noted(objective: Objective, asked: list[Architecture]) -> Objective:
    """The objective, which notes what it is asked for."""

    def evaluate(architecture: Architecture) -> float | Rejection | None:
        asked.append(architecture)
        return objective(architecture)

    return evaluate


def proposes_only_valid_architectures(method: Method) -> str | None:
    """Every proposal is a `Proposal` with an architecture of the space, or with a reply that is still to be read."""
    for space, trial in product((UNEVEN, TINY), TRIALS):
        problem = _problem(space)
        optimizer = method.factory(space, Stream(SEED, trial))
        for _ in range(STEPS):
            proposal = optimizer.ask()
            try:
                outcome = problem.judge(proposal, ())
            except (InvalidArchitecture, OptimizerError) as error:
                return str(error)
            optimizer.tell(outcome)
    return None


def respects_the_budget(method: Method) -> str | None:
    """It evaluates nothing but its proposals, and proposes for as long as it is asked, also what it proposed before."""
    budgets = [Budget(evaluations=evaluations, proposals=MOST) for evaluations in (1, STEPS)]
    for space, budget in product((UNEVEN, TINY), budgets):
        asked: list[Architecture] = []
        problem = Problem(space, free, (), _noted(TabularObjective(space, table_of(space)), asked))
        steps = run(method.factory(space, FiniteStream(SEED, 0)), problem, budget).steps
        evaluated = sum(isinstance(step.trial, Evaluated) for step in steps)
        if len(asked) != evaluated:
            return f"expected {evaluated} evaluations, those of its proposals, got {len(asked)}"
    return None


def repeats_a_trial_in_any_company(method: Method) -> str | None:
    """A trial depends on (seed, trial) alone: not on what ran before it, nor on what runs beside it."""
    problem = _problem(UNEVEN)
    alone = [_course(method.factory, trial, problem) for trial in TRIALS]
    reverse = [_course(method.factory, trial, problem) for trial in reversed(TRIALS)][::-1]
    if (trial := _first_difference(alone, reverse)) is not None:
        return f"trial {trial} takes another course when it runs again; draw all randomness from the stream"
    optimizers = [method.factory(UNEVEN, Stream(SEED, trial)) for trial in TRIALS]
    together: list[list[Proposal]] = [[] for _ in TRIALS]
    for _ in range(STEPS):
        for course, optimizer in zip(together, optimizers, strict=True):
            course.append(optimizer.ask())
            optimizer.tell(problem.judge(course[-1], ()))
    if (trial := _first_difference(alone, together)) is not None:
        return f"trial {trial} takes another course when others run beside it; keep all state in the instance"
    return None


def repeats_a_trial_in_a_second_process(method: Method) -> str | None:
    """A process started apart gives the same trials: no dependence on hashes of strings, addresses, or the clock."""
    address = _address(method)
    if address is None:
        return f"{method.name} cannot be imported by a second process; define it at the top of a module"
    here = _courses_as_json(method.factory)
    # Another salt for hashes than this process has: the order of a set of strings must not matter.
    salt = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    path = os.pathsep.join(each or str(Path.cwd()) for each in sys.path)
    script = f"from harness.conformance import methods; methods.second_process(*{(*address, method.name)!r})"
    environment = {**os.environ, "PYTHONHASHSEED": salt, "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)
    if done.returncode:
        *_, last = ["it says nothing", *done.stderr.strip().splitlines()]
        return f"a second process ended with exit code {done.returncode}: {last}"
    if done.stdout.splitlines()[-1] != here:
        return "a second process takes another course; draw all randomness from the stream, and keep sets in order"
    return None


def does_not_change_when_asked(method: Method) -> str | None:
    """Asked three times it proposes the same three times, and what follows is what follows on asking once."""
    problem = _problem(UNEVEN)
    for trial in TRIALS:
        asked_once = _course(method.factory, trial, problem)
        optimizer = method.factory(UNEVEN, Stream(SEED, trial))
        for step, proposal in enumerate(asked_once):
            asked = [optimizer.ask() for _ in range(3)]
            if asked != [proposal] * 3:
                shown = ", ".join(str(each.architecture or each.reply) for each in asked)
                return (
                    f"asked once for proposal {step} it gives {proposal.architecture or proposal.reply}, "
                    f"asked three times {shown}; change state in tell"
                )
            optimizer.tell(problem.judge(proposal, ()))
    return None


def _half(parity: int, architecture: Architecture, *_: object) -> Rejection | None:
    """A constraint that half of a space meets."""
    above = Rejection(Reason.ABOVE_WINDOW, "2 M where 0 to 1 M are allowed", 1)
    return above if sum(architecture) % 2 == parity else None


def survives_rejections(method: Method) -> str | None:
    """Where half of the space is rejected it goes on, and finds the other half."""
    for parity, trial in product((0, 1), TRIALS):
        problem = _problem(UNEVEN, constraints=(partial(_half, parity),))
        optimizer = method.factory(UNEVEN, Stream(SEED, trial))
        if not run(optimizer, problem, Budget(evaluations=STEPS, proposals=MOST)).evaluated:
            return (
                f"half of the space is allowed, and none of {MOST} proposals of trial {trial} was; "
                "a rejected proposal is told as a `Rejected` trial: propose another"
            )
    return None


def takes_designs_to_start_from(method: Method) -> str | None:
    """What it is told of a design that it did not propose counts for that design, not for what it would propose."""
    before, one, other = (UNEVEN.architecture_at(place * (UNEVEN.size - 1) // 2) for place in (1, 0, 2))

    def courses(design: Architecture, accuracy: float) -> list[list[Proposal]]:
        told = ((before, 50.0), (design, accuracy))  # two, since from one accuracy some learn what accuracies are like
        start = [Evaluated(Proposal(each), each, 0, accuracy) for each, accuracy in told]
        return [_course(method.factory, trial, _problem(UNEVEN), start) for trial in TRIALS]

    if courses(other, 99.0) == courses(one, 99.0) != courses(one, 1.0):
        return "an accuracy of another design is taken for that of its own proposal; use the trial's `architecture`"
    return None


def has_no_access_to_test_accuracies(method: Method) -> str | None:
    """With other test accuracies in the file of the table it takes the same course."""
    with tempfile.TemporaryDirectory() as folder:
        courses = []
        for test_follows in (True, False):
            problem = _problem(UNEVEN, build_table(UNEVEN, Path(folder), test_follows=test_follows))
            courses.append([_course(method.factory, trial, problem) for trial in TRIALS])
    if (trial := _first_difference(*courses)) is not None:
        return (
            f"trial {trial} takes another course when test accuracies alone change; "
            "use the `accuracy` of an `Evaluated` trial only"
        )
    return None


def runs_as_arrays_what_it_runs_one_by_one(method: Method) -> str | None:
    """`arrays` proposes exactly what the one-trial form does, however often it is asked; without arrays this holds.

    Also where proposals are rejected.
    """
    if method.arrays is None:
        return None
    arrays = method.arrays(UNEVEN, Streams(SEED, TRIALS))
    for number in range(STEPS):
        first, second, third = (arrays.ask().copy() for _ in range(3))
        if not (first.tolist() == second.tolist() == third.tolist()):
            return f"asked three times for proposal {number} the arrays differ; change state in tell"
        arrays.tell(first, table_of(UNEVEN).accuracy[first])
    budgets = (Budget(evaluations=3 * STEPS), Budget(unique=STEPS), Budget(evaluations=3 * STEPS, proposals=4 * STEPS))
    limits = ((), (partial(_half, 0),), (partial(_half, 1),))
    for space, budget, constraints in product((UNEVEN, TINY), budgets, limits):
        run_all = partial(search, method, space, table_of(space), budget, TRIALS, SEED, constraints=constraints)
        singly, together = (run_all(arrays=arrays).proposals.tolist() for arrays in (False, True))
        for trial, (expected, got) in enumerate(zip(singly, together, strict=True)):
            if (place := _first_difference(expected, got)) is not None:
                where = f"{space.name}, {budget}{', half of it rejected' * len(constraints)}: trial {trial}"
                return f"{where} differs from its one-trial form at evaluation {place}"
    return None


OF_METHODS: tuple[Property[Method], ...] = (
    proposes_only_valid_architectures,
    respects_the_budget,
    repeats_a_trial_in_any_company,
    repeats_a_trial_in_a_second_process,
    does_not_change_when_asked,
    survives_rejections,
    takes_designs_to_start_from,
    has_no_access_to_test_accuracies,
    runs_as_arrays_what_it_runs_one_by_one,
)


def _first_difference(these: Sequence[object], those: Sequence[object]) -> int | None:
    """The first position at which two sequences differ, None if they are equal."""
    pairs = enumerate(zip_longest(these, those))
    return next((position for position, (this, that) in pairs if this != that), None)


def _address(method: Method) -> tuple[str, str] | None:
    """Module and variable that hold a method, the tuple it is in, or its class."""
    for name, module in list(sys.modules.items()):
        if name != "__main__":
            for variable, value in list(getattr(module, "__dict__", {}).items()):
                held = value if issubclass(type(value), tuple) else (value,)  # asks nothing of the value itself
                if any(each is method or each is method.factory for each in held):
                    return name, variable
    return None


def second_process(module: str, variable: str, name: str) -> None:
    """Write the courses of the method with this address, as the last line; `repeats_a_trial_in_a_second_process`."""
    found: Any = getattr(importlib.import_module(module), variable)
    if isinstance(found, tuple):
        found = next(each for each in found if isinstance(each, Method) and each.name == name)
    sys.stdout.write("\n" + _courses_as_json(found.factory if isinstance(found, Method) else found))


def _courses_as_json(factory: Factory) -> str:
    courses = [_course(factory, trial, _problem(UNEVEN)) for trial in TRIALS]
    return json.dumps([[(proposal.architecture, proposal.reply) for proposal in course] for course in courses])
