"""Published ImageNet conversations: the figures they hold, and the wording they were held in.

A file is a list of messages; an iteration starts at every `system` message and holds a statement of the problem, which
from the second iteration on lists all experiments so far, then answers and feedback in turn. The wording becomes a
prompt pack: templates, and as a computed exception every text that the templates do not give to the letter.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from baselines.genius import Prompts
from cache.record import Record
from harness import grammar
from harness.grammar import Reading
from harness.protocol import Proposal, Trial
from harness.space import Architecture
from harness.spaces.mobilenetv2_se import SPACE
from reproduce.errors import MalformedConversation
from reproduce.transcript import Transcript, Turn, Verdict

_T = TypeVar("_T")

_NUMBER = r"(\d+(?:\.\d+)?)"
_WINDOW = re.compile(rf"\[{_NUMBER}, *{_NUMBER}\]")
_MISSED = re.compile(
    rf"resulting {_NUMBER} FLOPS, which is {_NUMBER} FLOPS (higher|below) the (?:upper|lower) bound of {_NUMBER}"
)
_REPEATED = re.compile(r"already (?:being |been )?tested")
_EXPERIMENT = re.compile(r"^- Experiment *(\d+)[^\n]*\n", re.MULTILINE)
_RESULT = re.compile(rf"total of {_NUMBER} FLOPS.*?accuracy of {_NUMBER}[^\n]*(?:\n+|$)", re.DOTALL)
_GROUP_LINE = re.compile(r"^(.*?)1(.*?)2(.*?)7(.*?\[)[\d, ]*(\].*)$")  # the first stage: layers 2 to 7


@dataclass(frozen=True)
class Answer:
    """One assistant turn: its position in the file, its text, and the feedback that followed in the conversation."""

    position: int
    text: str
    feedback: str | None = None


@dataclass(frozen=True)
class Experiment:
    """A tested design as a prompt lists it: the exact text and the figures in it."""

    text: str
    design: Architecture | None
    macs: float | None
    accuracy: float | None


@dataclass(frozen=True)
class Iteration:
    """One system message, one statement of the problem, cut into its parts, and the answers."""

    system: str
    statement: str
    opening: str
    experiments: dict[int, Experiment]
    closing: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Conversation:
    """A published file, taken apart."""

    transcript: Transcript
    prompts: Prompts
    iterations: tuple[Iteration, ...]


def parse(records: Iterable[Record], *, run: str, file: str, sha256: str, sample: int) -> Conversation:
    """Take a conversation apart, given as the records that `cache.importers.chat_history` makes of its file.

    Raises:
        MalformedConversation: if it has no answer, or no problem statement with a FLOPs window.
    """
    iterations = tuple(_iterations(records))
    if not iterations:
        raise MalformedConversation(f"{file}: expected answers of an assistant, found none; is this a conversation?")
    window = _WINDOW.search(iterations[0].statement, max(0, iterations[0].statement.rfind("FLOPS")))
    if window is None:
        raise MalformedConversation(f"{file}: expected a FLOPs window such as [270, 330] in the problem, found none")
    low, high = (round(float(bound)) for bound in window.groups())
    turns = tuple(_turns(iteration, number, iterations) for number, iteration in enumerate(iterations))
    transcript = Transcript(run, file, sha256, sample, (low, high), turns)
    prompts = _templates(iterations)
    return Conversation(transcript, replace(prompts, as_sent=_exceptions(transcript, prompts, iterations)), iterations)


def _iterations(records: Iterable[Record]) -> Iterator[Iteration]:
    """A request that holds nothing but a system message and a statement opens an iteration."""
    opening: Record | None = None
    answers: list[Answer] = []
    for record in records:
        messages = _messages(record)
        if len(messages) == 2:
            if opening is not None:
                yield _iteration(opening, answers)
            opening, answers = record, []
        else:
            answers[-1] = replace(answers[-1], feedback=messages[-1])
        answers.append(Answer(int(str(record.provenance["turn"])), record.text))
    if opening is not None:
        yield _iteration(opening, answers)


def _messages(record: Record) -> list[str]:
    messages = record.request["messages"]
    assert isinstance(messages, list)
    return [str(message["content"]) for message in messages if isinstance(message, dict)]


def _iteration(opening: Record, answers: Sequence[Answer]) -> Iteration:
    system, statement = _messages(opening)
    return Iteration(system, statement, *_parts(statement), tuple(answers))


def _parts(statement: str) -> tuple[str, dict[int, Experiment], str]:
    """Cut a statement into what precedes the experiments, the experiments by number, and what follows."""
    headings = list(_EXPERIMENT.finditer(statement))
    if not headings:
        return statement, {}, ""
    last = _RESULT.search(statement, headings[-1].start())
    closing = last.end() if last else len(statement)
    ends = [heading.start() for heading in headings[1:]] + [closing]
    experiments = {
        int(heading[1]): _experiment(statement[heading.start() : end])
        for heading, end in zip(headings, ends, strict=True)
    }
    return statement[: headings[0].start()], experiments, statement[closing:]


def _experiment(text: str) -> Experiment:
    result = _RESULT.search(text)
    reading = next(grammar.read_all(SPACE, text), None)
    return Experiment(
        text,
        reading.architecture if isinstance(reading, Reading) else None,
        _number(result[1]) if result else None,
        float(result[2]) if result else None,
    )


def _turns(iteration: Iteration, number: int, iterations: Sequence[Iteration]) -> tuple[Turn, ...]:
    """What each answer proposed, and what was said of it at once or, for the last answer, in the next statement."""
    turns = []
    for answer in iteration.answers:
        reading = grammar.read(SPACE, answer.text)
        design = reading.architecture if isinstance(reading, Reading) else None
        if answer.feedback is not None:
            verdict, macs = _verdict(answer.feedback)
            turns.append(Turn(design, verdict, macs))
        elif result := _result(number + 1, iterations[number + 1 :]):
            listed = result.design if result.design != design else None
            turns.append(Turn(design, "accepted", result.macs, result.accuracy, listed))
        else:
            turns.append(Turn(design, None))
    return tuple(turns)


def _number(text: str) -> float:
    return float(text) if "." in text else int(text)


def _result(number: int, later: Iterable[Iteration]) -> Experiment | None:
    """The first listing of an experiment."""
    return next((iteration.experiments[number] for iteration in later if number in iteration.experiments), None)


def _verdict(feedback: str) -> tuple[Verdict, float | None]:
    if missed := _MISSED.search(feedback):
        return ("above" if missed[3] == "higher" else "below"), _number(missed[1])
    return ("repeated" if _REPEATED.search(feedback) else "unread"), None


def _templates(iterations: Sequence[Iteration]) -> Prompts:
    """The wording that occurs most often, with the figures taken out."""
    later = iterations[1:]
    experiments = [experiment for iteration in later for experiment in iteration.experiments.values()]
    feedback = [answer.feedback for iteration in iterations for answer in iteration.answers if answer.feedback]
    group, experiment = _commonest((_experiment_templates(experiment.text) for experiment in experiments), ("", ""))

    def said(verdict: Verdict) -> str:
        return _commonest((_feedback_template(text) for text in feedback if _verdict(text)[0] == verdict), "")

    return Prompts(
        system=_commonest((iteration.system for iteration in iterations), ""),
        problem=iterations[0].statement,
        opening=_commonest((iteration.opening for iteration in later), ""),
        experiment=experiment,
        closing=_commonest((iteration.closing for iteration in later), ""),
        group=group,
        above=said("above"),
        below=said("below"),
        repeated=said("repeated"),
        unreadable=said("unread"),
    )


def _commonest(values: Iterable[_T], default: _T) -> _T:
    """The value that occurs most often, the first of them if several do."""
    return next((value for value, _ in Counter(values).most_common(1)), default)


def _experiment_templates(text: str) -> tuple[str, str]:
    """The wording of one line of a design, and of an experiment."""
    heading, result = _EXPERIMENT.search(text), _RESULT.search(text)
    if heading is None or result is None:
        return "", text.replace("$", "$$")
    told = text.rfind("\n", 0, result.start()) + 1  # the sentence with the figures starts a line
    design = text[heading.end() : told].rstrip("\n")
    group = _GROUP_LINE.sub(r"\1$number\2$first\3$last\4$choices\5", design.partition("\n")[0])
    number = _fill(text, {heading.span(1): "$number"}, 0, heading.end())
    after_design = text[heading.end() + len(design) : told]
    return group, number + "$design" + after_design + _fill(
        text, {result.span(1): "$macs", result.span(2): "$accuracy"}, told, len(text)
    )


def _feedback_template(text: str) -> str:
    missed = _MISSED.search(text)
    if missed is None:
        return text.replace("$", "$$")
    names = {missed.span(1): "$macs", missed.span(2): "$difference", missed.span(4): "$bound"}
    return _fill(text, names, 0, len(text))


def _fill(text: str, names: dict[tuple[int, int], str], start: int, end: int) -> str:
    """`text[start:end]` with the given spans replaced; the names must be in the order of the text."""
    pieces = []
    for (first, last), name in names.items():
        pieces += [text[start:first].replace("$", "$$"), name]
        start = last
    return "".join([*pieces, text[start:end].replace("$", "$$")])


def _exceptions(
    transcript: Transcript, prompts: Prompts, iterations: Sequence[Iteration]
) -> dict[tuple[int, str], str]:
    """Every text that was sent and that the templates do not give to the letter."""
    parts: dict[tuple[int, str], tuple[str, str]] = {}  # what was sent, and what the templates give
    experiments: list[Trial] = []
    for number, (iteration, turns) in enumerate(zip(iterations, transcript.iterations, strict=True)):
        parts[number, "system"] = iteration.system, prompts.system
        if sorted(iteration.experiments) == list(range(1, number + 1)):
            if number > 0:
                parts[number, "opening"] = iteration.opening, prompts.opening
                parts[number, "closing"] = iteration.closing, prompts.closing
            for n, (listed, trial) in enumerate(zip(iteration.experiments.values(), experiments, strict=False), 1):
                parts[number, f"experiment {n}"] = listed.text, prompts.write_experiment(SPACE, n, trial)
        else:
            parts[number, "statement"] = iteration.statement, ""
        for n, (answer, turn) in enumerate(zip(iteration.answers, turns, strict=True)):
            told = transcript.testimony(number, n, Trial(Proposal(reply=answer.text), turn.design))
            if answer.feedback is not None and told is not None:
                parts[number, f"feedback {n}"] = answer.feedback, prompts.write_feedback(told)
            elif told is not None:
                experiments.append(told)
    return {part: sent for part, (sent, written) in parts.items() if sent != written}
