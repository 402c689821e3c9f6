"""A published ImageNet conversation, taken apart: its iterations, its figures, and the wording it was held in.

An iteration is a dialogue that opens with a statement of the problem, which from the second on lists all experiments so
far; answers and feedback follow in turn. Its last answer is the experiment that later statements list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from msgspec import structs

from baselines.genius import Prompts
from harness.spaces.mobilenetv2_se import SPACE
from harness.text import published as grammar
from harness.text.published import Reading
from reproduce.errors import MalformedConversation
from reproduce.published import dialogue
from reproduce.published.dialogue import Answer, Experiment, Iteration
from reproduce.published.history import Dialogue
from reproduce.published.transcript import Transcript, Turn
from reproduce.published.wording import commonest, prompts
from tables.space import Architecture


@dataclass(frozen=True)
class Conversation:
    """A published file, taken apart; `listings` are all places where an experiment is listed, in order."""

    transcript: Transcript
    prompts: Prompts
    iterations: tuple[Iteration, ...]
    listings: tuple[Experiment, ...]


def parse(dialogues: Iterable[Dialogue], *, run: str, file: str, sha256: str, sample: int) -> Conversation:
    """Take a conversation apart, given as `history.dialogues` cuts it.

    Raises:
        MalformedConversation: if it has no answer, or neither a FLOPs window nor an upper bound.
    """
    iterations, listings = _iterations(dialogues)
    if not iterations:
        raise MalformedConversation(f"{file}: expected answers of an assistant, found none; is this a conversation?")
    turns = tuple(_turns(number, iterations, listings) for number in range(len(iterations)))
    transcript = Transcript(run, file, sha256, sample, _window(iterations, turns, file), turns)
    return Conversation(transcript, prompts(iterations, transcript), iterations, listings)


def _iterations(dialogues: Iterable[Dialogue]) -> tuple[tuple[Iteration, ...], tuple[Experiment, ...]]:
    """The dialogues with an answer, and every listing of an experiment, also in a statement without an answer."""
    iterations: list[Iteration] = []
    listings: list[Experiment] = []
    for messages in dialogues:
        one = dialogue.iteration(messages)
        of = _attribute(one.experiments, iterations)
        one = replace(one, experiments=tuple(replace(e, of=of.get(n)) for n, e in enumerate(one.experiments)))
        listings += one.experiments
        if one.answers:
            before = iterations[-1] if iterations else None
            again = before is not None and before.statement == one.statement
            number = 1 if before is None else before.number + (not again)
            iterations.append(replace(one, number=number))
    return tuple(_numbered(iterations, listings)), tuple(listings)


def _numbered(iterations: Iterable[Iteration], listings: Sequence[Experiment]) -> Iterator[Iteration]:
    """Number each iteration as it is listed most often, one that is never listed as the next that could be."""
    following = 1
    for index, iteration in enumerate(iterations):
        given = [one.number for one in listings if one.of == index]
        number = commonest(filter(None, given), following)
        following = number + 1 if given else following
        yield replace(iteration, number=number)


def _attribute(listed: Sequence[Experiment], finished: Sequence[Iteration]) -> dict[int, int]:
    """Which iteration's proposal each listing is: by number and design, by design, by number, or by position."""
    proposed = [(iteration.number, read(iteration.answers[-1])) for iteration in finished]
    matches: tuple[Callable[[Experiment, int, Architecture | None], bool], ...] = (
        lambda one, number, design: (one.number, one.design) == (number, design),
        lambda one, _, design: one.design is not None and one.design == design,
        lambda one, number, _: one.number == number,
        lambda *_: True,
    )
    of: dict[int, int] = {}
    for match in matches:
        for position in reversed(range(len(listed))):
            free = (n for n in reversed(range(len(finished))) if n not in of.values())
            found = next((n for n in free if match(listed[position], *proposed[n])), None)
            if position not in of and found is not None:
                of[position] = found
    return of


def read(answer: Answer) -> Architecture | None:
    """The design that an answer proposes."""
    reading = grammar.read(SPACE, answer.text)
    return reading.architecture if isinstance(reading, Reading) else None


def _turns(number: int, iterations: Sequence[Iteration], listings: Sequence[Experiment]) -> tuple[Turn, ...]:
    """What each answer proposed, and what was said of it at once or, of the last answer, in later statements."""
    turns = []
    for answer in iterations[number].answers:
        verdict, macs = dialogue.judge("\n".join(answer.feedback)) if answer.feedback else (None, None)
        turns.append(Turn(read(answer), verdict, macs))
    last = turns[-1]
    first_listing = next((one for one in listings if one.of == number), None)
    if last.verdict is None and (first_listing or number + 1 < len(iterations)):
        last = structs.replace(last, verdict="accepted")
    if first_listing is not None:
        macs = first_listing.macs if last.macs is None else last.macs
        listed = first_listing.design if first_listing.design != last.design else None
        last = structs.replace(last, macs=macs, accuracy=first_listing.accuracy, listed=listed)
    return (*turns[:-1], last)


def _window(iterations: Sequence[Iteration], turns: Sequence[Sequence[Turn]], file: str) -> tuple[int, int]:
    """The FLOPs window that most statements give; without one, the bounds that most feedback names."""
    stated = [window for iteration in iterations if (window := dialogue.window(iteration.statement))]
    if stated:
        return commonest(stated, (0, 0))
    named = [
        (turn.verdict, round(bound))
        for iteration, facts in zip(iterations, turns, strict=True)
        for answer, turn in zip(iteration.answers, facts, strict=True)
        if (bound := dialogue.bound("\n".join(answer.feedback))) is not None
    ]
    high = commonest((bound for verdict, bound in named if verdict == "above"), 0)
    if not high:
        raise MalformedConversation(
            f"{file}: expected a FLOPs window such as [270, 330] in the problem, or its upper bound in feedback, found "
            "neither"
        )
    return commonest((bound for verdict, bound in named if verdict == "below"), 0), high
